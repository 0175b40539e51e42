import { readFile } from 'node:fs/promises'
import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import type { MainComponent } from '../../component/factory.ts'
import type { IngestOrigin, IngestPeer, MainHalf } from '../../component/link.ts'
import { durationMs } from '../../lib/duration.ts'
import { watchFiles } from '../../lib/file_watch.ts'
import { trimHeap } from '../../lib/heap_trim.ts'
import { SharedRun } from '../../lib/shared_run.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { StatHub } from './aggregate/hub.ts'
import type { StatsdConfig } from './config.ts'
import { DebugPage, type DebugReport } from './debug_page.ts'
import { KernelDrops, ownUdpSockets } from './listen/kernel_drops.ts'
import { Readers } from './listen/readers.ts'
import type { ToIngest, ToMain, WorkerReport } from './messages.ts'
import { formatMappingProblem, loadMapping } from './naming/mapping_source.ts'
import { Records } from './records.ts'
import { type MainInstruments, mainInstruments } from './telemetry.ts'

/** The own metrics lag behind the kernel by this at most; a flush looks, too. */
const KERNEL_LOOK_MS = 250
/**
 * After so many new series the heap is trimmed, in some tens of milliseconds: that they all outlive their making lets the young part
 * of the heap grow by as much as they take, and V8 keeps it while there is traffic.
 */
const TRIM_SERIES = 20_000
/** How long the debug page waits for a worker. */
const REPORT_MS = 1000

/**
 * The half of the `statsd` receiver on the main thread: merges what the ingest halves count, and hands all series on when asked
 * to (`flush`) and every `aggregation_interval`. It reads the mapping file for all workers.
 */
export class StatsdMain implements MainComponent, MainHalf<ToMain> {
  readonly #settings: Settings
  readonly #config: StatsdConfig
  readonly #next: ConsumerSet
  readonly #hub: StatHub
  readonly #instruments: MainInstruments
  readonly #records: Records
  readonly #drops = new KernelDrops()
  readonly #readers: Readers
  readonly #peers = new Map<string, IngestPeer>()
  readonly #udpPorts = new Set<number>()
  readonly #debug: DebugPage | undefined
  readonly #asked = new Map<number, (report: WorkerReport) => void>()
  #questions = 0
  #mapping: { readonly text: string; readonly file: string } | undefined
  #ends: (() => void)[] = []
  #isStarted = false
  /** The next batch goes out because its time has come, whoever else asks for it. */
  #isDue = false
  readonly #runs = new SharedRun(() => this.#flush())
  #dropsCounted = 0
  #counted = { overflowed: 0, expired: 0, conflicts: 0 }
  #trimmedSeries = 0

