import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { type AgentOptions, Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { promisify } from 'node:util'
import { constants, deflate, gzip, zstdCompress } from 'node:zlib'
import type { Settings } from '../../component/component.ts'
import { RefusedError } from '../../component/consumer.ts'
import { type ClientAuthenticator, clientAuthenticatorOf } from '../../component/kit/auth.ts'
import type { OtlpClient } from '../../component/kit/otlp_export/exporter.ts'
import { PartialSuccesses } from '../../component/kit/otlp_export/partial_success.ts'
import type { SendRequest, SendResult } from '../../component/kit/queue/delivery.ts'
import { ClientTls, type ClientTlsOptions } from '../../component/kit/tls_client.ts'
import type { Signal } from '../../component/signal.ts'
import { durationMs } from '../../lib/duration.ts'
import { Agent as PlainAgent, request as plainRequest } from '../../lib/node_http.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../model/otlp/decode.ts'
import { logsJson, metricsJson, tracesJson } from '../../model/otlp/json.ts'
import { decodeExportResponse, type PartialSuccess } from '../../model/otlp/responses.ts'
import type { OtlpHttpConfig } from './config.ts'
import { failureOf } from './failure.ts'

const gzipped = promisify(gzip)
const deflated = promisify(deflate)
const zstdCompressed = promisify(zstdCompress)

/** Compression in Node.js' thread pool, by the name of its content coding; without a level, at that of the library. */
const CODINGS = {
  gzip: (bytes: Uint8Array, level?: number) => gzipped(bytes, level === undefined ? {} : { level }),
  deflate: (bytes: Uint8Array, level?: number) => deflated(bytes, level === undefined ? {} : { level }),
  zstd: (bytes: Uint8Array, level?: number) => zstdCompressed(bytes, level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }),
} as const

/** The same data as JSON: what waits in the queue is protobuf, of which requests can be joined. */
const AS_JSON: { readonly [S in Signal]: (bytes: Uint8Array) => string } = {
  logs: (bytes) => logsJson(decodeLogs(bytes)),
  metrics: (bytes) => metricsJson(decodeMetrics(bytes)),
  traces: (bytes) => tracesJson(decodeTraces(bytes)),
}

/** Most of an answer that is read. */
const ANSWER_BYTES_MAX = 64 << 10

interface Answer {
  readonly code: number
  readonly message: IncomingMessage
  readonly body: Buffer
}

/** Sends OTLP requests over HTTP/1.1 connections that are kept. */
export class OtlpHttpClient implements OtlpClient {
  readonly #settings: Settings
  readonly #config: OtlpHttpConfig
  readonly #partial: PartialSuccesses
  #auth: ClientAuthenticator | undefined
  #plain: Agent | undefined
  #secure: TlsAgent | undefined
  #stopWatching: (() => void) | undefined

  constructor(settings: Settings, config: OtlpHttpConfig) {
    this.#settings = settings
    this.#config = config
    this.#partial = new PartialSuccesses(settings.log, () => settings.clock.monotonic())
  }

  start(): void {
    this.#auth = clientAuthenticatorOf(this.#settings, this.#config.auth)
    const options = agentOptions(this.#config)
    this.#plain = new PlainAgent(options)
    const tls = new ClientTls(this.#config.tls, this.#settings)
    const secure = (tlsOptions: ClientTlsOptions): TlsAgent => new TlsAgent({ ...options, ...tlsOptions })
    this.#secure = secure(tls.options)
    this.#stopWatching = tls.watch((tlsOptions) => {
      // Requests that are under way keep their connection; new ones get a connection of the new agent.
      this.#secure = secure(tlsOptions)
    })
  }

