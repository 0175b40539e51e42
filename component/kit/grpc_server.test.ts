import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { AlsClient } from '../../test/fakes/als_client.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { FakeHost, FakeLogger, fakeSettings } from '../../test/fakes/settings.ts'
import { FakeTelemetry } from '../../test/fakes/telemetry.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { GrpcListener, type GrpcServerConfig, SESSION_WINDOW_BYTES, STREAM_WINDOW_BYTES, takeIncoming } from './grpc_server.ts'

const BASE: GrpcServerConfig = { endpoint: '127.0.0.1:0', transport: 'tcp', max_recv_msg_size_mib: 4, max_concurrent_streams: 0 }
const PATH = '/test.Service/Collect'
const identity = (bytes: Buffer): Buffer => bytes
const method = {
  path: PATH,
  requestStream: true,
  responseStream: false,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
}
const open: { end(): Promise<void> }[] = []
const folders: string[] = []

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.end()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-'))
  folders.push(folder)
  return folder
}

/** A listener with one method that takes bytes and answers when its client half-closes. */
async function started(overrides: Partial<GrpcServerConfig> = {}, host: FakeHost = new FakeHost()) {
  const clock = new FakeClock()
  const log = new FakeLogger()
  const { id } = fakeSettings('receiver', 'envoyals')
  const telemetry = new FakeTelemetry()
  const listener = new GrpcListener({ ...BASE, ...overrides }, { id, clock, log, telemetry })
  const chunks: Buffer[] = []
  let arrive!: () => void
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  listener.server.addService(
    { collect: method },
    {
      collect: (call: object, respond: (error: null, response: Buffer) => void) => {
        const { stream } = takeIncoming(call)
        stream.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          arrive()
        })
        stream.once('end', () => respond(null, Buffer.alloc(0)))
        stream.resume()
      },
    },
  )
  await listener.start(host)
  const end = async (): Promise<void> => {
    await listener.stopListening()
    listener.closeConnections()
    await listener.closed(AbortSignal.abort())
  }
  open.push({ end })
  return { listener, host, clock, log, telemetry, chunks, arrived, port: host.listeners[0]?.port ?? 0, end }
}

async function clientOf(target: Parameters<typeof AlsClient.connect>[0]): Promise<AlsClient> {
  const client = await AlsClient.connect(target)
  open.push({ end: async () => client.destroy() })
  return client
}

interface Frame {
  readonly type: number
  readonly stream: number
  readonly payload: Buffer
}

/** The HTTP/2 frames a server sends first to a client that says nothing but hello. */
function firstFrames(port: number, enough: (frames: readonly Frame[]) => boolean): Promise<Frame[]> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, '127.0.0.1')
    let bytes = Buffer.alloc(0)
    const frames: Frame[] = []
    socket.once('error', reject)
    socket.once('close', () => resolve(frames))
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const size = bytes.readUIntBE(0, 3)
        frames.push({ type: bytes.readUInt8(3), stream: bytes.readUInt32BE(5), payload: bytes.subarray(9, 9 + size) })
        bytes = bytes.subarray(9 + size)
      }
      if (enough(frames)) socket.destroy()
    })
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0))
  })
}

const SETTINGS = 4
const WINDOW_UPDATE = 8
const INITIAL_WINDOW_SIZE = 4
const MAX_CONCURRENT_STREAMS = 3
const DEFAULT_WINDOW = 65_535

