import { lstatSync, unlinkSync } from 'node:fs'
import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js'
import { durationMs } from '../../lib/duration.ts'
import { type Endpoint, parseEndpoint } from '../../lib/endpoint.ts'
import type { Clock, ComponentId, Host, Logger } from '../component.ts'
import type { Telemetry } from '../telemetry.ts'
import { FailedConnections } from './failed_connections.ts'
import { codeOf, listenErrorReason } from './listen_errors.ts'
import { ServerTls, type TlsServerConfig, tlsServerSchema } from './tls.ts'

const optionalDuration = (description: string) => ({ type: 'string', format: 'duration', description }) as const

/** Settings of a gRPC listener, by the names of the Collector's `configgrpc`; a component adds `endpoint` with its own default. */
export const grpcServerProperties = {
  transport: { type: 'string', enum: ['tcp', 'unix'], default: 'tcp', description: 'tcp, or unix for a socket whose path is the endpoint.' },
  tls: tlsServerSchema,
  max_recv_msg_size_mib: { type: 'integer', minimum: 1, maximum: 1024, default: 4, description: 'Largest message that is accepted, in MiB.' },
  max_concurrent_streams: { type: 'integer', minimum: 0, maximum: 4_294_967_295, default: 0, description: 'Most streams per connection; 0 = no limit.' },
  keepalive: {
    type: 'object',
    additionalProperties: false,
    description: 'Pings, and limits on the life of connections.',
    properties: {
      server_parameters: {
        type: 'object',
        additionalProperties: false,
        description: 'What the server does.',
        properties: {
          max_connection_idle: optionalDuration('Closes a connection that has had no stream for this long.'),
          max_connection_age: optionalDuration('Sends GOAWAY on a connection of this age, give or take a tenth. Streams that are open stay.'),
          max_connection_age_grace: optionalDuration('Cuts such a connection this much later.'),
          time: optionalDuration('Pings a connection on which nothing came for this long.'),
          timeout: optionalDuration('Closes a connection whose ping is not answered in this time.'),
        },
      },
      enforcement_policy: {
        type: 'object',
        additionalProperties: false,
        description: 'What clients may do. Without this block their pings are not limited.',
        properties: {
          min_time: { type: 'string', format: 'duration', default: '5m', description: 'Closes a connection whose client pings more often than this.' },
          permit_without_stream: { type: 'boolean', default: false, description: 'Whether clients may ping while no stream is open.' },
        },
      },
    },
  },
} as const

/** The checked values of `grpcServerProperties`, and the address. */
export interface GrpcServerConfig {
  /** `host:port`, or a path for transport `unix`; port 0 lets the system choose. */
  readonly endpoint: string
  readonly transport: 'tcp' | 'unix'
  readonly tls?: TlsServerConfig
  readonly max_recv_msg_size_mib: number
  readonly max_concurrent_streams: number
  readonly keepalive?: {
    readonly server_parameters?: {
      readonly max_connection_idle?: string
      readonly max_connection_age?: string
      readonly max_connection_age_grace?: string
      readonly time?: string
      readonly timeout?: string
    }
    readonly enforcement_policy?: { readonly min_time: string; readonly permit_without_stream: boolean }
  }
}

export interface GrpcListenerSettings {
  readonly id: ComponentId
  readonly log: Logger
  readonly clock: Clock
  readonly telemetry: Telemetry
}

/**
 * Receive windows per stream and per connection. With the 64 KiB that HTTP/2 starts with, a sender waits a round trip for
 * every four messages: these give three times the throughput (bench/als_decode.ts has the decoder's side).
 */
export const STREAM_WINDOW_BYTES = 1 << 20
export const SESSION_WINDOW_BYTES = 4 << 20

/** Connections beyond this are closed at once. */
const CONNECTIONS_MAX = 16_384
const PORT_ATTEMPTS = 8
const TLS_HANDSHAKE_MS = 10_000
const TCP_KEEPALIVE_MS = 60_000
/** Pings beyond the allowed rate that are forgiven, as gRPC servers do. */
const PING_STRIKES = 2
/** How often a replica that waits for a unix socket looks whether its holder is gone. */
const STANDBY_MS = 1000
const MISSING_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])

