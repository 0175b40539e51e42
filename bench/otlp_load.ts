/**
 * Sends OTLP log requests over gRPC, the next when one has been answered:
 * `node bench/otlp_load.ts --endpoint 127.0.0.1:4317 --connections 4 --outstanding 4 --records 512 --seconds 5 [--rate 0]`.
 * Prints one line of JSON with what was sent. `--rate` is records per second over all connections, 0 for no limit.
 */
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { logRequests } from './otlp_requests.ts'

/** What the sender prints. */
export interface OtlpLoadReport {
  /** Records in requests that were answered with OK. */
  readonly accepted: number
  /** Records in requests that were answered otherwise, or not at all. */
  readonly refused: number
  readonly seconds: number
  /** CPU seconds of the sender itself, to show that it was not the limit. */
  readonly cpuSeconds: number
}

const PATH = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
const REQUESTS = 40
/** How long a sender waits after a refusal. */
const REFUSED_MS = 20

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string', default: '127.0.0.1:4317' },
    connections: { type: 'string', default: '4' },
    outstanding: { type: 'string', default: '4' },
    records: { type: 'string', default: '512' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '0' },
  },
})
const records = Number(values.records)
const framed = logRequests(REQUESTS, records).map((request) => {
  const frame = Buffer.alloc(5 + request.length)
  frame.writeUInt32BE(request.length, 1)
  frame.set(request, 5)
  return frame
})
const sessions = Array.from({ length: Number(values.connections) }, () => connect(`http://${values.endpoint}`))
const counts = { sent: 0, accepted: 0, refused: 0 }
const cpu = process.cpuUsage()
const begun = performance.now()
const deadline = begun + Number(values.seconds) * 1000
await Promise.all(sessions.flatMap((session) => Array.from({ length: Number(values.outstanding) }, () => sendUntilDeadline(session))))
const seconds = (performance.now() - begun) / 1000
const { user, system } = process.cpuUsage(cpu)
for (const session of sessions) session.destroy()
console.log(
  JSON.stringify({
    accepted: counts.accepted * records,
    refused: counts.refused * records,
    seconds,
    cpuSeconds: (user + system) / 1e6,
  } satisfies OtlpLoadReport),
)

async function sendUntilDeadline(session: ClientHttp2Session): Promise<void> {
  const perMs = Number(values.rate) / records / 1000
  while (performance.now() < deadline && !session.destroyed) {
    if (perMs > 0 && counts.sent >= (performance.now() - begun) * perMs) {
      await pause(2)
      continue
    }
    const isTaken = await send(session, framed[counts.sent++ % framed.length] as Buffer)
    if (isTaken) counts.accepted++
    else {
      counts.refused++
      await pause(REFUSED_MS)
    }
  }
}

/** Resolves to whether the request was answered with OK. */
function send(session: ClientHttp2Session, request: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: PATH,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    })
    let grpcStatus: unknown
    stream.on('response', (headers) => (grpcStatus ??= headers['grpc-status']))
    stream.on('trailers', (trailers) => (grpcStatus ??= trailers['grpc-status']))
    stream.on('error', () => {})
    stream.on('close', () => resolve(String(grpcStatus) === '0'))
    stream.resume()
    stream.end(request)
  })
}
