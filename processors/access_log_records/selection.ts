import { durationMs } from '../../lib/duration.ts'
import { isEnd, Severity } from '../../model/access_log_otlp/outcome.ts'
import { serverLatencyNs } from '../../model/access_log_times.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import type { AccessLogRecordsConfig } from './config.ts'

/** What is done with an entry. */
export const Choice = { keep: 0, notIncluded: 1, sampled: 2 } as const

/** 2^48: sampling compares 48 bits. */
const RANGE = 0x1_0000_0000_0000

/** Chooses the entries that become records. */
export class Selection {
  readonly #include: AccessLogRecordsConfig['include']
  readonly #slowNs: number
  /** Entries below have to go: as OpenTelemetry's rejection thresholds, with 48 of their 56 bits. */
  readonly #threshold: number
  readonly #failedThreshold: number
  /** How many entries a record stands for. */
  readonly weight: number
  readonly failedWeight: number

  constructor({ include, slower_than: slowerThan, sampling }: AccessLogRecordsConfig) {
    this.#include = include
    const slowMs = durationMs(slowerThan)
    this.#slowNs = slowMs > 0 ? slowMs * 1e6 : Number.POSITIVE_INFINITY
    this.#threshold = (1 - sampling.percentage / 100) * RANGE
    this.#failedThreshold = (1 - sampling.failed_percentage / 100) * RANGE
    this.weight = 100 / sampling.percentage
    this.failedWeight = 100 / sampling.failed_percentage
  }

  /** True when some entries are left out by sampling, so that `randomness` is needed. */
  get samples(): boolean {
    return this.#threshold > 0 || this.#failedThreshold > 0
  }

  /** What to do with row `i` of a severity. `traceId` are the 16 bytes of its trace id, if it has one. */
  choose(logs: AccessLogs, i: number, severity: number, traceId: Uint8Array | undefined): number {
    if (this.#include !== 'all' && !this.#isIncluded(logs, i, severity)) return this.isSlow(logs, i) ? Choice.keep : Choice.notIncluded
    const threshold = severity >= Severity.warn ? this.#failedThreshold : this.#threshold
    if (threshold === 0 || randomness(logs, i, traceId) >= threshold || this.isSlow(logs, i)) return Choice.keep
    return Choice.sampled
  }

  /** True when row `i` is kept because it took long. */
  isSlow(logs: AccessLogs, i: number): boolean {
    return serverLatencyNs(logs, i) >= this.#slowNs && isEnd(logs, i)
  }

  #isIncluded(logs: AccessLogs, i: number, severity: number): boolean {
    if (!isEnd(logs, i)) return false
    return this.#include === 'ends' || severity >= (this.#include === 'errors' ? Severity.error : Severity.warn)
  }
}

/**
 * 48 bits that are the same for all entries of a trace, else of a request, else of a connection or stream: the upper bits of
 * the randomness that the W3C's Trace Context Level 2 and OpenTelemetry's probability sampling take from a trace id.
 */
function randomness(logs: AccessLogs, i: number, traceId: Uint8Array | undefined): number {
  if (traceId !== undefined) {
    let value = 0
    for (let n = 9; n < 15; n++) value = value * 256 + (traceId[n] as number)
    return value
  }
  const hasRequestId = (logs.requestIdLength[i] as number) > 0
  const at = (hasRequestId ? logs.requestIdAt[i] : logs.streamIdAt[i]) as number
  const length = (hasRequestId ? logs.requestIdLength[i] : logs.streamIdLength[i]) as number
  if (length === 0) return Math.floor(Math.random() * RANGE)
  const { message } = logs
  let high = 0x811c9dc5
  let low = 0x9e3779b1
  for (let p = at; p < at + length; p++) {
    high = Math.imul(high ^ (message[p] as number), 0x01000193)
    low = Math.imul(low ^ (message[p] as number), 0x85ebca6b)
  }
  return (spread(high) & 0xffff) * 0x1_0000_0000 + (spread(low ^ high) >>> 0)
}

function spread(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
