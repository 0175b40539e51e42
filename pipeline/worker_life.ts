import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { IngestOrigin } from '../component/link.ts'
import type { GraphSpec } from '../component/spec.ts'
import { FairInbox } from '../lib/fair_inbox.ts'
import { type ThreadEnd, threadEnd, type WorkerPool } from '../lib/worker_pool.ts'
import { BEAT_CELLS, Beat, type ChosenPorts, type FromWorker, type IngestTask, START_REQUEST, type ToWorker, type WorkerCommand } from './ingest_protocol.ts'

export interface WorkerLifeOptions {
  readonly pool: WorkerPool<IngestTask>
  readonly origin: IngestOrigin
  readonly spec: GraphSpec
  readonly ports: ChosenPorts
  /** Gets every message but replies, also those that were on their way when the thread died. */
  readonly onMessage: (message: FromWorker) => void
}

/** How a worker ended. `error` is what killed it; undefined when it was told to stop. */
export interface WorkerEnd {
  readonly reason: ThreadEnd | 'stopped'
  readonly error?: Error
}

type Command = WorkerCommand extends infer C ? (C extends WorkerCommand ? Omit<C, 'request'> : never) : never

interface Pending {
  resolve(missed: readonly string[]): void
  reject(error: Error): void
}

/** One ingest worker from its start to its end, seen from the main thread. */
export class WorkerLife {
  readonly origin: IngestOrigin
  /** Resolves when its graph has started; rejects with the reason when it could not, or when the thread died before. */
  readonly ready: Promise<void>
  /** Resolves when the thread has ended and its last message has been taken. Never rejects. */
  readonly ended: Promise<WorkerEnd>
  readonly #port: MessagePort
  readonly #beat = new Int32Array(new SharedArrayBuffer(BEAT_CELLS * 4))
  readonly #abort = new AbortController()
  readonly #pending = new Map<number, Pending>()
  readonly #onMessage: (message: FromWorker) => void
  /** Batches come this way, and what becomes of each decides when the next one comes. */
  readonly #inbox = new FairInbox<FromWorker>((message) => this.#take(message))
  #requests = START_REQUEST
  #isStopping = false
  #hasEnded = false
  #beatSeen = 0
  #beatAtMs = 0

  constructor(options: WorkerLifeOptions) {
    const { port1, port2 } = new MessageChannel()
    this.origin = options.origin
    this.#onMessage = options.onMessage
    this.#port = port1
    port1.on('message', (message: FromWorker) => this.#inbox.push(message))
    this.ready = new Promise<void>((resolve, reject) => this.#pending.set(START_REQUEST, { resolve: () => resolve(), reject }))
    // Who starts a worker waits for it; one that dies while nobody waits is reported by `ended`.
    this.ready.catch(() => {})
    const { worker, life } = options.origin
    const task: IngestTask = { port: port2, beat: this.#beat, worker, life, spec: options.spec, ports: options.ports }
    this.ended = options.pool.run(task, { transfer: [port2], signal: this.#abort.signal }).then(
      () => this.#end({ reason: 'stopped' }),
      (error: Error) => this.#end({ reason: this.#isStopping ? 'stopped' : threadEnd(error), error }),
    )
  }

  /** Sends a command; resolves to the components that missed its deadline, rejects when it fails or the thread dies. */
  request(command: Command): Promise<readonly string[]> {
    const request = ++this.#requests
    return new Promise((resolve, reject) => {
      this.#pending.set(request, { resolve, reject })
      this.#post({ ...command, request })
    })
  }

  /** Hands a message to an ingest half in the worker; does nothing once the thread has ended. */
  deliver(half: string, message: unknown): void {
    if (!this.#hasEnded) this.#post({ type: 'deliver', half, message })
  }

  /** Lets the graph drain and the task end; ends the thread hard when that takes much longer than it may. */
  async stop(drainMs: number): Promise<readonly string[]> {
    this.#isStopping = true
    const hard = setTimeout(() => this.#abort.abort(), drainMs + STOP_GRACE_MS)
    try {
      return await this.request({ type: 'stop', drainMs })
    } catch (error) {
      return [`worker ${this.origin.worker} (${(error as Error).message})`]
    } finally {
      await this.ended
      clearTimeout(hard)
    }
  }

  /** Ends the thread at once. What it has counted and sent stays. */
  kill(): void {
    this.#abort.abort()
  }

  /** Milliseconds since the worker last showed that it is alive, as far as the calls of this method can tell. */
  silentMs(nowMs: number): number {
    const count = Atomics.load(this.#beat, Beat.count)
    if (count !== this.#beatSeen || this.#beatAtMs === 0) {
      this.#beatSeen = count
      this.#beatAtMs = nowMs
    }
    return nowMs - this.#beatAtMs
  }

  get lagSeconds(): number {
    return Atomics.load(this.#beat, Beat.lagMicros) / 1e6
  }

  /** How late its event loop ran at most since the last call. */
  takeDelayMaxSeconds(): number {
    return Atomics.exchange(this.#beat, Beat.delayMaxMicros, 0) / 1e6
  }

  #post(message: ToWorker): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort, not a window
    this.#port.postMessage(message)
  }

  #take(message: FromWorker): void {
    if (message.type !== 'reply') {
      this.#onMessage(message)
      return
    }
    const pending = this.#pending.get(message.request)
    this.#pending.delete(message.request)
    if (message.error === undefined) pending?.resolve(message.missed ?? [])
    else pending?.reject(new Error(message.error))
  }

  #end(end: WorkerEnd): WorkerEnd {
    this.#hasEnded = true
    // The end arrives on another way than the messages: take those that were sent before it first.
    this.#inbox.drain()
    for (let entry = receiveMessageOnPort(this.#port); entry !== undefined; entry = receiveMessageOnPort(this.#port)) this.#take(entry.message as FromWorker)
    this.#port.close()
    const error = new Error(`worker ${this.origin.worker} ended (${end.reason})${end.error === undefined ? '' : `: ${end.error.message}`}`, {
      cause: end.error,
    })
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    return end
  }
}

/** Time for the last messages of a worker whose components have all met, or missed, their deadline. */
const STOP_GRACE_MS = 1500
