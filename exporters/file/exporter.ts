import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import type { ExporterMain } from '../../component/factory.ts'
import { type FileAccess, hintFor, RollingFile } from '../../component/kit/rolling_file.ts'
import { durationMs } from '../../lib/duration.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import { logRecordCount } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics } from '../../model/metrics.ts'
import { spanCount, type Traces } from '../../model/traces.ts'
import type { FileConfig } from './config.ts'
import { logsLine, metricsLines, tracesLine } from './lines.ts'
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

/** Most bytes that wait for a slow disk. */
const QUEUED_BYTES_MAX = 32 << 20
/** A write is not put off once this much waits, and does not take more at once. */
const WRITE_BYTES = 1 << 20

const COUNTERS = {
  logs: { sent: SENT_LOG_RECORDS, failed: FAILED_LOG_RECORDS, dropped: DROPPED_LOG_RECORDS },
  metrics: { sent: SENT_METRIC_POINTS, failed: FAILED_METRIC_POINTS, dropped: DROPPED_METRIC_POINTS },
  traces: { sent: SENT_SPANS, failed: FAILED_SPANS, dropped: DROPPED_SPANS },
} as const

type SignalName = keyof typeof COUNTERS
type Outcome = 'sent' | 'failed' | 'shutdown' | 'queue_full'

/** Whole lines that wait to be written. */
interface Chunk {
  readonly signal: SignalName
  readonly bytes: Uint8Array
  readonly items: number
}

const encoder = new TextEncoder()

/** Owns the file, and writes the lines of all signals in the order they came. */
export class FileExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #settings: Settings
  readonly #file: RollingFile
  readonly #flushMs: number
  readonly #mayCreateDirectory: boolean
  #queue: Chunk[] = []
  #queuedBytes = 0
  #writing: Promise<void> | undefined
  #stopTimer: (() => void) | undefined
  #host: Host | undefined
  #isFailing = false
  #isClosed = false

  /** `access` replaces single file operations in tests. */
  constructor(settings: Settings, config: FileConfig, access?: FileAccess) {
    this.#settings = settings
    this.#flushMs = durationMs(config.flush_interval)
    this.#mayCreateDirectory = !config.create_directory
    const { rotation } = config
    this.#file = new RollingFile({
      path: config.path,
      append: config.append,
      rotation:
        rotation === undefined
          ? undefined
          : { bytesMax: rotation.max_megabytes << 20, daysMax: rotation.max_days, backupsMax: rotation.max_backups, isLocalTime: rotation.localtime },
      directoryMode: config.create_directory ? Number.parseInt(config.directory_permissions, 8) : undefined,
      clock: settings.clock,
      ...(access === undefined ? {} : { access }),
    })
    this.consumers = {
      logs: { consume: (logs) => this.#consumeLogs(logs) },
      metrics: { consume: (metrics) => this.#consumeMetrics(metrics) },
      traces: { consume: (traces) => this.#consumeTraces(traces) },
    }
  }

  async start(host: Host): Promise<void> {
    this.#host = host
    await this.#file.open()
    this.#stopTimer = this.#settings.clock.every(this.#flushMs, () => this.#flush())
  }

  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const giveUp = (): void => this.#giveUp('shutdown')
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    while (this.#queue.length > 0 || this.#writing !== undefined) {
      this.#flush()
      await this.#writing
    }
    signal.removeEventListener('abort', giveUp)
    this.#isClosed = true
    await this.#file.close()
  }

  /** Resolves when the write that is going on, if any, has ended. */
  async idle(): Promise<void> {
    await this.#writing
  }

  #consumeLogs(logs: Logs): void {
    if (!('groups' in logs)) throw new Error('BUG: access logs on the main thread')
    this.#offer('logs', logsLine(logs), logRecordCount(logs))
  }

  async #consumeMetrics(metrics: Metrics): Promise<void> {
    const slices = new TimeSlices()
    for (const { line, points } of metricsLines(metrics)) {
      this.#offer('metrics', line, points)
      if (slices.isOver) await slices.next()
    }
  }

  #consumeTraces(traces: Traces): void {
    this.#offer('traces', tracesLine(traces), spanCount(traces))
  }

  #offer(signal: SignalName, line: string, items: number): void {
    if (this.#queuedBytes > QUEUED_BYTES_MAX) this.#count(signal, items, 'queue_full')
    else this.#enqueue({ signal, bytes: encoder.encode(`${line}\n`), items })
  }

  #enqueue(chunk: Chunk): void {
    if (this.#isClosed) {
      this.#settle(chunk, 'shutdown')
      return
    }
    this.#queue.push(chunk)
    this.#queuedBytes += chunk.bytes.length
    if (this.#queuedBytes >= WRITE_BYTES) this.#flush()
  }

  /** Begins to write everything that waits, unless that is going on already. */
  #flush(): void {
    if (this.#writing !== undefined || this.#queue.length === 0) return
    this.#writing = this.#writeQueue().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const chunks = this.#take()
      try {
        await this.#file.append(chunks.length === 1 ? (chunks[0] as Chunk).bytes : Buffer.concat(chunks.map(({ bytes }) => bytes)))
        this.#report(undefined)
        for (const chunk of chunks) this.#settle(chunk, 'sent')
      } catch (error) {
        this.#report(error)
        for (const chunk of chunks) this.#settle(chunk, 'failed')
      }
    }
  }

  /** Removes the oldest chunks, as many as one write takes. */
  #take(): Chunk[] {
    let end = 0
    let bytes = 0
    do bytes += (this.#queue[end++] as Chunk).bytes.length
    while (end < this.#queue.length && bytes + (this.#queue[end] as Chunk).bytes.length <= WRITE_BYTES)
    this.#queuedBytes -= bytes
    return this.#queue.splice(0, end)
  }

  #giveUp(outcome: Outcome): void {
    this.#queuedBytes = 0
    for (const chunk of this.#queue.splice(0)) this.#settle(chunk, outcome)
  }

  #settle(chunk: Chunk, outcome: Outcome): void {
    this.#count(chunk.signal, chunk.items, outcome)
  }

  #count(signal: SignalName, items: number, outcome: Outcome): void {
    const { telemetry, id } = this.#settings
    const { sent, failed, dropped } = COUNTERS[signal]
    if (outcome === 'sent' || outcome === 'failed') telemetry.counter(outcome === 'sent' ? sent : failed, { exporter: id.text }).add(items)
    else telemetry.counter(dropped, { exporter: id.text, reason: outcome }).add(items)
  }

  /** Tells of the first failure after a success and of the first success after a failure. */
  #report(error: unknown): void {
    if ((error !== undefined) === this.#isFailing) return
    this.#isFailing = error !== undefined
    if (error === undefined) {
      this.#host?.report({ kind: 'ok' })
      return
    }
    const reason = hintFor(error, this.#mayCreateDirectory)
    this.#settings.log.warn({ error: reason }, 'file cannot be written')
    this.#host?.report({ kind: 'recoverable_error', error: `cannot write to the file: ${reason}` })
  }
}
