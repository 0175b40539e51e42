import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { durationMs } from '../../lib/duration.ts'
import { type Endpoint, parseEndpoint } from '../../lib/endpoint.ts'
import { createServer as createPlainServer } from '../../lib/node_http.ts'
import type { Clock, Host, Logger, ShutdownOptions } from '../component.ts'
import { codeOf, listenErrorReason } from './listen_errors.ts'
import { ServerTls, type TlsServerConfig, tlsServerSchema } from './tls.ts'

/**
 * Settings of an HTTP listener, by the names and with the defaults of the Collector's `confighttp`; a component spreads
 * them into the properties of its schema, and adds `endpoint` and `tls`.
 */
export const httpServerProperties = {
  read_timeout: { type: 'string', format: 'duration', default: '0s', description: 'Longest time to receive a whole request; 0s = no limit.' },
  read_header_timeout: { type: 'string', format: 'duration', default: '1m', description: 'Longest time to receive the head of a request; 0s = no limit.' },
  write_timeout: {
    type: 'string',
    format: 'duration',
    default: '30s',
    description: 'Longest time to answer one request; the connection is cut then. 0s = no limit.',
  },
  idle_timeout: { type: 'string', format: 'duration', default: '1m', description: 'How long a connection without a request stays open.' },
  keep_alives_enabled: { type: 'boolean', default: true, description: 'Whether a connection may serve several requests.' },
  response_headers: {
    type: 'object',
    additionalProperties: { type: 'string' },
    default: {},
    description: 'Headers to add to every response.',
  },
  tls: tlsServerSchema,
} as const

/** The checked values of `httpServerProperties`, and the address. */
export interface HttpServerConfig {
  /** `host:port`; port 0 lets the system choose. */
  readonly endpoint: string
  readonly read_timeout: string
  readonly read_header_timeout: string
  readonly write_timeout: string
  readonly idle_timeout: string
  readonly keep_alives_enabled: boolean
  readonly response_headers: Readonly<Record<string, string>>
  readonly tls?: TlsServerConfig
}

export interface HttpServerSettings {
  readonly log: Logger
  readonly clock: Clock
  /** Answers one request. A rejection is answered with 500, or by cutting the connection when the answer has begun. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
  /** Connections beyond this are closed at once; without it 1024, enough for a handful of scrapers and probes. */
  readonly connectionsMax?: number
}

const CONNECTIONS_MAX = 1024

/** Another process may hold the port that the system chose for IPv4 on IPv6. */
const PORT_ATTEMPTS = 8

/** Addresses that a machine without (one version of) IP cannot listen on. */
const MISSING_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])

/**
 * An HTTP or HTTPS listener with time limits and an orderly end. `localhost` listens on 127.0.0.1 and on ::1, as far as
 * the machine has them.
 */
export class HttpServer {
  readonly #config: HttpServerConfig
  readonly #settings: HttpServerSettings
  #servers: Server[] = []
  #unwatchTls: (() => void) | undefined
  #isClosing = false

  constructor(config: HttpServerConfig, settings: HttpServerSettings) {
    this.#config = config
    this.#settings = settings
  }

