import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import type { AccessLogs, StreamOrigin } from '../../model/access_logs.ts'
import { encode, ownSchema, type Plain } from '../../test/conformance/als_oracle.ts'
import { AlsClient, type AlsTarget } from '../../test/fakes/als_client.ts'
import { CollectingConsumer, RefusingConsumer } from '../../test/fakes/consumers.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import type { EnvoyAlsConfig } from './config.ts'
import { envoyAlsReceiver } from './factory.ts'

const schema = ownSchema()
const identifier = (id: string, logName = 'http_envoy_accesslog') => ({ node: { id, cluster: 'c', extensions: [{ name: 'x' }] }, log_name: logName })
const http = (count: number, cluster = 'a'): Plain => ({
  http_logs: { log_entry: Array.from({ length: count }, () => ({ common_properties: { upstream_cluster: cluster, access_log_type: 6 } })) },
})
const message = (plain: Plain): Uint8Array => encode(schema.message, plain)

const BASE: EnvoyAlsConfig = {
  endpoint: '127.0.0.1:0',
  transport: 'tcp',
  max_recv_msg_size_mib: 4,
  max_concurrent_streams: 0,
  max_stream_age: '0s',
  queue_bytes_max: 32 << 20,
}
const LEDGER = { receiver: 'envoyals/edge', transport: 'grpc' }

/** A started receiver whose rows are remembered, and a way to wait for a number of them. */
async function started(overrides: Partial<EnvoyAlsConfig> = {}, consume?: (logs: AccessLogs) => void) {
  const settings = fakeSettings('receiver', 'envoyals/edge')
  const host = new FakeHost()
  const rows: { readonly cluster: string; readonly origin: StreamOrigin }[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const next = new CollectingConsumer<AccessLogs>((logs) => {
    for (let i = 0; i < logs.length; i++) rows.push({ cluster: logs.strings.text(logs.upstreamCluster[i] as number), origin: logs.origin })
    consume?.(logs)
    for (const { count, resolve } of waiting) if (rows.length >= count) resolve()
  })
  const receiver = envoyAlsReceiver.create(settings, { ...BASE, ...overrides }, { logs: next })
  await receiver.start?.(host)
  const stop = (signal = AbortSignal.timeout(2000)) => receiver.shutdown?.({ signal }) as Promise<void>
  running.push(stop)
  const port = host.listeners[0]?.port ?? 0
  const connect = async (target: AlsTarget = {}): Promise<AlsClient> => {
    const client = await AlsClient.connect({ port, ...target })
    clients.push(client)
    return client
  }
  const arrived = (count: number) => (rows.length >= count ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ count, resolve })))
  const value = (name: string, labels: Record<string, string> = {}) => settings.telemetry.value(name, labels)
  const ledger = () => [
    value('meshscope_receiver_received_log_records', LEDGER),
    value('otelcol_receiver_accepted_log_records', LEDGER),
    value('otelcol_receiver_refused_log_records', LEDGER),
    value('meshscope_receiver_dropped_log_records', LEDGER),
  ]
  return { settings, host, rows, port, connect, arrived, value, ledger, stop, receiver }
}

const running: ((signal?: AbortSignal) => Promise<void>)[] = []
const clients: AlsClient[] = []
const folders: string[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  for (const stop of running.splice(0)) await stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'envoyals-'))
  folders.push(path)
  return path
}

