import { Server, ServerCredentials, type ServerReadableStream, type sendUnaryData, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { afterEach, describe, expect, test } from 'vitest'
import { RESPONSE_FLAG_CODES } from '../../../model/response_flags.ts'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { STREAM_METHOD } from './als_stream.ts'
import { Simulation, type SimulationOptions } from './simulation.ts'
import type { TruthDocument } from './truth.ts'

/** The parts of the access-log messages that the counts can be read from; an encoder of its own would prove nothing. */
const { Message } = protobuf.parse(`
  syntax = "proto3";
  message Message { Identifier identifier = 1; Http http_logs = 2; Tcp tcp_logs = 3; }
  message Identifier { Node node = 1; string log_name = 2; }
  message Node { string id = 1; string cluster = 2; bytes metadata = 3; repeated bytes extensions = 9; }
  message Http { repeated HttpEntry log_entry = 1; }
  message Tcp { repeated TcpEntry log_entry = 1; }
  message HttpEntry { Common common_properties = 1; Response response = 4; }
  message TcpEntry { Common common_properties = 1; Bytes connection_properties = 2; }
  message Bytes { uint64 received_bytes = 1; uint64 sent_bytes = 2; }
  message Response { Code response_code = 1; }
  message Code { uint32 value = 1; }
  message Common {
    Address downstream_remote_address = 2; string upstream_cluster = 15; Flags response_flags = 16; Duration duration = 23;
    string stream_id = 26; uint64 downstream_wire_bytes_sent = 29; uint64 downstream_wire_bytes_received = 30; uint32 access_log_type = 33;
  }
  message Address { Socket socket_address = 1; }
  message Socket { string address = 2; uint32 port_value = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message Flags { ${RESPONSE_FLAG_CODES.map((code, bit) => `bool ${code} = ${bit + 1};`).join(' ')} }`).root as unknown as { Message: protobuf.Type }

interface Entry {
  readonly commonProperties: {
    readonly responseFlags?: Readonly<Record<string, boolean>>
    readonly upstreamCluster?: string
    readonly duration?: { readonly seconds?: number; readonly nanos?: number }
    readonly streamId?: string
    readonly downstreamWireBytesSent?: number
    readonly downstreamWireBytesReceived?: number
    readonly accessLogType: number
  }
  readonly response?: { readonly responseCode?: { readonly value?: number } }
  readonly connectionProperties?: { readonly receivedBytes?: number; readonly sentBytes?: number }
}

interface DecodedMessage {
  readonly identifier?: { readonly node: { readonly id: string; readonly extensions?: readonly Uint8Array[] }; readonly logName: string }
  readonly httpLogs?: { readonly logEntry: readonly Entry[] }
  readonly tcpLogs?: { readonly logEntry: readonly Entry[] }
}

type Handler = (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void

const servers: Server[] = []
const simulations: Simulation[] = []

afterEach(() => {
  for (const simulation of simulations.splice(0)) simulation.close()
  for (const server of servers.splice(0)) server.forceShutdown()
})

/** A receiver on a port of its own; `handler` gets every stream. */
async function receiver(handler: Handler): Promise<string> {
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  servers.push(server)
  const identity = (bytes: Buffer): Buffer => bytes
  const method = { path: STREAM_METHOD, requestStream: true, responseStream: false }
  const serde = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity }
  server.addService({ StreamAccessLogs: { ...method, ...serde } }, { StreamAccessLogs: handler })
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(`127.0.0.1:${port}`) : reject(error)))
  })
}

function simulationFor(endpoint: string, options: Partial<SimulationOptions> = {}): { readonly simulation: Simulation; readonly clock: FakeClock } {
  const clock = new FakeClock()
  const simulation = new Simulation({
    endpoint,
    requestsPerSecond: 500,
    durationMs: 4_000,
    seed: 'test',
    replicas: 1,
    connections: 2,
    withExtensions: false,
    clock,
    ...options,
  })
  simulations.push(simulation)
  return { simulation, clock }
}

/** Runs a simulation to its end by moving its clock; sockets get their turn at every step. */
async function finish(simulation: Simulation, clock: FakeClock, stepMs = 10): Promise<TruthDocument> {
  const running = simulation.run()
  const { requestsPerSecond, durationMs = 0 } = simulation.options
  // Not further: the clock also has the deadline by which streams must have ended.
  while (simulation.progress.requests < (requestsPerSecond * durationMs) / 1000) {
    clock.advance(stepMs)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  await running
  return simulation.truth()
}

function keep(messages: DecodedMessage[]): Handler {
  return (call, callback) => {
    call.on('data', (bytes: Buffer) => void messages.push(Message.toObject(Message.decode(bytes), { longs: Number }) as DecodedMessage))
    call.on('end', () => callback(null, Buffer.alloc(0)))
  }
}

function flagsOf(entry: Entry): string {
  const { responseFlags } = entry.commonProperties
  return RESPONSE_FLAG_CODES.filter((code) => responseFlags?.[code] === true).join(',') || '-'
}

function add<K>(sums: Map<K, number>, key: K, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value)
}

function rowsBy(rows: TruthDocument['http'], labels: readonly string[], measure: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const row of rows) add(sums, labels.map((label) => row.labels[label]).join(' '), row[measure] as number)
  return sums
}

