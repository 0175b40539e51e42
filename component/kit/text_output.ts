import { write as writeToFile } from 'node:fs'
import type { Clock } from '../component.ts'

/** Writes bytes to a file descriptor; as `fs.write`. Replaced in tests. */
export type WriteBytes = (fd: number, bytes: Uint8Array, offset: number, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void

export const writeBytes: WriteBytes = (fd, bytes, offset, done) => {
  writeToFile(fd, bytes, offset, bytes.length - offset, null, done)
}

/** A pipe that is set to non-blocking says EAGAIN while its reader is behind. */
const RETRY_MS = 20

/**
 * Writes texts in order to standard output or error, without ever blocking the event loop: `process.stdout` would block
 * it while the reader of a pipe stands still.
 */
export class TextOutput {
  /** Bytes that wait to be written. */
  queuedBytes = 0
  readonly #fd: number
  readonly #clock: Clock
  readonly #write: WriteBytes
  readonly #queue: { readonly bytes: Uint8Array; readonly done: (error: Error | undefined) => void }[] = []
  /** Ends the write that is going on; undefined when none is. */
  #finish: ((error: Error | undefined) => void) | undefined
  #isClosed = false
  #whenIdle: (() => void)[] = []

  constructor(fd: number, clock: Clock, write: WriteBytes = writeBytes) {
    this.#fd = fd
    this.#clock = clock
    this.#write = write
  }

  /** Queues `bytes`; `done` is called when they are written or given up. The caller must not change them before. */
  write(bytes: Uint8Array, done: (error: Error | undefined) => void): void {
    if (this.#isClosed) {
      done(new Error('the output is closed'))
      return
    }
    this.queuedBytes += bytes.length
    this.#queue.push({ bytes, done })
    this.#next()
  }

  /** Resolves when everything queued is written or given up. */
  async idle(): Promise<void> {
    if (this.#finish === undefined) return
    await new Promise<void>((resolve) => {
      this.#whenIdle.push(resolve)
    })
  }

  /** Gives up what is still queued, the write that is going on included. */
  close(): void {
    this.#isClosed = true
    this.#finish?.(new Error('the output is closed'))
    for (const { bytes, done } of this.#queue.splice(0)) {
      this.queuedBytes -= bytes.length
      done(new Error('the output is closed'))
    }
    this.#settle()
  }

  #next(): void {
    if (this.#finish !== undefined) return
    const next = this.#queue.shift()
    if (next === undefined) {
      this.#settle()
      return
    }
    const finish = (error: Error | undefined): void => {
      // An answer that comes after everything was given up changes nothing.
      if (this.#finish !== finish) return
      this.#finish = undefined
      this.queuedBytes -= next.bytes.length
      next.done(error)
      if (!this.#isClosed) this.#next()
    }
    this.#finish = finish
    this.#step(next.bytes, 0, finish)
  }

  #step(bytes: Uint8Array, offset: number, finish: (error: Error | undefined) => void): void {
    this.#write(this.#fd, bytes, offset, (error, written) => {
      if (error?.code === 'EAGAIN' && !this.#isClosed) this.#clock.after(RETRY_MS, () => this.#step(bytes, offset, finish))
      else if (error !== null) finish(error)
      else if (offset + written < bytes.length) this.#step(bytes, offset + written, finish)
      else finish(undefined)
    })
  }

  #settle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
