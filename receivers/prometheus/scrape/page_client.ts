import { readFile } from 'node:fs/promises'
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'
import type { Clock, Logger } from '../../../component/component.ts'
import { ClientTls, type TlsClientConfig } from '../../../component/kit/tls_client.ts'
import { Agent, request as requestHttp } from '../../../lib/node_http.ts'
import { bodyBytesMax } from '../config.ts'
import type { PageFormat } from '../page/page_parser.ts'
import type { JobConfig } from '../scrape_schema.ts'

/** Why a page could not be had; the label `outcome` of the counter of scrapes. */
export type ScrapeFault = 'connection' | 'timeout' | 'status' | 'content_type' | 'too_large' | 'encoding' | 'credentials' | 'cut' | 'sample_limit' | 'stopped'

/** A scrape that failed; the message is a sentence for the operator. */
export class ScrapeError extends Error {
  override readonly name = 'ScrapeError'
  readonly fault: ScrapeFault

  constructor(fault: ScrapeFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

/** A page that is being read. */
export interface Page {
  readonly format: PageFormat
  /** The bytes, decompressed; throws a `ScrapeError`. */
  readonly chunks: AsyncIterable<Buffer>
}

const REDIRECTS_MAX = 10
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const CHUNK_BYTES = 16 << 10
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
}

/** Asks the targets of one job for their pages, over connections that are kept. */
export class PageClient {
  readonly #config: JobConfig
  readonly #settings: { readonly clock: Clock; readonly log: Logger }
  readonly #accept: string
  readonly #bytesMax: number
  #plain: HttpAgent | undefined
  #secure: HttpAgent | undefined
  #tls: ClientTls | undefined
  #unwatch: (() => void) | undefined

  constructor(config: JobConfig, settings: { readonly clock: Clock; readonly log: Logger }) {
    this.#config = config
    this.#settings = settings
    this.#accept = acceptHeader(config.scrape_protocols)
    this.#bytesMax = bodyBytesMax(config.body_size_limit) ?? 0
  }

  /** Asks for a page; rejects with a `ScrapeError`. `signal` ends it also while the page is read. */
  async open(url: URL, timeoutText: string, signal: AbortSignal): Promise<Page> {
    const headers = { ...this.#headers(timeoutText), ...(await this.#authorization()) }
    let at = url
    for (let redirects = 0; ; redirects++) {
      // What proves who we are is for the target only.
      const response = await this.#get(at, at.host === url.host ? headers : this.#headers(timeoutText), signal)
      const location = response.headers.location
      if (this.#config.follow_redirects && location !== undefined && REDIRECTS.has(response.statusCode ?? 0)) {
        response.resume()
        if (redirects === REDIRECTS_MAX) throw new ScrapeError('status', `more than ${REDIRECTS_MAX} redirects`)
        if (!URL.canParse(location, at.href)) throw new ScrapeError('status', `redirected to ${JSON.stringify(location)}, which is no address`)
        at = new URL(location, at)
        continue
      }
      return this.#page(response, signal)
    }
  }

  /** Closes the connections. */
  close(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#plain?.destroy()
    this.#secure?.destroy()
    this.#plain = undefined
    this.#secure = undefined
  }

  #headers(timeoutSeconds: string): Record<string, string> {
    return {
      accept: this.#accept,
      'accept-encoding': this.#config.enable_compression ? 'gzip' : 'identity',
      'user-agent': 'meshscope',
      'x-prometheus-scrape-timeout-seconds': timeoutSeconds,
    }
  }