describe('simulation', () => {
  test('tells the truth about the HTTP entries it sent', async () => {
    const messages: DecodedMessage[] = []
    const { simulation, clock } = simulationFor(await receiver(keep(messages)))
    await simulation.connect(5_000)
    const truth = await finish(simulation, clock)
    const counts = new Map<string, number>()
    const sums = { sent: 0, received: 0, durationMs: 0 }
    for (const entry of messages.flatMap(({ httpLogs }) => httpLogs?.logEntry ?? [])) {
      const common = entry.commonProperties
      const reporter = common.upstreamCluster?.startsWith('inbound|') === true ? 'destination' : 'source'
      add(counts, `${reporter} ${entry.response?.responseCode?.value ?? 0} ${flagsOf(entry)}`, 1)
      sums.sent += common.downstreamWireBytesSent ?? 0
      sums.received += common.downstreamWireBytesReceived ?? 0
      sums.durationMs += (common.duration?.seconds ?? 0) * 1000 + Math.floor((common.duration?.nanos ?? 0) / 1e6)
    }
    expect(truth.requests).toBe(2_000)
    expect(rowsBy(truth.http, ['reporter', 'response_code', 'response_flags'], 'count')).toEqual(counts)
    const total = (measure: string): number => truth.http.reduce((sum, row) => sum + (row[measure] as number), 0)
    expect({ sent: total('responseBytes'), received: total('requestBytes'), durationMs: total('durationMs') }).toEqual(sums)
    expect([...counts.keys()]).toEqual(expect.arrayContaining(['source 503 UH', 'source 503 UF,URX', 'source 504 UT', 'destination 0 DC', 'source 404 NR']))
  })

  test('tells the truth about TCP connections, periodic entries included', async () => {
    const messages: DecodedMessage[] = []
    const { simulation, clock } = simulationFor(await receiver(keep(messages)), { requestsPerSecond: 20, durationMs: 60_000 })
    await simulation.connect(5_000)
    const truth = await finish(simulation, clock, 100)
    const last = new Map<string, Entry>()
    const types = new Map<number, number>()
    for (const entry of messages.flatMap(({ tcpLogs }) => tcpLogs?.logEntry ?? [])) {
      last.set(entry.commonProperties.streamId ?? '', entry)
      add(types, entry.commonProperties.accessLogType, 1)
    }
    const ends = [...last.values()]
    expect(types.get(2)).toBeGreaterThan(0)
    expect(ends.every((entry) => entry.commonProperties.accessLogType === 3)).toBe(true)
    const total = (measure: string): number => truth.tcp.reduce((sum, row) => sum + (row[measure] as number), 0)
    expect([total('opened'), total('closed')]).toEqual([ends.length, ends.length])
    expect(total('receivedBytes')).toBe(ends.reduce((sum, entry) => sum + (entry.connectionProperties?.receivedBytes ?? 0), 0))
    expect(total('sentBytes')).toBe(ends.reduce((sum, entry) => sum + (entry.connectionProperties?.sentBytes ?? 0), 0))
    expect(total('entries')).toBe([...types.values()].reduce((sum, count) => sum + count, 0))
  })

  test('names the node in the first message of a stream only', async () => {
    const messages: DecodedMessage[] = []
    const { simulation, clock } = simulationFor(await receiver(keep(messages)), { withExtensions: true })
    await simulation.connect(5_000)
    await finish(simulation, clock)
    const named = messages.filter(({ identifier }) => identifier !== undefined)
    expect(named.map(({ identifier }) => `${identifier?.node.id.split('~')[2]?.split('-').at(0)} ${identifier?.logName}`).sort()).toEqual([
      'details http_envoy_accesslog',
      'istio http_envoy_accesslog',
      'mongodb tcp_envoy_accesslog',
      'productpage http_envoy_accesslog',
      'ratings http_envoy_accesslog',
      'ratings tcp_envoy_accesslog',
      'reviews http_envoy_accesslog',
      'reviews http_envoy_accesslog',
      'reviews http_envoy_accesslog',
    ])
    expect(named.every(({ identifier }) => identifier?.node.extensions?.length === 516)).toBe(true)
    expect(messages.length).toBeGreaterThan(named.length)
  })

  test('has the same truth for the same seed, and another for another', async () => {
    const endpoint = await receiver(keep([]))
    const truths: TruthDocument[] = []
    for (const seed of ['a', 'a', 'b']) {
      const { simulation, clock } = simulationFor(endpoint, { seed, replicas: 3, durationMs: 1_000 })
      await simulation.connect(5_000)
      truths.push(await finish(simulation, clock))
    }
    expect(truths[1]).toEqual(truths[0])
    expect(truths[2]?.http).not.toEqual(truths[0]?.http)
  })

  test('does not call confirmed what went out on broken streams, and goes on with new ones', async () => {
    let streams = 0
    const endpoint = await receiver((call, callback) => {
      const isBroken = ++streams <= 7
      call.on('data', () => void (isBroken && callback({ code: status.UNAVAILABLE, details: 'going away' })))
      call.on('end', () => void (isBroken || callback(null, Buffer.alloc(0))))
    })
    const { simulation, clock } = simulationFor(endpoint)
    await simulation.connect(5_000)
    const truth = await finish(simulation, clock)
    const { sent, lost } = simulation.progress
    expect(truth.entries.unconfirmed).toBeGreaterThan(0)
    expect(truth.entries.confirmed).toBeGreaterThan(0)
    expect(truth.entries.confirmed + truth.entries.unconfirmed).toBe(sent)
    expect(truth.entries.lost).toBe(lost)
    expect(simulation.progress.lastProblem).toContain('going away')
  })

  test('refuses to start without a receiver', async () => {
    const endpoint = await receiver(keep([]))
    for (const server of servers.splice(0)) server.forceShutdown()
    const { simulation } = simulationFor(endpoint)
    await expect(simulation.connect(200)).rejects.toThrow('Failed to connect before the deadline')
  })
})
