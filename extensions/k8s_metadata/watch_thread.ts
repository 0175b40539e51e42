import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { Clock } from '../../component/component.ts'
import { type ThreadEnd, threadEnd, WorkerPool } from '../../lib/worker_pool.ts'
import type { IdentityExplanation, IdentityHandles } from '../../model/identity/handles.ts'
import type { FromWatch, ToWatch, WatchOptions, WatchReport, WatchTask } from './watch_protocol.ts'

export interface WatchThreadOptions {
  /** The module whose default export runs a `WatchTask`. */
  readonly entry: URL
  readonly watch: WatchOptions
  readonly clock: Clock
  readonly onHandles: (handles: IdentityHandles) => void
  /** `life` grows with every start of the thread: its totals begin anew. */
  readonly onReport: (report: WatchReport, life: number) => void
  /** The thread has died and is started again after `delayMs`. */
  readonly onEnd: (end: { readonly reason: ThreadEnd; readonly error: Error; readonly delayMs: number }) => void
}

/** Nearly everything it makes is an API object that is garbage at once: room for a few hundred of them is enough. */
const YOUNG_MIB_MAX = 12
const BACK_OFF_MS = { first: 100, most: 10_000 }
/** A thread that has run for this long starts over with the shortest back-off. */
const HEALTHY_AFTER_MS = 60_000
/** A thread that was told to stop has nothing to hand on. */
const STOP_MS_MAX = 1000
const EXPLAIN_MS_MAX = 5000
/** A thread that was started again and does not come to know everything is better than one that is dead. */
const HOLD_BACK_MS_MAX = 30_000

/**
 * The thread that watches the API server, seen from the main thread. When it dies it is started again, and what readers
 * have of its index stays as it was until the new one knows everything.
 */
export class WatchThread {
  readonly #options: WatchThreadOptions
  readonly #pool: WorkerPool<WatchTask>
  readonly #explains = new Map<number, { resolve(explanation: IdentityExplanation): void; reject(error: Error): void }>()
  #requests = 0
  #life = 0
  #port: MessagePort | undefined
  #ended: Promise<void> = Promise.resolve()
  #abort = new AbortController()
  #cancelRestart: (() => void) | undefined
  #cancelHoldBack: (() => void) | undefined
  #backOffMs = BACK_OFF_MS.first
  #isStopping = false
  /** Of a thread that was started again and does not know everything yet. */
  #heldBack: IdentityHandles | undefined
  #isComplete = false

  constructor(options: WatchThreadOptions) {
    this.#options = options
    this.#pool = new WorkerPool({ entry: options.entry, threads: 1, heapMibMax: 0, youngMibMax: YOUNG_MIB_MAX })
  }

  start(): void {
    const { watch, clock } = this.#options
    const { port1, port2 } = new MessageChannel()
    const startedMs = clock.monotonic()
    const life = ++this.#life
    this.#port = port1
    this.#isComplete = false
    this.#heldBack = undefined
    port1.on('message', (message: FromWatch) => this.#take(message, life))
    if (life > 1) this.#cancelHoldBack = clock.after(HOLD_BACK_MS_MAX, () => this.#complete())
    this.#ended = this.#pool.run({ port: port2, options: watch }, { transfer: [port2], signal: this.#abort.signal }).then(
      () => this.#end(port1, life),
      (error: Error) => {
        this.#end(port1, life)
        if (this.#isStopping) return
        if (clock.monotonic() - startedMs >= HEALTHY_AFTER_MS) this.#backOffMs = BACK_OFF_MS.first
        const delayMs = this.#backOffMs
        this.#backOffMs = Math.min(delayMs * 2, BACK_OFF_MS.most)
        this.#cancelRestart = clock.after(delayMs, () => this.start())
        this.#options.onEnd({ reason: threadEnd(error), error, delayMs })
      },
    )
  }

  /** Asks the thread; rejects when it does not answer within some seconds. */
  explain(question: { readonly ip: string; readonly port: number; readonly timeMs: number }): Promise<IdentityExplanation> {
    if (this.#port === undefined) return Promise.reject(new Error('the thread that watches the API server is being started again'))
    const request = ++this.#requests
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(EXPLAIN_MS_MAX, () => settle(() => reject(new Error('the thread that watches the API server does not answer'))))
      const settle = (how: () => void): void => {
        cancel()
        this.#explains.delete(request)
        how()
      }
      this.#explains.set(request, { resolve: (explanation) => settle(() => resolve(explanation)), reject: (error) => settle(() => reject(error)) })
      this.#post({ type: 'explain', request, ...question })
    })
  }

  /** Ends the thread; safe without `start` and safe twice. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#cancelRestart?.()
    this.#post({ type: 'stop' })
    const hard = setTimeout(() => this.#abort.abort(), STOP_MS_MAX)
    await this.#ended
    clearTimeout(hard)
    await this.#pool.close()
  }

  #post(message: ToWatch): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort, not a window
    this.#port?.postMessage(message)
  }

  #take(message: FromWatch, life: number): void {
    if (message.type === 'explained') {
      this.#explains.get(message.request)?.resolve(message.explanation)
      return
    }
    if (message.type === 'handles') {
      this.#heldBack = message.handles
      if (life === 1 || this.#isComplete) this.#handOn()
      return
    }
    this.#options.onReport(message.report, life)
    if (message.report.isSynced && !this.#isComplete) this.#complete()
  }

  #complete(): void {
    this.#cancelHoldBack?.()
    this.#isComplete = true
    this.#handOn()
  }

  #handOn(): void {
    if (this.#heldBack === undefined) return
    this.#options.onHandles(this.#heldBack)
    this.#heldBack = undefined
  }

  #end(port: MessagePort, life: number): void {
    // The end arrives on another way than the messages: take those that were sent before it first.
    for (let entry = receiveMessageOnPort(port); entry !== undefined; entry = receiveMessageOnPort(port)) this.#take(entry.message as FromWatch, life)
    port.close()
    this.#port = undefined
    this.#cancelHoldBack?.()
    for (const pending of this.#explains.values()) pending.reject(new Error('the thread that watches the API server has ended'))
  }
}
