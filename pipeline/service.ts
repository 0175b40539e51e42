import type { Clock, Logger } from '../component/component.ts'
import type { ListenAddress, ProcessView } from '../component/factory.ts'
import type { GraphSpec, Registry } from '../component/spec.ts'
import { durationMs } from '../lib/duration.ts'
import { parseEndpoint } from '../lib/endpoint.ts'
import { canSharePorts } from '../lib/port_sharing.ts'
import { autoThreads } from '../lib/worker_pool.ts'
import type { LogRecord, LogSource } from '../telemetry/log_source.ts'
import type { OwnTelemetry } from '../telemetry/own_telemetry.ts'
import type { Listening } from './ingest_protocol.ts'
import type { IngestSide } from './ingest_side.ts'
import { IngestWorkers } from './ingest_workers.ts'
import { LinkHub } from './links.ts'
import { LocalIngest } from './local_ingest.ts'
import { MainSide } from './main_side.ts'
import { FactoryTable, type GraphPlan, isShared, listensOf } from './plan.ts'
import { planGraph } from './planner.ts'
import { PortBook, probeAddress } from './port_book.ts'
import { StatusBoard } from './status.ts'
import { configLastReloadSuccess, configReloadFailures, configReloads } from './telemetry.ts'

export interface ServiceOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly logs: LogSource
  /** Where the records of other threads go. */
  readonly writeLog: (record: LogRecord) => void
  readonly telemetry: OwnTelemetry
  /** The module whose default export runs an ingest worker with the same registry. */
  readonly workerEntry: URL
  /** A component cannot go on; the process should end with exit code 4. */
  readonly onFatal: (address: string, error: string) => void
}

/**
 * The running graph: its parts on the main thread and in ingest workers, their start, exchange and stop.
 *
 * `start`, `reload` and `shutdown` follow one another; a call waits for the one before it.
 */
export class Service {
  readonly view: ProcessView
  readonly #options: ServiceOptions
  readonly #log: Logger
  readonly #factories: FactoryTable
  readonly #board: StatusBoard
  readonly #ports = new PortBook()
  readonly #links: LinkHub
  readonly #main: MainSide
  #ingest: { readonly side: IngestSide; readonly workers: string } | undefined
  #spec: GraphSpec | undefined
  #lives = 0
  #last: Promise<unknown> = Promise.resolve()
  #isRunning = false
  #lastReload: { readonly at: number; readonly error?: string } | undefined

  constructor(options: ServiceOptions) {
    const { registry, clock, logs, telemetry } = options
    this.#options = options
    this.#log = logs.for('service')
    this.#factories = new FactoryTable(registry)
    this.#board = new StatusBoard(() => clock.now(), options.onFatal)
    this.view = {
      components: () => this.#board.views(),
      isReady: () => this.#isRunning && this.#ingest?.side.isUp === true && this.#board.isAllOk,
      lastReload: () => this.#lastReload,
      startedAt: clock.now(),
    }
    this.#links = new LinkHub(
      (key) => this.#main.mainHalf(key),
      (key, error) => logs.for(key.split('#')[0] as string).error({ error }, 'message from ingest worker not taken'),
    )
    const shared = { registry, clock, logs, telemetry, board: this.#board, ports: this.#ports, links: this.#links }
    this.#main = new MainSide({ ...shared, view: this.view, life: ++this.#lives })
    telemetry.counter(configReloads)
    telemetry.counter(configReloadFailures)
    telemetry.gauge(configLastReloadSuccess).set(1)
  }

  /** The listeners that are open, of all threads together. */
  get listeners(): readonly Listening[] {
    return this.#ports.listeners()
  }

