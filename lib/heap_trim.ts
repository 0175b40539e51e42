import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Collects all garbage of the calling thread and gives its pages back to the system. Blocks this thread for some tens of
 * milliseconds, so it is for moments that are rare and slow anyway, such as a start.
 *
 * Starting leaves some 12 MiB of garbage in every thread, and V8 keeps it as long as nothing more is allocated, which in
 * a daemon without traffic is for ever. A plain collection frees the objects but keeps the pages; only what V8 does
 * before it runs out of memory ("last-resort") returns them. It has no public function; the switch makes new contexts
 * carry one. The session of node:inspector that could do it too was seen to lock up the process.
 */
export function trimHeap(): void {
  collect({ type: 'major', flavor: 'last-resort' })
}

/**
 * Collects all garbage of the calling thread, so that what it alone still held is freed; pages of its heap stay. Blocks this
 * thread for some ten milliseconds.
 */
export function collectGarbage(): void {
  collect({ type: 'major' })
}

/** Of buffers that lie in no object but their own so many bytes may be garbage before it is collected. */
const YOUNG_BYTES_MAX = 24 * (1 << 20)

/**
 * Collects the young garbage of its thread, in some milliseconds, after each 24 MiB of large buffers that were made and given
 * up at once. V8 itself looks at the young part of the heap when that is full of objects, to which buffers hardly
 * count; what it does about 64 MiB of them is to mark the whole heap.
 */
export class BufferGarbage {
  readonly #collectYoung: () => void
  #bytes = 0

  constructor(collectNow: () => void = collectYoung) {
    this.#collectYoung = collectNow
  }

  /** A buffer of so many bytes is garbage now. */
  add(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < YOUNG_BYTES_MAX) return
    this.#bytes = 0
    this.#collectYoung()
  }
}

let young: ((options: CollectOptions) => void) | undefined

/** Often called, so the function is kept. */
function collectYoung(): void {
  young ??= exposedGc()
  young?.({ type: 'minor' })
}

interface CollectOptions {
  readonly type: 'major' | 'minor'
  readonly flavor?: 'last-resort'
}

function collect(options: CollectOptions): void {
  exposedGc()?.(options)
}

function exposedGc(): ((options: CollectOptions) => void) | undefined {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('globalThis.gc') as ((options: CollectOptions) => void) | undefined
  setFlagsFromString('--no-expose-gc')
  return gc
}

export interface CalmTrimOptions {
  /** Calls `run` again and again; returns what ends that. */
  readonly every: (intervalMs: number, run: () => void) => () => void
  /** Milliseconds for which this thread has been at work since it started. */
  readonly activeMs?: () => number
  readonly trim?: () => void
  /** A thread that works for less than so many milliseconds in ten seconds is calm; `Infinity` where nobody ever waits. */
  readonly calmMs?: number
  /**
   * Trims as well, calm or not, once the heap has grown by so many MiB since it was trimmed: for threads whose garbage grows old
   * before V8 collects it, and where nobody waits. Without it the heap may grow as V8 likes.
   */
  readonly growthMibMax?: number
  /** Bytes of the heap of this thread that hold objects. */
  readonly heapBytes?: () => number
}

const LOOK_INTERVAL_MS = 10_000
const GROWTH_INTERVAL_MS = 1000
const MIB = 1 << 20
/** A thread that worked for less than this between two looks is calm: nobody waits while it collects. */
const CALM_MS = 100
/** What work of less than this may have left behind is not worth a collection. */
const WORTH_MS = 200

/** Trims the heap of this thread now, and whenever it has become calm after some work. Returns what ends that. */
export function keepTrimmed(options: CalmTrimOptions): () => void {
  const { every, activeMs = loopActiveMs, trim = trimHeap, calmMs = CALM_MS, growthMibMax = Number.POSITIVE_INFINITY, heapBytes = usedHeapBytes } = options
  let trimmedAt = 0
  let lookedAt = 0
  let trimmedBytes = 0
  const trimNow = (): void => {
    trim()
    trimmedAt = activeMs()
    lookedAt = trimmedAt
    trimmedBytes = growthMibMax === Number.POSITIVE_INFINITY ? 0 : heapBytes()
  }
  trimNow()
  const stopLooking = every(LOOK_INTERVAL_MS, () => {
    const now = activeMs()
    const isCalm = now - lookedAt < calmMs
    lookedAt = now
    if (isCalm && now - trimmedAt >= WORTH_MS) trimNow()
  })
  if (growthMibMax === Number.POSITIVE_INFINITY) return stopLooking
  const stopGrowth = every(GROWTH_INTERVAL_MS, () => {
    if (heapBytes() - trimmedBytes > growthMibMax * MIB) trimNow()
  })
  return () => {
    stopLooking()
    stopGrowth()
  }
}

function usedHeapBytes(): number {
  return getHeapStatistics().used_heap_size
}

function loopActiveMs(): number {
  return performance.eventLoopUtilization().active
}
