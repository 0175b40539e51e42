import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs, type StreamOrigin } from '../../model/access_logs.ts'
import type { Resource } from '../../model/attributes.ts'

type Column = Int32Array | Uint32Array | Int16Array | Uint8Array | Float64Array
type Columns = Record<string, Column>

/** Columns of ids of strings, which mean something in one interner only. */
const INTERNED = [
  'upstreamCluster',
  'routeName',
  'authority',
  'scheme',
  'downstreamFailure',
  'upstreamFailure',
  'upstreamPeer',
  'downstreamPeer',
  'peerPrincipal',
  'localPrincipal',
  'localSan',
  'peerSan',
  'sni',
  'tagUpstreamCluster',
  'tagUpstreamPrincipal',
] as const

/** Address columns, which may still point into the message. */
const ADDRESSES = ['downstreamRemote', 'downstreamLocal', 'directRemote', 'upstreamRemote'] as const

/** Columns of places in the message. */
const OFFSETS = ['entryAt', 'entryEnd', 'streamIdAt', 'requestIdAt', 'pathAt', 'traceAt', 'spanAt'] as const

const COLUMN_NAMES: readonly string[] = Object.entries(new AccessLogs(new ByteInterner({ entriesMax: 1, bytesMax: 1 })))
  .filter(([, value]) => ArrayBuffer.isView(value))
  .map(([name]) => name)

/** Takes rows out of a batch; the rows behind move up. `rows` are in ascending order. */
export function removeRows(logs: AccessLogs, rows: readonly number[]): void {
  moveUp(logs, new Set(rows))
}

function moveUp(logs: AccessLogs, removed: ReadonlySet<number>): void {
  const columns = logs as unknown as Columns
  let to = 0
  for (let from = 0; from < logs.length; from++) {
    if (removed.has(from)) continue
    if (to !== from) for (const name of COLUMN_NAMES) (columns[name] as Column)[to] = (columns[name] as Column)[from] as number
    to++
  }
  logs.length = to
}

/** What of a held row has no column. */
interface Held {
  readonly origin: StreamOrigin
  readonly resource: Resource | undefined
  /** The entry's own bytes. */
  readonly entry: Uint8Array
  readonly receivedMs: number
  readonly deadlineMs: number
}

/**
 * Copies of access-log rows that outlive their batch, oldest first. Their strings are interned here, so that the
 * receiver may forget its own; offsets count from the beginning of the row's entry.
 */
export class HeldRows {
  /** The rows, for looking at; row `i` is the `i`-th oldest. Its message is none: use `at` before looking at row `i`. */
  readonly logs = new AccessLogs(new ByteInterner())
  /** Bytes of all entries together. */
  bytes = 0
  #held: Held[] = []
  readonly #out = new AccessLogs(this.logs.strings)

  get size(): number {
    return this.#held.length
  }

  /** True when nothing more may be added before all rows have been taken out. */
  get isFull(): boolean {
    return this.logs.strings.isFull
  }

  deadlineMs(i: number): number {
    return this.#row(i).deadlineMs
  }

  /** Makes `logs` stand for row `i` where a batch has one value for all its rows. */
  at(i: number): AccessLogs {
    const { entry, origin, receivedMs } = this.#row(i)
    this.logs.message = entry
    this.logs.origin = origin
    this.logs.receivedMs = receivedMs
    return this.logs
  }

  #row(i: number): Held {
    const held = this.#held[i]
    if (held === undefined) throw new RangeError(`BUG: row ${i} of ${this.#held.length} held`)
    return held
  }

  /** Copies row `i` of a batch to the end. */
  add(source: AccessLogs, i: number, deadlineMs: number): void {
    const { logs } = this
    if (this.#held.length === 0 && logs.strings.isFull) logs.strings.renew()
    const at = source.entryAt[i] as number
    const entry = source.message.slice(at, source.entryEnd[i])
    const row = this.#held.length
    logs.grow(row + 1)
    logs.length = row + 1
    copyRow(source, i, logs, row)
    const columns = logs as unknown as Columns
    for (const name of OFFSETS) (columns[name] as Column)[row] = Math.max(0, (source[name][i] as number) - at)
    for (const name of INTERNED) logs[name][row] = this.#interned(source, source[name][i] as number)
    for (const name of ADDRESSES) logs[name][row] = this.#interned(source, source.address(source[name], i))
    this.#held.push({ origin: source.origin, resource: source.resource, entry, receivedMs: source.receivedMs, deadlineMs })
    this.bytes += entry.length
  }

  #interned(source: AccessLogs, id: number): number {
    if (id === 0) return 0
    const bytes = source.strings.bytes(id)
    return this.logs.strings.intern(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)
  }

  /**
   * Takes rows out, in ascending order, and hands them to `pass` as batches of what came in one message each. A batch is valid until
   * `pass` returns.
   */
  take(rows: readonly number[], pass: (batch: AccessLogs) => void): void {
    for (let from = 0; from < rows.length; ) {
      const { origin, resource, receivedMs } = this.#row(rows[from] as number)
      const belongs = (held: Held): boolean => held.origin === origin && held.resource === resource && held.receivedMs === receivedMs
      let to = from + 1
      while (to < rows.length && belongs(this.#row(rows[to] as number))) to++
      const batch = this.#batch(rows.slice(from, to))
      batch.origin = origin
      batch.resource = resource
      batch.receivedMs = receivedMs
      pass(batch)
      from = to
    }
    const removed = new Set(rows)
    for (const i of rows) this.bytes -= this.#row(i).entry.length
    moveUp(this.logs, removed)
    this.#held = this.#held.filter((_, i) => !removed.has(i))
  }

  #batch(rows: readonly number[]): AccessLogs {
    const out = this.#out
    out.grow(rows.length)
    out.clear()
    out.length = rows.length
    out.message = Buffer.concat(rows.map((i) => this.#row(i).entry))
    const columns = out as unknown as Columns
    let base = 0
    for (const [to, from] of rows.entries()) {
      copyRow(this.logs, from, out, to)
      for (const name of OFFSETS) (columns[name] as Column)[to] = base + (this.logs[name][from] as number)
      base += this.#row(from).entry.length
    }
    return out
  }
}

function copyRow(source: AccessLogs, i: number, target: AccessLogs, to: number): void {
  const from = source as unknown as Columns
  const into = target as unknown as Columns
  for (const name of COLUMN_NAMES) (into[name] as Column)[to] = (from[name] as Column)[i] as number
}
