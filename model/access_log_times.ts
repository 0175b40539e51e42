import { WireFields } from '../lib/protobuf/wire_fields.ts'
import type { AccessLogs } from './access_logs.ts'

/** The times of one entry, in nanoseconds since its `start_time`; NaN when absent. Names as in `AccessLogCommon`. */
export interface AccessLogTimes {
  readonly lastRx: number
  readonly firstUpstreamTx: number
  readonly lastUpstreamTx: number
  readonly firstUpstreamRx: number
  readonly lastUpstreamRx: number
  readonly firstDownstreamTx: number
  readonly lastDownstreamTx: number
}

/** `AccessLogCommon` fields 6 to 12. */
const FIELDS: readonly (keyof AccessLogTimes)[] = [
  'lastRx',
  'firstUpstreamTx',
  'lastUpstreamTx',
  'firstUpstreamRx',
  'lastUpstreamRx',
  'firstDownstreamTx',
  'lastDownstreamTx',
]

/**
 * Reads the times of row `i` from the entry's own bytes. Only exports and analyses need them, so they have no columns:
 * decoding them for every entry would cost a tenth of all decoding. Never throws; malformed times are absent.
 */
export function readTimes(logs: AccessLogs, i: number): AccessLogTimes {
  const times = Object.fromEntries(FIELDS.map((name) => [name, Number.NaN])) as Record<keyof AccessLogTimes, number>
  const entry = new WireFields(logs.message, logs.entryAt[i], logs.entryEnd[i])
  while (entry.next()) {
    if (entry.field !== 1) continue
    const common = entry.message()
    while (common.next()) {
      const name = FIELDS[common.field - 6]
      if (name !== undefined && common.wire === 2) times[name] = durationNs(common.message(), times[name])
    }
  }
  return times
}

/** A `google.protobuf.Duration`, merged into what came before as protobuf does with a field that comes twice. */
function durationNs(duration: WireFields, before: number): number {
  let seconds = Number.isNaN(before) ? 0 : Math.trunc(before / 1e9)
  let nanos = Number.isNaN(before) ? 0 : before - seconds * 1e9
  while (duration.next()) {
    if (duration.wire !== 0) continue
    const value = varint(duration.payload())
    if (duration.field === 1) seconds = Number(BigInt.asIntN(64, value))
    // Of an int32 the lower bits count, whatever stands in the others.
    else if (duration.field === 2) nanos = Number(BigInt.asIntN(32, value))
  }
  return seconds * 1e9 + nanos
}

function varint(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 7n) | BigInt(byte & 127), 0n)
}

/**
 * How long the proxy took to serve the request or connection, in nanoseconds: `duration`, else the time of the last
 * byte to the client. NaN when neither was logged or it is negative.
 */
export function serverLatencyNs(logs: AccessLogs, i: number): number {
  const duration = logs.duration[i] as number
  return positive(Number.isNaN(duration) ? (logs.lastDownstreamTx[i] as number) : duration)
}

/** From the first byte to the upstream to the last byte from it, in nanoseconds; NaN when unknown or negative. */
export function upstreamLatencyNs(times: AccessLogTimes): number {
  return positive(times.lastUpstreamRx - times.firstUpstreamTx)
}

/**
 * What the proxy added to the request: from its last byte received to the first byte sent upstream, in nanoseconds.
 * NaN when unknown, and when the proxy streamed: it then sends before it has received everything.
 */
export function requestOverheadNs(times: AccessLogTimes): number {
  return positive(times.firstUpstreamTx - times.lastRx)
}

/** What the proxy added to the response: from the first upstream byte to the first byte to the client; NaN when unknown or negative. */
export function responseOverheadNs(times: AccessLogTimes): number {
  return positive(times.firstDownstreamTx - times.firstUpstreamRx)
}

function positive(ns: number): number {
  return ns >= 0 ? ns : Number.NaN
}