describe('HTTP/2', () => {
  test('opens the receive windows that the library has no option for', async () => {
    const { port } = await started({ max_concurrent_streams: 77 })
    const frames = await firstFrames(port, (seen) => seen.some(({ type }) => type === WINDOW_UPDATE))
    const settings = frames.find(({ type, payload }) => type === SETTINGS && payload.length > 0)?.payload ?? Buffer.alloc(0)
    const values = new Map<number, number>()
    for (let at = 0; at < settings.length; at += 6) values.set(settings.readUInt16BE(at), settings.readUInt32BE(at + 2))
    expect(values.get(INITIAL_WINDOW_SIZE)).toBe(STREAM_WINDOW_BYTES)
    expect(values.get(MAX_CONCURRENT_STREAMS)).toBe(77)
    const update = frames.find(({ type, stream }) => type === WINDOW_UPDATE && stream === 0)
    expect(update?.payload.readUInt32BE(0)).toBe(SESSION_WINDOW_BYTES - DEFAULT_WINDOW)
  })

  test('refuses to work with a library that has changed inside', () => {
    expect(() => takeIncoming({})).toThrow('BUG: @grpc/grpc-js has changed inside')
    expect(() => takeIncoming({ call: { stream: {}, incomingEncoding: 'identity' } })).toThrow('BUG: @grpc/grpc-js has changed inside')
  })

  test('answers an unknown method with UNIMPLEMENTED', async () => {
    const { port } = await started()
    const stream = (await clientOf({ port })).open({ path: '/test.Service/Other' })
    expect((await stream.status).code).toBe(12)
  })

  test('hands the bytes of a call to the taker and answers it', async () => {
    const { port, chunks } = await started()
    const stream = (await clientOf({ port })).open({ path: PATH })
    await stream.send(Buffer.from('hello'))
    expect((await stream.end()).code).toBe(0)
    expect(Buffer.concat(chunks).subarray(5).toString()).toBe('hello')
  })

  test('sends a client away that pings too often', async () => {
    const policy = { enforcement_policy: { min_time: '10s', permit_without_stream: true } }
    const { port } = await started({ keepalive: policy })
    const client = await clientOf({ port })
    const goaway = new Promise<number>((resolve) => client.session.once('goaway', resolve))
    for (let i = 0; i < 4; i++) client.session.ping(() => {})
    expect(await goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  })

  test('lets a client ping as often as it was told', async () => {
    const { port, clock } = await started({ keepalive: { enforcement_policy: { min_time: '10s', permit_without_stream: true } } })
    const client = await clientOf({ port })
    for (let i = 0; i < 5; i++) {
      clock.advance(10_000)
      await new Promise<void>((resolve) => client.session.ping(() => resolve()))
    }
    expect(client.session.closed).toBe(false)
  })

  test('pings clients and cuts the ones that are silent', async () => {
    const { port } = await started({ keepalive: { server_parameters: { time: '20ms', timeout: '20ms' } } })
    const socket = connectSocket(port, '127.0.0.1')
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve('closed')))
    socket.on('error', () => {})
    socket.resume()
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0))
    expect(await closed).toBe('closed')
  })
})