  constructor(settings: Settings, config: StatsdConfig, next: ConsumerSet) {
    const { telemetry, id, clock } = settings
    this.#settings = settings
    this.#config = config
    this.#next = next
    this.#instruments = mainInstruments(telemetry, id.text, config.transport)
    this.#hub = new StatHub({
      seriesMax: config.series_max,
      setIntervalMs: durationMs(config.aggregation_interval),
      clock,
      resource: { attributes: AttributeSet.empty },
      scope: { name: '', version: '' },
    })
    this.#readers = new Readers({
      first: config.readers,
      clock,
      log: settings.log,
      call: (peer) => peer.send({ kind: 'listen' } satisfies ToIngest),
    })
    this.#records = new Records(next.logs, this.#instruments.records)
    this.#debug = config.debug_endpoint === '' ? undefined : new DebugPage(config.debug_endpoint, settings, (limit) => this.#debugReport(limit))
  }

  async start(host: Host): Promise<void> {
    const { clock } = this.#settings
    const { mapping_file: file } = this.#config
    if (file !== '') await this.#readMapping(file)
    await this.#debug?.start(host)
    this.#isStarted = true
    this.#ends.push(
      clock.every(KERNEL_LOOK_MS, () => {
        const dropped = this.#dropsCounted
        this.#lookAtKernel()
        if (this.#dropsCounted > dropped) this.#readers.overloaded('kernel_drops')
      }),
      clock.every(Math.max(1, durationMs(this.#config.aggregation_interval)), () => {
        this.#isDue = true
        this.flush().catch((error: unknown) => {
          this.#instruments.flushFailures.add(1)
          this.#settings.log.warn({ error: String(error) }, 'periodic flush of metrics failed')
        })
      }),
    )
    if (file !== '') this.#ends.push(watchFiles([file], () => void this.#rereadMapping(file)))
  }

  /** The ingest halves have stopped before: what they counted last is handed on now, and that the series end. */
  async shutdown(options: ShutdownOptions): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    await this.#debug?.close(options)
    if (!this.#isStarted) return
    this.#isStarted = false
    await this.#records.settled()
    this.#isDue = true
    await this.flush()
    await this.#endSeries()
  }

  receive(message: ToMain, from: IngestPeer): void {
    this.#peers.set(keyOf(from), from)
    switch (message.kind) {
      case 'hello':
        if (this.#mapping !== undefined) from.send({ kind: 'mapping', ...this.#mapping } satisfies ToIngest)
        break
      case 'stat':
        this.#hub.receive(message.message, from)
        break
      case 'standby':
        this.#readers.standsBy(from)
        break
      case 'udp_ports':
        for (const port of message.ports) this.#udpPorts.add(port)
        this.#readers.reads(from)
        break
      case 'busy':
        this.#readers.overloaded('busy')
        break
      case 'kernel':
        this.#readers.leaves(from)
        this.#drops.take(message.rows)
        this.#countDrops()
        break
      case 'records':
        this.#records.take(message.records, message.dropped)
        break
      default:
        this.#asked.get(message.id)?.(message.report)
    }
  }

  gone(from: IngestOrigin): void {
    this.#peers.delete(keyOf(from))
    this.#readers.gone(from)
    this.#hub.gone(from)
  }

  /**
   * Hands everything that was counted before the call to the next component. Calls made before a flush has begun share it; a
   * call made during one gets the next. Rejects when the batch is refused.
   */
  flush(): Promise<void> {
    return this.#runs.run()
  }

  async #flush(): Promise<void> {
    const isOnDemand = !this.#isDue
    this.#isDue = false
    this.#lookAtKernel()
    const families = await this.#hub.collect()
    const series = this.#countSeries()
    await this.#next.metrics?.consume({ timeMs: this.#settings.clock.now(), families, isOnDemand })
    this.#trim(series)
  }

  #trim(series: number): void {
    if (series - this.#trimmedSeries >= TRIM_SERIES) trimHeap()
    else if (series > this.#trimmedSeries) return
    this.#trimmedSeries = series
  }

  /** After a reload that changes the receiver its successor has the same series: those of this one must not stand in their way. */
  async #endSeries(): Promise<void> {
    const none = { series: [], values: new Float64Array(0), offset: 0, startTimesMs: new Float64Array(0), updatedMs: new Float64Array(0) }
    const families = (await this.#hub.collect()).map((points) => ({ ...points, ...none }))
    if (families.length > 0) await this.#next.metrics?.consume({ timeMs: this.#settings.clock.now(), families })
  }

  /** Returns how many series live. */
  #countSeries(): number {
    const { series, estimatedSets, overflowed, expired, conflicts } = this.#hub.stats()
    const instruments = this.#instruments
    const before = this.#counted
    instruments.series.set(series)
    instruments.estimatedSets.set(estimatedSets)
    instruments.overflowed.add(overflowed - before.overflowed)
    instruments.expired.add(expired - before.expired)
    instruments.conflicts.add(conflicts - before.conflicts)
    this.#counted = { overflowed, expired, conflicts }
    return series
  }

  #lookAtKernel(): void {
    let queuedBytes = 0
    for (const port of this.#udpPorts) {
      const rows = ownUdpSockets(port, this.#drops.known) ?? []
      this.#drops.take(rows)
      for (const row of rows) queuedBytes += row.queuedBytes
    }
    if (this.#udpPorts.size > 0) {
      // Now and then, not when they change: after a reload the receiver before this one had the last word.
      this.#instruments.kernelQueued.set(queuedBytes)
      this.#instruments.readers.set(this.#readers.count)
    }
    this.#countDrops()
  }

  #countDrops(): void {
    const { total } = this.#drops
    if (total > this.#dropsCounted) this.#instruments.kernelDrops.add(total - this.#dropsCounted)
    this.#dropsCounted = total
  }

  /** Rejects with a sentence for the operator when the file cannot be read or has problems. */
  async #readMapping(file: string): Promise<void> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Error(`cannot read mapping_file ${file}: ${error.code ?? error.message}`, { cause: error })
    })
    const { problems, warnings } = loadMapping(text, file)
    if (problems.length > 0) throw new Error(`mapping_file has problems\n${problems.map((problem) => formatMappingProblem(problem)).join('\n')}`)
    for (const { line, path, problem, hint } of warnings)
      this.#settings.log.warn({ file, line, path: path.join('.'), problem, hint }, 'mapping has a weak spot')
    this.#mapping = { text, file }
    this.#instruments.mappingLoads.success.add(1)
  }

  /** The mapping before stays when the new one is no good. */
  async #rereadMapping(file: string): Promise<void> {
    try {
      await this.#readMapping(file)
    } catch (error) {
      this.#instruments.mappingLoads.failure.add(1)
      this.#settings.log.error({ error: (error as Error).message }, 'mapping not taken over')
      return
    }
    this.#settings.log.info({ file }, 'mapping taken over')
    if (this.#mapping !== undefined) for (const peer of this.#peers.values()) peer.send({ kind: 'mapping', ...this.#mapping } satisfies ToIngest)
  }

  async #debugReport(limit: number): Promise<DebugReport> {
    await this.#hub.collect()
    this.#lookAtKernel()
    const workers = await Promise.all([...this.#peers.values()].map((peer) => this.#ask(peer)))
    return {
      receiver: this.#settings.id.text,
      talkers: this.#hub.talkers(limit),
      series: this.#hub.stats().series,
      kernelDrops: this.#udpPorts.size === 0 ? undefined : this.#drops.total,
      events: this.#records.recent(),
      workers: workers.flatMap((report) => (report === undefined ? [] : [report])),
      missing: workers.filter((report) => report === undefined).length,
    }
  }

  #ask(peer: IngestPeer): Promise<WorkerReport | undefined> {
    const id = ++this.#questions
    return new Promise((resolve) => {
      const answer = (report: WorkerReport | undefined): void => {
        cancel()
        this.#asked.delete(id)
        resolve(report)
      }
      const cancel = this.#settings.clock.after(REPORT_MS, () => answer(undefined))
      this.#asked.set(id, answer)
      peer.send({ kind: 'report', id } satisfies ToIngest)
    })
  }
}

function keyOf({ worker, life }: IngestOrigin): string {
  return `${worker}/${life}`
}
