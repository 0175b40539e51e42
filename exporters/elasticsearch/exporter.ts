import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import { type ConsumerSet, RefusedError } from '../../component/consumer.ts'
import type { ExporterMain } from '../../component/factory.ts'
import { HttpSender, httpFailure } from '../../component/kit/http_sender.ts'
import { PartialSuccesses } from '../../component/kit/otlp_export/partial_success.ts'
import { splitRequest } from '../../component/kit/otlp_export/split_request.ts'
import type { SendRequest, SendResult } from '../../component/kit/queue/delivery.ts'
import { SendingQueue } from '../../component/kit/queue/sending_queue.ts'
import { logRecordCount } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import { decodeLogs, decodeTraces } from '../../model/otlp/decode.ts'
import { encodeLogs, encodeTraces } from '../../model/otlp/encode.ts'
import { spanCount, type Traces } from '../../model/traces.ts'
import { type BulkProgress, bulkBody, newProgress, progressAfter } from './bulk.ts'
import { type ElasticsearchConfig, endpointsOf } from './config.ts'
import { type BulkDocument, logDocuments, spanDocuments } from './documents.ts'
import { INDEX_TEMPLATES } from './templates.ts'

/** Answers after which the same request may succeed. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
/** Of an item, only what tells what became of it. */
const ANSWER_FILTER = 'items.*.status,items.*.error.type,items.*.error.reason'
/** Such an answer to 100,000 documents that were all refused. */
const ANSWER_BYTES_MAX = 64 << 20

/**
 * Indexes log records and spans through the bulk API. What waits in the queue is OTLP, of which requests can be joined and
 * split; it becomes documents when it is sent. Of a request that the server takes in part, only the rest is sent again.
 */
export class ElasticsearchExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #settings: Settings
  readonly #config: ElasticsearchConfig
  readonly #endpoints: readonly string[]
  readonly #sender: HttpSender
  readonly #queue: SendingQueue
  readonly #partial: PartialSuccesses
  /** Of requests that have been tried before. */
  readonly #progress = new WeakMap<SendRequest, BulkProgress>()
  #turn = 0
  #isSetUp: boolean

  constructor(settings: Settings, config: ElasticsearchConfig) {
    this.#settings = settings
    this.#config = config
    this.#endpoints = endpointsOf(config)
    this.#isSetUp = config.setup === 'none'
    this.#sender = new HttpSender(settings, { ...config, headers: { ...proofOf(config), ...config.headers }, answerBytesMax: ANSWER_BYTES_MAX })
    this.#partial = new PartialSuccesses(settings.log, () => settings.clock.monotonic())
    const send = (request: SendRequest, options: { readonly signal: AbortSignal }): Promise<SendResult> => this.#send(request, options)
    this.#queue = new SendingQueue(settings, { config, send, signals: ['logs', 'traces'], split: splitRequest })
    this.consumers = {
      logs: { consume: (logs) => this.#consumeLogs(logs) },
      traces: { consume: (traces) => this.#consumeTraces(traces) },
    }
  }

  async start(host: Host): Promise<void> {
    this.#sender.start()
    try {
      await this.#queue.start(host)
    } catch (error) {
      this.#sender.close()
      throw error
    }
  }

  async shutdown(options: ShutdownOptions): Promise<void> {
    await this.#queue.shutdown(options)
    this.#sender.close()
  }

  #consumeLogs(logs: Logs): void | Promise<void> {
    if (!('groups' in logs)) throw new Error('BUG: access logs on the main thread')
    const items = logRecordCount(logs)
    return items === 0 ? undefined : this.#queue.offer({ signal: 'logs', items, bytes: logs.encoded?.bytes ?? encodeLogs(logs) })
  }

  #consumeTraces(traces: Traces): void | Promise<void> {
    const items = spanCount(traces)
    return items === 0 ? undefined : this.#queue.offer({ signal: 'traces', items, bytes: encodeTraces(traces) })
  }

  async #send(request: SendRequest, { signal }: { readonly signal: AbortSignal }): Promise<SendResult> {
    // Servers take turns; what fails at one goes to the next.
    const endpoint = this.#endpoints[this.#turn++ % this.#endpoints.length] as string
    if (!this.#isSetUp) await this.#setUp(endpoint, signal)
    const before = this.#progress.get(request) ?? newProgress(request.bytes)
    this.#progress.set(request, before)
    const documents = this.#documentsOf(request)
    const answer = await this.#sender.send({
      method: 'POST',
      url: this.#bulkUrl(endpoint),
      contentType: 'application/x-ndjson',
      body: bulkBody(documents, before),
      signal,
    })
    if (answer.code < 200 || answer.code > 299) throw httpFailure(answer, { retryable: RETRYABLE, nowMs: this.#settings.clock.now() })
    const { progress, busy } = progressAfter(before, answer.body, documents.length)
    // After an attempt that was given up nobody looks at the result, but the next one goes on from here.
    this.#progress.set(request, progress)
    const left = progress.remaining?.size ?? 0
    if (left > 0) throw new RefusedError(`${left} of ${documents.length} documents were not taken now: ${busy}`)
    const { rejected, reason } = progress
    return this.#partial.resultOf(request.signal, rejected === 0 ? undefined : { rejected, errorMessage: reason })
  }

  #documentsOf({ signal, bytes }: SendRequest): BulkDocument[] {
    const { mapping, logs_index: logsIndex, traces_index: tracesIndex } = this.#config
    if (signal === 'traces') return spanDocuments(decodeTraces(bytes), { mode: mapping.mode, index: tracesIndex })
    const nowNs = BigInt(Math.trunc(this.#settings.clock.now())) * 1_000_000n
    return logDocuments(decodeLogs(bytes), { mode: mapping.mode, index: logsIndex }, nowNs)
  }

  #bulkUrl(endpoint: string): URL {
    const url = new URL(`${endpoint}/_bulk`)
    url.searchParams.set('filter_path', ANSWER_FILTER)
    if (this.#config.pipeline !== undefined) url.searchParams.set('pipeline', this.#config.pipeline)
    return url
  }

  /** Installs the templates; until that has succeeded data waits, because a data stream keeps the mapping it began with. */
  async #setUp(endpoint: string, signal: AbortSignal): Promise<void> {
    for (const [name, template] of Object.entries(INDEX_TEMPLATES)) {
      const url = new URL(`${endpoint}/_index_template/${name}`)
      const answer = await this.#sender.send({ method: 'PUT', url, contentType: 'application/json', body: Buffer.from(JSON.stringify(template)), signal })
      if (answer.code > 299) {
        const { message } = httpFailure(answer, { retryable: RETRYABLE, nowMs: this.#settings.clock.now() })
        throw new RefusedError(`setup: cannot install the index template ${name}: ${message}`)
      }
    }
    this.#isSetUp = true
  }
}

function proofOf({ user, password, api_key: key }: ElasticsearchConfig): Record<string, string> {
  if (key !== undefined) return { authorization: `ApiKey ${key}` }
  return user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
