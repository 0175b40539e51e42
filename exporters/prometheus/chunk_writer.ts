/** Bytes in one chunk of a rendering: large enough to be cheap to send, small enough to take well under a millisecond. */
export const CHUNK_BYTES = 256 << 10

/** Most bytes that `number` writes. */
export const NUMBER_BYTES_MAX = 32

const ZERO = 48
/** From here on integers are written by way of a string, which is exact up to 2^53 and beyond. */
const INTEGER_MAX = 999_999_999_999_999
const BILLION = 1_000_000_000

/** Two digits each of 0–99. */
const DIGITS = Buffer.from(Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0')).join(''), 'latin1')

/** Chunks that wait to be used again. Fresh ones for every scrape would have the garbage collector stop the thread. */
const POOLED_MAX = 16

/** Hands out buffers of `CHUNK_BYTES` and takes them back. */
export class ChunkPool {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
  }

  /** Takes back a chunk, or a part from its beginning, that nobody reads any more. */
  give(chunk: Buffer): void {
    if (chunk.buffer.byteLength === CHUNK_BYTES && this.#free.length < POOLED_MAX) this.#free.push(Buffer.from(chunk.buffer))
  }
}

/** A buffer that is filled with text and numbers; the caller looks after the room. */
export class ChunkWriter {
  bytes: Buffer
  used = 0
  readonly #pool: ChunkPool

  constructor(pool: ChunkPool) {
    this.#pool = pool
    this.bytes = pool.take()
  }

  /** Makes sure that `count` bytes fit. Call `take` first when something is in it and it has no room. */
  hasRoom(count: number): boolean {
    if (this.used + count <= this.bytes.length) return true
    if (this.used > 0) return false
    this.#pool.give(this.bytes)
    this.bytes = Buffer.allocUnsafeSlow(count)
    return true
  }

  /** Hands over what was written; the writer goes on in a fresh buffer. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.used)
    this.bytes = this.#pool.take()
    this.used = 0
    return taken
  }

  copy(source: Buffer): void {
    source.copy(this.bytes, this.used)
    this.used += source.length
  }

  copyRange(source: Buffer, start: number, length: number): void {
    source.copy(this.bytes, this.used, start, start + length)
    this.used += length
  }

  /** ASCII only. */
  text(text: string): void {
    this.used += this.bytes.write(text, this.used, 'latin1')
  }

  byte(code: number): void {
    this.bytes[this.used++] = code
  }

  /** A sample value as both formats take it: `NaN`, `+Inf`, `-Inf`, integers without a point. No string for integers. */
  number(value: number): void {
    if (value >= 0 ? value <= INTEGER_MAX && Math.floor(value) === value : false) this.#integer(value)
    else if (value === Number.POSITIVE_INFINITY) this.text('+Inf')
    else if (value === Number.NEGATIVE_INFINITY) this.text('-Inf')
    else this.text(String(value))
  }

  /** Milliseconds as seconds with three decimals. */
  seconds(ms: number): void {
    const whole = Math.round(ms)
    const rest = whole % 1000
    this.#integer(Math.floor(whole / 1000))
    this.byte(46)
    this.byte(ZERO + Math.floor(rest / 100))
    this.byte(DIGITS[(rest % 100) * 2] as number)
    this.byte(DIGITS[(rest % 100) * 2 + 1] as number)
  }

  #integer(value: number): void {
    if (value < 10) {
      this.bytes[this.used++] = ZERO + value
      return
    }
    if (value >= BILLION) {
      const high = Math.floor(value / BILLION)
      this.#integer(high)
      this.#digits(value - high * BILLION, 9)
      return
    }
    this.#digits(value, value < 1e2 ? 2 : value < 1e3 ? 3 : value < 1e4 ? 4 : value < 1e5 ? 5 : value < 1e6 ? 6 : value < 1e7 ? 7 : value < 1e8 ? 8 : 9)
  }

  /** An integer below 10^9 with exactly `count` digits. */
  #digits(value: number, count: number): void {
    let rest = value | 0
    let at = this.used + count
    this.used = at
    const first = at - count
    while (at - first >= 2) {
      const next = (rest / 100) | 0
      const two = (rest - next * 100) * 2
      this.bytes[--at] = DIGITS[two + 1] as number
      this.bytes[--at] = DIGITS[two] as number
      rest = next
    }
    if (at > first) this.bytes[--at] = ZERO + rest
  }
}
