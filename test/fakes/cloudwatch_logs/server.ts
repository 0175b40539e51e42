/**
 * CloudWatch Logs over real HTTP, stricter than the service: it checks every rule of the API (signatures, names, sizes, order,
 * span, retention) and reads each event as an EMF document. Written from AWS's documentation, not from the exporter.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { CloudWatchMetrics } from '../emf_reader.ts'
import { CredentialBook } from './credential_book.ts'
import { type Fault, FaultPlan } from './faults.ts'
import { LogsStore } from './logs_store.ts'
import { LogsFault } from './rules.ts'
import { checkSignature, type SignedRequest } from './signature.ts'

export interface FakeCloudWatchLogsOptions {
  /** The service's time, milliseconds since the epoch; a client's clock is wrong against it. */
  readonly now?: () => number
  /** Default `us-east-1`. */
  readonly region?: string
  /** Keys that are good; share it with the fakes that give out credentials. */
  readonly book?: CredentialBook
  /** Largest event with its overhead; default 1 MiB. */
  readonly eventBytesMax?: number
  /** Default 0: any free port. */
  readonly port?: number
}

/** A call as it came, and how it was answered. */
export interface LoggedCall {
  readonly operation: string
  /** The key it was signed with; empty without a signature. */
  readonly accessKeyId: string
  /** What came over the wire, and what it was decompressed. */
  readonly wireBytes: number
  readonly bodyBytes: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Events of a PutLogEvents. */
  readonly events: number
  /** 0 when the connection was cut. */
  readonly status: number
  /** The error's type; empty when all was well. */
  readonly error: string
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const TARGET_PREFIX = 'Logs_20140328.'

/** Start one with `FakeCloudWatchLogs.start`, and stop it at the end. */
export class FakeCloudWatchLogs {
  readonly book: CredentialBook
  /** What goes wrong next. */
  readonly faults = new FaultPlan()
  /** Every call, in the order of the answers. */
  readonly calls: LoggedCall[] = []
  /** Groups, streams and events. */
  readonly store: LogsStore
  readonly #now: () => number
  readonly #region: string
  readonly #server: Server
  /** Milliseconds that the service's clock is ahead of `now`. */
  skewMs = 0
  /** Calls whose answer is being kept back. */
  held = 0

  private constructor(options: FakeCloudWatchLogsOptions) {
    this.#now = options.now ?? Date.now
    this.#region = options.region ?? 'us-east-1'
    this.book = options.book ?? new CredentialBook(this.#now)
    this.store = new LogsStore({ now: () => this.now(), eventBytesMax: options.eventBytesMax ?? 1_048_576 })
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(options: FakeCloudWatchLogsOptions = {}): Promise<FakeCloudWatchLogs> {
    const fake = new FakeCloudWatchLogs(options)
    fake.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  /** What `endpoint` of a client is to be. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  now(): number {
    return this.#now() + this.skewMs
  }

  /** Calls of one operation. */
  callsOf(operation: string): readonly LoggedCall[] {
    return this.calls.filter((call) => call.operation === operation)
  }

  /** What is wrong with the documents that were taken, each with its place; CloudWatch says none of this to the sender. */
  get emfProblems(): readonly string[] {
    return this.metrics().problems
  }

  /** The metrics that CloudWatch makes of all events. */
  metrics(): CloudWatchMetrics {
    const metrics = new CloudWatchMetrics()
    for (const { group, stream, events } of this.store.streams()) {
      for (const [i, event] of events.entries()) metrics.add(event.message, { place: `${group} ${stream} ${i}`, eventTimestampMs: event.timestamp })
    }
    return metrics
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      // The client went away in the middle of its request.
      return
    }
    const wire = Buffer.concat(chunks)
    const operation = String(request.headers['x-amz-target'] ?? '').replace(TARGET_PREFIX, '')
    const read = readBody(request, wire)
    const fault = this.faults.take(operation, messagesOf(read.value))
    if (fault?.kind === 'slow') {
      this.held++
      await fault.until
      this.held--
    }
    const answer =
      fault === undefined || fault.kind === 'slow' || (fault.kind === 'reset' && fault.isDone === true) ? this.#answer(request, wire, read) : failure(fault)
    const isCut = fault?.kind === 'reset'
    this.calls.push({
      operation,
      accessKeyId: /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '',
      wireBytes: wire.length,
      bodyBytes: read.bytes,
      headers: request.headers,
      events: messagesOf(read.value).length,
      status: isCut ? 0 : answer.status,
      error: isCut ? 'reset' : answer.type,
    })
    if (isCut) {
      request.socket.destroy()
      return
    }
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-requestid': `request-${this.calls.length}`,
      date: new Date(this.now()).toUTCString(),
    }
    response.writeHead(answer.status, { ...headers, ...answer.headers }).end(answer.body)
  }

  #answer(request: IncomingMessage, wire: Buffer, read: ReadBody): Answer {
    try {
      const target = String(request.headers['x-amz-target'] ?? '')
      if (request.method !== 'POST' || request.url !== '/' || !target.startsWith(TARGET_PREFIX)) throw new LogsFault('UnknownOperationException', '')
      if (request.headers['content-type'] !== 'application/x-amz-json-1.1') throw new LogsFault('UnknownOperationException', '')
      const signed: SignedRequest = { method: request.method, url: request.url, headers: pairsOf(request.rawHeaders), body: wire }
      const refused = checkSignature(signed, { book: this.book, region: this.#region, service: 'logs', nowMs: this.now() })
      if (refused !== undefined) throw new LogsFault(`com.amazon.coral.service#${refused.type}`, refused.message)
      if (read.error !== undefined) throw new LogsFault('SerializationException', read.error)
      const result = this.store.call(target.slice(TARGET_PREFIX.length), read.value)
      return { status: 200, type: '', body: result === undefined ? '' : JSON.stringify(result) }
    } catch (error) {
      if (!(error instanceof LogsFault)) throw error
      return failure({ kind: 'error', status: error.status, type: error.type, message: error.message })
    }
  }
}

interface ReadBody {
  /** An empty object when the body is not readable. */
  readonly value: Readonly<Record<string, unknown>>
  readonly bytes: number
  readonly error?: string
}

function readBody(request: IncomingMessage, wire: Buffer): ReadBody {
  try {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'gzip') return { value: {}, bytes: 0, error: `cannot read content-encoding ${encoding}` }
    const body = encoding === 'gzip' ? gunzipSync(wire) : wire
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { value: {}, bytes: body.length, error: 'the body is not an object' }
    return { value: value as Readonly<Record<string, unknown>>, bytes: body.length }
  } catch (error) {
    return { value: {}, bytes: 0, error: (error as Error).message }
  }
}

function messagesOf(value: Readonly<Record<string, unknown>>): readonly string[] {
  const events = value['logEvents']
  return Array.isArray(events) ? events.map((event) => String((event as { readonly message?: unknown } | null)?.message)) : []
}

function failure(fault: Fault): Answer {
  if (fault.kind !== 'error') return { status: 0, type: '', body: '' }
  const { status, type, message = '', headers = {} } = fault
  if (type === '') return { status, type: `HTTP ${status}`, body: message, headers: { 'content-type': 'text/html', ...headers } }
  // AWS's authorization layer says `Message`, its services `message`.
  const body = JSON.stringify({ __type: type, [type.endsWith('AccessDeniedException') ? 'Message' : 'message']: message })
  return { status, type: type.replace(/^.*#/, ''), body, headers }
}

function pairsOf(raw: readonly string[]): readonly (readonly [string, string])[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string] as const)
}