  /** Builds and starts everything. Rejects, after closing what was opened, with an error that names the component. */
  start(spec: GraphSpec): Promise<void> {
    return this.#inTurn(async () => {
      await this.#change(spec)
      this.#isRunning = true
    })
  }

  /**
   * Exchanges the graph: instances whose config and place are unchanged live on with their state and listeners.
   * Rejects, with everything as it was, when something new cannot be built or started; telemetry and health tell.
   */
  reload(spec: GraphSpec): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#change(spec)
        this.#noteReload(undefined)
      } catch (error) {
        this.#noteReload(error as Error)
        throw error
      }
    })
  }

  /** The config could not even be read: the graph stays, and telemetry and health tell. */
  reloadFailed(error: Error): void {
    this.#noteReload(error)
  }

  /** Stops taking data, drains and closes. Returns the components that missed the deadline; empty when all is well. */
  shutdown(signal: AbortSignal): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      this.#isRunning = false
      const ingest = this.#ingest
      this.#ingest = undefined
      const missed = [...((await ingest?.side.stop(signal)) ?? [])]
      return [...missed, ...(await this.#main.graph.stop(signal))]
    })
  }

  async #change(spec: GraphSpec): Promise<void> {
    const plan = planGraph(spec, this.#options.registry)
    const workers = JSON.stringify(spec.service.workers)
    const old = this.#ingest
    await this.#probe(plan)
    const threads = this.#threadsOf(spec)
    this.#main.worker = Math.max(1, threads)
    await this.#main.graph.prepare(plan.main)
    let side: IngestSide
    try {
      side = old?.workers === workers ? old.side : this.#openIngest(spec, threads)
      await side.prepare(spec)
    } catch (error) {
      // A side that has failed to prepare has taken everything back itself.
      await this.#main.graph.abort(AbortSignal.timeout(1000))
      throw error
    }
    await this.#commit({ spec, plan, side, workers })
  }

  async #commit({ spec, plan, side, workers }: { spec: GraphSpec; plan: GraphPlan; side: IngestSide; workers: string }): Promise<void> {
    const old = this.#ingest
    this.#options.logs.level = spec.service.telemetry.logs.level
    this.#main.graph.commit()
    await side.commit()
    this.#ingest = { side, workers }
    this.#spec = spec
    const signal = AbortSignal.timeout(durationMs(spec.service.drain_timeout))
    const missed = [...(await side.finish(signal))]
    if (old !== undefined && old.side !== side) missed.push(...(await old.side.stop(signal)))
    missed.push(...(await this.#main.graph.finish(signal)))
    this.#ports.keepOnly(new Set([...plan.ingest.nodes, ...plan.main.nodes].map((node) => node.spec.address)))
    if (missed.length > 0) this.#log.warn({ components: missed }, 'drain deadline missed by components of the old config')
  }

  #openIngest(spec: GraphSpec, threads: number): IngestSide {
    const { registry, clock, logs, writeLog, telemetry, workerEntry } = this.#options
    const shared = { clock, telemetry, board: this.#board, links: this.#links, ports: this.#ports }
    if (threads === 0) return new LocalIngest({ ...shared, registry, logs, life: ++this.#lives })
    const heapMibMax = spec.service.workers.heap_mib_max
    return new IngestWorkers({ ...shared, threads, heapMibMax, entry: workerEntry, log: this.#log, writeLog, nextLife: () => ++this.#lives })
  }

  #threadsOf({ service }: GraphSpec): number {
    const { threads } = service.workers
    if (threads === 0) return 0
    const wanted = threads === 'auto' ? autoThreads() : threads
    if (canSharePorts() || wanted === 1) return wanted
    this.#log.warn({ wanted, threads: 1 }, 'this system cannot share ports among threads: one ingest worker')
    return 1
  }

  /** Other processes on the ports of ingest receivers and shared extensions would go unnoticed, because these share them. */
  async #probe(plan: GraphPlan): Promise<void> {
    if (!canSharePorts()) return
    const held = this.#spec === undefined ? [] : this.#sharingListens(planGraph(this.#spec, this.#options.registry)).map(({ listen }) => listen)
    for (const { address, listen } of this.#sharingListens(plan)) {
      if (!held.some((own) => isSamePort(own, listen))) await probeAddress(address, listen)
    }
  }

  #sharingListens({ ingest, main }: GraphPlan): { readonly address: string; readonly listen: ListenAddress }[] {
    const sharing = [...ingest.nodes.filter(({ kind }) => kind === 'receiver'), ...main.nodes.filter(isShared)]
    return sharing.flatMap((node) => listensOf(node, this.#factories).map((listen) => ({ address: node.spec.address, listen })))
  }

  #noteReload(error: Error | undefined): void {
    const { clock, telemetry } = this.#options
    this.#lastReload = { at: clock.now(), ...(error === undefined ? {} : { error: error.message }) }
    telemetry.counter(configReloads).add(1)
    if (error !== undefined) telemetry.counter(configReloadFailures).add(1)
    telemetry.gauge(configLastReloadSuccess).set(error === undefined ? 1 : 0)
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run)
    this.#last = turn.catch(() => {})
    return turn
  }
}

function isSamePort(a: ListenAddress, b: ListenAddress): boolean {
  return a.network === b.network && parseEndpoint(a.address)?.port === parseEndpoint(b.address)?.port
}
