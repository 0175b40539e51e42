/**
 * A smaller receive buffer might not hold what comes while the thread sleeps: of the smallest datagrams 208 KiB, which many systems
 * give, hold no more than 270.
 */
export const PACED_BUFFER_BYTES_MIN = 1 << 20

/**
 * Packets are read so often at most, unless so many wait that one turn cannot take them all. Twice as long saved up to a tenth more
 * with two workers and nothing that could be told with one; what else the thread does waits for it.
 */
const TURN_MS = 2
/** Of the datagrams of a socket libuv reads so many in one turn of the event loop. */
const FULL_TURN = 32
/** So often and for so long it is looked whether the thread has time at all. */
const CYCLE_MS = 500
const LOOK_MS = 20
/** A thread that waits for work less than this share of its time does not sleep. */
const IDLE_SHARE_MIN = 0.1

/** What a `ReadPacer` needs of its thread; times in milliseconds. */
export interface PacedThread {
  now(): number
  /** How long the event loop has waited for work since it began. */
  idle(): number
  /** Does nothing for so long, and lets nothing else happen in the thread. */
  sleep(ms: number): void
  /** Calls back once when the events of this turn of the event loop are done. */
  afterTurn(call: () => void): void
}

/**
 * Lets a thread that could take each datagram as it comes wait a little instead, so that several come at once.
 *
 * To wake up for one datagram costs about as much as to read and count two. A turn of the event loop that brought datagrams, but
 * not as many as it could have, therefore sleeps until two milliseconds have passed since the one before; meanwhile the
 * kernel keeps what comes. A thread that is busy, with this or anything else, does not sleep: then nothing has to wait for it,
 * and its turns are full anyway.
 */
export class ReadPacer {
  readonly #thread: PacedThread
  #datagrams = 0
  #endedMs = Number.NEGATIVE_INFINITY
  #maySleep = false
  #isLooking = false
  #sinceMs = Number.NEGATIVE_INFINITY
  #sinceIdleMs = 0

  constructor(thread: PacedThread = thisThread()) {
    this.#thread = thread
  }

  /** A datagram was read. */
  datagram(): void {
    if (this.#datagrams++ === 0) this.#thread.afterTurn(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    const datagrams = this.#datagrams
    this.#datagrams = 0
    const nowMs = this.#thread.now()
    this.#look(nowMs)
    const restMs = this.#endedMs + TURN_MS - nowMs
    this.#endedMs = nowMs
    if (!this.#maySleep || datagrams >= FULL_TURN || restMs <= 0) return
    this.#thread.sleep(restMs)
    this.#endedMs = this.#thread.now()
  }

  /** Finds out now and then, awake, how much time the thread has. */
  #look(nowMs: number): void {
    const passedMs = nowMs - this.#sinceMs
    if (passedMs < (this.#isLooking ? LOOK_MS : CYCLE_MS)) return
    const idleMs = this.#thread.idle()
    this.#maySleep = this.#isLooking && idleMs - this.#sinceIdleMs >= IDLE_SHARE_MIN * passedMs
    this.#isLooking = !this.#isLooking
    this.#sinceMs = nowMs
    this.#sinceIdleMs = idleMs
  }
}

function thisThread(): PacedThread {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  return {
    now: () => performance.now(),
    idle: () => performance.eventLoopUtilization().idle,
    sleep: (ms) => void Atomics.wait(cell, 0, 0, ms),
    afterTurn: (call) => void setImmediate(call),
  }
}
