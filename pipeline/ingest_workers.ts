import type { Clock, Logger, Status } from '../component/component.ts'
import type { GraphSpec } from '../component/spec.ts'
import type { Counter, Telemetry } from '../component/telemetry.ts'
import { durationMs } from '../lib/duration.ts'
import { WorkerPool } from '../lib/worker_pool.ts'
import type { LogRecord } from '../telemetry/log_source.ts'
import type { OwnTelemetry, WorkerSource } from '../telemetry/own_telemetry.ts'
import type { FromWorker, IngestTask, Listening } from './ingest_protocol.ts'
import type { IngestSide } from './ingest_side.ts'
import type { IngestThread, LinkHub } from './links.ts'
import type { PortBook } from './port_book.ts'
import type { StatusBoard, StatusOwner } from './status.ts'
import { workerDelay, workerLag, workerRestarts, workersRunning } from './telemetry.ts'
import { WorkerLife } from './worker_life.ts'

export interface IngestWorkersOptions {
  readonly threads: number
  readonly heapMibMax: number
  /** The module whose default export runs `runIngestWorker` with the built-in components. */
  readonly entry: URL
  readonly clock: Clock
  readonly log: Logger
  readonly writeLog: (record: LogRecord) => void
  readonly telemetry: OwnTelemetry
  readonly board: StatusBoard
  readonly links: LinkHub
  readonly ports: PortBook
  readonly nextLife: () => number
}

const BACKOFF_MS = { first: 100, most: 10_000 }
/** A worker that has run for this long starts over with the shortest back-off. */
const HEALTHY_AFTER_MS = 60_000
const CHECK_INTERVAL_MS = 1000
/** A worker whose event loop does not run for this long is reported, and after the longer time ended and started again. */
const SILENT_MS = { reported: 10_000, ended: 30_000 }

interface Slot {
  readonly index: number
  readonly owner: StatusOwner
  life: WorkerLife | undefined
  isUp: boolean
  isSilent: boolean
  startedAtMs: number
  backoffMs: number
  cancelRestart: (() => void) | undefined
  /** The life that holds the prepared change. */
  prepared: WorkerLife | undefined
}

/** The ingest side in worker threads: equal replicas that share their ports, watched and started again when they die. */
export class IngestWorkers implements IngestSide {
  readonly #options: IngestWorkersOptions
  readonly #pool: WorkerPool<IngestTask>
  readonly #slots: Slot[]
  readonly #running: { set(value: number): void }
  readonly #ends: (() => void)[] = []
  /** What a worker that starts now shall run; undefined before the first commit. */
  #spec: GraphSpec | undefined
  #nextSpec: GraphSpec | undefined
  #isStopping = false

