import { MalformedError } from './malformed.ts'

const NEWLINE = 0x0a
/** An event holds one object, and etcd takes none above 1.5 MiB. */
const LINE_BYTES_MAX = 16 << 20

/** Cuts what arrives in chunks of any size into lines, by bytes, so that a character is never split. Empty lines are left out. */
export class LineSplitter {
  readonly #onLine: (line: string) => void
  readonly #lineBytesMax: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(onLine: (line: string) => void, lineBytesMax = LINE_BYTES_MAX) {
    this.#onLine = onLine
    this.#lineBytesMax = lineBytesMax
  }

  /** Takes the next bytes. Throws a `MalformedError` for a line that is too long, and passes on what `onLine` throws. */
  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#finish(chunk, start, end)
      start = end + 1
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
  }

  /** True when the last line has no end: the stream was cut in the middle. */
  get hasRest(): boolean {
    return this.#bytes > 0
  }

  #finish(chunk: Buffer, start: number, end: number): void {
    if (this.#bytes === 0) {
      if (end - start > this.#lineBytesMax) throw this.#tooLong()
      if (end > start) this.#onLine(chunk.toString('utf8', start, end))
      return
    }
    this.#keep(chunk.subarray(start, end))
    const line = Buffer.concat(this.#parts, this.#bytes).toString('utf8')
    this.#parts = []
    this.#bytes = 0
    this.#onLine(line)
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes > this.#lineBytesMax) throw this.#tooLong()
    this.#parts.push(part)
  }

  #tooLong(): MalformedError {
    return new MalformedError(`a line of more than ${this.#lineBytesMax} bytes`)
  }
}
