/**
 * Finds the bucket of a value quickly: the value's power of two gives a first candidate, from which few bounds are left
 * to compare. Bounds are inclusive upper bounds, as in Prometheus and OpenTelemetry.
 */
export class Buckets {
  readonly #bounds: Float64Array
  /** Factor that brings the smallest positive bound to at least 1, so that small bounds spread over powers of two as well. */
  readonly #scale: number
  readonly #first = new Uint8Array(33)

  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds)
    const smallest = bounds.find((bound) => bound > 0) ?? 1
    this.#scale = smallest >= 1 ? 1 : 2 ** Math.ceil(-Math.log2(smallest))
    for (let bits = 1; bits < this.#first.length; bits++) {
      const low = 2 ** (bits - 1) / this.#scale
      this.#first[bits] = bounds.findLastIndex((bound) => bound < low) + 1
    }
  }

  /** Index of the first bound that is not below `value`; the number of bounds when there is none. Values are not negative. */
  indexOf(value: number): number {
    const bounds = this.#bounds
    const scaled = value * this.#scale
    let i = this.#first[scaled < 2147483648 ? 32 - Math.clz32(scaled) : 32] as number
    while (i < bounds.length && value > (bounds[i] as number)) i++
    return i
  }
}