describe('streams', () => {
  test('keeps who sends from the first message and answers a clean close with OK', async () => {
    const { connect, rows, ledger, value } = await started()
    const stream = (await connect()).open()
    await stream.send(message({ identifier: identifier('sidecar~1'), ...http(2) }))
    await stream.send(message(http(3, 'b')))
    expect(await stream.end()).toEqual({ code: 0, message: 'OK' })
    expect(stream.responseBytes).toBe(5)
    expect(rows.map(({ cluster, origin }) => [cluster, origin.nodeId, origin.logName, origin.apiVersion].join(' '))).toEqual(
      ['a', 'a', 'b', 'b', 'b'].map((cluster) => `${cluster} sidecar~1 http_envoy_accesslog v3`),
    )
    expect(rows[0]?.origin).toBe(rows[4]?.origin)
    expect(rows[0]?.origin.peer).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(schema.node.toObject(schema.node.decode(rows[0]?.origin.node ?? new Uint8Array(0)))).toEqual({ id: 'sidecar~1', cluster: 'c' })
    expect(ledger()).toEqual([5, 5, 0, 0])
    expect([value('meshscope_envoyals_messages'), value('meshscope_envoyals_streams_opened'), value('meshscope_envoyals_streams_without_identifier')]).toEqual([
      2, 1, 0,
    ])
  })

  test('replaces who sends when a later message says so, under a new id', async () => {
    const { connect, rows } = await started()
    const stream = (await connect()).open()
    await stream.send(message({ identifier: identifier('one'), ...http(1) }))
    await stream.send(message({ identifier: identifier('two'), ...http(1) }))
    await stream.end()
    expect(rows.map(({ origin }) => origin.nodeId)).toEqual(['one', 'two'])
    expect(rows[0]?.origin.id).not.toBe(rows[1]?.origin.id)
  })

  test('takes streams that never say who sends, and counts them', async () => {
    const { connect, rows, value } = await started()
    const stream = (await connect()).open({ api: 'v2' })
    await stream.send(message(http(1)))
    await stream.send(message(http(1)))
    await stream.end()
    expect(rows.map(({ origin }) => [origin.nodeId, origin.apiVersion])).toEqual([
      ['', 'v2'],
      ['', 'v2'],
    ])
    expect(value('meshscope_envoyals_streams_without_identifier')).toBe(1)
  })

  test('puts messages together from any cut of the bytes', async () => {
    const { connect, rows, value } = await started()
    const stream = (await connect()).open()
    const bytes = Buffer.concat([...Array(5).keys()].flatMap((i) => [Buffer.from([0, 0, 0, 0]), lengthByte(http(i)), message(http(i))]))
    for (let at = 0; at < bytes.length; at += 7) await stream.sendBytes(bytes.subarray(at, at + 7))
    expect((await stream.end()).code).toBe(0)
    expect(rows.length).toBe(10)
    expect(value('meshscope_envoyals_messages')).toBe(5)
  })

  test('keeps counting open streams', async () => {
    const { connect, arrived, value } = await started()
    const client = await connect()
    const streams = [client.open(), client.open()]
    for (const stream of streams) await stream.send(message(http(1)))
    await arrived(2)
    expect(value('meshscope_envoyals_streams')).toBe(2)
    await Promise.all(streams.map((stream) => stream.end()))
    await client.close()
    expect(value('meshscope_envoyals_streams')).toBe(0)
  })

  test('reads gzip and refuses what it does not know', async () => {
    const { connect, rows, value } = await started()
    const client = await connect()
    const good = client.open({ headers: { 'grpc-encoding': 'gzip' } })
    await good.send(gzipSync(message(http(2))), { isCompressed: true })
    expect((await good.end()).code).toBe(0)
    const bad = client.open({ headers: { 'grpc-encoding': 'snappy' } })
    await bad.send(message(http(2)), { isCompressed: true })
    expect(await bad.status).toEqual({ code: 12, message: 'messages compressed with snappy are not supported; use gzip, deflate or identity' })
    expect(rows.length).toBe(2)
    expect(value('meshscope_envoyals_stream_errors', { reason: 'compression' })).toBe(1)
  })
})

function lengthByte(plain: Plain): Uint8Array {
  return Uint8Array.of(message(plain).length)
}

test('forgets its strings between two messages when there are too many of them', async () => {
  const epochs = new Set<number>()
  const sizes: number[] = []
  const { connect, rows } = await started({}, (logs) => {
    epochs.add(logs.strings.epoch)
    sizes.push(logs.strings.size)
  })
  const stream = (await connect()).open()
  const names = Array.from({ length: 70_000 }, (_, i) => `cluster-${i}`)
  for (let at = 0; at < names.length; at += 1000) {
    const entries = names.slice(at, at + 1000).map((name) => ({ common_properties: { upstream_cluster: name } }))
    await stream.send(message({ http_logs: { log_entry: entries } }))
  }
  expect((await stream.end()).code).toBe(0)
  expect(rows.map(({ cluster }) => cluster)).toEqual(names)
  expect([...epochs]).toEqual([0, 1])
  expect(Math.max(...sizes)).toBeLessThan(67_000)
})

