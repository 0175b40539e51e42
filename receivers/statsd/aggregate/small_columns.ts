/** Numbers of one piece of memory; of this many, larger columns get memory of their own. */
const CHUNK_NUMBERS = 1024
const SMALL_MAX = 256

/**
 * Gives lists of one series their columns. An array of one number takes as much memory as thirty; here thousands of them lie in a
 * few pieces of memory, each of which is let go of with the last column in it. Nothing is used twice: a reader of an old batch goes
 * on reading old numbers.
 */
export class SmallColumns {
  #chunk = new Float64Array(0)
  #used = 0
  #constant = new Float64Array(0)

  /** A column of so many numbers, all 0. */
  take(numbers: number): Float64Array<ArrayBuffer> {
    if (numbers > SMALL_MAX) return new Float64Array(numbers)
    if (this.#used + numbers > this.#chunk.length) {
      this.#chunk = new Float64Array(CHUNK_NUMBERS)
      this.#used = 0
    }
    this.#used += numbers
    return this.#chunk.subarray(this.#used - numbers, this.#used)
  }

  /** A column of one number that is never written to; the same one for all that ask for the same number in a row. */
  constant(value: number): Float64Array<ArrayBuffer> {
    if (this.#constant[0] !== value) this.#constant = Float64Array.of(value)
    return this.#constant
  }
}
