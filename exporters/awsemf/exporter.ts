import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import { PermanentError } from '../../component/consumer.ts'
import type { ExporterMain } from '../../component/factory.ts'
import { SendingQueue } from '../../component/kit/queue/sending_queue.ts'
import type { QueueItem } from '../../component/kit/queue/store.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { Metrics } from '../../model/metrics.ts'
import type { AwsEmfConfig } from './config.ts'
import type { EmfDocument } from './document/document.ts'
import type { DocumentSource } from './document_source.ts'
import { BlockBuilder, splitBlocks } from './send/blocks.ts'
import type { EmfSink } from './send/sink.ts'
import { DOCUMENTS } from './telemetry.ts'

export interface AwsEmfParts {
  readonly documents: DocumentSource
  readonly sink: EmfSink
}

/** Sends metrics as EMF documents. What waits in the queue is documents: what they tell of has left the state of the encoder. */
export class AwsEmfExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #source: DocumentSource
  readonly #sink: EmfSink
  readonly #queue: SendingQueue
  readonly #made: Counter
  readonly #encodings = new Set<Promise<void>>()

  constructor(settings: Settings, config: AwsEmfConfig, { documents, sink }: AwsEmfParts) {
    this.#source = documents
    this.#sink = sink
    this.#made = settings.telemetry.counter(DOCUMENTS, { exporter: settings.id.text })
    this.#queue = new SendingQueue(settings, { config, send: (request, options) => sink.send(request, options), signals: ['metrics'], split: splitBlocks })
    this.consumers = { metrics: { consume: (metrics) => this.#consume(metrics) } }
  }

  async start(host: Host): Promise<void> {
    try {
      await this.#sink.start()
      await this.#queue.start(host)
    } catch (error) {
      await this.#sink.close()
      throw error
    }
  }

  async shutdown(options: ShutdownOptions): Promise<void> {
    // What is being encoded belongs into the queue; with a queue that has no room it would wait for ever.
    await Promise.race([Promise.allSettled(this.#encodings), aborted(options.signal)])
    await this.#queue.shutdown(options)
    await this.#sink.close()
  }

  #consume(metrics: Metrics): void | Promise<void> {
    // Made for a scrape; the same series come again with the next push.
    if (metrics.isOnDemand === true) return undefined
    // Asked for at once: the encoder looks now at how much there is, and takes batches one after the other.
    const encoding = this.#encode(this.#source.encode(metrics)).finally(() => this.#encodings.delete(encoding))
    this.#encodings.add(encoding)
    return encoding
  }

  async #encode(encoded: AsyncIterable<readonly EmfDocument[]>): Promise<void> {
    const blocks = new BlockBuilder()
    const errors: Error[] = []
    try {
      for await (const documents of encoded) {
        this.#made.add(documents.length)
        for (const document of documents) {
          const full = blocks.add(document)
          if (full !== undefined) await this.#offer(full, errors)
        }
      }
    } catch (error) {
      errors.push(error as Error)
    }
    for (const rest of blocks.finish()) await this.#offer(rest, errors)
    // For good, because the encoder has seen these values: sent once more, those would count nothing, and the rest twice.
    if (errors.length > 0) throw new PermanentError(`${errors[0]?.message}; what was not taken is counted`, { cause: errors[0] })
  }

  async #offer(item: QueueItem, errors: Error[]): Promise<void> {
    try {
      await this.#queue.offer(item)
    } catch (error) {
      errors.push(error as Error)
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