describe('bad input', () => {
  test('leaves a malformed entry out and takes the others', async () => {
    const { connect, rows, ledger } = await started()
    const entry = encode(schema.httpEntry, { common_properties: { upstream_cluster: 'ok' } })
    // An entry whose common_properties claim to be longer than the entry.
    const list = Buffer.concat([Uint8Array.of(10, entry.length), entry, Uint8Array.of(10, 2, 10, 9), Uint8Array.of(10, entry.length), entry])
    const stream = (await connect()).open()
    await stream.send(Buffer.concat([Uint8Array.of(18, list.length), list]))
    expect((await stream.end()).code).toBe(0)
    expect(rows.map(({ cluster }) => cluster)).toEqual(['ok', 'ok'])
    expect(ledger()).toEqual([3, 2, 0, 1])
  })

  test('takes an entry without common properties', async () => {
    const { connect, rows } = await started()
    const stream = (await connect()).open()
    await stream.send(message({ http_logs: { log_entry: [{}, { request: {} }] } }))
    await stream.send(message({ tcp_logs: { log_entry: [{}] } }))
    expect((await stream.end()).code).toBe(0)
    expect(rows.length).toBe(3)
  })

  test('ends a stream whose message cannot be framed with INVALID_ARGUMENT, and only that one', async () => {
    const { connect, rows, value, ledger } = await started()
    const client = await connect()
    const bad = client.open()
    const good = client.open()
    await bad.send(Buffer.concat([message(http(2)), Uint8Array.of(18, 100)]))
    expect(await bad.status).toEqual({ code: 3, message: 'StreamAccessLogsMessage cannot be decoded: a length in it is broken' })
    await good.send(message(http(1, 'good')))
    expect((await good.end()).code).toBe(0)
    expect(rows.map(({ cluster }) => cluster)).toEqual(['a', 'a', 'good'])
    expect(value('meshscope_envoyals_stream_errors', { reason: 'unframeable' })).toBe(1)
    expect(ledger()).toEqual([3, 3, 0, 0])
  })

  test('answers a message over the limit with RESOURCE_EXHAUSTED, skips it and reads what was sent behind it', async () => {
    const { connect, arrived, value } = await started({ max_recv_msg_size_mib: 1 })
    const stream = (await connect()).open()
    await stream.send(message(http(1)))
    const tooLarge = stream.send(new Uint8Array((1 << 20) + 1))
    const behind = stream.send(message(http(1)))
    const status = await stream.status
    expect(status.code).toBe(8)
    expect(status.message).toContain('1048577 bytes is larger than max_recv_msg_size_mib')
    await Promise.all([tooLarge, behind])
    await arrived(2)
    expect(value('meshscope_envoyals_stream_errors', { reason: 'too_large' })).toBe(1)
    expect(value('meshscope_envoyals_discarded_bytes', { reason: 'too_large' })).toBe((1 << 20) + 1)
  })

  test('refuses to inflate beyond the limit', async () => {
    const { connect, value } = await started({ max_recv_msg_size_mib: 1 })
    const stream = (await connect()).open({ headers: { 'grpc-encoding': 'gzip' } })
    await stream.send(gzipSync(new Uint8Array(2 << 20)), { isCompressed: true })
    expect((await stream.status).code).toBe(8)
    expect(value('meshscope_envoyals_stream_errors', { reason: 'too_large' })).toBe(1)
  })

  test('ends a stream of bytes that are not gRPC and counts them', async () => {
    const { connect, value } = await started()
    const stream = (await connect()).open()
    await stream.sendBytes(Buffer.from('GET / HTTP/1.1'))
    expect((await stream.status).code).toBe(3)
    expect(value('meshscope_envoyals_stream_errors', { reason: 'framing' })).toBe(1)
    expect(value('meshscope_envoyals_discarded_bytes', { reason: 'framing' })).toBe(9)
  })

  test('counts a message that was cut off', async () => {
    const { connect, arrived, value, settings } = await started()
    const client = await connect()
    const stream = client.open()
    await stream.send(message(http(1)))
    await stream.sendBytes(Uint8Array.of(0, 0, 0, 0, 50, 1, 2, 3))
    await arrived(1)
    stream.reset()
    await client.close()
    await settled(() => value('meshscope_envoyals_streams') === 0)
    expect(value('meshscope_envoyals_stream_errors', { reason: 'cut' })).toBe(1)
    expect(value('meshscope_envoyals_discarded_bytes', { reason: 'cut' })).toBe(8)
    expect(settings.log.lines).toEqual([])
  })

  test.for([
    { name: 'asks to come back later', error: new RefusedError('later') },
    { name: 'says the data is at fault', error: new PermanentError('bad data') },
    { name: 'is broken', error: new TypeError('x is not a function') },
  ])('goes on when the pipeline $name, and counts', async ({ error }) => {
    const settings = fakeSettings('receiver', 'envoyals/edge')
    const host = new FakeHost()
    const next = new RefusingConsumer<AccessLogs>(error)
    const receiver = envoyAlsReceiver.create(settings, BASE, { logs: next })
    await receiver.start?.(host)
    running.push(() => receiver.shutdown?.({ signal: AbortSignal.timeout(2000) }) as Promise<void>)
    const client = await AlsClient.connect({ port: host.listeners[0]?.port ?? 0 })
    clients.push(client)
    const stream = client.open()
    await stream.send(message(http(2)))
    await stream.send(message(http(3)))
    expect((await stream.end()).code).toBe(0)
    expect(next.refused).toBe(2)
    expect(settings.telemetry.value('otelcol_receiver_refused_log_records', LEDGER)).toBe(5)
    expect(settings.telemetry.value('meshscope_receiver_received_log_records', LEDGER)).toBe(5)
    expect(settings.log.lines).toEqual([{ level: 'warn', fields: { entries: 2, error: error.message }, message: 'batch refused by the pipeline' }])
  })
})

