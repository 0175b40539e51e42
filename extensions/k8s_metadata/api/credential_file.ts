import { readFileSync } from 'node:fs'
import type { Clock } from '../../../component/component.ts'
import { accessError } from './access_error.ts'

/** How old a file's text may be; bound tokens are replaced long before they expire. */
const FILE_AGE_MS_MAX = 60_000

export interface WatchedFileOptions {
  /** A missing file then has no text instead of being an error. */
  readonly isOptional?: boolean
  /** What to do when it cannot be read. */
  readonly hint?: string
}

/** A small file that others replace now and then: read again at most a minute after the last time. */
export class WatchedFile {
  readonly path: string
  readonly #what: string
  readonly #clock: Clock
  readonly #options: WatchedFileOptions
  #text: string | undefined
  #readMs = Number.NEGATIVE_INFINITY

  constructor(path: string, what: string, clock: Clock, options: WatchedFileOptions = {}) {
    this.path = path
    this.#what = what
    this.#clock = clock
    this.#options = options
  }

  /** The text; undefined only when the file is optional and missing. Throws an `AccessError` when it was never read. */
  text(): string | undefined {
    if (this.#clock.monotonic() - this.#readMs < FILE_AGE_MS_MAX) return this.#text
    try {
      this.#text = readFileSync(this.path, 'utf8')
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      // While a file is being replaced it may be missing: what was read before is better than nothing.
      if (this.#text === undefined && !(this.#options.isOptional === true && code === 'ENOENT')) throw this.#problem(code, error)
    }
    this.#readMs = this.#clock.monotonic()
    return this.#text
  }

  /** The next `text()` reads the file. */
  expire(): void {
    this.#readMs = Number.NEGATIVE_INFINITY
  }

  #problem(code: string | undefined, cause: unknown): Error {
    const problem = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'not permitted to read it' : `cannot be read (${code ?? 'unknown'})`
    const { hint } = this.#options
    return accessError(this.path, problem, { expected: this.#what, ...(hint === undefined ? {} : { hint }), cause })
  }
}
