import type { Component, Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { identityOf } from '../../component/kit/identity.ts'
import { durationMs } from '../../lib/duration.ts'
import type { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogs, EntryClass, LogType } from '../../model/access_logs.ts'
import type { LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { MeshConfig } from './config.ts'
import { Counts } from './counts.ts'
import { EdgeMemo, MISS, type Validity } from './edge_memo.ts'
import { EdgeStore } from './edge_table.ts'
import { classifyEntry } from './entry_class.ts'
import { Identities } from './identities.ts'
import { InfrastructureClusters } from './infrastructure.ts'
import { type Local, Locals } from './local.ts'
import { compileNaming } from './naming/rules.ts'
import { OtelAccessLogs, sortRecords } from './otel_access_logs.ts'
import { ResolveDelay } from './resolve_delay.ts'
import { EdgeResolver } from './resolver.ts'
import { RowFacts, shapeOf } from './row_facts.ts'

/** Remembered combinations of facts for each edge that may be kept. */
const MEMO_PER_EDGE = 4

const ALWAYS: Validity = { fromMs: 0, untilMs: Number.POSITIVE_INFINITY }
const NO_MISSES: readonly string[] = []

/**
 * Fills `entryClass`, `edge` and `edges` of every batch in place and hands it on, synchronously.
 *
 * A row like one before costs two look-ups by integers; only a new combination of facts is analysed as text. Rows of
 * infrastructure traffic get edge 0. No row is dropped; with a `resolve_delay` some leave their batch and follow later.
 */
export class MeshProcessor implements Component, Consumer<Logs> {
  readonly mutatesData = true
  readonly #settings: Settings
  readonly #config: MeshConfig
  readonly #next: Consumer<Logs>
  /** Made when the first log records come. */
  #otel: OtelAccessLogs | undefined
  readonly #locals: Locals
  readonly #edges: EdgeStore
  readonly #identities: Identities | undefined
  readonly #delay: ResolveDelay | undefined
  readonly #row = new RowFacts()
  readonly #caches = new WeakMap<ByteInterner, Cache>()
  readonly #infrastructure: InfrastructureClusters
  readonly #memoMax: number
  readonly #counts: Counts
  #resolver: EdgeResolver
  /** Reused for every row. */
  readonly #log = { isTyped: false, isInfrastructure: false }
  /** Rows of the present batch that are to be held. */
  readonly #waiting: number[] = []

  constructor(settings: Settings, config: MeshConfig, next: Consumer<Logs>) {
    this.#settings = settings
    this.#config = config
    this.#next = next
    this.#edges = new EdgeStore(config.edges_max)
    this.#memoMax = config.edges_max * MEMO_PER_EDGE
    this.#infrastructure = new InfrastructureClusters(config.infrastructure_clusters)
    const { naming } = config
    this.#locals = new Locals({ keepsMetadata: naming.service !== '' || naming.instance !== '' || naming.rules_file !== '' })
    const index = config.kubernetes === 'never' ? undefined : identityOf(settings)
    const isProxy = (ip: string): boolean => this.#locals.hasAddress(ip)
    this.#identities = index === undefined ? undefined : new Identities(index, { clusterName: config.cluster_name, isProxy })
    this.#delay = this.#delayFor(this.#identities)
    this.#resolver = new EdgeResolver({ hostHeader: config.host_header, trustDomain: config.trust_domain }, this.#identities)
    this.#counts = new Counts(settings)
  }

  #delayFor(identities: Identities | undefined): ResolveDelay | undefined {
    const delayMs = durationMs(this.#config.resolve_delay)
    if (identities === undefined || delayMs <= 0) return undefined
    return new ResolveDelay(
      this.#settings,
      { delayMs, entriesMax: this.#config.held_entries_max },
      {
        version: () => identities.version,
        missesOf: (logs, i) => this.#missesOf(logs, i, identities),
        pass: (batch) => this.#pass(batch, false),
      },
    )
  }

  /** Reads the rules file, if there is one: its rules hold until the next start. */
  start(): void {
    const { rules, problems } = compileNaming(this.#config.naming)
    const [problem] = problems
    if (problem !== undefined) throw new Error(`${problem.path.join('.')}: ${problem.problem}: ${problem.found ?? ''}`)
    const { host_header: hostHeader, trust_domain: trustDomain } = this.#config
    this.#resolver = new EdgeResolver({ hostHeader, trustDomain, naming: rules }, this.#identities)
  }

  shutdown(): void {
    this.#delay?.drain()
  }

  consume(logs: Logs): void | Promise<void> {
    if ('groups' in logs) return this.#takeRecords(logs)
    this.#delay?.settle()
    return this.#pass(logs, this.#delay !== undefined)
  }

  /** Access logs of Envoy's OpenTelemetry logger are analysed and go on as access logs, other records as they are. */
  async #takeRecords(records: LogRecords): Promise<void> {
    const { others, accessLogs } = sortRecords(records)
    const clientAddress = records.client?.address ?? ''
    this.#otel ??= new OtelAccessLogs()
    for (const group of accessLogs) {
      for (const logs of this.#otel.batches(group, clientAddress, this.#settings.clock.now())) {
        this.#counts.otelRecords.add(logs.length)
        this.#delay?.settle()
        await this.#pass(logs, this.#delay !== undefined)
      }
    }
    if (others !== undefined) await this.#next.consume(others)
  }

  #pass(logs: AccessLogs, mayWait: boolean): void | Promise<void> {
    if (this.#edges.renewIfFull()) this.#counts.renewals.add(1)
    const version = this.#identities?.version ?? 0
    const cache = this.#cacheOf(logs.strings, version)
    const { local, isNew } = this.#locals.of(logs.origin)
    if (isNew) this.#counts.origin(local.role)
    this.#analyse(logs, { local, mayWait }, cache)
    this.#counts.flush()
    if (this.#waiting.length > 0) this.#delay?.hold(logs, this.#waiting.splice(0), version)
    logs.edges = this.#edges
    return this.#next.consume(logs)
  }

  #analyse(logs: AccessLogs, of: { readonly local: Local; readonly mayWait: boolean }, cache: Cache): void {
    const counts = this.#counts
    const log = this.#log
    const { local } = of
    const { entryClass, edge } = logs
    const listenerLogs = this.#config.listener_logs
    let sawTypes = false
    log.isTyped = listenerLogs === 'auto' ? local.typesEntries : listenerLogs === 'ignore'
    for (let i = 0; i < logs.length; i++) {
      if (logs.logType[i] !== LogType.notSet) sawTypes = true
      log.isInfrastructure = this.#isInfrastructure(logs, i, local, cache)
      const kind = classifyEntry(logs, i, log)
      entryClass[i] = kind
      const index = kind === EntryClass.infrastructure ? 0 : this.#edgeOf(logs, i, local, kind, cache)
      if (index < 0 && of.mayWait) {
        this.#waiting.push(i)
        continue
      }
      edge[i] = Math.abs(index)
      counts.row(kind, kind === EntryClass.final ? this.#edges.evidence(Math.abs(index)) : -1)
    }
    // Only from the next batch on: within one message the log is one and the same.
    if (sawTypes) local.typesEntries = true
  }

  /** The edge of a row; negated when the row should rather wait. */
  #edgeOf(logs: AccessLogs, i: number, local: Local, kind: number, cache: Cache): number {
    const shape = shapeOf(logs, i, kind === EntryClass.refusedHandshake)
    const known = cache.memo.find(logs, i, local.id, shape)
    return known >= 0 ? known : this.#resolve(logs, i, { local, shape, keeps: known === MISS }, cache)
  }

  #resolve(logs: AccessLogs, i: number, how: { readonly local: Local; readonly shape: number; readonly keeps: boolean }, cache: Cache): number {
    this.#counts.resolved++
    const row = this.#row.at(logs, i, how.shape)
    const index = this.#edges.intern(this.#resolver.resolve(row, how.local))
    const identities = this.#identities
    if (this.#resolver.isPending && identities !== undefined && this.#delay?.isWorthIt(identities.misses) === true) return -index
    if (how.keeps && identities?.isTransient !== true) {
      cache.memo.keep(logs, i, { local: how.local.id, shape: how.shape, bits: row.used }, index, identities ?? ALWAYS)
    }
    return index
  }

  /** The addresses that a held row still waits for. */
  #missesOf(logs: AccessLogs, i: number, identities: Identities): readonly string[] {
    const { local } = this.#locals.of(logs.origin)
    const shape = shapeOf(logs, i, logs.entryClass[i] === EntryClass.refusedHandshake)
    this.#resolver.resolve(this.#row.at(logs, i, shape), local)
    return this.#resolver.isPending ? identities.misses : NO_MISSES
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
  #cacheOf(strings: ByteInterner, version: number): Cache {
    let cache = this.#caches.get(strings)
    if (cache === undefined) {
      cache = new Cache(this.#memoMax)
      this.#caches.set(strings, cache)
    }
    cache.sync(strings.epoch, this.#edges.epoch, version)
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
