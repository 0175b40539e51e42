/**
 * A seeded stream of random numbers (the sfc32 generator): the same seed gives the same stream on every machine, which
 * is what makes two simulations comparable. Not for anything secret.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Any text is a seed; texts that differ in one character give unrelated streams. */
  constructor(seed: string) {
    let h = 0x811c9dc5
    for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01000193)
    this.#a = h | 0
    this.#b = Math.imul(h, 0x9e3779b1) | 0
    this.#c = ~h
    for (let i = 0; i < 16; i++) this.bits()
  }

  /** 32 random bits as a signed integer. */
  bits(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum
  }

  /** At least 0, less than 1. */
  unit(): number {
    return (this.bits() >>> 0) / 0x1_0000_0000
  }

  /** An integer from 0 to `end - 1`. */
  below(end: number): number {
    return Math.floor(this.unit() * end)
  }

  /** An integer from `low` to `high`, both possible. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /**
   * A time in whole microseconds as services take it: mostly near `typicalUs`, with a tail that reaches several times
   * as far (the quotient of two uniform numbers, cut at 20 times).
   */
  microseconds(typicalUs: number): number {
    return Math.round(typicalUs * Math.min(20, 0.4 + (0.6 * this.unit()) / (1 - 0.97 * this.unit())))
  }

  /** Writes `digits` hexadecimal digits in ASCII into `into` from `at` on. */
  hex(into: Uint8Array, at: number, digits: number): void {
    for (let i = 0; i < digits; ) {
      let bits = this.bits()
      for (let k = 0; k < 8 && i < digits; k++, i++) {
        const digit = bits & 15
        into[at + i] = digit < 10 ? 48 + digit : 87 + digit
        bits >>>= 4
      }
    }
  }
}