  #get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(connectionError(error, signal))
      try {
        const request = url.protocol === 'https:' ? this.#requestSecure(url, headers, signal) : this.#requestPlain(url, headers, signal)
        request.on('error', fail)
        request.on('response', resolve)
        request.end()
      } catch (error) {
        fail(error)
      }
    })
  }

  #requestPlain(url: URL, headers: Record<string, string>, signal: AbortSignal): ClientRequest {
    this.#plain ??= new Agent({ keepAlive: true })
    return requestHttp(url, { agent: this.#plain, headers, signal })
  }

  #requestSecure(url: URL, headers: Record<string, string>, signal: AbortSignal): ClientRequest {
    const { Agent: SecureAgent, request } = process.getBuiltinModule('node:https')
    if (this.#tls === undefined) {
      this.#tls = new ClientTls(tlsConfig(this.#config.tls_config), this.#settings)
      // Connections with the old certificate are not used again.
      this.#unwatch = this.#tls.watch(() => {
        this.#secure?.destroy()
        this.#secure = undefined
      })
    }
    this.#secure ??= new SecureAgent({ keepAlive: true })
    return request(url, { agent: this.#secure, headers, signal, ...this.#tls.options })
  }

  async #authorization(): Promise<Record<string, string>> {
    const { basic_auth: basic, authorization } = this.#config
    if (basic !== undefined) {
      const username = basic.username_file === undefined ? basic.username : await secretIn(basic.username_file)
      const password = basic.password_file === undefined ? basic.password : await secretIn(basic.password_file)
      return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
    }
    if (authorization === undefined) return {}
    const { credentials_file: file, credentials = '' } = authorization
    return { authorization: `${authorization.type.trim()} ${file === undefined ? credentials : await secretIn(file)}` }
  }

  #page(response: IncomingMessage, signal: AbortSignal): Page {
    const { statusCode, statusMessage, headers } = response
    const give = (fault: ScrapeFault, message: string): never => {
      response.destroy()
      throw new ScrapeError(fault, message)
    }
    if (statusCode !== 200) give('status', `answered with HTTP status ${statusCode} ${statusMessage}`)
    const format = formatOf(headers['content-type'])
    if (format === undefined) return give('content_type', `the page is ${headers['content-type']}, which is neither text format nor OpenMetrics text`)
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'gzip' && encoding !== 'identity') give('encoding', `the page is compressed with ${encoding}, which nobody asked for`)
    return { format, chunks: read(response, { isGzip: encoding === 'gzip', bytesMax: this.#bytesMax, signal }) }
  }
}

interface Reading {
  readonly isGzip: boolean
  readonly bytesMax: number
  readonly signal: AbortSignal
}

async function* read(response: IncomingMessage, { isGzip, bytesMax, signal }: Reading): AsyncGenerator<Buffer> {
  const stream = isGzip ? response.pipe(createGunzip({ chunkSize: CHUNK_BYTES })) : response
  // An error of the connection does not pass through the pipe by itself.
  if (isGzip) response.on('error', (error) => stream.destroy(error))
  let bytes = 0
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) throw new ScrapeError('too_large', `the page has more than ${bytesMax} bytes (body_size_limit)`)
      // The reader looks at the clock behind each piece.
      for (let at = 0; at < chunk.length; at += CHUNK_BYTES) yield chunk.subarray(at, at + CHUNK_BYTES)
    }
  } catch (error) {
    throw error instanceof ScrapeError ? error : readError(error, signal)
  } finally {
    response.destroy()
  }
}

function readError(error: unknown, signal: AbortSignal): ScrapeError {
  if (signal.aborted) return connectionError(error, signal)
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code.startsWith('Z_')) return new ScrapeError('encoding', `the page is no gzip: ${message}`, { cause: error })
  return new ScrapeError('cut', `the connection was cut while the page was read: ${message}`, { cause: error })
}

function connectionError(error: unknown, signal: AbortSignal): ScrapeError {
  if (error instanceof ScrapeError) return error
  if (signal.aborted)
    return signal.reason instanceof ScrapeError ? signal.reason : new ScrapeError('stopped', 'the receiver is being stopped', { cause: error })
  return new ScrapeError('connection', error instanceof Error ? error.message : String(error), { cause: error })
}

async function secretIn(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new ScrapeError('credentials', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** Text format unless the page says otherwise; undefined for what neither format can be, such as HTML or protobuf. */
function formatOf(contentType: string | undefined): PageFormat | undefined {
  const media = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (media === 'application/openmetrics-text') return 'openmetrics'
  return media === '' || media === 'text/plain' ? 'text' : undefined
}

function acceptHeader(protocols: JobConfig['scrape_protocols']): string {
  const types = protocols.flatMap((protocol) => MEDIA_TYPES[protocol] ?? [])
  const weights = types.map((type, i) => `${type};q=0.${9 - Math.min(i, 7)}`)
  return [...weights, '*/*;q=0.1'].join(',')
}

function tlsConfig(tls: JobConfig['tls_config']): TlsClientConfig {
  const version = (text: string): '1.0' | '1.1' | '1.2' | '1.3' => `1.${text.at(-1)}` as '1.2'
  return {
    insecure: false,
    insecure_skip_verify: tls.insecure_skip_verify,
    include_system_ca_certs_pool: false,
    min_version: version(tls.min_version),
    max_version: version(tls.max_version),
    cipher_suites: [],
    reload_interval: '1m',
    ...(tls.ca_file === undefined ? {} : { ca_file: tls.ca_file }),
    ...(tls.cert_file === undefined ? {} : { cert_file: tls.cert_file }),
    ...(tls.key_file === undefined ? {} : { key_file: tls.key_file }),
    ...(tls.server_name === undefined ? {} : { server_name_override: tls.server_name }),
  }
}
