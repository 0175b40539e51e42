import type { EventEmitter } from 'node:events'
import type { Logger } from '../../component/component.ts'
import type { GraphSpec, Registry } from '../../component/spec.ts'
import { formatProblem, type Problem } from '../../config/problem.ts'
import { systemClock } from '../../lib/clock.ts'
import { durationMs } from '../../lib/duration.ts'
import { watchFiles } from '../../lib/file_watch.ts'
import { letThreadsLimitHeaps, setHeapGrowth } from '../../lib/heap_growth.ts'
import { keepTrimmed } from '../../lib/heap_trim.ts'
import { siblingModule } from '../../lib/worker_pool.ts'
import { Service } from '../../pipeline/service.ts'
import { LogSource } from '../../telemetry/log_source.ts'
import { LogWriter } from '../../telemetry/log_writer.ts'
import { OwnTelemetry } from '../../telemetry/own_telemetry.ts'
import { observeProcess } from '../../telemetry/process_metrics.ts'
import { EXIT } from './exit_codes.ts'
import { OwnMetrics } from './own_metrics.ts'
import { StopRequests } from './stop_requests.ts'
import { version } from './version.ts'

/** Heaps may become three times as large as what lives in them, which is some 15 MiB in an ingest worker. */
const HEAP_GROWTH_PERCENT = 200

/** What a reload finds: a checked config, or what is wrong with it. */
export interface Reloaded {
  readonly spec?: GraphSpec
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** Every file that was read or looked for. */
  readonly files: readonly string[]
}

export interface DaemonOptions {
  readonly spec: GraphSpec
  readonly registry: Registry
  /** Loads the config again; called on SIGHUP and when a watched file has changed. */
  readonly reload: () => Reloaded | Promise<Reloaded>
  /** Files whose change is worth a reload, until a reload names others; empty without `--watch`. */
  readonly watchFiles?: readonly string[]
  /** The module that runs ingest workers with the same registry; by default the one of the built-in components. */
  readonly workerEntry?: URL
}

/** How the daemon came to its end. */
type Ending = { readonly kind: 'asked' } | { readonly kind: 'fatal' }

