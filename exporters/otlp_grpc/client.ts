import { createSecureContext } from 'node:tls'
import { type ChannelCredentials, type ChannelOptions, Client, compressionAlgorithms, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { Settings } from '../../component/component.ts'
import { type ClientAuthenticator, clientAuthenticatorOf } from '../../component/kit/auth.ts'
import type { OtlpClient } from '../../component/kit/otlp_export/exporter.ts'
import { PartialSuccesses } from '../../component/kit/otlp_export/partial_success.ts'
import type { SendRequest, SendResult } from '../../component/kit/queue/delivery.ts'
import { ClientTls, type ClientTlsOptions } from '../../component/kit/tls_client.ts'
import type { Signal } from '../../component/signal.ts'
import { durationMs } from '../../lib/duration.ts'
import { BufferGarbage } from '../../lib/heap_trim.ts'
import { decodeExportResponse } from '../../model/otlp/responses.ts'
import type { OtlpGrpcConfig } from './config.ts'
import { failureOf } from './failure.ts'
import { type Target, targetOf } from './target.ts'

const METHODS: { readonly [S in Signal]: string } = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
}

/** Longest pause between two attempts to connect. */
const RECONNECT_MS_MAX = 10_000

/** Answers are small; a partial success has a sentence. */
const ANSWER_BYTES_MAX = 1 << 20

/** Sends OTLP requests over one gRPC channel. Compression happens in Node.js' thread pool. */
export class OtlpGrpcClient implements OtlpClient {
  /** Requests are copied into gRPC's frames at once; but a server may answer while another thread still compresses one. */
  readonly readsBytesLater: boolean
  readonly #settings: Settings
  readonly #config: OtlpGrpcConfig
  readonly #target: Target
  readonly #metadata = new Metadata()
  readonly #partial: PartialSuccesses
  readonly #garbage = new BufferGarbage()
  #auth: ClientAuthenticator | undefined
  #channel: Client | undefined
  #stopWatching: (() => void) | undefined

  constructor(settings: Settings, config: OtlpGrpcConfig) {
    this.#settings = settings
    this.#config = config
    this.readsBytesLater = config.compression === 'gzip'
    const target = targetOf(config.endpoint, config.tls.insecure)
    if (target === undefined) throw new Error(`BUG: ${config.endpoint} passed the config check but is not an address`)
    this.#target = target
    this.#partial = new PartialSuccesses(settings.log, () => settings.clock.monotonic())
    for (const [key, value] of Object.entries(config.headers)) this.#metadata.set(key, key.toLowerCase().endsWith('-bin') ? Buffer.from(value) : value)
    this.#metadata.setOptions({ waitForReady: config.wait_for_ready })
  }

  start(): void {
    this.#auth = clientAuthenticatorOf(this.#settings, this.#config.auth)
    if (this.#auth?.signsRequests === true) throw new Error('auth.authenticator signs HTTP requests and cannot be used with gRPC; use otlp_http')
    if (this.#target.isPlain) {
      this.#channel = this.#open(credentials.createInsecure())
      return
    }
    const tls = new ClientTls(this.#config.tls, this.#settings)
    this.#channel = this.#open(secureCredentials(tls.options), tls.options)
    this.#stopWatching = tls.watch((options) => {
      const old = this.#channel
      this.#channel = this.#open(secureCredentials(options), options)
      // Calls that are under way end on the old channel.
      old?.close()
    })
  }

  readonly send = async (request: SendRequest, { signal }: { readonly signal: AbortSignal }): Promise<SendResult> => {
    const metadata = await this.#metadataFor(request)
    // The proof may have taken longer than the attempt; the queue has given it up then and would send the request twice.
    signal.throwIfAborted()
    const { length } = request.bytes
    const answer = await this.#call(request, metadata, signal)
    // The frame that gRPC has made of the request.
    this.#garbage.add(length)
    return this.#partial.resultOf(request.signal, decodeExportResponse(answer))
  }

  close(): void {
    this.#stopWatching?.()
    this.#channel?.close()
    this.#channel = undefined
  }

  #call({ signal: kind, bytes }: SendRequest, metadata: Metadata, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#channel === undefined) throw new Error('BUG: sending without start')
      const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      const call = this.#channel.makeUnaryRequest(METHODS[kind], identity, identity, whole, metadata, (error: ServiceError | null, answer?: Buffer) => {
        signal.removeEventListener('abort', cancel)
        if (error === null) resolve(answer ?? Buffer.alloc(0))
        else reject(failureOf(error))
      })
      const cancel = (): void => call.cancel()
      signal.addEventListener('abort', cancel, { once: true })
    })
  }

  async #metadataFor({ signal, bytes }: SendRequest): Promise<Metadata> {
    if (this.#auth === undefined) return this.#metadata
    const url = new URL(
      `${this.#target.isPlain ? 'http' : 'https'}://${this.#target.name.startsWith('unix:') ? 'localhost' : this.#target.address}${METHODS[signal]}`,
    )
    const metadata = this.#metadata.clone()
    for (const [key, value] of Object.entries(await this.#auth.headers({ method: 'POST', url, headers: {}, body: bytes }))) metadata.set(key, value)
    return metadata
  }

  #open(channelCredentials: ChannelCredentials, tls?: ClientTlsOptions): Client {
    return new Client(this.#target.name, channelCredentials, channelOptions(this.#config, tls))
  }
}

function channelOptions(config: OtlpGrpcConfig, tls: ClientTlsOptions | undefined): ChannelOptions {
  const { keepalive, compression, authority, balancer_name: balancer } = config
  return {
    // Two exporters to one server must not share a connection by accident of equal options.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [balancer]: {} }] }),
    // The queue repeats what fails.
    'grpc.enable_retries': 0,
    // By default two minutes: a server that is back after a long outage would be left alone for that long.
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    'grpc.default_compression_algorithm': compression === 'gzip' ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
    ...(authority === undefined ? {} : { 'grpc.default_authority': authority }),
    ...(tls?.servername === undefined ? {} : { 'grpc.ssl_target_name_override': tls.servername }),
    ...(keepalive === undefined
      ? {}
      : {
          'grpc.keepalive_time_ms': durationMs(keepalive.time),
          'grpc.keepalive_timeout_ms': durationMs(keepalive.timeout),
          'grpc.keepalive_permit_without_calls': keepalive.permit_without_stream ? 1 : 0,
        }),
  }
}

function secureCredentials(options: ClientTlsOptions): ChannelCredentials {
  return credentials.createFromSecureContext(createSecureContext(options), { rejectUnauthorized: options.rejectUnauthorized })
}

function identity(bytes: Buffer): Buffer {
  return bytes
}