  /** Where the listener is bound; empty before `start`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#servers.flatMap((server) => {
      const address = server.address() as AddressInfo | null
      return address === null ? [] : [{ host: address.address, port: address.port }]
    })
  }

  /** Opens the listener and tells `host`. Rejects with a sentence for the operator when the address or the certificates cannot be had. */
  async start(host: Host): Promise<void> {
    this.#isClosing = false
    const { endpoint } = this.#config
    const address = parseEndpoint(endpoint)
    if (address === undefined) throw new Error(`BUG: endpoint ${JSON.stringify(endpoint)} passed the config check but is not host:port`)
    const port = address.port === 0 ? host.chosenPort(endpoint) : address.port
    const tls = this.#config.tls === undefined ? undefined : new ServerTls(this.#config.tls, this.#settings)
    try {
      await this.#open({ host: address.host, port }, host.sharesPorts, tls)
    } catch (error) {
      await this.#closeServers()
      throw new Error(`cannot listen on tcp ${endpoint}: ${listenErrorReason(error)}`, { cause: error })
    }
    this.#unwatchTls = tls?.watch((options) => {
      for (const server of this.#servers) (server as SecureServer).setSecureContext(options)
    })
    for (const bound of this.addresses) host.listening({ configured: endpoint, ...bound })
  }

  /**
   * Stops accepting, lets running requests end and closes; cuts what is still open when `signal` aborts. Safe without
   * `start` and safe twice.
   */
  async close(options: ShutdownOptions): Promise<void> {
    this.#isClosing = true
    this.#unwatchTls?.()
    this.#unwatchTls = undefined
    const servers = this.#servers
    const cut = (): void => {
      for (const server of servers) server.closeAllConnections()
    }
    const closed = this.#closeServers()
    if (options.signal.aborted) cut()
    options.signal.addEventListener('abort', cut, { once: true })
    await closed
    options.signal.removeEventListener('abort', cut)
  }

  async #open(endpoint: Endpoint, sharesPorts: boolean, tls: ServerTls | undefined): Promise<void> {
    const hosts = endpoint.host.toLowerCase() === 'localhost' ? ['127.0.0.1', '::1'] : [endpoint.host]
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#openAll(hosts, endpoint.port, { sharesPorts, tls })
        return
      } catch (error) {
        const isUnlucky = endpoint.port === 0 && codeOf(error) === 'EADDRINUSE' && attempt < PORT_ATTEMPTS
        if (!isUnlucky) throw error
        await this.#closeServers()
      }
    }
  }

  async #openAll(hosts: readonly string[], configuredPort: number, { sharesPorts, tls }: { sharesPorts: boolean; tls: ServerTls | undefined }): Promise<void> {
    let port = configuredPort
    let missing: unknown
    for (const host of hosts) {
      const server = this.#create(tls)
      try {
        await listen(server, { port, reusePort: sharesPorts, ...(host === '' ? {} : { host }) })
      } catch (error) {
        if (!MISSING_FAMILY.has(codeOf(error))) throw error
        missing = error
        continue
      }
      server.on('error', (error) => this.#settings.log.error({ error: error.message }, 'listener failed'))
      this.#servers.push(server)
      port = (server.address() as AddressInfo).port
    }
    if (this.#servers.length === 0) throw missing
  }

  #create(tls: ServerTls | undefined): Server {
    const limits = {
      requestTimeout: durationMs(this.#config.read_timeout),
      headersTimeout: durationMs(this.#config.read_header_timeout),
      keepAliveTimeout: durationMs(this.#config.idle_timeout),
    }
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response)
    const server = tls === undefined ? createPlainServer(limits, serve) : createSecureServer({ ...tls.options, ...limits }, serve)
    const connectionsMax = this.#settings.connectionsMax ?? CONNECTIONS_MAX
    server.maxConnections = connectionsMax
    server.on('drop', () => this.#settings.log.warn({ connections: connectionsMax }, 'connection refused: too many are open'))
    return server
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const timeoutMs = durationMs(this.#config.write_timeout)
    const cancel = timeoutMs > 0 ? this.#settings.clock.after(timeoutMs, () => response.destroy()) : undefined
    response.on('close', () => {
      cancel?.()
      // A connection that was busy when the listener closed would otherwise stay open until its idle timeout.
      if (this.#isClosing) setImmediate(() => request.socket.destroySoon())
    })
    // A client that goes away is no fault of the daemon; the response's close event tells the handler.
    response.on('error', () => {})
    for (const [name, value] of Object.entries(this.#config.response_headers)) response.setHeader(name, value)
    if (!this.#config.keep_alives_enabled || this.#isClosing) response.setHeader('Connection', 'close')
    try {
      await this.#settings.handle(request, response)
    } catch (error) {
      this.#settings.log.error({ error: error instanceof Error ? error.message : String(error), path: request.url }, 'request failed')
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end('internal error; see the log of the daemon\n')
    }
  }

  async #closeServers(): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            server.closeIdleConnections()
          }),
      ),
    )
  }
}

function listen(server: Server, options: { readonly host?: string; readonly port: number; readonly reusePort: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error)
    server.once('error', fail)
    server.listen(options, () => {
      server.off('error', fail)
      resolve()
    })
  })
}
