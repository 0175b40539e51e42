import { COLON, findEither, PIPE } from './bytes.ts'

/** Most fields looked at; whoever allows fewer sees by `count` that there are more. */
const FIELDS_MAX = 8

/** The fields of one sample of a line, as places; one object serves all samples in turn. */
export class SampleFields {
  /** How many there are, also beyond those kept. */
  count = 0
  readonly start = new Int32Array(FIELDS_MAX)
  readonly end = new Int32Array(FIELDS_MAX)

  /**
   * Splits `bytes[at, end)` at each `|` up to the first `:`, or to the end when `isWhole`. Fields from the third on for which
   * `isSkipped` says so are left out, colons and all. Returns the place of the colon or `end`.
   */
  read(bytes: Uint8Array, at: number, end: number, isWhole: boolean, isSkipped?: (bytes: Uint8Array, start: number, end: number) => boolean): number {
    this.count = 0
    let from = at
    for (let seen = 0; ; seen++) {
      const skips = seen > 1 && isSkipped?.(bytes, from, end) === true
      const to = isWhole || skips ? findEither(bytes, PIPE, PIPE, from, end) : findEither(bytes, COLON, PIPE, from, end)
      if (!skips) this.#add(from, to)
      if (to === end || bytes[to] === COLON) return to
      from = to + 1
    }
  }

  #add(start: number, end: number): void {
    const i = this.count++
    if (i >= FIELDS_MAX) return
    this.start[i] = start
    this.end[i] = end
  }
}
