import { TimeSlices } from '../../../lib/time_slices.ts'
import { dataPointCount } from '../../../model/data_points.ts'
import { logRecordCount } from '../../../model/log_records.ts'
import type { Logs } from '../../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../../model/metrics.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../../model/otlp/encode.ts'
import { spanCount, type Traces } from '../../../model/traces.ts'
import type { Host, Settings, ShutdownOptions } from '../../component.ts'
import type { ConsumerSet } from '../../consumer.ts'
import type { ExporterMain } from '../../factory.ts'
import type { QueueConfig } from '../queue/config.ts'
import type { Send } from '../queue/delivery.ts'
import { SendingQueue } from '../queue/sending_queue.ts'
import { seriesRequests } from './series_requests.ts'
import { splitRequest } from './split_request.ts'

/** How requests reach the server. */
export interface OtlpClient {
  /** See `SendingQueueOptions`. */
  readonly readsBytesLater: boolean
  /** Prepares connections; throws a sentence for the operator when the settings cannot work. */
  start(): void | Promise<void>
  readonly send: Send
  /** Closes the connections; requests that are under way have ended before. */
  close(): void
}

/** Sends log records, metrics and spans by OTLP; how, is the client's business. What waits in the queue is protobuf. */
export class OtlpExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #client: OtlpClient
  readonly #queue: SendingQueue

  constructor(settings: Settings, config: QueueConfig, client: OtlpClient) {
    this.#client = client
    this.#queue = new SendingQueue(settings, { config, send: client.send, readsBytesLater: client.readsBytesLater, split: splitRequest })
    this.consumers = {
      logs: { consume: (logs) => this.#consumeLogs(logs) },
      metrics: { consume: (metrics) => this.#consumeMetrics(metrics) },
      traces: { consume: (traces) => this.#consumeTraces(traces) },
    }
  }

  async start(host: Host): Promise<void> {
    await this.#client.start()
    try {
      await this.#queue.start(host)
    } catch (error) {
      this.#client.close()
      throw error
    }
  }

  async shutdown(options: ShutdownOptions): Promise<void> {
    await this.#queue.shutdown(options)
    this.#client.close()
  }

  #consumeLogs(logs: Logs): void | Promise<void> {
    if (!('groups' in logs)) throw new Error('BUG: access logs on the main thread')
    // What a worker has encoded is sent as it is, if nobody on the way has looked into it.
    const items = logRecordCount(logs)
    const { encoded } = logs
    if (encoded === undefined) return this.#offer('logs', items, () => encodeLogs(logs))
    return items === 0 ? undefined : this.#queue.offer({ signal: 'logs', ...encoded })
  }

  #consumeMetrics(metrics: Metrics): void | Promise<void> {
    if (metrics.isOnDemand === true) return undefined
    return 'groups' in metrics ? this.#offer('metrics', dataPointCount(metrics), () => encodeMetrics(metrics)) : this.#consumeSeries(metrics)
  }

  #consumeTraces(traces: Traces): void | Promise<void> {
    return this.#offer('traces', spanCount(traces), () => encodeTraces(traces))
  }

  async #consumeSeries(metrics: SeriesMetrics): Promise<void> {
    const slices = new TimeSlices()
    for (const request of seriesRequests(metrics)) {
      await this.#offer('metrics', request.points, () => encodeMetrics(request.metrics))
      if (slices.isOver) await slices.next()
    }
  }

  #offer(signal: 'logs' | 'metrics' | 'traces', items: number, encode: () => Uint8Array): void | Promise<void> {
    // Empty requests are allowed and of no use.
    return items === 0 ? undefined : this.#queue.offer({ signal, items, bytes: encode(), isSole: true })
  }
}
