import { Server, ServerCredentials, type ServerReadableStream, type sendUnaryData } from '@grpc/grpc-js'
import { STREAM_METHOD } from '../../cmd/meshscope/simulate/als_stream.ts'
import { Simulation } from '../../cmd/meshscope/simulate/simulation.ts'
import type { Tracing } from '../../cmd/meshscope/simulate/trace_tree.ts'
import type { TruthDocument } from '../../cmd/meshscope/simulate/truth.ts'
import { FakeClock } from '../fakes/clock.ts'

/** Messages of the streams of one simulation, by stream. */
export type Streams = Buffer[][]

/** A receiver on a port of its own that keeps the messages of every stream. */
export async function receiver(streams: Streams): Promise<{ readonly server: Server; readonly endpoint: string }> {
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  const identity = (bytes: Buffer): Buffer => bytes
  const method = { path: STREAM_METHOD, requestStream: true, responseStream: false }
  const serde = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity }
  const handler = (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    const messages: Buffer[] = []
    streams.push(messages)
    call.on('data', (bytes: Buffer) => void messages.push(bytes))
    call.on('end', () => callback(null, Buffer.alloc(0)))
  }
  server.addService({ StreamAccessLogs: { ...method, ...serde } }, { StreamAccessLogs: handler })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  return { server, endpoint: `127.0.0.1:${port}` }
}

/** Runs a simulation of 100 requests a second, a minute and a half unless told otherwise, on a clock that is moved by hand. */
export async function simulate(endpoint: string, more: { readonly durationMs?: number; readonly tracing?: Tracing } = {}): Promise<TruthDocument> {
  const clock = new FakeClock()
  const { durationMs = 90_000 } = more
  const options = { requestsPerSecond: 100, durationMs, seed: 'truth', replicas: 2, connections: 3, withExtensions: true }
  const simulation = new Simulation({ endpoint, ...options, tracing: more.tracing, clock })
  await simulation.connect(5_000)
  const running = simulation.run()
  // Not further: the clock also has the deadline by which streams must have ended.
  while (simulation.progress.requests < durationMs / 10) {
    clock.advance(100)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  await running
  simulation.close()
  return simulation.truth()
}
