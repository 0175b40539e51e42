/** How often a thread is looked at, and how many looks in a row find it busy before it is said: three seconds. */
export const LOAD_LOOK_MS = 250
const LOOKS = 12
/** Of one core. What is left is for bursts, and for what else the thread does. */
const BUSY_SHARE = 0.85

/** What a `ThreadLoad` needs of its thread; times in milliseconds. */
export interface LoadedThread {
  now(): number
  /** How long the thread has been running on a core since it began, in user and kernel mode. */
  cpu(): number
}

/**
 * Finds out whether a thread has had hardly any rest for three seconds. By its CPU time, since an event loop that sleeps on purpose
 * (`ReadPacer`) would look busy.
 */
export class ThreadLoad {
  readonly #thread: LoadedThread
  #sinceMs: number
  #sinceCpuMs: number
  #busyLooks = 0

  constructor(thread: LoadedThread = thisThread()) {
    this.#thread = thread
    this.#sinceMs = thread.now()
    this.#sinceCpuMs = thread.cpu()
  }

  /** To be called every `LOAD_LOOK_MS`; true once when the thread has been busy for three seconds, and again after the next. */
  isBusy(): boolean {
    const nowMs = this.#thread.now()
    const cpuMs = this.#thread.cpu()
    const isBusy = cpuMs - this.#sinceCpuMs >= BUSY_SHARE * (nowMs - this.#sinceMs)
    this.#sinceMs = nowMs
    this.#sinceCpuMs = cpuMs
    this.#busyLooks = isBusy ? this.#busyLooks + 1 : 0
    if (this.#busyLooks < LOOKS) return false
    this.#busyLooks = 0
    return true
  }
}

function thisThread(): LoadedThread {
  return {
    now: () => performance.now(),
    cpu: () => {
      const { user, system } = process.threadCpuUsage()
      return (user + system) / 1000
    },
  }
}