/**
 * Runs the daemon until SIGTERM, SIGINT or a fatal error, and resolves to the exit code of the process (`EXIT`).
 *
 * SIGHUP and changed files make it load the config again: a good one replaces the graph without losing what is unchanged,
 * a bad one changes nothing. A second SIGTERM or SIGINT (half a second after the first, or later) ends the process at once,
 * with 128 and the signal's number.
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  setHeapGrowth(HEAP_GROWTH_PERCENT)
  if (options.spec.service.workers.heap_mib_max > 0) letThreadsLimitHeaps()
  return new Daemon(options).run()
}

class Daemon {
  readonly #options: DaemonOptions
  readonly #writer: LogWriter
  readonly #logs: LogSource
  readonly #log: Logger
  readonly #telemetry = new OwnTelemetry()
  readonly #service: Service
  readonly #metrics: OwnMetrics
  readonly #ending: Promise<Ending>
  #end!: (ending: Ending) => void
  #spec: GraphSpec
  /** Reloads wait for the start, and for one another. */
  #reloads: Promise<void>
  #started!: () => void
  #isEnding = false
  #watched: readonly string[] = []
  #stopWatching: () => void = () => {}

  constructor(options: DaemonOptions) {
    this.#options = options
    this.#spec = options.spec
    const { logs } = options.spec.service.telemetry
    this.#writer = new LogWriter(logs)
    const write = this.#writer.write.bind(this.#writer)
    this.#logs = new LogSource(logs.level, write)
    this.#log = this.#logs.for('service')
    this.#ending = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#reloads = new Promise((resolve) => {
      this.#started = resolve
    })
    this.#metrics = new OwnMetrics(this.#telemetry, { log: this.#logs.for('service.telemetry'), version: version() })
    this.#service = new Service({
      registry: options.registry,
      clock: systemClock,
      logs: this.#logs,
      writeLog: write,
      telemetry: this.#telemetry,
      workerEntry: options.workerEntry ?? siblingModule(import.meta.url, 'ingest_worker'),
      onFatal: (address, error) => this.#fatal({ component: address, error }, 'component failed for good'),
    })
  }

  async run(): Promise<number> {
    const ignoreSignals = this.#obeySignals()
    const endProcessMetrics = observeProcess(this.#telemetry)
    // From before the start on, so that no change is missed between the two.
    this.#watch(this.#options.watchFiles ?? [])
    // Until the end is decided something must keep the process alive, also while no listener is open.
    const alive = setInterval(() => {}, 60_000)
    let code: number
    try {
      code = (await this.#start()) ? await this.#runToEnd() : EXIT.start
    } finally {
      endProcessMetrics()
      this.#stopWatching()
      clearInterval(alive)
      ignoreSignals()
    }
    watchExit(code, this.#log)
    return code
  }

  /** False when something could not be started; everything is closed again then. */
  async #start(): Promise<boolean> {
    try {
      await this.#metrics.apply(this.#spec)
      await this.#service.start(this.#spec)
    } catch (error) {
      this.#log.error({ error: (error as Error).message }, 'cannot start')
      await this.#service.shutdown(AbortSignal.timeout(1000))
      await this.#metrics.shutdown()
      return false
    }
    const listeners = this.#service.listeners.map(({ address, host, port }) => `${address} ${host.includes(':') ? `[${host}]` : host}:${port}`)
    this.#log.info({ version: version(), pid: process.pid, listeners }, 'everything is up')
    return true
  }

  async #runToEnd(): Promise<number> {
    const stopTrim = keepTrimmed(systemClock)
    this.#started()
    const ending = await this.#ending
    stopTrim()
    this.#isEnding = true
    await this.#reloads
    const drainMs = durationMs(this.#spec.service.drain_timeout)
    const missed = await this.#service.shutdown(AbortSignal.timeout(drainMs))
    await this.#metrics.shutdown()
    if (missed.length > 0) this.#log.error({ components: missed, drainMs }, 'drain deadline missed')
    else this.#log.info({}, 'everything is drained and closed')
    if (ending.kind === 'fatal') return EXIT.fatal
    return missed.length > 0 ? EXIT.drainMissed : EXIT.ok
  }

  #reload(reason: string): void {
    this.#reloads = this.#reloads.then(async () => {
      if (this.#isEnding) return
      try {
        await this.#reloadNow()
        this.#log.info({ reason }, 'config loaded again')
      } catch (error) {
        this.#log.error({ reason, error: (error as Error).message }, 'config not loaded again: the old one goes on')
      }
    })
  }

  async #reloadNow(): Promise<void> {
    let spec: GraphSpec
    try {
      spec = await this.#checkedSpec()
    } catch (error) {
      this.#service.reloadFailed(error as Error)
      throw error
    }
    await this.#service.reload(spec)
    this.#spec = spec
    this.#writer.options = spec.service.telemetry.logs
    // The graph runs with the new config already; without its own page the daemon can still do its work.
    await this.#metrics.apply(spec).catch((error: Error) => this.#log.error({ error: error.message }, 'own metrics are not served'))
  }

  async #checkedSpec(): Promise<GraphSpec> {
    const { spec, problems, warnings, files } = await this.#options.reload()
    // At once, so that no change falls between what was read and what is compared with.
    if (this.#watched.length > 0) this.#watch(files)
    for (const warning of warnings) this.#log.warn({ problem: formatProblem(warning) }, 'config loaded again with a warning')
    if (spec === undefined || problems.length > 0) throw new Error(problems.map((problem) => formatProblem(problem)).join('\n'))
    return spec
  }

  #watch(files: readonly string[]): void {
    if (files.length === this.#watched.length && files.every((file) => this.#watched.includes(file))) return
    this.#stopWatching()
    this.#watched = files
    this.#stopWatching = watchFiles(files, () => this.#reload('file changed'))
  }

  #fatal(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#log.error(fields, message)
    this.#end({ kind: 'fatal' })
  }

  #obeySignals(): () => void {
    const requests = new StopRequests(systemClock)
    const stop = (name: NodeJS.Signals, number: number): void => {
      const request = requests.next()
      if (request === 'echo') return
      if (request === 'again') process.exit(128 + number)
      this.#log.info({ signal: name }, 'draining; a second signal ends at once')
      this.#end({ kind: 'asked' })
    }
    const handlers: Readonly<Record<string, (error: Error) => void>> = {
      SIGTERM: () => stop('SIGTERM', 15),
      SIGINT: () => stop('SIGINT', 2),
      SIGHUP: () => this.#reload('SIGHUP'),
      uncaughtException: (error) => this.#fatal({ error }, 'error that nobody caught'),
    }
    // Who reads the log may go away; the daemon goes on.
    const ignore = (): void => {}
    process.stderr.on('error', ignore)
    const events: EventEmitter = process
    for (const [name, handler] of Object.entries(handlers)) events.on(name, handler)
    return () => {
      for (const [name, handler] of Object.entries(handlers)) events.off(name, handler)
      process.stderr.off('error', ignore)
    }
  }
}

/** How long the process may take to end by itself when everything is closed. */
const EXIT_MS = 3000

/** Ends the process by force when something that should be closed keeps it alive, and says what. */
function watchExit(code: number, log: Logger): void {
  systemClock.after(EXIT_MS, () => {
    log.warn({ resources: process.getActiveResourcesInfo() }, 'process does not end by itself')
    process.exit(code)
  })
}
