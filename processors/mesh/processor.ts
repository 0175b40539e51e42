import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogs, EntryClass, LogType } from '../../model/access_logs.ts'
import { type AddressIndex, NO_ADDRESSES } from '../../model/address_index.ts'
import { EVIDENCE } from '../../model/edges.ts'
import type { MeshConfig } from './config.ts'
import { EdgeMemo, MISS } from './edge_memo.ts'
import { EdgeStore } from './edge_table.ts'
import { classifyEntry, ENTRY_CLASS_NAMES } from './entry_class.ts'
import { InfrastructureClusters } from './infrastructure.ts'
import { type Local, Locals } from './local.ts'
import { EdgeResolver } from './resolver.ts'
import { RowFacts, shapeOf } from './row_facts.ts'
import * as telemetry from './telemetry.ts'

/** Remembered combinations of facts for each edge that may be kept. */
const MEMO_PER_EDGE = 4

const SIDES = ['source', 'destination', 'service'] as const

/**
 * Fills `entryClass`, `edge` and `edges` of every batch in place and hands it on, synchronously.
 *
 * A row like one before costs two look-ups by integers; only a new combination of facts is analysed as text. Rows of
 * infrastructure traffic get edge 0. No row is left out and none is dropped.
 */
export class MeshProcessor implements Consumer<AccessLogs> {
  readonly mutatesData = true
  readonly #next: Consumer<AccessLogs>
  readonly #listenerLogs: MeshConfig['listener_logs']
  readonly #addresses: AddressIndex
  readonly #locals = new Locals()
  readonly #edges: EdgeStore
  readonly #resolver: EdgeResolver
  readonly #row = new RowFacts()
  readonly #caches = new WeakMap<ByteInterner, Cache>()
  readonly #infrastructure: InfrastructureClusters
  readonly #memoMax: number
  readonly #counts: Counts
  /** Reused for every row. */
  readonly #log = { isTyped: false, isInfrastructure: false }

  /** `addresses` names the owners of addresses where the log does not say who a peer is. */
  constructor(settings: Settings, config: MeshConfig, next: Consumer<AccessLogs>, addresses: AddressIndex = NO_ADDRESSES) {
    this.#next = next
    this.#listenerLogs = config.listener_logs
    this.#addresses = addresses
    this.#edges = new EdgeStore(config.edges_max)
    this.#memoMax = config.edges_max * MEMO_PER_EDGE
    this.#infrastructure = new InfrastructureClusters(config.infrastructure_clusters)
    this.#resolver = new EdgeResolver({ hostHeader: config.host_header, trustDomain: config.trust_domain }, addresses)
    this.#counts = new Counts(settings)
  }

  consume(logs: AccessLogs): void | Promise<void> {
    if (this.#edges.renewIfFull()) this.#counts.renewals.add(1)
    const cache = this.#cacheOf(logs.strings)
    const { local, isNew } = this.#locals.of(logs.origin)
    if (isNew) this.#counts.origin(local.role)
    this.#analyse(logs, local, cache)
    this.#counts.flush()
    logs.edges = this.#edges
    return this.#next.consume(logs)
  }

  #analyse(logs: AccessLogs, local: Local, cache: Cache): void {
    const counts = this.#counts
    const log = this.#log
    const { entryClass, edge } = logs
    let sawTypes = false
    log.isTyped = this.#listenerLogs === 'auto' ? local.typesEntries : this.#listenerLogs === 'ignore'
    for (let i = 0; i < logs.length; i++) {
      if (logs.logType[i] !== LogType.notSet) sawTypes = true
      log.isInfrastructure = this.#isInfrastructure(logs, i, local, cache)
      const kind = classifyEntry(logs, i, log)
      entryClass[i] = kind
      const index = kind === EntryClass.infrastructure ? 0 : this.#edgeOf(logs, i, local, kind, cache)
      edge[i] = index
      counts.row(kind, kind === EntryClass.final ? this.#edges.evidence(index) : -1)
    }
    // Only from the next batch on: within one message the log is one and the same.
    if (sawTypes) local.typesEntries = true
  }

  #edgeOf(logs: AccessLogs, i: number, local: Local, kind: number, cache: Cache): number {
    const shape = shapeOf(logs, i, kind === EntryClass.refusedHandshake)
    const known = cache.memo.find(logs, i, local.id, shape)
    return known >= 0 ? known : this.#resolve(logs, i, { local, shape, keeps: known === MISS }, cache)
  }

  #resolve(logs: AccessLogs, i: number, how: { readonly local: Local; readonly shape: number; readonly keeps: boolean }, cache: Cache): number {
    this.#counts.resolved++
    const row = this.#row.at(logs, i, how.shape)
    const index = this.#edges.intern(this.#resolver.resolve(row, how.local))
    if (how.keeps && !this.#resolver.isTransient) {
      cache.memo.keep(logs, i, { local: how.local.id, shape: how.shape, bits: row.used }, index, this.#resolver.fromMs)
    }
    return index
  }

