import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js'
import type { Signal } from '../../component/signal.ts'

const SERVICES = { logs: 'logs.v1.LogsService', metrics: 'metrics.v1.MetricsService', traces: 'trace.v1.TraceService' } as const
const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes)

/** The path of a signal's gRPC method. */
export function exportPath(signal: Signal): string {
  return `/opentelemetry.proto.collector.${SERVICES[signal]}/Export`
}

/** How a call ended: the gRPC status (0 for OK), its message, and the response or the trailers. */
export interface ExportAnswer {
  readonly code: status
  readonly details: string
  readonly response: Uint8Array | undefined
  readonly trailers: Metadata
}

/** The official gRPC library as a sender of requests that are encoded already. */
export class OtlpGrpcClient {
  readonly #client: Client

  constructor(target: number | string, options: { readonly credentials?: ChannelCredentials; readonly gzip?: boolean } = {}) {
    const address = typeof target === 'number' ? `127.0.0.1:${target}` : target
    const compression = options.gzip === true ? { 'grpc.default_compression_algorithm': 2 } : {}
    const name = options.credentials === undefined ? {} : { 'grpc.ssl_target_name_override': 'localhost' }
    this.#client = new Client(address, options.credentials ?? credentials.createInsecure(), { ...compression, ...name })
  }

  /** Sends one request; never rejects. */
  export(
    signal: Signal,
    request: Uint8Array,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly deadlineMs?: number } = {},
  ): Promise<ExportAnswer> {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(options.headers ?? {})) metadata.set(name, value)
    const callOptions = { deadline: Date.now() + (options.deadlineMs ?? 10_000) }
    return new Promise((resolve) => {
      let response: Uint8Array | undefined
      let error: ServiceError | null = null
      const call = this.#client.makeUnaryRequest(exportPath(signal), bytesOf, bytesOf, bytesOf(request), metadata, callOptions, (failure, value) => {
        error = failure
        response = value
        if (failure !== null) resolve({ code: failure.code, details: failure.details, response: undefined, trailers: failure.metadata })
      })
      call.on('status', ({ metadata: trailers }: StatusObject) => {
        if (error === null) resolve({ code: status.OK, details: '', response, trailers })
      })
    })
  }

  close(): void {
    this.#client.close()
  }
}
