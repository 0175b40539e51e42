import type { Counter } from '../../component/telemetry.ts'
import { type AccessLogs, AddressKind, EntryKind } from '../../model/access_logs.ts'
import type { EdgeTable } from '../../model/edges.ts'
import type { SeriesShard } from '../../model/series/shard.ts'
import { LabelEdges } from './label_edges.ts'
import { isTooLong, labelValue } from './label_values.ts'
import type { Facts, Plan } from './plan.ts'
import { TupleMemo } from './tuple_memo.ts'

/** A row and its group in one number, so that it fits into a memo; a million rows and 15 groups at most. */
const GROUP_SHIFT = 24
const ROW_MASK = (1 << GROUP_SHIFT) - 1

/** Bits of the fourth key word that keep the three kinds of rows apart. */
const MESSAGES = 1 << 30
const TCP = 1 << 31

/** Group of a packed row; -1 when the row's metrics are switched off. */
export function groupOf(packed: number): number {
  return (packed >>> GROUP_SHIFT) - 1
}

/** Row of a packed row within its group's shard. */
export function rowOf(packed: number): number {
  return packed & ROW_MASK
}

interface RowFinderSettings {
  readonly plan: Plan
  readonly shards: readonly SeriesShard[]
  readonly labelBytesMax: number
  readonly memoMax: number
  readonly cut: Counter
}

interface TableMemo {
  epoch: number
  generation: number
  readonly memo: TupleMemo
  readonly alike: LabelEdges
}

/**
 * Finds the shard rows that an access-log entry counts in. What decides the labels (edge, code, flags …) is remembered
 * as a tuple of integers, so labels are made only when a tuple is seen for the first time.
 */
export class RowFinder {
  readonly #settings: RowFinderSettings
  readonly #memos = new WeakMap<EdgeTable, TableMemo>()
  #edges!: EdgeTable
  #memo!: TupleMemo
  #alike!: LabelEdges
  #generation = 0

  constructor(settings: RowFinderSettings) {
    this.#settings = settings
  }

  /** Must be called before the rows of a batch are looked up. */
  use(edges: EdgeTable): void {
    let known = this.#memos.get(edges)
    if (known === undefined) {
      known = { epoch: edges.epoch, generation: this.#generation, memo: new TupleMemo(this.#settings.memoMax), alike: new LabelEdges() }
      this.#memos.set(edges, known)
    }
    if (known.epoch !== edges.epoch) known.alike.clear()
    if (known.epoch !== edges.epoch || known.generation !== this.#generation) {
      known.epoch = edges.epoch
      known.generation = this.#generation
      known.memo.clear()
    }
    this.#edges = edges
    this.#memo = known.memo
    this.#alike = known.alike
  }

  /** Forgets all rows; to be called when a shard has started over. */
  forget(): void {
    this.#generation++
  }

  /** Packed row of a finished request; see `groupOf` and `rowOf`. */
  request(logs: AccessLogs, i: number): number {
    const edge = this.#alike.first(logs.edge[i] as number, this.#edges)
    const flags = (logs.flags[i] as number) | 0
    const code = logs.responseCode[i] as number
    let kind = ((logs.grpcStatus[i] as number) & 0xffff) | ((logs.isGrpc[i] as number) << 16)
    let port = 0
    if (this.#settings.plan.needsDetails) {
      kind |= detailBits(logs, i)
      port = serverPort(logs, i)
    }
    const known = this.#memo.find(edge, flags, code, kind, port)
    return known >= 0 ? known : this.#newRequest(logs, i, { edge, kind, port })
  }

  /** Packed row of the messages of a gRPC call. */
  messages(logs: AccessLogs, i: number): number {
    const edge = this.#alike.first(logs.edge[i] as number, this.#edges)
    const known = this.#memo.find(edge, 0, 0, MESSAGES, 0)
    if (known >= 0) return known
    const packed = this.#rowIn(this.#settings.plan.messages, edge, factsOf(logs, i))
    this.#memo.add(edge, 0, 0, MESSAGES, 0, packed)
    return packed
  }

  /** Packed row of a TCP connection. */
  tcp(logs: AccessLogs, i: number): number {
    const edge = this.#alike.first(logs.edge[i] as number, this.#edges)
    const flags = (logs.flags[i] as number) | 0
    const port = this.#settings.plan.needsDetails ? serverPort(logs, i) : 0
    const known = this.#memo.find(edge, flags, 0, TCP, port)
    if (known >= 0) return known
    const packed = this.#rowIn(this.#settings.plan.tcp, edge, factsOf(logs, i))
    this.#memo.add(edge, flags, 0, TCP, port, packed)
    return packed
  }

  #newRequest(logs: AccessLogs, i: number, { edge, kind, port }: { readonly edge: number; readonly kind: number; readonly port: number }): number {
    const facts = factsOf(logs, i)
    const packed = this.#rowIn(this.#settings.plan.requestGroup(this.#edges.get(edge), facts), edge, facts)
    this.#memo.add(edge, (logs.flags[i] as number) | 0, logs.responseCode[i] as number, kind, port, packed)
    return packed
  }

  #rowIn(group: number, edge: number, facts: Facts): number {
    if (group < 0) return 0
    const { plan, shards } = this.#settings
    const labels = plan.groups[group]?.labelValues(this.#edges.get(edge), facts) ?? []
    const row = (shards[group] as SeriesShard).rowOf(labels.map((label) => this.fit(label)))
    return ((group + 1) << GROUP_SHIFT) | row
  }

  /** A label value cut to its greatest length, and counted when it was. */
  fit(label: string): string {
    const { labelBytesMax, cut } = this.#settings
    if (isTooLong(label, labelBytesMax)) cut.add(1)
    return labelValue(label, labelBytesMax)
  }
}

function detailBits(logs: AccessLogs, i: number): number {
  const version = Math.min(logs.protocolVersion[i] as number, 7)
  const method = Math.min(logs.method[i] as number, 15)
  return (version << 17) | (method << 20) | (SCHEMES.indexOf(schemeOf(logs, i)) << 24)
}

/** Other schemes become empty, so that a sender cannot make many. */
const SCHEMES = ['', 'http', 'https']

function schemeOf(logs: AccessLogs, i: number): string {
  const scheme = logs.strings.text(logs.scheme[i] as number)
  return scheme === 'http' || scheme === 'https' ? scheme : ''
}

function serverPort(logs: AccessLogs, i: number): number {
  return logs.downstreamLocalKind[i] === AddressKind.socket ? (logs.downstreamLocalPort[i] as number) : 0
}

function factsOf(logs: AccessLogs, i: number): Facts {
  const isTcp = logs.kind[i] === EntryKind.tcp
  return {
    protocol: isTcp ? 'tcp' : logs.isGrpc[i] === 1 ? 'grpc' : 'http',
    responseCode: logs.responseCode[i] as number,
    grpcStatus: logs.grpcStatus[i] as number,
    flagsMask: logs.flags[i] as number,
    method: logs.method[i] as number,
    protocolVersion: logs.protocolVersion[i] as number,
    scheme: schemeOf(logs, i),
    serverPort: serverPort(logs, i),
  }
}
