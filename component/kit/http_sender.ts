import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { promisify } from 'node:util'
import { constants, deflate, gzip, zstdCompress } from 'node:zlib'
import { Agent as PlainAgent, request as plainRequest } from '../../lib/node_http.ts'
import type { Settings } from '../component.ts'
import { PermanentError, RefusedError } from '../consumer.ts'
import { type AuthConfig, type ClientAuthenticator, clientAuthenticatorOf } from './auth.ts'
import { ClientTls, type ClientTlsOptions, type TlsClientConfig } from './tls_client.ts'

const gzipped = promisify(gzip)
const deflated = promisify(deflate)
const zstdCompressed = promisify(zstdCompress)

/** Compression in Node.js' thread pool, by the name of its content coding; without a level, at that of the library. */
const CODINGS = {
  gzip: (bytes: Uint8Array, level?: number) => gzipped(bytes, level === undefined ? {} : { level }),
  deflate: (bytes: Uint8Array, level?: number) => deflated(bytes, level === undefined ? {} : { level }),
  zstd: (bytes: Uint8Array, level?: number) => zstdCompressed(bytes, level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }),
} as const

/** How connections are kept unless the options say otherwise: as the Collector does. */
const CONNECTIONS: HttpConnections = { isKept: true, most: 0, mostIdle: 100, idleMs: 90_000 }
/** A proxy that has not opened a tunnel by then will not; its connection is given up. */
const TUNNEL_MS = 30_000
/** Most proofs that a request is sent with: the second may have the right time, and the third new credentials. */
const PROOFS_MAX = 3
/** Longest part of an unknown answer that is shown. */
const TEXT_MAX = 200

/** How connections are kept. */
export interface HttpConnections {
  /** False: every request has one of its own. */
  readonly isKept: boolean
  /** Most of them; 0 = as many as there are requests at a time. */
  readonly most: number
  /** Most of them that are kept without a request. */
  readonly mostIdle: number
  /** One that nobody uses is closed after this; 0 = never. */
  readonly idleMs: number
}

/** What a sender is configured with. */
export interface HttpSenderOptions {
  readonly tls: TlsClientConfig
  readonly headers: Readonly<Record<string, string>>
  readonly compression: keyof typeof CODINGS | 'none'
  readonly auth?: AuthConfig | undefined
  /** Proves who sends, instead of the authenticator that `auth` names. */
  readonly authenticator?: ClientAuthenticator
  /** URL of the HTTP proxy that connections go through. */
  readonly proxy?: string | undefined
  /** How hard compression tries: of gzip and deflate 1 (fast) to 9 (small), of zstd 1 to 22; by default as hard as its library. */
  readonly compressionLevel?: number | undefined
  readonly connections?: HttpConnections
  /** Most of an answer that is kept; the rest is read and forgotten. */
  readonly answerBytesMax: number
}

/** A request of `HttpSender`. */
export interface HttpRequest {
  readonly method: 'POST' | 'PUT'
  readonly url: URL
  readonly contentType: string
  /** Further headers, under lowercase names. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly signal: AbortSignal
}

/** An answer of any status. */
export interface HttpAnswer {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Sends HTTP/1.1 requests of exporters: compressed, with a proof of who sends, over TLS and through a proxy as configured. */
export class HttpSender {
  readonly #settings: Settings
  readonly #options: HttpSenderOptions
  #auth: ClientAuthenticator | undefined
  #plain: Agent | undefined
  #secure: TlsAgent | undefined
  #stopWatching: (() => void) | undefined

  constructor(settings: Settings, options: HttpSenderOptions) {
    this.#settings = settings
    this.#options = options
  }

  /** Prepares connections; throws a sentence for the operator when the settings cannot work. */
  start(): void {
    const { auth, authenticator, proxy } = this.#options
    this.#auth = authenticator ?? clientAuthenticatorOf(this.#settings, auth)
    const { isKept, most, mostIdle, idleMs } = this.#options.connections ?? CONNECTIONS
    const options = {
      keepAlive: isKept,
      maxSockets: most === 0 ? Number.POSITIVE_INFINITY : most,
      maxFreeSockets: mostIdle,
      ...(idleMs > 0 ? { timeout: idleMs } : {}),
      ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
    }
    this.#plain = new PlainAgent(options)
    const tls = new ClientTls(this.#options.tls, this.#settings)
    const secure = (tlsOptions: ClientTlsOptions): TlsAgent => new TlsAgent({ ...options, ...tlsOptions })
    this.#secure = secure(tls.options)
    this.#stopWatching = tls.watch((tlsOptions) => {
      // Requests that are under way keep their connection; new ones get a connection of the new agent.
      this.#secure = secure(tlsOptions)
    })
  }

