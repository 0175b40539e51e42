const LINE_FEED = 0x0a

/** Turns chunks of bytes into text that ends where lines end, so that no character and no line is cut. Bytes that are not UTF-8 become U+FFFD. */
export class LineDecoder {
  /** The line that has begun. */
  #rest: Buffer[] = []

  /** The whole lines that are complete with this chunk. */
  push(chunk: Buffer): string {
    const last = chunk.lastIndexOf(LINE_FEED)
    if (last < 0) {
      this.#rest.push(chunk)
      return ''
    }
    const head = chunk.subarray(0, last + 1)
    const text = this.#rest.length === 0 ? head.toString('utf8') : Buffer.concat([...this.#rest, head]).toString('utf8')
    this.#rest = last + 1 === chunk.length ? [] : [chunk.subarray(last + 1)]
    return text
  }

  /** A last line without a line feed. */
  end(): string {
    const text = this.#rest.length === 0 ? '' : Buffer.concat(this.#rest).toString('utf8')
    this.#rest = []
    return text
  }
}
