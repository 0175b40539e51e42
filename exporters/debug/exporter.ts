import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import type { ExporterMain } from '../../component/factory.ts'
import { type ByteMessage, ByteReceiver } from '../../component/kit/byte_link.ts'
import { TextOutput, type WriteBytes } from '../../component/kit/text_output.ts'
import type { IngestOrigin } from '../../component/link.ts'
import type { InstrumentSpec } from '../../component/telemetry.ts'
import { dataPointCount } from '../../model/data_points.ts'
import { logRecordCount } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics } from '../../model/metrics.ts'
import { spanCount, type Traces } from '../../model/traces.ts'
import type { DebugConfig } from './config.ts'
import { dataPointsBatchLine, pushDataPoints } from './data_points_text.ts'
import { logRecordsBatchLine, pushLogRecords } from './log_records_text.ts'
import { metricsBatchLine, pointCount, pushMetrics } from './metrics_text.ts'
import { Sampler } from './sampler.ts'
import {
  DROPPED_LOG_RECORDS,
  DROPPED_METRIC_POINTS,
  DROPPED_SPANS,
  FAILED_LOG_RECORDS,
  FAILED_METRIC_POINTS,
  FAILED_SPANS,
  SENT_LOG_RECORDS,
  SENT_METRIC_POINTS,
  SENT_SPANS,
} from './telemetry.ts'
import { pushSpans, tracesBatchLine } from './traces_text.ts'

/** Most bytes of text of metrics and traces that may wait for a slow output. */
const QUEUED_BYTES_MAX = 16 << 20
const DESCRIPTORS = { stdout: 1, stderr: 2 } as const

interface SignalCounters {
  readonly sent: InstrumentSpec
  readonly failed: InstrumentSpec
  readonly dropped: InstrumentSpec
}

const COUNTERS = {
  logs: { sent: SENT_LOG_RECORDS, failed: FAILED_LOG_RECORDS, dropped: DROPPED_LOG_RECORDS },
  metrics: { sent: SENT_METRIC_POINTS, failed: FAILED_METRIC_POINTS, dropped: DROPPED_METRIC_POINTS },
  traces: { sent: SENT_SPANS, failed: FAILED_SPANS, dropped: DROPPED_SPANS },
} as const satisfies Readonly<Record<string, SignalCounters>>

type SignalName = keyof typeof COUNTERS

