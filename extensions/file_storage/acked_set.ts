import type { AckRange } from './record.ts'

/** Which records of a segment are done with. Small as long as they are done with roughly in their order. */
export class AckedSet {
  /** Everything before it is done with. */
  #below = 0
  /** What is done with from `#below` on. */
  readonly #above = new Set<number>()

  has(index: number): boolean {
    return index < this.#below || this.#above.has(index)
  }

  add({ from, to }: AckRange): void {
    if (from <= this.#below) this.#below = Math.max(this.#below, to)
    else for (let index = from; index < to; index++) this.#above.add(index)
    while (this.#above.delete(this.#below)) this.#below++
  }

  /** How many of the records in a range are not done with. */
  missing({ from, to }: AckRange): number {
    let count = 0
    for (let index = Math.max(from, this.#below); index < to; index++) if (!this.#above.has(index)) count++
    return count
  }
}

/** The fewest ranges that cover the numbers. */
export function rangesOf(indexes: readonly number[]): AckRange[] {
  const ranges: { from: number; to: number }[] = []
  for (const index of indexes.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last !== undefined && index <= last.to) last.to = Math.max(last.to, index + 1)
    else ranges.push({ from: index, to: index + 1 })
  }
  return ranges
}