describe('listening', () => {
  test('tells every client to go when connections are closed, and waits for their streams', async () => {
    const { listener, port, arrived } = await started()
    const client = await clientOf({ port })
    const stream = client.open({ path: PATH })
    await Promise.all([arrived, stream.send(Buffer.from('one'))])
    const goaway = new Promise<number>((resolve) => client.session.once('goaway', resolve))
    await listener.stopListening()
    listener.closeConnections()
    expect(await goaway).toBe(constants.NGHTTP2_NO_ERROR)
    const closed = listener.closed(AbortSignal.timeout(5000))
    await stream.send(Buffer.from('two'))
    expect((await stream.end()).code).toBe(0)
    await closed
    expect(listener.addresses).toEqual([])
  })

  test('is safe to close without a start', async () => {
    const listener = new GrpcListener(BASE, fakeSettings('receiver', 'envoyals'))
    await listener.stopListening()
    listener.closeConnections()
    await expect(listener.closed(AbortSignal.abort())).resolves.toBeUndefined()
  })

  test('lets a replica on a unix socket wait until its holder is gone', async () => {
    const path = join(newFolder(), 'grpc.sock')
    const sharing = () => Object.assign(new FakeHost(), { sharesPorts: true })
    const first = await started({ transport: 'unix', endpoint: path }, sharing())
    const second = await started({ transport: 'unix', endpoint: path }, sharing())
    expect([first.listener.addresses.length, second.listener.addresses.length]).toEqual([1, 0])
    await first.end()
    for (let turn = 0; turn < 1000 && second.listener.addresses.length === 0; turn++) {
      second.clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const stream = (await clientOf({ path })).open({ path: PATH })
    expect((await stream.end()).code).toBe(0)
    expect(second.clock.pendingTimers).toBe(0)
  })

  test('says that the folder of a unix socket does not exist', async () => {
    await expect(started({ transport: 'unix', endpoint: '/nowhere/at/all.sock' })).rejects.toThrow(
      'cannot listen on unix /nowhere/at/all.sock: its folder does not exist or cannot be written to',
    )
  })

  test('shares a port between replicas', async () => {
    const host = Object.assign(new FakeHost(), { sharesPorts: true })
    const first = await started({}, host)
    const second = await started({ endpoint: `127.0.0.1:${first.port}` }, Object.assign(new FakeHost(), { sharesPorts: true }))
    expect(second.port).toBe(first.port)
  })
})

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('TLS (skipped without openssl)', () => {
  test('wants a client certificate, and changes its own without touching connections', async () => {
    const folder = newFolder()
    const authority = createAuthority('openssl', folder)
    const first = authority.issue('first')
    const second = authority.issue('second')
    const files = { cert_file: join(folder, 'server.pem'), key_file: join(folder, 'server.key'), client_ca_file: first.authority }
    copyFileSync(first.cert, files.cert_file)
    copyFileSync(first.key, files.key_file)
    const tls = { ...files, min_version: '1.2', max_version: '1.3', cipher_suites: [], curve_preferences: [], reload_interval: '1m' } as const
    const { port, clock, log, telemetry } = await started({ tls })
    const ca = readFileSync(first.authority)
    const nameOf = async (client: AlsClient) =>
      (client.session.socket as unknown as { getPeerCertificate(): { subjectaltname?: string } }).getPeerCertificate().subjectaltname
    const mine = { ca, cert: readFileSync(first.cert), key: readFileSync(first.key), checkServerIdentity: () => undefined }
    const old = await clientOf({ port, tls: mine })
    const stream = old.open({ path: PATH })
    await stream.send(Buffer.from('before'))
    copyFileSync(second.cert, files.cert_file)
    copyFileSync(second.key, files.key_file)
    clock.advance(60_000)
    const fresh = await clientOf({ port, tls: mine })
    expect([await nameOf(old), await nameOf(fresh)]).toEqual(['first', 'second'].map((name) => `URI:spiffe://cluster.local/ns/default/sa/${name}`))
    await stream.send(Buffer.from('after'))
    expect((await stream.end()).code).toBe(0)
    await expect(AlsClient.connect({ port, tls: { ca, checkServerIdentity: () => undefined } })).rejects.toThrow()
    await expect(AlsClient.connect({ port })).rejects.toThrow()
    await expect.poll(() => failures(telemetry)).toEqual({ tls_handshake: 2, not_http2: 0 })
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })
})

function failures(telemetry: FakeTelemetry): Record<string, number> {
  const of = (reason: string): number => telemetry.value('meshscope_receiver_failed_connections', { receiver: 'envoyals', reason })
  return { tls_handshake: of('tls_handshake'), not_http2: of('not_http2') }
}

describe('a client that speaks something else than HTTP/2', () => {
  test('is counted, and told of once a minute', async () => {
    const { port, clock, log, telemetry } = await started()
    const tls = async (): Promise<void> =>
      new Promise((resolve) => {
        const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
        socket.once('error', () => resolve())
      })
    await tls()
    await tls()
    await expect.poll(() => failures(telemetry)).toEqual({ tls_handshake: 0, not_http2: 2 })
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        message: expect.stringContaining('set tls of this receiver') as string,
        fields: expect.objectContaining({ peer: '127.0.0.1', connections: 1 }) as object,
      },
    ])
    clock.advance(60_000)
    await tls()
    await expect.poll(() => log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['connections'])).toEqual([1, 2])
  })

  test('is not one that closes its connection, or resets it', async () => {
    const { port, telemetry } = await started()
    for (const end of ['end', 'resetAndDestroy'] as const) {
      const socket = connectSocket({ port, host: '127.0.0.1' })
      await once(socket, 'connect')
      const closed = once(socket, 'close')
      socket.resume()[end]()
      await closed
    }
    const client = await clientOf({ port })
    expect((await client.open({ path: PATH }).end()).code).toBe(0)
    expect(failures(telemetry)).toEqual({ tls_handshake: 0, not_http2: 0 })
  })
})
