import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Host } from '../../../component/component.ts'
import { codeOf, listenErrorReason } from '../../../component/kit/listen_errors.ts'
import { type Endpoint, parseEndpoint } from '../../../lib/endpoint.ts'
import { LineSplitter } from './line_splitter.ts'
import type { Listener, ListenerSettings } from './listener.ts'
import { allow, answers, makeSocketFolder, removeStaleSocket } from './socket_file.ts'
import { plainAddress } from './udp.ts'

export interface StreamOptions {
  /** `host:port`, or the path of a socket with transport unix. */
  readonly endpoint: string
  /** `tcp4` and `tcp6` leave the other version of IP out. */
  readonly transport: 'tcp' | 'tcp4' | 'tcp6' | 'unix'
  /** Digits of the file mode of a unix socket, read as octal. */
  readonly socketPermissions: string
  readonly connectionsMax: number
  /** A connection on which nothing comes for so long is closed; 0 = never. */
  readonly idleTimeoutMs: number
  readonly lineBytesMax: number
}

const MISSING_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])
const PORT_ATTEMPTS = 8
/** How often a worker looks whether the one that holds the unix socket is gone. */
const STANDBY_MS = 1000
/** How long a connection that is not idle may bring more after the receiver was told to stop. */
const QUIET_MS = 100

/** Reads streams: lines over TCP, lines or frames with their length over unix sockets. */
export class StreamListener implements Listener {
  readonly #options: StreamOptions
  readonly #settings: ListenerSettings
  readonly #connections = new Set<Connection>()
  #servers: Server[] = []
  #endStandby: (() => void) | undefined
  #isClosing = false

  constructor(options: StreamOptions, settings: ListenerSettings) {
    this.#options = options
    this.#settings = settings
  }

