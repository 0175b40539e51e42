import type { AccessLogs } from './access_logs.ts'

/**
 * How long the proxy took to serve the request or connection, in nanoseconds: `duration`, else the time of the last
 * byte to the client. NaN when neither was logged or it is negative.
 */
export function serverLatencyNs(logs: AccessLogs, i: number): number {
  const duration = logs.duration[i] as number
  return positive(Number.isNaN(duration) ? (logs.lastDownstreamTx[i] as number) : duration)
}

/** From the first byte to the upstream to the last byte from it, in nanoseconds; NaN when unknown or negative. */
export function upstreamLatencyNs(logs: AccessLogs, i: number): number {
  return positive((logs.lastUpstreamRx[i] as number) - (logs.firstUpstreamTx[i] as number))
}

/**
 * What the proxy added to the request: from its last byte received to the first byte sent upstream, in nanoseconds.
 * NaN when unknown, and when the proxy streamed: it then sends before it has received everything.
 */
export function requestOverheadNs(logs: AccessLogs, i: number): number {
  return positive((logs.firstUpstreamTx[i] as number) - (logs.lastRx[i] as number))
}

/** What the proxy added to the response: from the first upstream byte to the first byte to the client; NaN when unknown or negative. */
export function responseOverheadNs(logs: AccessLogs, i: number): number {
  return positive((logs.firstDownstreamTx[i] as number) - (logs.firstUpstreamRx[i] as number))
}

function positive(ns: number): number {
  return ns >= 0 ? ns : Number.NaN
}
