import type { Settings, ShutdownOptions } from '../../component/component.ts'
import { type Consumer, type ConsumerSet, PermanentError, RefusedError } from '../../component/consumer.ts'
import type { MainComponent } from '../../component/factory.ts'
import type { ItemCounters } from '../../component/kit/receiver_telemetry.ts'
import type { IngestPeer, MainHalf } from '../../component/link.ts'
import { SIGNALS, type Signal } from '../../component/signal.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { Client } from '../../model/client.ts'
import { dataPointCount } from '../../model/data_points.ts'
import { logRecordCount } from '../../model/log_records.ts'
import { type RejectItem, withoutBadItems } from '../../model/otlp/bad_items.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../model/otlp/decode.ts'
import { OtlpError } from '../../model/otlp/error.ts'
import { parseLogsJson, parseMetricsJson, parseTracesJson } from '../../model/otlp/json.ts'
import type { MessageName } from '../../model/otlp/messages.ts'
import type { PartialSuccess } from '../../model/otlp/responses.ts'
import { spanCount } from '../../model/traces.ts'
import { type OtlpConfig, transportsOf } from './config.ts'
import type { Fault, Outcome, ToIngest, ToMain, Transport } from './messages.ts'
import { itemCounters } from './telemetry.ts'

/** How the requests of one signal are read. */
interface Codec<T> {
  readonly message: MessageName
  readonly proto: (bytes: Uint8Array) => T
  readonly json: (text: string, reject?: RejectItem) => T
  readonly count: (batch: T) => number
  /** What its items are called. */
  readonly noun: string
}

const CODECS: Readonly<Record<Signal, Codec<any>>> = {
  logs: { message: 'LogsData', proto: decodeLogs, json: parseLogsJson, count: logRecordCount, noun: 'log records' },
  metrics: { message: 'MetricsData', proto: decodeMetrics, json: parseMetricsJson, count: dataPointCount, noun: 'data points' },
  traces: { message: 'TracesData', proto: decodeTraces, json: parseTracesJson, count: spanCount, noun: 'spans' },
}

const ACCEPTED: Outcome = { kind: 'accepted' }

/** A batch on its way to the pipelines. */
interface Delivery {
  readonly items: number
  readonly counters: ItemCounters & { readonly malformed: Counter }
  /** What is not in the batch because it is no OTLP. */
  readonly malformed: PartialSuccess | undefined
}

/** What could be read of a request. */
interface Decoded {
  readonly batch: { client?: Client }
  readonly malformed: PartialSuccess | undefined
}

/** The half of the `otlp` receiver on the main thread: decodes requests, hands them to the pipelines and says what became of them. */
export class OtlpMain implements MainComponent, MainHalf<ToMain> {
  readonly #settings: Settings
  readonly #next: ConsumerSet
  readonly #counters: ReadonlyMap<Transport, Readonly<Record<Signal, Delivery['counters']>>>
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
    let decoded: Decoded
    let delivery: Delivery
    try {
      decoded = this.#decode(request, codec)
      delivery = { items: codec.count(decoded.batch), counters: this.#countersOf(request), malformed: decoded.malformed }
    } catch (error) {
      return this.#undecodable(error)
    }
    const { batch } = decoded
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

  #decode({ format, bytes }: ToMain, codec: Codec<any>): Decoded {
    const text = format === 'json' ? this.#textOf(bytes) : ''
    try {
      return { batch: format === 'json' ? codec.json(text) : codec.proto(bytes), malformed: undefined }
    } catch (error) {
      if (!(error instanceof OtlpError)) throw error
      return salvage(codec, format === 'json' ? text : bytes, error)
    }
  }

  #countersOf({ transport, signal }: ToMain): Delivery['counters'] {
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

function accepted({ items, counters, malformed }: Delivery): Outcome {
  counters.accepted.add(items)
  if (malformed === undefined) return ACCEPTED
  counters.malformed.add(malformed.rejected)
  return { kind: 'partial', partial: malformed }
}

/** What is left of a request without the items that are no OTLP; throws `fault` when that is nothing, or when more than items is wrong. */
function salvage(codec: Codec<any>, request: string | Uint8Array, fault: OtlpError): Decoded {
  let rejected = 0
  const reject = (): void => void rejected++
  let batch: Decoded['batch']
  try {
    batch = typeof request === 'string' ? codec.json(request, reject) : codec.proto(withoutBadItems(request, codec.message, reject))
  } catch (error) {
    throw error instanceof OtlpError ? fault : error
  }
  const items = codec.count(batch)
  if (items === 0) throw fault
  return { batch, malformed: { rejected, errorMessage: `${rejected} of ${items + rejected} ${codec.noun} are not OTLP; the first: ${fault.message}` } }
}
