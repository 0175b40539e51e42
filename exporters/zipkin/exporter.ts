import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import type { ExporterMain } from '../../component/factory.ts'
import { HttpSender, httpFailure } from '../../component/kit/http_sender.ts'
import { splitRequest } from '../../component/kit/otlp_export/split_request.ts'
import type { SendRequest, SendResult } from '../../component/kit/queue/delivery.ts'
import { SendingQueue } from '../../component/kit/queue/sending_queue.ts'
import { decodeTraces } from '../../model/otlp/decode.ts'
import { encodeTraces } from '../../model/otlp/encode.ts'
import { spanCount, type Traces } from '../../model/traces.ts'
import type { ZipkinConfig } from './config.ts'
import { zipkinSpans } from './spans.ts'

/** Answers after which the same request may succeed. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
/** Zipkin answers nothing but a reason. */
const ANSWER_BYTES_MAX = 64 << 10

/** An id that is not all zeros. */
const HAS_ID = /[1-9a-f]/i

/** Sends spans to Zipkin. What waits in the queue is OTLP, of which requests can be joined and split. */
export class ZipkinExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #settings: Settings
  readonly #url: string
  readonly #defaultServiceName: string
  readonly #sender: HttpSender
  readonly #queue: SendingQueue

  constructor(settings: Settings, config: ZipkinConfig) {
    this.#settings = settings
    this.#url = config.endpoint
    this.#defaultServiceName = config.default_service_name
    this.#sender = new HttpSender(settings, { ...config, answerBytesMax: ANSWER_BYTES_MAX })
    const send = (request: SendRequest, options: { readonly signal: AbortSignal }): Promise<SendResult> => this.#send(request, options)
    this.#queue = new SendingQueue(settings, { config, send, signals: ['traces'], split: splitRequest })
    this.consumers = { traces: { consume: (traces) => this.#consume(traces) } }
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

  #consume(traces: Traces): void | Promise<void> {
    const items = spanCount(traces)
    return items === 0 ? undefined : this.#queue.offer({ signal: 'traces', items, bytes: encodeTraces(traces) })
  }

  async #send({ bytes, items }: SendRequest, { signal }: { readonly signal: AbortSignal }): Promise<SendResult> {
    // Zipkin refuses a whole request for one span without ids.
    const spans = zipkinSpans(decodeTraces(bytes), this.#defaultServiceName).filter(({ traceId, id }) => HAS_ID.test(traceId) && HAS_ID.test(id))
    const rejected = items - spans.length
    if (spans.length === 0) return { rejected }
    const body = Buffer.from(JSON.stringify(spans))
    const answer = await this.#sender.send({ method: 'POST', url: new URL(this.#url), contentType: 'application/json', body, signal })
    if (answer.code < 200 || answer.code > 299) throw httpFailure(answer, { retryable: RETRYABLE, nowMs: this.#settings.clock.now() })
    return { rejected }
  }
}