/** Resolves when `is` holds; looked at between events of the loop, a bounded number of times. */
async function settled(is: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !is(); turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(is()).toBe(true)
}

describe('overload', () => {
  test('sheds the oldest messages, counts their entries and still learns who sends', async () => {
    const big = message({ identifier: identifier('late'), ...http(100, 'x'.repeat(400)) })
    let clockMoves = 400
    const { connect, settings, rows, ledger, value } = await started({ max_recv_msg_size_mib: 1, queue_bytes_max: big.length * 3 }, () => {
      // Every batch takes longer than a slice, so that messages must wait.
      if (clockMoves-- > 0) settings.clock.advance(6)
    })
    const stream = (await connect()).open()
    await Promise.all([
      stream.send(message({ http_logs: { log_entry: [{}] } })),
      stream.send(big),
      // Many, so that some of them come together however slow the machine is.
      ...Array.from({ length: 120 }, () => stream.send(message(http(100, 'x'.repeat(400))))),
    ])
    expect((await stream.end()).code).toBe(0)
    const [received, accepted, refused, dropped] = ledger()
    expect([received, refused]).toEqual([12_101, 0])
    expect((accepted ?? 0) + (dropped ?? 0)).toBe(12_101)
    expect(dropped).toBeGreaterThan(0)
    expect(value('meshscope_receiver_dropped_log_records', { reason: 'overload' })).toBe(dropped)
    expect(rows.at(-1)?.origin.nodeId).toBe('late')
    expect(value('meshscope_envoyals_queue_bytes')).toBe(0)
    expect(settings.log.lines.map(({ message: line }) => line)).toContain('overload: oldest messages dropped')
  })
})

describe('ends of streams', () => {
  test('ends an old stream with OK and loses nothing that its client goes on sending', async () => {
    const { connect, settings, arrived, rows } = await started({ max_stream_age: '10m' })
    const stream = (await connect()).open()
    await stream.send(message({ identifier: identifier('one'), ...http(1) }))
    await arrived(1)
    settings.clock.advance(9 * 60_000 - 1)
    expect(await Promise.race([stream.status, Promise.resolve('open')])).toBe('open')
    settings.clock.advance(2 * 60_000 + 2)
    expect((await stream.status).code).toBe(0)
    for (let i = 0; i < 20; i++) await stream.send(message(http(50)))
    await arrived(1001)
    expect(rows.every(({ origin }) => origin.nodeId === 'one')).toBe(true)
    stream.reset()
  })

  test('loses nothing that a client sent right before it resets an ended stream', async () => {
    const { connect, settings, arrived, ledger, value } = await started({ max_stream_age: '1m' })
    const client = await connect()
    for (let round = 0; round < 20; round++) {
      const stream = client.open()
      await stream.send(message(http(1)))
      await arrived(round * 11 + 1)
      settings.clock.advance(70_000)
      expect((await stream.status).code).toBe(0)
      for (let i = 0; i < 10; i++) void stream.send(message(http(1)))
      stream.raw.end(() => stream.reset())
      await arrived(round * 11 + 11)
    }
    expect(ledger()).toEqual([220, 220, 0, 0])
    await client.close()
    await settled(() => value('meshscope_envoyals_streams') === 0)
    expect(settings.clock.pendingTimers).toBe(0)
  })
})