  constructor(options: IngestWorkersOptions) {
    this.#options = options
    this.#pool = new WorkerPool({ entry: options.entry, threads: options.threads, heapMibMax: options.heapMibMax })
    const set = options.nextLife()
    this.#slots = Array.from({ length: options.threads }, (_, index) => ({
      index,
      owner: { key: `workers.${set}.${index}`, address: 'service.workers', kind: 'worker', worker: index },
      life: undefined,
      isUp: false,
      isSilent: false,
      startedAtMs: 0,
      backoffMs: BACKOFF_MS.first,
      cancelRestart: undefined,
      prepared: undefined,
    }))
    this.#running = options.telemetry.gauge(workersRunning)
    this.#watch()
  }

  get isUp(): boolean {
    return this.#slots.every(({ isUp }) => isUp)
  }

  /** The first worker goes first: it learns the ports that the others shall use. */
  async prepare(spec: GraphSpec): Promise<void> {
    this.#nextSpec = spec
    const prepare = (slot: Slot): Promise<void> => (this.#spec === undefined ? this.#start(slot, spec) : this.#prepareSlot(slot, spec))
    const [first, ...others] = this.#slots
    try {
      await prepare(first as Slot)
      await allOrFirstError(others.map(prepare))
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async commit(): Promise<void> {
    const spec = this.#nextSpec as GraphSpec
    const isFirst = this.#spec === undefined
    this.#spec = spec
    this.#nextSpec = undefined
    if (isFirst) return
    await Promise.all(this.#slots.map((slot) => this.#commitSlot(slot, spec)))
  }

  async finish(signal: AbortSignal): Promise<readonly string[]> {
    const drainMs = this.#drainMs(signal)
    const finish = async ({ life, isUp }: Slot): Promise<readonly string[]> => (isUp && life !== undefined ? life.request({ type: 'finish', drainMs }) : [])
    // One that dies meanwhile has nothing left to finish.
    const missed = await Promise.all(this.#slots.map((slot) => finish(slot).catch(() => [])))
    return missed.flat()
  }

  async abort(): Promise<void> {
    this.#nextSpec = undefined
    if (this.#spec === undefined) {
      await this.stop(AbortSignal.timeout(1000))
      return
    }
    await Promise.all(
      this.#slots.map(async (slot) => {
        const life = slot.prepared
        slot.prepared = undefined
        // A worker that cannot take the change back starts afresh with the old config.
        await life?.request({ type: 'abort' }).catch(() => life.kill())
      }),
    )
  }

  async stop(signal: AbortSignal): Promise<readonly string[]> {
    this.#isStopping = true
    for (const end of this.#ends.splice(0)) end()
    const drainMs = this.#drainMs(signal)
    const missed = await Promise.all(
      this.#slots.map(async (slot) => {
        slot.cancelRestart?.()
        this.#tell(slot, { kind: 'stopping' })
        const late = (await slot.life?.stop(drainMs)) ?? []
        this.#options.board.remove(slot.owner.key)
        return late
      }),
    )
    await this.#pool.close()
    return missed.flat()
  }

  async #prepareSlot(slot: Slot, spec: GraphSpec): Promise<void> {
    const { life, isUp } = slot
    // One that is down starts with the config that is valid when it does.
    if (life === undefined || !isUp) return
    await life.request({ type: 'prepare', spec, ports: this.#options.ports.all() })
    slot.prepared = life
  }

  async #commitSlot(slot: Slot, spec: GraphSpec): Promise<void> {
    const { life, prepared } = slot
    slot.prepared = undefined
    if (life === undefined) return
    try {
      // It was started again in between, with the old config.
      if (life !== prepared) {
        await life.ready
        await life.request({ type: 'prepare', spec, ports: this.#options.ports.all() })
      }
      await life.request({ type: 'commit' })
    } catch {
      life.kill()
    }
  }

  /** Starts a slot's worker; rejects when its graph does not start. Its later end is the supervisor's business. */
  async #start(slot: Slot, spec: GraphSpec): Promise<void> {
    const { board, clock, nextLife, ports } = this.#options
    const origin = { worker: slot.index, life: nextLife() }
    const thread: IngestThread = { ...origin, post: (half, message) => life.deliver(half, message) }
    const source = this.#options.telemetry.attach()
    this.#tell(slot, slot.backoffMs === BACKOFF_MS.first ? { kind: 'starting' } : { kind: 'recoverable_error', error: 'starts again' })
    const life = new WorkerLife({
      pool: this.#pool,
      origin,
      spec,
      ports: ports.all(),
      onMessage: (message) => this.#receive(message, { slot, thread, source }),
    })
    slot.life = life
    slot.isSilent = false
    slot.startedAtMs = clock.monotonic()
    const ended = life.ended.then((end) => {
      source.detach()
      this.#options.links.allGone(origin)
      board.removeAll(componentKey(origin.life, ''))
      this.#setUp(slot, false)
      return end
    })
    try {
      await life.ready
    } catch (error) {
      life.kill()
      await ended
      slot.life = undefined
      throw error
    }
    this.#setUp(slot, true)
    this.#tell(slot, { kind: 'ok' })
    void ended.then(({ reason, error }) => {
      slot.life = undefined
      if (this.#isStopping) return
      const why = slot.isSilent ? 'stalled' : reason
      this.#options.log.error({ worker: slot.index, reason: why, error }, 'ingest worker ended')
      this.#restartLater(slot, why)
    })
  }

  #restartLater(slot: Slot, reason: string): void {
    const { clock, telemetry } = this.#options
    if (clock.monotonic() - slot.startedAtMs >= HEALTHY_AFTER_MS) slot.backoffMs = BACKOFF_MS.first
    const delayMs = slot.backoffMs
    slot.backoffMs = Math.min(slot.backoffMs * 2, BACKOFF_MS.most)
    restartCounter(telemetry, reason).add(1)
    this.#tell(slot, { kind: 'recoverable_error', error: `ended (${reason}); starts again in ${delayMs} ms` })
    slot.cancelRestart = clock.after(delayMs, () => void this.#restart(slot))
  }

  async #restart(slot: Slot): Promise<void> {
    slot.cancelRestart = undefined
    if (this.#isStopping) return
    try {
      await this.#start(slot, this.#spec as GraphSpec)
      this.#options.log.info({ worker: slot.index }, 'ingest worker started again')
    } catch (error) {
      if (this.#isStopping) return
      this.#options.log.error({ worker: slot.index, error }, 'ingest worker did not start again')
      this.#restartLater(slot, 'start_failed')
    }
  }

  #setUp(slot: Slot, isUp: boolean): void {
    slot.isUp = isUp
    this.#running.set(this.#slots.filter((other) => other.isUp).length)
  }

  #receive(message: FromWorker, { slot, thread, source }: { readonly slot: Slot; readonly thread: IngestThread; readonly source: WorkerSource }): void {
    const { board, links, ports, writeLog } = this.#options
    switch (message.type) {
      case 'link':
        links.deliver(message.ends, message.message, thread)
        break
      case 'gone':
        links.gone(message.ends, thread)
        break
      case 'status':
        board.set({ ...message.owner, key: componentKey(thread.life, message.owner.key), worker: slot.index }, message.status)
        break
      case 'removed':
        board.remove(componentKey(thread.life, message.key))
        break
      case 'log':
        writeLog(message.record)
        break
      case 'telemetry':
        source.receive(message.message)
        break
      case 'listening':
        ports.add(message.listening satisfies Listening)
        break
      default:
        throw new Error(`BUG: no such message from a worker: ${message.type}`)
    }
  }

  /** Looks at the heartbeats; a worker whose loop stands still is reported, then ended, then (when that fails) given up. */
  #watch(): void {
    const { clock, telemetry } = this.#options
    for (const slot of this.#slots) {
      const worker = String(slot.index)
      this.#ends.push(
        telemetry.observe(workerLag, { worker }, () => slot.life?.lagSeconds ?? 0),
        telemetry.observe(workerDelay, { worker, statistic: 'max' }, () => slot.life?.takeDelayMaxSeconds() ?? 0),
      )
    }
    this.#ends.push(
      clock.every(CHECK_INTERVAL_MS, () => {
        for (const slot of this.#slots) if (slot.isUp && slot.life !== undefined) this.#check(slot, slot.life)
      }),
    )
  }

  #check(slot: Slot, life: WorkerLife): void {
    const { clock } = this.#options
    const silentMs = life.silentMs(clock.monotonic())
    if (silentMs < SILENT_MS.reported) {
      if (slot.isSilent) this.#tell(slot, { kind: 'ok' })
      slot.isSilent = false
      return
    }
    slot.isSilent = true
    const error = `does not respond since ${Math.round(silentMs / 1000)} s`
    const isLost = silentMs >= SILENT_MS.ended + SILENT_MS.reported
    this.#tell(slot, { kind: isLost ? 'permanent_error' : 'recoverable_error', error })
    if (silentMs >= SILENT_MS.ended) life.kill()
  }

  /** A worker that was given up may come back after all, which the rules for components do not foresee. */
  #tell(slot: Slot, status: Status): void {
    const { board } = this.#options
    if (board.set(slot.owner, status)) return
    board.remove(slot.owner.key)
    board.set(slot.owner, status)
  }

  #drainMs(signal: AbortSignal): number {
    return signal.aborted ? 0 : durationMs((this.#spec ?? this.#nextSpec)?.service.drain_timeout ?? '0s')
  }
}

function componentKey(life: number, key: string): string {
  return `life ${life} ${key}`
}

function restartCounter(telemetry: Telemetry, reason: string): Counter {
  return telemetry.counter(workerRestarts, { reason })
}

/** Waits for all, so that nothing is under way when it rejects with the first error. */
async function allOrFirstError(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason
}
