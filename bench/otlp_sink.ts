/**
 * A backend that takes OTLP requests over gRPC and forgets them: `node bench/otlp_sink.ts`. Prints its port, and when its input ends
 * one line of JSON with what came.
 */
import { once } from 'node:events'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { decodeLogs } from '../model/otlp/decode.ts'

/** What came. */
export interface SinkReport {
  readonly requests: number
  readonly bytes: number
  /** Of the first record of the first request, if it came without compression. */
  readonly attributes: number
}

/** A message without fields. */
const ANSWER = Buffer.alloc(5)
/** So that the sender does not wait for us. */
const WINDOW_BYTES = 8 << 20

const counts = { requests: 0, bytes: 0 }
let first: Buffer | undefined
const server = createServer({ settings: { initialWindowSize: WINDOW_BYTES } })
server.on('session', (session) => session.setLocalWindowSize(WINDOW_BYTES))
server.on('stream', (stream: ServerHttp2Stream) => {
  stream.on('error', () => {})
  const pieces: Buffer[] = []
  stream.on('data', (bytes: Buffer) => {
    counts.bytes += bytes.length
    if (first === undefined) pieces.push(bytes)
  })
  stream.on('end', () => {
    counts.requests++
    first ??= Buffer.concat(pieces)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(ANSWER)
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log((server.address() as AddressInfo).port)
process.stdin.resume()
await once(process.stdin, 'end')
process.stdout.write(`${JSON.stringify({ ...counts, attributes: attributesOf(first) } satisfies SinkReport)}\n`, () => process.exit(0))

function attributesOf(message: Buffer | undefined): number {
  if (message === undefined || message[0] !== 0) return 0
  const [group] = decodeLogs(message.subarray(ANSWER.length)).groups
  return group?.records[0]?.attributes.keys.length ?? 0
}
