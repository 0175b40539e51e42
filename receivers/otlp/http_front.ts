import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Host } from '../../component/component.ts'
import { HttpServer } from '../../component/kit/http_server.ts'
import type { Signal } from '../../component/signal.ts'
import type { Client } from '../../model/client.ts'
import { httpFailure, httpSuccess } from './answers.ts'
import { clientOf } from './client.ts'
import { ENCODINGS, type Encoding, type HttpConfig, httpBytesMax } from './config.ts'
import { Cors } from './cors.ts'
import { joined } from './inflate.ts'
import { Exchange, type FrontSettings, faultOfAuth } from './intake.ts'
import type { Fault, Format, Outcome } from './messages.ts'

const FORMATS: Readonly<Record<string, Format>> = { 'application/x-protobuf': 'proto', 'application/json': 'json' }
/** Every SDK of a fleet may keep a connection. */
const CONNECTIONS_MAX = 16_384

/** OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), protobuf and JSON. */
export class HttpFront {
  readonly #config: HttpConfig
  readonly #settings: FrontSettings
  readonly #server: HttpServer
  readonly #signals: ReadonlyMap<string, Signal>
  readonly #encodings: ReadonlySet<string>
  readonly #cors: Cors | undefined

  constructor(config: HttpConfig, settings: FrontSettings) {
    this.#config = config
    this.#settings = settings
    this.#signals = new Map([
      [config.traces_url_path, 'traces'],
      [config.metrics_url_path, 'metrics'],
      [config.logs_url_path, 'logs'],
    ])
    this.#encodings = new Set(config.compression_algorithms)
    this.#cors = config.cors === undefined || config.cors.allowed_origins.length === 0 ? undefined : new Cors(config.cors)
    const handle = (request: IncomingMessage, response: ServerResponse): Promise<void> => this.#handle(request, response)
    this.#server = new HttpServer(config, { log: settings.log, clock: settings.clock, handle, connectionsMax: CONNECTIONS_MAX })
  }

  start(host: Host): Promise<void> {
    return this.#server.start(host)
  }

  /** Takes no new connections, ends those that are open when their requests are answered, and cuts what is left when `signal` aborts. */
  close(signal: AbortSignal): Promise<void> {
    return this.#server.close({ signal })
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const signal = this.#signals.get((request.url ?? '').split('?', 1)[0] as string)
    if (signal === undefined) {
      plainAnswer(
        response,
        404,
        `not here; logs go to ${this.#config.logs_url_path}, metrics to ${this.#config.metrics_url_path}, traces to ${this.#config.traces_url_path}`,
      )
      return
    }
    if (this.#cors?.handle(request, response) === true) return
    if (request.method !== 'POST') {
      plainAnswer(response.setHeader('Allow', 'POST'), 405, 'only POST')
      return
    }
    const exchange = new Exchange(this.#settings.intake, signal)
    const mediaType = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() as string
    const format = FORMATS[mediaType]
    const outcome = await this.#outcomeOf(request, format, exchange)
    exchange.end(outcome)
    if (outcome.kind === 'accepted' || outcome.kind === 'partial') httpSuccess(response, { format: format ?? 'proto', signal, outcome })
    else if (outcome.kind !== 'cut') httpFailure(response, outcome, format)
  }

  async #outcomeOf(request: IncomingMessage, format: Format | undefined, exchange: Exchange): Promise<Outcome> {
    const overload = exchange.hold(0)
    if (overload !== undefined) return overload
    if (format === undefined) return { kind: 'media_type', message: `unsupported content type; use ${Object.keys(FORMATS).join(' or ')}` }
    const { authenticator } = this.#settings
    let client: Client
    try {
      client = await clientOf({ socket: request.socket, headers: request.headers }, { authenticator, includeMetadata: this.#config.include_metadata })
    } catch (error) {
      const fault = faultOfAuth(error)
      if (fault.kind === 'failed') this.#settings.log.error({ error }, 'authentication failed')
      return fault
    }
    const encoding = this.#encodingOf(request)
    if (encoding === undefined) return this.#encodingFault()
    const bytesMax = httpBytesMax(this.#config)
    const bytes = await readBody(request, { exchange, bytesMax })
    if (!(bytes instanceof Uint8Array)) return bytes
    return exchange.submit({ bytes, format, encoding, bytesMax }, client)
  }

  #encodingOf(request: IncomingMessage): Encoding | undefined {
    const named = (request.headers['content-encoding'] ?? '').trim().toLowerCase()
    const name = named === 'identity' ? '' : named
    return this.#encodings.has(name) ? ENCODINGS.find((encoding) => encoding === name) : undefined
  }

  #encodingFault(): Fault {
    const names = [...this.#encodings].map((name) => (name === '' ? 'none' : name))
    return { kind: 'encoding', message: `unsupported content encoding; use ${names.join(', ')}` }
  }
}

/** The body of a request, or why there is none. Listens to nothing more once it has resolved. */
function readBody(request: IncomingMessage, limits: { readonly exchange: Exchange; readonly bytesMax: number }): Promise<Uint8Array<ArrayBuffer> | Fault> {
  const { exchange, bytesMax } = limits
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > bytesMax) return Promise.resolve(tooLarge(bytesMax))
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let length = 0
    const finish = (result: Uint8Array<ArrayBuffer> | Fault): void => {
      request.off('data', read).off('end', end).off('close', cut)
      resolve(result)
    }
    const read = (piece: Buffer): void => {
      exchange.read(piece.length)
      length += piece.length
      if (length > bytesMax) {
        finish(tooLarge(bytesMax))
        return
      }
      const fault = exchange.hold(length)
      if (fault === undefined) pieces.push(piece)
      else finish(fault)
    }
    const end = (): void => finish(joined(pieces, length))
    const cut = (): void => finish({ kind: 'cut', message: 'the client has left' })
    request.on('data', read).on('end', end).on('close', cut)
    // A request that broke is closed, too.
    request.on('error', () => {})
    if (request.destroyed) cut()
  })
}

function tooLarge(bytesMax: number): Fault {
  return { kind: 'too_large', message: `request body is larger than max_request_body_size allows (${bytesMax} bytes)` }
}

function plainAnswer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
