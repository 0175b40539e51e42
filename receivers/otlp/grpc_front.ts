import { constants } from 'node:http2'
import type { Metadata } from '@grpc/grpc-js'
import type { Host } from '../../component/component.ts'
import { GrpcListener, type RawCall, takeIncoming } from '../../component/kit/grpc_server.ts'
import { SIGNALS, type Signal } from '../../component/signal.ts'
import type { Client } from '../../model/client.ts'
import { type GrpcFailure, grpcFailure, grpcSuccess } from './answers.ts'
import { clientOf, headersOfCall } from './client.ts'
import { type Encoding, type GrpcConfig, grpcBytesMax } from './config.ts'
import { Exchange, type FrontSettings, faultOfAuth } from './intake.ts'
import type { Outcome } from './messages.ts'
import { UnaryReader } from './unary_reader.ts'

const SERVICES = { logs: 'logs.v1.LogsService', metrics: 'metrics.v1.MetricsService', traces: 'trace.v1.TraceService' } as const satisfies Record<
  Signal,
  string
>
/** Names of gRPC's encodings (`grpc-encoding`) and of the same formats here. */
const ENCODINGS: Readonly<Record<string, Encoding>> = { identity: '', gzip: 'gzip', deflate: 'zlib', zstd: 'zstd' }

const CUT: Outcome = { kind: 'cut', message: 'the client has left' }

type Respond = (error: GrpcFailure | null, response?: Uint8Array) => void

/**
 * OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). Calls are taken from the library before it reads them:
 * so senders are checked first, a message over a limit is never put together, and its memory can go to another thread.
 */
export class GrpcFront {
  readonly #config: GrpcConfig
  readonly #settings: FrontSettings
  readonly #listener: GrpcListener

  constructor(config: GrpcConfig, settings: FrontSettings) {
    this.#config = config
    this.#settings = settings
    this.#listener = new GrpcListener(config, settings)
    for (const signal of SIGNALS) {
      const method = {
        path: `/opentelemetry.proto.collector.${SERVICES[signal]}/Export`,
        // One message each way; the library hands over a call at its headers only when it expects a stream.
        requestStream: true,
        responseStream: false,
        requestDeserialize: (bytes: Buffer) => bytes,
        requestSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
      }
      const handle = (call: { readonly metadata: Metadata }, respond: Respond): void => this.#open(call, signal, respond)
      this.#listener.server.addService({ export: method }, { export: handle })
    }
  }

  start(host: Host): Promise<void> {
    return this.#listener.start(host)
  }

  /** Takes no new connections, ends those that are open when their calls are answered, and cuts what is left when `signal` aborts. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#listener.stopListening()
    this.#listener.closeConnections()
    await this.#listener.closed(signal)
  }

  #open(call: { readonly metadata: Metadata }, signal: Signal, respond: Respond): void {
    const raw = takeIncoming(call)
    const exchange = new Exchange(this.#settings.intake, signal)
    const answer = (outcome: Outcome): void => {
      exchange.end(outcome)
      if (outcome.kind === 'accepted' || outcome.kind === 'partial') respond(null, grpcSuccess(outcome))
      else respond(grpcFailure(outcome))
      // The client may stop sending what nobody reads (RFC 9113 section 8.1).
      if (!raw.stream.readableEnded) raw.stream.close(constants.NGHTTP2_NO_ERROR)
    }
    const read = (client: Client): void => void new UnaryCall(raw, { exchange, bytesMax: grpcBytesMax(this.#config), client, answer })
    // Its close event tells what an error means.
    raw.stream.on('error', () => {})
    const fault = exchange.hold(0)
    if (fault !== undefined) {
      answer(fault)
      return
    }
    try {
      const client = clientOf(
        { socket: raw.stream.session?.socket, headers: headersOfCall(call.metadata) },
        { authenticator: this.#settings.authenticator, includeMetadata: this.#config.include_metadata },
      )
      if (client instanceof Promise) client.then(read, (error: unknown) => answer(this.#faultOfAuth(error)))
      else read(client)
    } catch (error) {
      answer(this.#faultOfAuth(error))
    }
  }

  #faultOfAuth(error: unknown): Outcome {
    const fault = faultOfAuth(error)
    if (fault.kind === 'failed') this.#settings.log.error({ error }, 'authentication failed')
    return fault
  }
}

interface UnaryCallSettings {
  readonly exchange: Exchange
  readonly bytesMax: number
  readonly client: Client
  readonly answer: (outcome: Outcome) => void
}

/** One call while its message is read. */
class UnaryCall {
  readonly #call: RawCall
  readonly #settings: UnaryCallSettings
  readonly #reader: UnaryReader
  #isDone = false

  constructor(call: RawCall, settings: UnaryCallSettings) {
    this.#call = call
    this.#settings = settings
    this.#reader = new UnaryReader(settings.bytesMax)
    const { stream } = call
    stream.on('data', (piece: Buffer) => this.#read(piece))
    stream.once('end', () => this.#end())
    // Before the message is whole: the client has left, or was cut off.
    stream.once('close', () => this.#finish(CUT))
    if (stream.closed || stream.destroyed) this.#finish(CUT)
    else stream.resume()
  }

  #read(piece: Buffer): void {
    const { exchange, bytesMax } = this.#settings
    exchange.read(piece.length)
    if (this.#isDone) return
    const framing = this.#reader.write(piece)
    if (framing === 'too_large')
      this.#finish({ kind: 'too_large', message: `message of ${this.#reader.size} bytes is larger than max_recv_msg_size_mib allows (${bytesMax} bytes)` })
    else if (framing === 'invalid') this.#finish({ kind: 'invalid', message: 'request is not one gRPC message' })
    else {
      const fault = exchange.hold(this.#reader.filled)
      if (fault !== undefined) this.#finish(fault)
    }
  }

  #end(): void {
    if (this.#isDone) return
    if (!this.#reader.isWhole) {
      // A connection that breaks ends the streams on it, too.
      if (this.#call.stream.aborted) this.#finish(CUT)
      else this.#finish({ kind: 'invalid', message: 'request ends before its message does' })
      return
    }
    const name = this.#reader.isCompressed ? this.#call.encoding : 'identity'
    const encoding = ENCODINGS[name]
    if (encoding === undefined) {
      this.#finish({ kind: 'encoding', message: `messages compressed with ${name} are not supported; use gzip, zstd, deflate or identity` })
      return
    }
    this.#isDone = true
    const { exchange, answer, client, bytesMax } = this.#settings
    void exchange.submit({ bytes: this.#reader.take(), format: 'proto', encoding, bytesMax }, client).then(answer)
  }

  #finish(outcome: Outcome): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#settings.answer(outcome)
  }
}
