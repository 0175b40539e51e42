import type { Settings, ShutdownOptions } from '../../component/component.ts'
import { type Consumer, type ConsumerSet, PermanentError, RefusedError } from '../../component/consumer.ts'
import type { MainComponent } from '../../component/factory.ts'
import type { ItemCounters } from '../../component/kit/receiver_telemetry.ts'
import type { IngestPeer, MainHalf } from '../../component/link.ts'
import { SIGNALS, type Signal } from '../../component/signal.ts'
import type { Client } from '../../model/client.ts'
import { dataPointCount } from '../../model/data_points.ts'
import { logRecordCount } from '../../model/log_records.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../model/otlp/decode.ts'
import { OtlpError } from '../../model/otlp/error.ts'
import { parseLogsJson, parseMetricsJson, parseTracesJson } from '../../model/otlp/json.ts'
import { spanCount } from '../../model/traces.ts'
import { type OtlpConfig, transportsOf } from './config.ts'
import type { Fault, Outcome, ToIngest, ToMain, Transport } from './messages.ts'
import { itemCounters } from './telemetry.ts'

/** How the requests of one signal are read. */
interface Codec<T> {
  readonly proto: (bytes: Uint8Array) => T
  readonly json: (text: string) => T
  readonly count: (batch: T) => number
}

const CODECS: Readonly<Record<Signal, Codec<any>>> = {
  logs: { proto: decodeLogs, json: parseLogsJson, count: logRecordCount },
  metrics: { proto: decodeMetrics, json: parseMetricsJson, count: dataPointCount },
  traces: { proto: decodeTraces, json: parseTracesJson, count: spanCount },
}

const ACCEPTED: Outcome = { kind: 'accepted' }

/** A batch on its way to the pipelines. */
interface Delivery {
  readonly items: number
  readonly counters: ItemCounters
}

/** The half of the `otlp` receiver on the main thread: decodes requests, hands them to the pipelines and says what became of them. */
export class OtlpMain implements MainComponent, MainHalf<ToMain> {
  readonly #settings: Settings
  readonly #next: ConsumerSet
  readonly #counters: ReadonlyMap<Transport, Readonly<Record<Signal, ItemCounters>>>
  readonly #text = new TextDecoder('utf-8', { fatal: true })
  #delivering = 0
  #whenIdle: (() => void)[] = []

  constructor(settings: Settings, config: OtlpConfig, next: ConsumerSet) {
    this.#settings = settings
    this.#next = next
    const receiver = settings.id.text
    this.#counters = new Map(transportsOf(config).map((transport) => [transport, itemCounters(settings.telemetry, { receiver, transport })]))
  }

  /** Waits for the pipelines to say what becomes of what they have got, up to the deadline. */
  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    if (this.#delivering === 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      this.#whenIdle.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  receive(request: ToMain, from: IngestPeer): void {
    const answer = (outcome: Outcome): void => from.send({ id: request.id, outcome } satisfies ToIngest)
    const outcome = this.#take(request)
    if (outcome instanceof Promise) void outcome.then(answer)
    else answer(outcome)
  }

  /** What it has got from a worker that is gone goes its way; nobody waits for the answer. */
  gone(): void {}

  #take(request: ToMain): Outcome | Promise<Outcome> {
    const consumer: Consumer<any> | undefined = this.#next[request.signal]
    if (consumer === undefined) return this.#noPipeline(request.signal)
    const codec = CODECS[request.signal]
    let batch: { client?: Client }
    let delivery: Delivery
    try {
      batch = request.format === 'proto' ? codec.proto(request.bytes) : codec.json(this.#textOf(request.bytes))
      delivery = { items: codec.count(batch), counters: this.#countersOf(request) }
    } catch (error) {
      return this.#undecodable(error)
    }
    batch.client = request.client
    try {
      const taken = consumer.consume(batch)
      if (taken === undefined) return accepted(delivery)
      this.#delivering++
      return taken.then(
        () => this.#delivered(accepted(delivery)),
        (error: unknown) => this.#delivered(this.#notTaken(error, delivery)),
      )
    } catch (error) {
      return this.#notTaken(error, delivery)
    }
  }

  #countersOf({ transport, signal }: ToMain): ItemCounters {
    const counters = this.#counters.get(transport)
    if (counters === undefined) throw new Error(`BUG: ${this.#settings.address} got a request over ${transport}, which is off`)
    return counters[signal]
  }

  #delivered(outcome: Outcome): Outcome {
    this.#delivering--
    if (this.#delivering === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
    return outcome
  }

  #textOf(bytes: Uint8Array): string {
    try {
      return this.#text.decode(bytes)
    } catch (error) {
      throw new OtlpError('JSON is not UTF-8', -1, { cause: error })
    }
  }

  #noPipeline(signal: Signal): Fault {
    const used = SIGNALS.filter((one) => this.#next[one] !== undefined)
    return { kind: 'no_pipeline', message: `no ${signal} pipeline has the receiver ${this.#settings.id.text}, only ${used.join(' and ')}` }
  }

  #undecodable(error: unknown): Fault {
    return error instanceof OtlpError ? { kind: 'invalid', message: `request is not OTLP: ${error.message}` } : this.#failed(error)
  }

  #notTaken(error: unknown, { items, counters }: Delivery): Fault {
    if (error instanceof RefusedError) {
      counters.refused.add(items)
      if (error.retryAfterMs === undefined) return { kind: 'refused', message: error.message }
      return { kind: 'throttled', message: error.message, retryAfterMs: error.retryAfterMs }
    }
    if (error instanceof PermanentError) {
      counters.refused.add(items)
      return { kind: 'rejected', message: error.message }
    }
    counters.failed.add(items)
    return this.#failed(error)
  }

  /** What went wrong inside is told to the operator, not to the client. */
  #failed(error: unknown): Fault {
    this.#settings.log.error({ error }, 'request failed')
    return { kind: 'failed', message: 'internal error; see the log of the daemon' }
  }
}

function accepted({ items, counters }: Delivery): Outcome {
  counters.accepted.add(items)
  return ACCEPTED
}