  #isInfrastructure(logs: AccessLogs, i: number, local: Local, cache: Cache): boolean {
    const cluster = (logs.upstreamCluster[i] as number) || (logs.tagUpstreamCluster[i] as number)
    if (cluster === 0) return false
    const marks = cache.marks(cluster)
    let mark = marks[cluster] as number
    if (mark === 0) {
      const name = logs.strings.text(cluster)
      mark = 1 | (this.#infrastructure.has(name, true) ? 2 : 0) | (this.#infrastructure.has(name, false) ? 4 : 0)
      marks[cluster] = mark
    }
    return (mark & (local.isIstio ? 2 : 4)) !== 0
  }

  /** Ids of strings belong to one interner (one receiver) and one of its epochs, edges to one epoch of the table. */
  #cacheOf(strings: ByteInterner): Cache {
    let cache = this.#caches.get(strings)
    if (cache === undefined) {
      cache = new Cache(this.#memoMax)
      this.#caches.set(strings, cache)
    }
    cache.sync(strings.epoch, this.#edges.epoch, this.#addresses.version)
    return cache
  }
}

/** What is remembered in terms of one interner's ids. */
class Cache {
  readonly memo: EdgeMemo
  #marks = new Uint8Array(1024)
  #strings = -1
  #edges = -1
  #addresses = -1

  constructor(entriesMax: number) {
    this.memo = new EdgeMemo(entriesMax)
  }

  /** Forgets what no longer holds. */
  sync(strings: number, edges: number, addresses: number): void {
    if (strings === this.#strings && edges === this.#edges && addresses === this.#addresses) return
    if (strings !== this.#strings) this.#marks.fill(0)
    this.memo.clear()
    this.#strings = strings
    this.#edges = edges
    this.#addresses = addresses
  }

  /** One byte per string id, with room for `id`; 0 is "not looked at". */
  marks(id: number): Uint8Array {
    if (id >= this.#marks.length) {
      const grown = new Uint8Array(Math.max(this.#marks.length * 2, id + 1))
      grown.set(this.#marks)
      this.#marks = grown
    }
    return this.#marks
  }
}

/** Counts rows in plain numbers and hands them to the instruments once per batch. */
class Counts {
  resolved = 0
  #undirected = 0
  readonly renewals: Counter
  readonly #settings: Settings
  readonly #labels: { readonly processor: string }
  readonly #resolutions: Counter
  readonly #unclassified: Counter
  readonly #classes = new Tally(ENTRY_CLASS_NAMES.length)
  readonly #sides: readonly Tally[] = SIDES.map(() => new Tally(EVIDENCE.length))

  constructor(settings: Settings) {
    const { telemetry: meter, id } = settings
    this.#settings = settings
    this.#labels = { processor: id.text }
    this.renewals = meter.counter(telemetry.renewals, this.#labels)
    this.#resolutions = meter.counter(telemetry.resolutions, this.#labels)
    this.#unclassified = meter.counter(telemetry.unclassified, this.#labels)
  }

  origin(role: string): void {
    this.#settings.telemetry.counter(telemetry.origins, { ...this.#labels, role }).add(1)
  }

  /** `evidence` as `EdgeStore.evidence` gives it; -1 for rows that do not count. */
  row(entryClass: number, evidence: number): void {
    this.#classes.values[entryClass]!++
    if (evidence < 0) return
    this.#sides[0]!.values[evidence & 15]!++
    this.#sides[1]!.values[(evidence >> 4) & 15]!++
    this.#sides[2]!.values[(evidence >> 8) & 15]!++
    this.#undirected += evidence >> 12
  }

  flush(): void {
    const { telemetry: meter } = this.#settings
    this.#classes.flush((i) => meter.counter(telemetry.entries, { ...this.#labels, class: ENTRY_CLASS_NAMES[i] as string }))
    for (const [s, tally] of this.#sides.entries()) {
      const side = SIDES[s] as string
      tally.flush((i) => meter.counter(telemetry.evidence, { ...this.#labels, side, evidence: EVIDENCE[i] as string }))
    }
    if (this.resolved > 0) this.#resolutions.add(this.resolved)
    this.resolved = 0
    if (this.#undirected > 0) this.#unclassified.add(this.#undirected)
    this.#undirected = 0
  }
}

/** Numbers by index, each with a counter that is created when it is first needed. */
class Tally {
  readonly values: Float64Array
  readonly #counters: (Counter | undefined)[] = []

  constructor(size: number) {
    this.values = new Float64Array(size)
  }

  /** Adds every number to its counter and starts again from 0. */
  flush(create: (i: number) => Counter): void {
    for (let i = 0; i < this.values.length; i++) {
      const value = this.values[i] as number
      if (value === 0) continue
      this.values[i] = 0
      const counter = (this.#counters[i] ??= create(i))
      counter.add(value)
    }
  }
}
