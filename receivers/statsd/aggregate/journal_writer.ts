import { Control, JOURNAL_ENTRIES, JOURNAL_WORDS, type StatBuffers, type StatMessage } from './layout.ts'

/**
 * The writer's end of a shard's journal, a ring in shared memory that the main thread empties: whatever was written
 * survives the writer. When it is half full the main thread is told; when it is full entries go as messages, so none is lost.
 */
export class JournalWriter {
  readonly #buffers: StatBuffers
  readonly #send: (message: StatMessage) => void
  #written = 0
  #isTold = false

  constructor(buffers: StatBuffers, send: (message: StatMessage) => void) {
    this.#buffers = buffers
    this.#send = send
  }

  /** Appends an entry; what `a`, `b`, `c` are depends on the kind of the row. */
  append(row: number, a: number, b: number, c: number): void {
    const { control, journal } = this.#buffers
    const waiting = (this.#written - Atomics.load(control, Control.journalRead)) | 0
    if (waiting >= JOURNAL_ENTRIES) {
      this.#send({ kind: 'entries', entries: Float64Array.of(row, a, b, c) })
      return
    }
    const at = (this.#written & (JOURNAL_ENTRIES - 1)) * JOURNAL_WORDS
    journal[at] = row
    journal[at + 1] = a
    journal[at + 2] = b
    journal[at + 3] = c
    this.#written = (this.#written + 1) | 0
    Atomics.store(control, Control.journalWritten, this.#written)
    if (waiting < JOURNAL_ENTRIES / 2) this.#isTold = false
    else if (!this.#isTold) {
      this.#isTold = true
      this.#send({ kind: 'journal' })
    }
  }
}