/**
 * A gRPC server whose sockets are opened by us: on a port that replicas share, on both families for `localhost`, on a unix
 * socket, with TLS whose certificates can change, and with an orderly end in steps. Services are added to `server`.
 */
export class GrpcListener {
  readonly server: Server
  readonly #config: GrpcServerConfig
  readonly #settings: GrpcListenerSettings
  readonly #sessions = new Set<ServerHttp2Session>()
  #sockets: NetServer[] = []
  #tls: ServerTls | undefined
  #unwatchTls: (() => void) | undefined
  #injector: ReturnType<Server['createConnectionInjector']> | undefined
  #endStandby: (() => void) | undefined
  readonly #failed: FailedConnections
  #isClosing = false

  constructor(config: GrpcServerConfig, settings: GrpcListenerSettings) {
    this.#config = config
    this.#settings = settings
    this.#failed = new FailedConnections(settings, settings.id.text)
    this.server = new Server(serverOptions(config))
  }

  /** Where the listener is bound; empty before `start`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#sockets.flatMap((socket) => {
      const address = socket.address()
      if (address === null) return []
      return typeof address === 'string' ? [{ host: address, port: 0 }] : [{ host: address.address, port: address.port }]
    })
  }

  /** Opens the listener and tells `host`. Rejects with a sentence for the operator when the address cannot be had. */
  async start(host: Host): Promise<void> {
    const { endpoint, transport, tls } = this.#config
    if (tls !== undefined) this.#tls = new ServerTls(tls, this.#settings)
    this.#injector = this.#createInjector()
    try {
      if (transport === 'unix') await this.#openUnix(endpoint, host)
      else await this.#openTcp(endpoint, host)
    } catch (error) {
      await this.stopListening()
      this.#injector.destroy()
      throw new Error(`cannot listen on ${transport} ${endpoint}: ${reasonOf(error, transport)}`, { cause: error })
    }
    this.#unwatchTls = this.#tls?.watch((options) => {
      for (const socket of this.#sockets) (socket as TlsServer).setSecureContext(options)
    })
    for (const bound of this.addresses) host.listening({ configured: endpoint, ...bound })
  }

  /** Accepts no new connections; those that are open stay. Safe without `start` and safe twice. */
  async stopListening(): Promise<void> {
    this.#isClosing = true
    this.#endStandby?.()
    this.#unwatchTls?.()
    this.#unwatchTls = undefined
    const sockets = this.#sockets
    this.#sockets = []
    // The callback of `close` waits for the connections; the port is free when `close` returns.
    for (const socket of sockets) socket.close()
  }

  /** Tells every client to open no more streams here (GOAWAY); a connection closes when its last stream has ended. */
  closeConnections(): void {
    this.#injector?.destroy()
  }

  /** Resolves when all connections are closed; cuts them when `signal` aborts. */
  async closed(signal: AbortSignal): Promise<void> {
    const cut = (): void => {
      for (const session of this.#sessions) session.destroy()
    }
    if (signal.aborted) cut()
    signal.addEventListener('abort', cut, { once: true })
    await Promise.all([...this.#sessions].map((session) => new Promise<void>((resolve) => (session.destroyed ? resolve() : session.once('close', resolve)))))
    signal.removeEventListener('abort', cut)
  }

  /**
   * The injector's HTTP/2 server is private to the library, and receive windows have no option there. This reaches for
   * it, and throws when it is not where it was, so that an update cannot take the windows away in silence.
   */
  #createInjector(): ReturnType<Server['createConnectionInjector']> {
    const internals = this.server as unknown as { commonServerOptions?: { settings?: object }; http2Servers?: Map<Http2Server, unknown> }
    if (internals.commonServerOptions === undefined || !(internals.http2Servers instanceof Map))
      throw new Error('BUG: @grpc/grpc-js has changed inside; component/kit/grpc_server.ts must follow it')
    internals.commonServerOptions.settings = { ...internals.commonServerOptions.settings, initialWindowSize: STREAM_WINDOW_BYTES }
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure())
    const [http2Server] = [...internals.http2Servers.keys()].slice(-1)
    if (http2Server === undefined) throw new Error('BUG: @grpc/grpc-js keeps no HTTP/2 server for its injector; component/kit/grpc_server.ts must follow it')
    http2Server.on('session', (session) => this.#adopt(session))
    return injector
  }

  #adopt(session: ServerHttp2Session): void {
    session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    const policy = this.#config.keepalive?.enforcement_policy
    if (policy !== undefined) limitPings(session, this.#settings.clock, durationMs(policy.min_time), policy.permit_without_stream)
    if (this.#isClosing) session.close()
  }

  async #openTcp(endpoint: string, host: Host): Promise<void> {
    const address = parseEndpoint(endpoint)
    if (address === undefined) throw new Error(`BUG: endpoint ${JSON.stringify(endpoint)} passed the config check but is not host:port`)
    const port = address.port === 0 ? host.chosenPort(endpoint) : address.port
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#openAll({ host: address.host, port }, host.sharesPorts)
        return
      } catch (error) {
        // Another process may hold on IPv6 the port that the system chose on IPv4.
        if (port !== 0 || codeOf(error) !== 'EADDRINUSE' || attempt === PORT_ATTEMPTS) throw error
        for (const socket of this.#sockets.splice(0)) socket.close()
      }
    }
  }

  async #openAll(address: Endpoint, reusePort: boolean): Promise<void> {
    const hosts = address.host.toLowerCase() === 'localhost' ? ['127.0.0.1', '::1'] : [address.host]
    let port = address.port
    let missing: unknown
    for (const host of hosts) {
      const socket = this.#createSocket()
      try {
        await listen(socket, { port, reusePort, ...(host === '' ? {} : { host }) })
      } catch (error) {
        if (!MISSING_FAMILY.has(codeOf(error))) throw error
        missing = error
        continue
      }
      this.#sockets.push(socket)
      port = (socket.address() as AddressInfo).port
    }
    if (this.#sockets.length === 0) throw missing
  }

  /**
   * A unix socket cannot be shared: of several replicas one holds it, and the others take it over when it is gone. The
   * file of a process that died is removed.
   */
  async #openUnix(path: string, host: Host): Promise<void> {
    if (await this.#tryUnix(path)) return
    if (!host.sharesPorts) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' })
    this.#endStandby = this.#settings.clock.every(STANDBY_MS, () => {
      this.#tryUnix(path).then(
        (isOpen) => {
          if (!isOpen) return
          this.#endStandby?.()
          if (this.#isClosing) for (const socket of this.#sockets.splice(0)) socket.close()
        },
        (error: unknown) => this.#settings.log.warn({ path, error: String(error) }, 'unix socket not taken over'),
      )
    })
  }

  async #tryUnix(path: string): Promise<boolean> {
    const socket = this.#createSocket()
    try {
      await listen(socket, { path })
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw error
      if (await answers(path)) return false
      // What is left of a process that died; anything but a socket is not ours to remove.
      if (!lstatSync(path).isSocket()) throw error
      unlinkSync(path)
      await listen(socket, { path })
    }
    this.#sockets.push(socket)
    return true
  }

  #createSocket(): NetServer {
    const take = (connection: Socket): void => {
      const peer = connection.remoteAddress
      // Without a listener here the library would leave no trace of a client that does not speak HTTP/2.
      connection.once('error', (error) => {
        if (isBadPreface(error)) this.#failed.add('not_http2', peer, error.message)
      })
      this.#injector?.injectConnection(connection)
    }
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS }
    const socket =
      this.#tls === undefined
        ? createServer(options, take)
        : createTlsServer({ ...options, ...this.#tls.options, ALPNProtocols: ['h2'], handshakeTimeout: TLS_HANDSHAKE_MS }, take)
    socket.maxConnections = CONNECTIONS_MAX
    socket.on('drop', () => this.#settings.log.warn({ connections: CONNECTIONS_MAX }, 'connection refused: too many are open'))
    socket.on('tlsClientError', (error: Error, connection: Socket) => this.#failed.add('tls_handshake', connection.remoteAddress, error.message))
    return socket
  }
}

/** What nghttp2 says when a connection does not begin with HTTP/2's preface (NGHTTP2_ERR_BAD_CLIENT_MAGIC); Node.js has no code for it. */
function isBadPreface(error: Error): boolean {
  return codeOf(error) === 'ERR_HTTP2_ERROR' && error.message.includes('bad client magic')
}

/** The HTTP/2 stream under a call of `@grpc/grpc-js`, and the encoding its messages may be compressed with. */
export interface RawCall {
  readonly stream: ServerHttp2Stream
  readonly encoding: string
}

/**
 * Takes the incoming half of a client-streaming call away from the library: its `data` and `end` events go to nobody until
 * the caller listens to them, and the stream flows. The library goes on to answer the call.
 *
 * The library reads no more from a call that was answered, and loses what is under way; a receiver that ends streams by
 * itself must go on reading. It also makes a promise and a copy for every message.
 */
export function takeIncoming(call: object): RawCall {
  const { stream, incomingEncoding } = ((call as { call?: object }).call ?? {}) as { stream?: ServerHttp2Stream; incomingEncoding?: string }
  if (typeof stream?.removeAllListeners !== 'function' || typeof incomingEncoding !== 'string' || stream.listenerCount('data') !== 1)
    throw new Error('BUG: @grpc/grpc-js has changed inside; takeIncoming must follow it')
  stream.removeAllListeners('data')
  stream.removeAllListeners('end')
  return { stream, encoding: incomingEncoding }
}

function serverOptions(config: GrpcServerConfig): ServerOptions {
  const parameters = config.keepalive?.server_parameters ?? {}
  const options: ServerOptions = {
    'grpc.max_receive_message_length': config.max_recv_msg_size_mib * 1024 * 1024,
    // Its bookkeeping of every message is nowhere shown.
    'grpc.enable_channelz': 0,
  }
  if (config.max_concurrent_streams > 0) options['grpc.max_concurrent_streams'] = config.max_concurrent_streams
  if (parameters.max_connection_idle !== undefined) options['grpc.max_connection_idle_ms'] = durationMs(parameters.max_connection_idle)
  if (parameters.max_connection_age !== undefined) options['grpc.max_connection_age_ms'] = durationMs(parameters.max_connection_age)
  if (parameters.max_connection_age_grace !== undefined) options['grpc.max_connection_age_grace_ms'] = durationMs(parameters.max_connection_age_grace)
  if (parameters.time !== undefined) options['grpc.keepalive_time_ms'] = durationMs(parameters.time)
  if (parameters.timeout !== undefined) options['grpc.keepalive_timeout_ms'] = durationMs(parameters.timeout)
  return options
}

/** Sends GOAWAY with ENHANCE_YOUR_CALM to a client that pings too often, as gRPC servers do. */
function limitPings(session: ServerHttp2Session, clock: Clock, minMs: number, isFreeWithoutStream: boolean): void {
  let streams = 0
  let strikes = 0
  let last = Number.NEGATIVE_INFINITY
  session.on('stream', (stream: ServerHttp2Stream) => {
    streams++
    stream.once('close', () => streams--)
  })
  session.on('ping', () => {
    const now = clock.monotonic()
    if (now - last < minMs || (streams === 0 && !isFreeWithoutStream)) strikes++
    last = now
    if (strikes <= PING_STRIKES || session.destroyed) return
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
    session.close()
  })
}

function listen(
  socket: NetServer,
  options: { readonly host?: string; readonly port?: number; readonly path?: string; readonly reusePort?: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error)
    socket.once('error', fail)
    socket.listen(options, () => {
      socket.off('error', fail)
      resolve()
    })
  })
}

/** True when somebody accepts connections on a unix socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

function reasonOf(error: unknown, transport: 'tcp' | 'unix'): string {
  const code = codeOf(error)
  if (transport === 'unix' && (code === 'EACCES' || code === 'ENOENT')) return 'its folder does not exist or cannot be written to'
  return listenErrorReason(error)
}