describe('shutdown', () => {
  test('ends open streams with OK, takes what still comes and waits for the clients to close', async () => {
    const { connect, arrived, stop, ledger } = await started()
    const client = await connect()
    const stream = client.open()
    await stream.send(message(http(1)))
    await arrived(1)
    const stopped = stop()
    expect((await stream.status).code).toBe(0)
    await stream.send(message(http(4)))
    await arrived(5)
    stream.raw.end()
    await stopped
    expect(ledger()).toEqual([5, 5, 0, 0])
  })

  test('cuts clients that stay when the deadline has passed', async () => {
    const { connect, arrived, stop } = await started()
    const stream = (await connect()).open()
    await stream.send(message(http(1)))
    await arrived(1)
    const deadline = new AbortController()
    const stopped = stop(deadline.signal)
    expect((await stream.status).code).toBe(0)
    deadline.abort()
    await stopped
    await expect(AlsClient.connect({ port: 1 })).rejects.toThrow()
  })

  test('counts what still waits at the deadline as dropped', async () => {
    const { connect, arrived, settings, stop, ledger, value } = await started({}, () => settings.clock.advance(6))
    const stream = (await connect()).open()
    const deadline = new AbortController()
    deadline.abort()
    void Promise.all(Array.from({ length: 200 }, () => stream.send(message(http(5))))).catch(() => {})
    await arrived(1)
    await stop(deadline.signal)
    const [received, accepted, refused, dropped] = ledger()
    expect(received).toBe((accepted ?? 0) + (refused ?? 0) + (dropped ?? 0))
    expect(value('meshscope_envoyals_queue_bytes')).toBe(0)
    expect(value('meshscope_envoyals_streams')).toBe(0)
  })

  test('refuses new connections from the moment it begins', async () => {
    const { port, stop } = await started()
    await stop()
    await expect(AlsClient.connect({ port })).rejects.toThrow()
  })
})

describe('listening', () => {
  test('says what to do when the address is in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1' }, resolve))
    const { port } = other.address() as { port: number }
    const receiver = envoyAlsReceiver.create(
      fakeSettings('receiver', 'envoyals'),
      { ...BASE, endpoint: `127.0.0.1:${port}` },
      { logs: new CollectingConsumer<AccessLogs>() },
    )
    await expect(receiver.start?.(new FakeHost())).rejects.toThrow(
      `cannot listen on tcp 127.0.0.1:${port}: address in use; stop the other listener or change endpoint`,
    )
    await new Promise((resolve) => other.close(resolve))
    await receiver.shutdown?.({ signal: AbortSignal.abort() })
  })

  test('listens on both families for localhost', async ({ skip }) => {
    const { host, connect } = await started({ endpoint: 'localhost:0' })
    expect(host.listeners.map((listener) => listener.host)).toContain('127.0.0.1')
    if (host.listeners.length < 2) skip('this machine has no IPv6 loopback')
    expect(host.listeners.map((listener) => listener.host)).toEqual(['127.0.0.1', '::1'])
    expect(host.listeners[0]?.port).toBe(host.listeners[1]?.port)
    const stream = (await connect({ host: '::1' })).open()
    await stream.send(message(http(1)))
    expect((await stream.end()).code).toBe(0)
  })

  test('serves a unix socket and takes over the file of a process that died', async () => {
    const path = join(newFolder(), 'als.sock')
    const { connect, rows } = await started({ transport: 'unix', endpoint: path })
    const stream = (await connect({ path })).open()
    await stream.send(message(http(1)))
    expect((await stream.end()).code).toBe(0)
    expect(rows[0]?.origin.peer).toBe('unix')
  })

  test('does not remove a file that is no socket', async () => {
    const path = join(newFolder(), 'als.sock')
    writeFileSync(path, 'precious')
    const receiver = envoyAlsReceiver.create(
      fakeSettings('receiver', 'envoyals'),
      { ...BASE, transport: 'unix', endpoint: path },
      { logs: new CollectingConsumer<AccessLogs>() },
    )
    await expect(receiver.start?.(new FakeHost())).rejects.toThrow(`cannot listen on unix ${path}: address in use`)
  })
})