  /**
   * Sends a request once; again at once only where the proof was refused and there is another one. Rejects with a `RefusedError`
   * when there is no answer, and with the signal's reason when that aborts.
   */
  async send({ method, url, contentType, headers: own, body: plain, signal }: HttpRequest): Promise<HttpAnswer> {
    const { compression, compressionLevel } = this.#options
    const body = compression === 'none' ? plain : await CODINGS[compression](plain, compressionLevel)
    const headers: Record<string, string> = { 'content-type': contentType, 'user-agent': 'meshscope' }
    for (const [key, value] of Object.entries(this.#options.headers)) headers[key.toLowerCase()] = value
    Object.assign(headers, own, compression === 'none' ? {} : { 'content-encoding': compression })
    for (let proofs = 1; ; proofs++) {
      const proof = await this.#auth?.headers({ method, url, headers, body })
      // The proof may have taken longer than the attempt; the queue has given it up then and would send the request twice.
      signal.throwIfAborted()
      const answer = await this.#exchange({ method, url, body, signal, headers: { ...headers, ...proof, 'content-length': String(body.length) } })
      const isRefusal = answer.code >= 400 && answer.code < 500 && proofs < PROOFS_MAX
      if (!isRefusal || (await this.#auth?.refused?.({ ...answer, url })) !== true) return answer
    }
  }

  /** True when who sends is proved by something that changes, so that a refusal (401, 403) says nothing of the data. */
  get hasChangingProof(): boolean {
    return this.#auth?.refused !== undefined
  }

  /** Closes the connections. Safe twice and without `start`. */
  close(): void {
    this.#stopWatching?.()
    this.#plain?.destroy()
    this.#secure?.destroy()
  }

  #exchange({
    method,
    url,
    body,
    signal,
    headers,
  }: Omit<HttpRequest, 'contentType'> & { readonly headers: Readonly<Record<string, string>> }): Promise<HttpAnswer> {
    const { proxy } = this.#options
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(signal.aborted ? (signal.reason as Error) : new RefusedError(describe(error, url, proxy), { cause: error }))
      // While a proxy is asked for a tunnel the request does not tell that it was given up.
      const giveUp = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', giveUp, { once: true })
      const options = { method, headers, signal, ...(proxy === undefined ? {} : { timeout: TUNNEL_MS }) }
      const request: ClientRequest =
        url.protocol === 'https:' ? tlsRequest(url, { ...options, agent: this.#secure }) : plainRequest(url, { ...options, agent: this.#plain })
      request.on('error', fail)
      request.on('close', () => signal.removeEventListener('abort', giveUp))
      request.on('response', (message) => {
        readBody(message, this.#options.answerBytesMax).then(
          (answer) => resolve({ code: message.statusCode ?? 0, headers: message.headers, body: answer }),
          fail,
        )
      })
      request.end(body)
    })
  }
}

/**
 * What an answer other than success means for a request: a `RefusedError` for the codes in `retryable`, else a `PermanentError`.
 * `reasonOf` reads what the body says; its text as it is unless given.
 */
export function httpFailure(
  { code, headers, body }: HttpAnswer,
  { retryable, nowMs, reasonOf = textOf }: { readonly retryable: ReadonlySet<number>; readonly nowMs: number; readonly reasonOf?: (body: Buffer) => string },
): Error {
  const said = reasonOf(body)
  const reason = said.length > TEXT_MAX ? `${said.slice(0, TEXT_MAX)}…` : said
  const text = `HTTP ${code}${reason === '' ? '' : `: ${reason}`}`
  if (code >= 300 && code < 400)
    return new PermanentError(`${text}; redirects are not followed, set the endpoint to ${headers.location ?? 'where the server points to'}`)
  if (!retryable.has(code)) return new PermanentError(text)
  const retryAfterMs = retryAfter(headers['retry-after'], nowMs)
  return new RefusedError(text, retryAfterMs === undefined ? {} : { retryAfterMs })
}

/** Whether a text is a URL that `HttpSender` takes. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\/./.test(text) && URL.canParse(text)
}

async function readBody(message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    // The rest is read and forgotten, so that the connection can be used again.
    if (size < bytesMax) chunks.push(chunk.subarray(0, bytesMax - size))
    size += chunk.length
  }
  return Buffer.concat(chunks)
}

/** Milliseconds that a `Retry-After` header asks for, as seconds or as a date (RFC 9110 section 10.2.3). */
function retryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

function textOf(body: Buffer): string {
  return body.toString('utf8').trim()
}

/** The host of a proxy is shown, its user information never. */
function describe(error: Error, url: URL, proxy: string | undefined): string {
  const { code } = error as NodeJS.ErrnoException
  const place = proxy === undefined ? url.host : `${url.host} through the proxy ${new URL(proxy).host}`
  if (code !== 'ECONNREFUSED') return `${place}: ${error.message}`
  return `nobody listens at ${proxy === undefined ? url.host : `the proxy ${new URL(proxy).host}`}`
}
