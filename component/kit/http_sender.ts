import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Agent as PlainAgent, request as plainRequest } from '../../lib/node_http.ts'
import type { Settings } from '../component.ts'
import { PermanentError, RefusedError } from '../consumer.ts'
import { type AuthConfig, type ClientAuthenticator, clientAuthenticatorOf } from './auth.ts'
import { ClientTls, type ClientTlsOptions, type TlsClientConfig } from './tls_client.ts'

/** Compression in Node.js' thread pool. */
const gzipAsync = promisify(gzip)
/** A connection that nobody uses is closed after this. */
const IDLE_MS = 90_000
/** Most proofs that a request is sent with: the second may have the right time, and the third new credentials. */
const PROOFS_MAX = 3
/** Longest part of an unknown answer that is shown. */
const TEXT_MAX = 200

/** What a sender is configured with. */
export interface HttpSenderOptions {
  readonly tls: TlsClientConfig
  readonly headers: Readonly<Record<string, string>>
  readonly compression: 'gzip' | 'none'
  readonly auth?: AuthConfig | undefined
  /** Proves who sends, instead of the authenticator that `auth` names. */
  readonly authenticator?: ClientAuthenticator
  /** URL of the HTTP proxy that connections go through. */
  readonly proxy?: string | undefined
  /** How hard `gzip` tries, 1 (fast) to 9 (small); that of zlib by default. */
  readonly gzipLevel?: number
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

/** Sends HTTP/1.1 requests over connections that are kept, for exporters whose backends take JSON. */
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
    const options = { keepAlive: true, timeout: IDLE_MS, ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }) }
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
    const { compression, gzipLevel: level } = this.#options
    const isPacked = compression === 'gzip'
    const body = isPacked ? await gzipAsync(plain, level === undefined ? {} : { level }) : plain
    const headers: Record<string, string> = { 'content-type': contentType, 'user-agent': 'meshscope', ...(isPacked ? { 'content-encoding': 'gzip' } : {}) }
    for (const [key, value] of Object.entries(this.#options.headers)) headers[key.toLowerCase()] = value
    Object.assign(headers, own)
    for (let proofs = 1; ; proofs++) {
      const proof = await this.#auth?.headers({ method, url, headers, body })
      // The proof may have taken longer than the attempt; the queue has given it up then and would send the request twice.
      signal.throwIfAborted()
      const answer = await this.#exchange({ method, url, body, signal, headers: { ...headers, ...proof, 'content-length': String(body.length) } })
      const isRefusal = answer.code >= 400 && answer.code < 500 && proofs < PROOFS_MAX
      if (!isRefusal || (await this.#auth?.refused?.(answer)) !== true) return answer
    }
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
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(signal.aborted ? (signal.reason as Error) : new RefusedError(describe(error, url), { cause: error }))
      const options = { method, headers, signal }
      const request: ClientRequest =
        url.protocol === 'https:' ? tlsRequest(url, { ...options, agent: this.#secure }) : plainRequest(url, { ...options, agent: this.#plain })
      request.on('error', fail)
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

/** What an answer other than success means for a request: a `RefusedError` for the codes in `retryable`, else a `PermanentError`. */
export function httpFailure(
  { code, headers, body }: HttpAnswer,
  { retryable, nowMs }: { readonly retryable: ReadonlySet<number>; readonly nowMs: number },
): Error {
  const said = body.toString('utf8').trim()
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

function describe(error: Error, url: URL): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' ? `nobody listens at ${url.host}` : `${url.host}: ${error.message}`
}
