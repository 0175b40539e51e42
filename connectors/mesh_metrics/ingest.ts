import type { Component, Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { IngestLink } from '../../component/link.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import { durationMs } from '../../lib/duration.ts'
import { type AccessLogs, EntryClass, EntryKind } from '../../model/access_logs.ts'
import { logRecordCount } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import { OVERFLOW_ROW, SeriesShard, type ShardBuffers, type ShardLimits } from '../../model/series/shard.ts'
import type { MeshMetricsConfig } from './config.ts'
import { Ledger, Reason } from './ledger.ts'
import { type OriginFacts, Origins } from './origins.ts'
import { type Plan, planOf } from './plan.ts'
import { RequestCounter } from './requests.ts'
import { RowFinder } from './rows.ts'
import { TcpCounter } from './tcp.ts'
import { LABEL_VALUES_CUT, MISSING_VALUES, REFUSED_HANDSHAKES, TCP_RESUMED, TCP_RESUMED_BYTES, TCP_STATES, TCP_STATES_EXPIRED } from './telemetry.ts'

/** From an ingest half to the main half: new shared memory for a group of the plan. */
export interface ShardMessage {
  readonly group: number
  readonly buffers: ShardBuffers
}

const SWEEP_MS_MAX = 60_000
/** How often `istio_build` is renewed for a stream that goes on sending. */
const BUILD_MS = 10_000
const BUILD_ROWS_MAX = 1024

/**
 * The half of `mesh_metrics` that counts, in every ingest worker: reads batches that the `mesh` processor has analysed
 * and adds them to series in shared memory. Synchronous; an entry of a known series creates nothing.
 */
export class MeshMetricsIngest implements Component, Consumer<Logs> {
  readonly mutatesData = false
  readonly #config: MeshMetricsConfig
  readonly #settings: Settings
  readonly #link: IngestLink<ShardMessage>
  readonly #plan: Plan
  readonly #origins = new Origins()
  readonly #ledger: Ledger
  readonly #missing: Counter
  readonly #refused: Counter
  readonly #resumed: Counter
  readonly #resumedBytes: Counter
  readonly #expired: Counter
  readonly #states: Gauge
  #shards: SeriesShard[] = []
  #rows!: RowFinder
  #requests!: RequestCounter
  #tcp!: TcpCounter
  #stopTimer: (() => void) | undefined

  constructor(settings: Settings, config: MeshMetricsConfig, link: IngestLink<ShardMessage>) {
    const { telemetry, id } = settings
    const connector = id.text
    this.#settings = settings
    this.#config = config
    this.#link = link
    this.#plan = planOf(config)
    this.#ledger = new Ledger(telemetry, connector)
    this.#missing = telemetry.counter(MISSING_VALUES, { connector, field: 'duration' })
    this.#refused = telemetry.counter(REFUSED_HANDSHAKES, { connector })
    this.#resumed = telemetry.counter(TCP_RESUMED, { connector })
    this.#resumedBytes = telemetry.counter(TCP_RESUMED_BYTES, { connector })
    this.#expired = telemetry.counter(TCP_STATES_EXPIRED, { connector })
    this.#states = telemetry.gauge(TCP_STATES, { connector })
  }

  start(): void {
    const { telemetry, clock, id } = this.#settings
    const config = this.#config
    const plan = this.#plan
    this.#shards = plan.groups.map(({ layout }, group) => {
      const rowsMax = group === plan.build ? Math.min(config.series_max + 1, BUILD_ROWS_MAX) : config.series_max + 1
      return new SeriesShard(layout, shardLimits(rowsMax, config.label_value_length_max), (buffers) => this.#link.send({ group, buffers }))
    })
    const shards = this.#shards
    const ledger = this.#ledger
    const cut = telemetry.counter(LABEL_VALUES_CUT, { connector: id.text })
    this.#rows = new RowFinder({ plan, shards, labelBytesMax: config.label_value_length_max, memoMax: Math.max(65_536, config.series_max * 2), cut })
    this.#requests = new RequestCounter({ plan, shards, rows: this.#rows, ledger, hasExemplars: config.exemplars.enabled })
    this.#tcp = new TcpCounter({ plan, shards, rows: this.#rows, ledger, statesMax: config.tcp_state_max })
    const idleMs = durationMs(config.metrics_expiration)
    const intervalMs = idleMs > 0 ? Math.max(1, Math.min(idleMs / 4, SWEEP_MS_MAX)) : SWEEP_MS_MAX
    this.#stopTimer = clock.every(intervalMs, () => this.#sweep(idleMs))
  }

  shutdown(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    for (const shard of this.#shards) shard.close()
  }

  consume(logs: Logs): void {
    if ('groups' in logs) this.#ledger.add(Reason.notAccessLogs, logRecordCount(logs))
    else this.#count(logs)
    this.#ledger.flush()
  }

  #count(logs: AccessLogs): void {
    const { edges, length } = logs
    if (edges === undefined) this.#ledger.add(Reason.notAnalysed, length)
    else {
      const nowMs = this.#settings.clock.now()
      const origin = this.#origins.of(logs.origin, nowMs)
      if (origin.tag !== '' && nowMs - origin.buildMs >= BUILD_MS) this.#renewBuild(origin, nowMs)
      this.#rows.use(edges)
      for (let i = 0; i < length; i++) this.#take(logs, i, origin, nowMs)
      this.#report()
    }
  }

  #take(logs: AccessLogs, i: number, origin: OriginFacts, nowMs: number): void {
    const entryClass = logs.entryClass[i] as number
    const isHttp = logs.kind[i] === EntryKind.http
    if (entryClass === EntryClass.final && isHttp) this.#requests.count(logs, i, nowMs)
    else if (entryClass === EntryClass.final || (!isHttp && (entryClass === EntryClass.start || entryClass === EntryClass.periodic)))
      this.#tcp.count(logs, i, origin, nowMs)
    else {
      this.#ledger.add(SKIPPED[entryClass] ?? Reason.notAnalysed)
      if (entryClass === EntryClass.refusedHandshake) this.#refused.add(1)
    }
  }

  /** Hands what the counters gathered in this batch to the daemon's telemetry. */
  #report(): void {
    const requests = this.#requests
    const tcp = this.#tcp
    if (requests.missingDurations > 0) {
      this.#missing.add(requests.missingDurations)
      requests.missingDurations = 0
    }
    if (tcp.resumed > 0) {
      this.#resumed.add(tcp.resumed)
      this.#resumedBytes.add(tcp.resumedBytes)
      tcp.resumed = 0
      tcp.resumedBytes = 0
    }
  }

  #renewBuild(origin: OriginFacts, nowMs: number): void {
    origin.buildMs = nowMs
    const shard = this.#shards[this.#plan.build]
    if (shard === undefined) return
    const row = shard.rowOf(['proxy', this.#rows.fit(origin.tag)])
    if (row === OVERFLOW_ROW) return
    shard.begin(row)
    shard.values[shard.offset(row)] = 1
    shard.end(row, nowMs)
  }

  #sweep(idleMs: number): void {
    const nowMs = this.#settings.clock.now()
    if (idleMs > 0) {
      let hasRestarted = false
      for (const shard of this.#shards) hasRestarted = shard.sweep(nowMs, idleMs) || hasRestarted
      if (hasRestarted) this.#rows.forget()
    }
    const expired = this.#tcp.connections.expire(nowMs - durationMs(this.#config.tcp_state_expiration))
    if (expired > 0) this.#expired.add(expired)
    this.#states.set(this.#tcp.connections.size)
  }
}

/** Why entries of a class do not count, by class; start and periodic entries get here only when they are HTTP. */
const SKIPPED: Readonly<Record<number, number>> = {
  [EntryClass.start]: Reason.httpIntermediate,
  [EntryClass.periodic]: Reason.httpIntermediate,
  [EntryClass.attempt]: Reason.attempt,
  [EntryClass.duplicate]: Reason.duplicate,
  [EntryClass.infrastructure]: Reason.infrastructure,
  [EntryClass.refusedHandshake]: Reason.refusedHandshake,
}

/** Texts are shared by rows, so a few of greatest length per row are plenty; memory is taken only where it is used. */
function shardLimits(rowsMax: number, labelBytesMax: number): ShardLimits {
  return { rowsMax, textBytesMax: Math.min(Math.max(1 << 20, rowsMax * labelBytesMax), 256 << 20) }
}