  /** Where it is bound; empty before `start`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#servers.flatMap((server) => {
      const address = server.address()
      if (address === null) return []
      return typeof address === 'string' ? [{ host: address, port: 0 }] : [{ host: address.address, port: address.port }]
    })
  }

  async start(host: Host): Promise<void> {
    this.#isClosing = false
    const { endpoint, transport } = this.#options
    try {
      if (transport === 'unix') await this.#openUnix(host)
      else await this.#openTcp(host)
    } catch (error) {
      this.#closeServers()
      throw new Error(`cannot listen on ${transport} ${endpoint}: ${reasonOf(error, transport)}`, { cause: error })
    }
    for (const bound of this.addresses) host.listening({ configured: endpoint, ...bound })
  }

  /** Lets every connection bring what is under way, then ends it. */
  async close(signal: AbortSignal): Promise<void> {
    this.#isClosing = true
    this.#endStandby?.()
    this.#endStandby = undefined
    this.#closeServers()
    await Promise.all([...this.#connections].map((connection) => connection.finish(signal)))
  }

  #closeServers(): void {
    // The port is free when `close` returns; its callback would wait for the connections.
    for (const server of this.#servers.splice(0)) server.close()
  }

  async #openTcp(host: Host): Promise<void> {
    const { endpoint } = this.#options
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
        this.#closeServers()
      }
    }
  }

  async #openAll(address: Endpoint, reusePort: boolean): Promise<void> {
    let { port } = address
    let missing: unknown
    const hosts = hostsOf(address.host, this.#options.transport)
    for (const host of hosts) {
      const server = this.#createServer()
      try {
        await listen(server, { port, reusePort, ...(host === '' ? {} : { host }), ...(this.#options.transport === 'tcp6' ? { ipv6Only: true } : {}) })
      } catch (error) {
        if (hosts.length === 1 || !MISSING_FAMILY.has(codeOf(error))) throw error
        missing = error
        continue
      }
      this.#servers.push(server)
      port = (server.address() as AddressInfo).port
    }
    if (this.#servers.length === 0) throw missing
  }

  /** Of several replicas one holds a unix socket, and the others take it over when it is gone. */
  async #openUnix(host: Host): Promise<void> {
    makeSocketFolder(this.#options.endpoint)
    if (await this.#tryUnix()) return
    if (!host.sharesPorts) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' })
    this.#endStandby = this.#settings.clock.every(STANDBY_MS, () => {
      this.#tryUnix().then(
        (isOpen) => {
          if (!isOpen) return
          this.#endStandby?.()
          if (this.#isClosing) this.#closeServers()
        },
        (error: unknown) => this.#settings.log.warn({ path: this.#options.endpoint, error: String(error) }, 'unix socket not taken over'),
      )
    })
  }

  async #tryUnix(): Promise<boolean> {
    const { endpoint: path, socketPermissions } = this.#options
    const server = this.#createServer()
    try {
      await listen(server, { path })
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw error
      if (await answers(path)) return false
      removeStaleSocket(path)
      await listen(server, { path })
    }
    allow(path, socketPermissions)
    this.#servers.push(server)
    return true
  }

  #createServer(): Server {
    const { connectionsMax, transport } = this.#options
    const { log, connections } = this.#settings
    const server = createServer({ noDelay: true, keepAlive: transport !== 'unix' }, (socket) => this.#accept(socket))
    server.maxConnections = connectionsMax
    server.on('drop', () => {
      connections.ended('refused')
      log.debug({ connections: connectionsMax }, 'connection refused: too many are open')
    })
    server.on('error', (error) => {
      if (this.#servers.includes(server)) log.error({ error: error.message }, 'listener failed')
    })
    return server
  }

  #accept(socket: Socket): void {
    const { connections, sink } = this.#settings
    const { lineBytesMax, transport, idleTimeoutMs } = this.#options
    const sender = transport === 'unix' ? '' : plainAddress(socket.remoteAddress ?? '')
    const splitter = new LineSplitter(sender, { lineBytesMax, mayHaveFrames: transport === 'unix' }, sink)
    const connection = new Connection(socket, splitter, () => {
      this.#connections.delete(connection)
      connections.open(this.#connections.size)
    })
    this.#connections.add(connection)
    connections.opened()
    connections.open(this.#connections.size)
    if (idleTimeoutMs > 0) {
      socket.setTimeout(idleTimeoutMs, () => {
        connections.ended('idle')
        socket.destroy()
      })
    }
  }
}

/** One connection: everything that arrives goes through its splitter, up to the last byte before it ends. */
class Connection {
  readonly #socket: Socket
  readonly #closed: Promise<void>
  #last = 0

  constructor(socket: Socket, splitter: LineSplitter, closed: () => void) {
    this.#socket = socket
    socket.on('data', (piece: Buffer) => {
      this.#last = performance.now()
      if (!splitter.push(piece)) socket.destroy()
    })
    // The close event comes after it and tells all that is to be known.
    socket.on('error', () => {})
    this.#closed = new Promise((resolve) => {
      socket.on('close', () => {
        splitter.end()
        closed()
        resolve()
      })
    })
  }

  /** Says that no more is wanted, and closes once nothing has come for a moment. */
  async finish(signal: AbortSignal): Promise<void> {
    const socket = this.#socket
    socket.end()
    const watch = setInterval(() => {
      if (signal.aborted || performance.now() - this.#last >= QUIET_MS) socket.destroy()
    }, QUIET_MS / 4)
    await this.#closed
    clearInterval(watch)
  }
}

function hostsOf(host: string, transport: StreamOptions['transport']): readonly string[] {
  const isLocal = host.toLowerCase() === 'localhost'
  if (transport === 'tcp4') return [isLocal ? '127.0.0.1' : host === '' ? '0.0.0.0' : host]
  if (transport === 'tcp6') return [isLocal ? '::1' : host === '' ? '::' : host]
  return isLocal ? ['127.0.0.1', '::1'] : [host]
}

function reasonOf(error: unknown, transport: StreamOptions['transport']): string {
  if (transport !== 'unix') return listenErrorReason(error)
  switch (codeOf(error)) {
    case 'EACCES':
      return 'not permitted; choose a folder that the process may write to'
    case 'EADDRINUSE':
      return 'in use by another process, or something that is not a socket; remove it or change endpoint'
    default:
      return listenErrorReason(error)
  }
}

function listen(
  server: Server,
  options: { readonly host?: string; readonly port?: number; readonly path?: string; readonly reusePort?: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error)
    server.once('error', fail)
    server.listen(options, () => {
      server.off('error', fail)
      resolve()
    })
  })
}
