import type { Clock } from '../../component/component.ts'
import { collectGarbage } from '../../lib/heap_trim.ts'
import type { IdentityHandles } from '../../model/identity/handles.ts'

/** Whatever still speaks of the old memory is done by then. */
const SOON_MS = 1000
/** Collections are no closer together: a small index may move every few seconds. */
const INTERVAL_MS = 60_000

/**
 * Sees to it that this thread lets go of memory that the index has moved out of. It is freed when every thread has collected
 * its garbage, for which V8 sees no reason: shared memory does not count as the thread's own.
 */
export class OldMemory {
  readonly #clock: Clock
  readonly #collect: () => void
  #journal: SharedArrayBuffer | undefined
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined

  /** `collect` is for tests. */
  constructor(clock: Clock, collect: () => void = collectGarbage) {
    this.#clock = clock
    this.#collect = collect
  }

  /** To be told whenever the index is attached to other memory. */
  replaced({ journal }: IdentityHandles): void {
    const isMove = this.#journal !== undefined && this.#journal !== journal
    this.#journal = journal
    if (!isMove || this.#cancel !== undefined) return
    this.#cancel = this.#clock.after(Math.max(SOON_MS, this.#notBeforeMs - this.#clock.monotonic()), () => {
      this.#cancel = undefined
      this.#notBeforeMs = this.#clock.monotonic() + INTERVAL_MS
      this.#collect()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