  readonly send = async (request: SendRequest, { signal }: { readonly signal: AbortSignal }): Promise<SendResult> => {
    const url = endpointOf(this.#config, request.signal)
    if (url === undefined) throw new RefusedError(`no endpoint for ${request.signal}; set endpoint or ${request.signal}_endpoint`)
    const { body, headers } = await this.#bodyOf(request)
    const proof = await this.#auth?.headers({ method: 'POST', url, headers, body })
    // The proof may have taken longer than the attempt; the queue has given it up then and would send the request twice.
    signal.throwIfAborted()
    const { code, message, body: answer } = await this.#post(url, { headers: { ...headers, ...proof }, body, signal })
    if (code < 200 || code > 299) throw failureOf(code, { headers: message.headers, body: answer, nowMs: this.#settings.clock.now() })
    return this.#partial.resultOf(request.signal, partialOf(message.headers['content-type'] ?? '', answer))
  }

  close(): void {
    this.#stopWatching?.()
    this.#plain?.destroy()
    this.#secure?.destroy()
  }

  async #bodyOf({ signal, bytes }: SendRequest): Promise<{ readonly body: Uint8Array; readonly headers: Record<string, string> }> {
    const { encoding, compression } = this.#config
    const plain = encoding === 'json' ? Buffer.from(AS_JSON[signal](bytes)) : bytes
    const headers: Record<string, string> = { 'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf', 'user-agent': 'meshscope' }
    for (const [key, value] of Object.entries(this.#config.headers)) headers[key.toLowerCase()] = value
    if (compression === 'none') return { body: plain, headers }
    return { body: await CODINGS[compression](plain, this.#config.compression_params?.level), headers: { ...headers, 'content-encoding': compression } }
  }

  #post(
    url: URL,
    { headers, body, signal }: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array; readonly signal: AbortSignal },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(signal.aborted ? (signal.reason as Error) : new RefusedError(describe(error, url), { cause: error }))
      const options = { method: 'POST', headers: { ...headers, 'content-length': String(body.length) }, signal }
      const request: ClientRequest =
        url.protocol === 'https:' ? tlsRequest(url, { ...options, agent: this.#secure }) : plainRequest(url, { ...options, agent: this.#plain })
      request.on('error', fail)
      request.on('response', (message) => {
        readBody(message).then((answer) => resolve({ code: message.statusCode ?? 0, message, body: answer }), fail)
      })
      request.end(body)
    })
  }
}

/** Where requests of a signal go to; undefined when no endpoint is set for it. */
export function endpointOf(config: OtlpHttpConfig, signal: Signal): URL | undefined {
  const own = config[`${signal}_endpoint`]
  if (own !== undefined) return new URL(own)
  return config.endpoint === undefined ? undefined : new URL(`${config.endpoint.replace(/\/+$/, '')}/v1/${signal}`)
}

function agentOptions(config: OtlpHttpConfig): AgentOptions {
  const idleMs = durationMs(config.idle_conn_timeout)
  const { proxy_url: proxy } = config
  return {
    keepAlive: !config.disable_keep_alives,
    ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
    maxSockets: config.max_conns_per_host === 0 ? Number.POSITIVE_INFINITY : config.max_conns_per_host,
    maxFreeSockets: config.max_idle_conns,
    ...(idleMs > 0 ? { timeout: idleMs } : {}),
  }
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    // The rest is read and forgotten, so that the connection can be used again.
    if (size < ANSWER_BYTES_MAX) chunks.push(chunk.subarray(0, ANSWER_BYTES_MAX - size))
    size += chunk.length
  }
  return Buffer.concat(chunks)
}

function partialOf(contentType: string, body: Buffer): PartialSuccess | undefined {
  if (!contentType.startsWith('application/json')) return decodeExportResponse(body)
  try {
    const { partialSuccess } = JSON.parse(body.toString('utf8')) as { readonly partialSuccess?: Readonly<Record<string, unknown>> }
    if (partialSuccess === undefined) return undefined
    const rejected = Number(partialSuccess.rejectedLogRecords ?? partialSuccess.rejectedDataPoints ?? partialSuccess.rejectedSpans ?? 0)
    const errorMessage = typeof partialSuccess.errorMessage === 'string' ? partialSuccess.errorMessage : ''
    return rejected > 0 || errorMessage !== '' ? { rejected: Math.max(0, rejected || 0), errorMessage } : undefined
  } catch {
    // A success whose answer says nothing.
    return undefined
  }
}

function describe(error: Error, url: URL): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' ? `nobody listens at ${url.host}` : `${url.host}: ${error.message}`
}
