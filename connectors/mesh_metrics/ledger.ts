import type { Counter, Telemetry } from '../../component/telemetry.ts'
import { LOG_RECORDS } from './telemetry.ts'

/** Why an entry was counted, or was not. */
export const Reason = {
  http: 0,
  grpc: 1,
  tcpStart: 2,
  tcpPeriodic: 3,
  tcpEnd: 4,
  seriesMax: 5,
  notAnalysed: 6,
  attempt: 7,
  duplicate: 8,
  infrastructure: 9,
  refusedHandshake: 10,
  httpIntermediate: 11,
  udp: 12,
  tcpPending: 13,
  tcpResumed: 14,
  tcpStateMax: 15,
  metricsDisabled: 16,
  notAccessLogs: 17,
} as const

/** Outcome and reason labels of `meshscope_connector_log_records`, by `Reason`. */
const LABELS: readonly (readonly [outcome: string, reason: string])[] = [
  ['counted', 'http'],
  ['counted', 'grpc'],
  ['counted', 'tcp_start'],
  ['counted', 'tcp_periodic'],
  ['counted', 'tcp_end'],
  ['overflow', 'series_max'],
  ['skipped', 'not_analysed'],
  ['skipped', 'attempt'],
  ['skipped', 'duplicate'],
  ['skipped', 'infrastructure'],
  ['skipped', 'refused_handshake'],
  ['skipped', 'http_intermediate'],
  ['skipped', 'udp'],
  ['skipped', 'tcp_pending'],
  ['skipped', 'tcp_resumed'],
  ['skipped', 'tcp_state_max'],
  ['skipped', 'metrics_disabled'],
  ['skipped', 'not_access_logs'],
]

/**
 * Counts every entry once, by what became of it. Counting is an addition in memory; `flush` hands the sums to the
 * daemon's telemetry once per batch.
 */
export class Ledger {
  readonly #counters: readonly Counter[]
  readonly #counts = new Float64Array(LABELS.length)

  constructor(telemetry: Telemetry, connector: string) {
    this.#counters = LABELS.map(([outcome, reason]) => telemetry.counter(LOG_RECORDS, { connector, outcome, reason }))
  }

  /** `reason` is a `Reason`. */
  add(reason: number, entries = 1): void {
    this.#counts[reason] = (this.#counts[reason] as number) + entries
  }

  flush(): void {
    for (let i = 0; i < this.#counts.length; i++) {
      const count = this.#counts[i] as number
      if (count === 0) continue
      this.#counts[i] = 0
      this.#counters[i]?.add(count)
    }
  }
}
