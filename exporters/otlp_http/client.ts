import type { Settings } from '../../component/component.ts'
import { RefusedError } from '../../component/consumer.ts'
import { HttpSender } from '../../component/kit/http_sender.ts'
import type { OtlpClient } from '../../component/kit/otlp_export/exporter.ts'
import { PartialSuccesses } from '../../component/kit/otlp_export/partial_success.ts'
import type { SendRequest, SendResult } from '../../component/kit/queue/delivery.ts'
import type { Signal } from '../../component/signal.ts'
import { durationMs } from '../../lib/duration.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../model/otlp/decode.ts'
import { logsJson, metricsJson, tracesJson } from '../../model/otlp/json.ts'
import { decodeExportResponse, type PartialSuccess } from '../../model/otlp/responses.ts'
import type { OtlpHttpConfig } from './config.ts'
import { failureOf } from './failure.ts'

/** The same data as JSON: what waits in the queue is protobuf, of which requests can be joined. */
const AS_JSON: { readonly [S in Signal]: (bytes: Uint8Array) => string } = {
  logs: (bytes) => logsJson(decodeLogs(bytes)),
  metrics: (bytes) => metricsJson(decodeMetrics(bytes)),
  traces: (bytes) => tracesJson(decodeTraces(bytes)),
}

/** Most of an answer that is read. */
const ANSWER_BYTES_MAX = 64 << 10

/** Sends OTLP requests over HTTP/1.1. */
export class OtlpHttpClient implements OtlpClient {
  /** A server may answer before it has read everything; what is converted or compressed is that before it is sent. */
  readonly readsBytesLater: boolean
  readonly #settings: Settings
  readonly #config: OtlpHttpConfig
  readonly #partial: PartialSuccesses
  readonly #sender: HttpSender

  constructor(settings: Settings, config: OtlpHttpConfig) {
    this.#settings = settings
    this.#config = config
    this.readsBytesLater = config.encoding === 'proto' && config.compression === 'none'
    this.#partial = new PartialSuccesses(settings.log, () => settings.clock.monotonic())
    this.#sender = new HttpSender(settings, {
      tls: config.tls,
      headers: config.headers,
      compression: config.compression,
      compressionLevel: config.compression_params?.level,
      auth: config.auth,
      proxy: config.proxy_url,
      connections: {
        isKept: !config.disable_keep_alives,
        most: config.max_conns_per_host,
        mostIdle: config.max_idle_conns,
        idleMs: durationMs(config.idle_conn_timeout),
      },
      answerBytesMax: ANSWER_BYTES_MAX,
    })
  }

  start(): void {
    this.#sender.start()
  }

  readonly send = async (request: SendRequest, { signal }: { readonly signal: AbortSignal }): Promise<SendResult> => {
    const url = endpointOf(this.#config, request.signal)
    if (url === undefined) throw new RefusedError(`no endpoint for ${request.signal}; set endpoint or ${request.signal}_endpoint`)
    const isJson = this.#config.encoding === 'json'
    const body = isJson ? Buffer.from(AS_JSON[request.signal](request.bytes)) : request.bytes
    const contentType = isJson ? 'application/json' : 'application/x-protobuf'
    const { code, headers, body: answer } = await this.#sender.send({ method: 'POST', url, contentType, body, signal })
    if (code < 200 || code > 299) {
      const failure = failureOf(code, { headers, body: answer, nowMs: this.#settings.clock.now() })
      // Proofs that change may be good again later; the data is not at fault.
      throw (code === 401 || code === 403) && this.#sender.hasChangingProof ? new RefusedError(failure.message, { cause: failure }) : failure
    }
    return this.#partial.resultOf(request.signal, partialOf(headers['content-type'] ?? '', answer))
  }

  close(): void {
    this.#sender.close()
  }
}

/** Where requests of a signal go to; undefined when no endpoint is set for it. */
export function endpointOf(config: OtlpHttpConfig, signal: Signal): URL | undefined {
  const own = config[`${signal}_endpoint`]
  if (own !== undefined) return new URL(own)
  return config.endpoint === undefined ? undefined : new URL(`${config.endpoint.replace(/\/+$/, '')}/v1/${signal}`)
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