/** The part of the exporter on the main thread: renders metrics and traces, writes the text of all signals. */
export class DebugExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #settings: Settings
  readonly #verbosity: DebugConfig['verbosity']
  readonly #outputs: readonly TextOutput[]
  readonly #samplers: Readonly<Record<SignalName, Sampler>>
  readonly #received = new ByteReceiver()
  #host: Host | undefined
  #isFailing = false
  #isOverdue = false

  /** `write` replaces the system's write in tests. */
  constructor(settings: Settings, config: DebugConfig, write?: WriteBytes) {
    this.#settings = settings
    this.#verbosity = config.verbosity
    this.#outputs = config.use_internal_logger ? [] : config.output_paths.map((path) => new TextOutput(DESCRIPTORS[path], settings.clock, write))
    const rule = { initial: config.sampling_initial, thereafter: config.sampling_thereafter }
    this.#samplers = { logs: new Sampler(settings.clock, rule), metrics: new Sampler(settings.clock, rule), traces: new Sampler(settings.clock, rule) }
    this.consumers = {
      logs: { consume: (logs) => this.#consumeLogs(logs) },
      metrics: { consume: (metrics) => this.#consumeMetrics(metrics) },
      traces: { consume: (traces) => this.#consumeTraces(traces) },
    }
  }

  start(host: Host): void {
    this.#host = host
  }

  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    const close = (): void => {
      this.#isOverdue = true
      for (const output of this.#outputs) output.close()
    }
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    await Promise.all(this.#outputs.map((output) => output.idle()))
    signal.removeEventListener('abort', close)
  }

  receive(message: ByteMessage, from: IngestOrigin): void {
    const received = this.#received.receive(message, from)
    if (received !== undefined) this.#write('logs', received.bytes, received.items, received.done)
  }

  gone(from: IngestOrigin): void {
    this.#received.gone(from)
  }

  #consumeLogs(logs: Logs): void {
    if (!('groups' in logs)) throw new Error('BUG: access logs on the main thread')
    const render = (): string => {
      if (this.#verbosity === 'basic') return logRecordsBatchLine(logs)
      const lines = this.#verbosity === 'detailed' ? [logRecordsBatchLine(logs)] : []
      pushLogRecords(lines, logs, this.#verbosity === 'detailed')
      return lines.join('\n')
    }
    this.#print('logs', logRecordCount(logs), render)
  }

  #consumeMetrics(metrics: Metrics): void {
    const render = (): string => {
      const batchLine = 'groups' in metrics ? dataPointsBatchLine(metrics) : metricsBatchLine(metrics)
      if (this.#verbosity === 'basic') return batchLine
      const lines = this.#verbosity === 'detailed' ? [batchLine] : []
      if ('groups' in metrics) pushDataPoints(lines, metrics, this.#verbosity === 'detailed')
      else pushMetrics(lines, metrics, this.#verbosity === 'detailed')
      return lines.join('\n')
    }
    this.#print('metrics', 'groups' in metrics ? dataPointCount(metrics) : pointCount(metrics), render)
  }

  #consumeTraces(traces: Traces): void {
    const render = (): string => {
      if (this.#verbosity === 'basic') return tracesBatchLine(traces)
      const lines = this.#verbosity === 'detailed' ? [tracesBatchLine(traces)] : []
      pushSpans(lines, traces, this.#verbosity === 'detailed')
      return lines.join('\n')
    }
    this.#print('traces', spanCount(traces), render)
  }

  #print(signal: SignalName, items: number, render: () => string): void {
    if (!this.#samplers[signal].admits()) this.#drop(signal, items, 'sampled')
    else if (this.#outputs.some((output) => output.queuedBytes > QUEUED_BYTES_MAX)) this.#drop(signal, items, 'queue_full')
    else this.#write(signal, new TextEncoder().encode(`${render()}\n`), items, () => undefined)
  }

  /** Writes to every output; the items count as sent when all have taken them. */
  #write(signal: SignalName, bytes: Uint8Array, items: number, done: () => void): void {
    if (this.#outputs.length === 0) {
      this.#settings.log.info({ text: Buffer.from(bytes).toString('utf8').trimEnd() }, signal)
      this.#settle(signal, items, undefined)
      done()
      return
    }
    let open = this.#outputs.length
    let problem: Error | undefined
    for (const output of this.#outputs) {
      output.write(bytes, (error) => {
        problem ??= error
        if (--open > 0) return
        this.#settle(signal, items, problem)
        done()
      })
    }
  }

  #settle(signal: SignalName, items: number, problem: Error | undefined): void {
    if (problem !== undefined && this.#isOverdue) {
      this.#drop(signal, items, 'shutdown')
      return
    }
    const { sent, failed } = COUNTERS[signal]
    this.#settings.telemetry.counter(problem === undefined ? sent : failed, { exporter: this.#settings.id.text }).add(items)
    if ((problem !== undefined) === this.#isFailing) return
    this.#isFailing = problem !== undefined
    if (problem === undefined) this.#host?.report({ kind: 'ok' })
    else {
      this.#settings.log.warn({ error: problem.message }, 'output cannot be written')
      this.#host?.report({ kind: 'recoverable_error', error: `cannot write to the output: ${problem.message}` })
    }
  }

  #drop(signal: SignalName, items: number, reason: string): void {
    this.#settings.telemetry.counter(COUNTERS[signal].dropped, { exporter: this.#settings.id.text, reason }).add(items)
  }
}
