import type { IncomingMessage, Agent as PlainAgent, RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../../component/component.ts'
import { Agent as HttpAgent, request as requestHttp } from '../../../lib/node_http.ts'
import { readBody, readText } from './body.ts'
import { connectionError } from './connection_errors.ts'
import type { Access, Credentials, TlsMaterial } from './credentials.ts'
import { ApiError, responseError } from './errors.ts'
import { type ApiResource, type ApiVerb, resourceName, resourcePath } from './resource.ts'

export interface ApiClientOptions {
  readonly clock: Clock
  readonly userAgent?: string
  /** How long a response may take to begin; API servers themselves end a request after 60 s. Default 65 s. */
  readonly responseMsMax?: number
}

/** A list or watch of a resource. */
export interface StreamRequest {
  readonly verb: 'list' | 'watch'
  readonly resource: ApiResource
  readonly query: Readonly<Record<string, string>>
  /** Asks for `metadata` only (PartialObjectMetadata); servers always know how. */
  readonly isMetadataOnly?: boolean
  /** Aborts the request; it then rejects with the signal's reason. */
  readonly signal: AbortSignal
  /** How long nothing may come before the connection is taken for dead; asked again after every pause. */
  readonly idleMsMax: () => number
  /** The server has begun to answer with success. */
  readonly onOpen?: () => void
  /** Bytes as they came over the network, still compressed. */
  readonly onBytes?: (bytes: number) => void
}

/** Keeps a connection through a load balancer open, and finds out about dead peers. */
const KEEP_ALIVE_MS = 30_000
const GET_IDLE_MS_MAX = 30_000
const GET_BYTES_MAX = 16 << 20
const ERROR_BODY_BYTES_MAX = 64 << 10
const METADATA_ONLY = {
  list: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
  watch: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
}

/**
 * Speaks HTTP/1.1 to one API server, over connections that are kept. Everything that goes wrong is an `ApiError`; the only
 * other rejection is the reason of an aborted signal.
 */
export class ApiClient {
  readonly server: string
  /** All bytes of bodies that came, as on the network. */
  bytesReceived = 0
  readonly #access: Access
  readonly #clock: Clock
  readonly #userAgent: string
  readonly #responseMsMax: number
  #agent: PlainAgent | HttpsAgent | undefined
  #agentMaterial = ''

  constructor(access: Access, options: ApiClientOptions) {
    this.server = access.server
    this.#access = access
    this.#clock = options.clock
    this.#userAgent = options.userAgent ?? 'meshscope'
    this.#responseMsMax = options.responseMsMax ?? 65_000
  }

  /**
   * Hands on the body of a list or watch, uncompressed, in chunks that are the caller's; resolves when the server has
   * ended it. What `onChunk` throws ends the request and is passed on. Lists come compressed, watches do not.
   */
  async stream(request: StreamRequest, onChunk: (chunk: Buffer) => void): Promise<void> {
    const query = new URLSearchParams(request.query).toString()
    const accept = request.isMetadataOnly === true ? METADATA_ONLY[request.verb] : 'application/json'
    const path = `${resourcePath(request.resource)}${query === '' ? '' : `?${query}`}`
    const headers = { accept, 'accept-encoding': request.verb === 'list' ? 'gzip' : 'identity' }
    const what = `${request.verb} of ${resourceName(request.resource)}`
    const response = await this.#answer({ verb: request.verb, resource: request.resource, path, headers, signal: request.signal })
    request.onOpen?.()
    const onBytes = (bytes: number): void => {
      this.bytesReceived += bytes
      request.onBytes?.(bytes)
    }
    await readBody(response, { what, server: this.server, clock: this.#clock, signal: request.signal, idleMsMax: request.idleMsMax, onBytes, onChunk })
  }

  /** A JSON document of at most 16 MiB, such as `/version` or one object. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.#answer({ verb: 'get', resource: path, path, headers: { accept: 'application/json', 'accept-encoding': 'identity' }, signal })
    const onBytes = (bytes: number): void => {
      this.bytesReceived += bytes
    }
    const idleMsMax = (): number => GET_IDLE_MS_MAX
    const text = await readText(response, GET_BYTES_MAX, { what: `get of ${path}`, server: this.server, clock: this.#clock, signal, idleMsMax, onBytes })
    try {
      return JSON.parse(text) as unknown
    } catch (error) {
      throw new ApiError('malformed', `get of ${path} gave something that is not JSON`, { cause: error })
    }
  }

  /** Closes the connections, also those in use. */
  close(): void {
    this.#agent?.destroy()
    this.#agent = undefined
    this.#agentMaterial = ''
  }

  /** A successful response. Credentials that are refused are read anew and tried once more. */
  async #answer(call: Call): Promise<IncomingMessage> {
    try {
      return await this.#attempt(call)
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== 'unauthorized') throw error
      this.#access.expire()
      return await this.#attempt(call)
    }
  }

  async #attempt(call: Call): Promise<IncomingMessage> {
    const { signal, verb, resource } = call
    const credentials = await this.#credentials()
    signal.throwIfAborted()
    const response = await this.#send(call, credentials)
    if (response.statusCode === 200) return response
    const body = await readText(response, ERROR_BODY_BYTES_MAX, {
      what: `the error of ${call.path}`,
      server: this.server,
      clock: this.#clock,
      signal,
      idleMsMax: () => GET_IDLE_MS_MAX,
    }).catch(() => '')
    signal.throwIfAborted()
    throw responseError(verb, resource, { status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body, nowMs: this.#clock.now() })
  }

  async #credentials(): Promise<Credentials> {
    try {
      return await this.#access.credentials()
    } catch (error) {
      throw new ApiError('access', error instanceof Error ? error.message : String(error), { cause: error })
    }
  }

  #send({ path, headers, signal }: Call, credentials: Credentials): Promise<IncomingMessage> {
    const url = new URL(this.server)
    const options: RequestOptions = {
      protocol: url.protocol,
      // Without the brackets of an IPv6 address.
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path: `${url.pathname === '/' ? '' : url.pathname}${path}`,
      headers: { ...credentials.headers, ...headers, 'user-agent': this.#userAgent },
      agent: this.#agentFor(url.protocol === 'https:', credentials.tls),
      signal,
    }
    return new Promise((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? requestHttps : requestHttp)(options)
      const cancel = this.#clock.after(this.#responseMsMax, () =>
        sent.destroy(new ApiError('idle', `the API server ${this.server} did not answer within ${this.#responseMsMax / 1000} s`)),
      )
      sent.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS))
      sent.on('response', (response) => {
        cancel()
        resolve(response)
      })
      sent.on('error', (error) => {
        cancel()
        // A server whose certificate does not fit may have got a new authority.
        if ('code' in error && /CERT|SSL|TLS/.test(String(error.code))) this.#access.expire()
        reject(signal.aborted ? (signal.reason as Error) : connectionError(error, this.server))
      })
      sent.end()
    })
  }

  /** The connections made with some TLS material; when it was replaced, requests under way keep the old ones. */
  #agentFor(isTls: boolean, tls: TlsMaterial): PlainAgent | HttpsAgent {
    const material = JSON.stringify(tls)
    if (this.#agent !== undefined && material === this.#agentMaterial) return this.#agent
    const agent = isTls ? this.#secureAgent(tls) : new HttpAgent({ keepAlive: true })
    if (agent === undefined) return this.#agent as HttpsAgent
    if (this.#agent !== undefined) retire(this.#agent)
    this.#agent = agent
    this.#agentMaterial = material
    return agent
  }

  /** Undefined when the material does not fit together but older one is there: files are replaced one after the other. */
  #secureAgent({ ca, cert, key, serverName, isUnverified }: TlsMaterial): HttpsAgent | undefined {
    try {
      const secureContext = createSecureContext({
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      })
      return new HttpsAgent({ keepAlive: true, secureContext, rejectUnauthorized: !isUnverified, ...(serverName === '' ? {} : { servername: serverName }) })
    } catch (error) {
      if (this.#agent !== undefined) return undefined
      this.#access.expire()
      throw new ApiError(
        'access',
        `cannot use the certificates for ${this.server}: ${(error as Error).message}; expected PEM certificates and an unencrypted key that fits`,
        {
          cause: error,
        },
      )
    }
  }
}

interface Call {
  readonly verb: ApiVerb
  readonly resource: ApiResource | string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Closes what is idle now, and what becomes idle later. */
function retire(agent: PlainAgent | HttpsAgent): void {
  agent.maxFreeSockets = 0
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}
