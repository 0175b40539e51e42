/** More keys than this are not kept apart: the version grows instead, which is always allowed. */
const KEYS_MAX = 1 << 17
/** Answers that are kept; beyond, all are let go and looked up anew. */
const ANSWERS_MAX = 16_384
const PLACES_MIN = 256
/** Nobody asks for this port. */
const NO_PORT = -1

/**
 * What a reader has been asked since its version last grew: for each key, the serial of the binding that it saw (0 for
 * "not found"), so that it can tell whether any of its answers has changed; and the answers themselves, as far as they are
 * few, so that the same question is answered with the same object.
 *
 * A key is known by its hash and its slot in the table, of a key that was not found the slot that it would take.
 */
export class AskedKeys {
  /** True once a key was seen with another serial than before, or there are too many keys. */
  hasChanged = false
  size = 0
  /** `[hash, slot + 1, serial, port]` per place; a slot of 0 is a free place. */
  #places = new Int32Array(4 * PLACES_MIN)
  /** `[from, until)` of the kept answers. */
  #times = new Float64Array(2 * PLACES_MIN)
  #answers: unknown[] = Array.from({ length: PLACES_MIN })
  #answerCount = 0

  /** Notes that a key was looked at and had this serial; returns its place, valid until the next `note`. */
  note(hash: number, slot: number, serial: number): number {
    let place = this.#placeOf(hash, slot)
    const places = this.#places
    if (places[place * 4 + 1] !== 0) {
      if (places[place * 4 + 2] === serial) return place
      this.hasChanged = true
      places[place * 4 + 2] = serial
      this.#answers[place] = undefined
      return place
    }
    if (this.size >= KEYS_MAX) {
      this.clear()
      this.hasChanged = true
      return this.note(hash, slot, serial)
    }
    if (this.size * 2 >= this.#answers.length) {
      this.#grow()
      place = this.#placeOf(hash, slot)
    }
    this.size++
    const fresh = this.#places
    fresh[place * 4] = hash
    fresh[place * 4 + 1] = slot + 1
    fresh[place * 4 + 2] = serial
    fresh[place * 4 + 3] = NO_PORT
    return place
  }

  /** The answer kept at a place, if it holds for this time and port. */
  answer(place: number, port: number, timeMs: number): unknown {
    const answer = this.#answers[place]
    if (answer === undefined || timeMs < (this.#times[place * 2] as number) || timeMs >= (this.#times[place * 2 + 1] as number)) return undefined
    const kept = this.#places[place * 4 + 3]
    return kept === NO_PORT || kept === port ? answer : undefined
  }

  /** Keeps an answer that holds for `[fromMs, untilMs)`, for one port or (-1) for all. */
  keep(place: number, answer: unknown, valid: { readonly port: number; readonly fromMs: number; readonly untilMs: number }): void {
    if (this.#answers[place] === undefined && ++this.#answerCount > ANSWERS_MAX) {
      this.#answers.fill(undefined)
      this.#answerCount = 1
    }
    this.#answers[place] = answer
    this.#places[place * 4 + 3] = valid.port
    this.#times[place * 2] = valid.fromMs
    this.#times[place * 2 + 1] = valid.untilMs
  }

  /** True when `isChanged` says so of any key. */
  some(isChanged: (hash: number, slot: number, serial: number) => boolean): boolean {
    const places = this.#places
    for (let at = 0; at < places.length; at += 4) {
      if (places[at + 1] !== 0 && isChanged(places[at] as number, (places[at + 1] as number) - 1, places[at + 2] as number)) return true
    }
    return false
  }

  /** Puts all keys into the slots that they have in another table. */
  renumber(slotOf: (hash: number, serial: number) => number): void {
    const places = this.#places
    const answers = this.#answers
    const times = this.#times
    this.#reset(answers.length)
    for (let place = 0; place < answers.length; place++) {
      const [hash, slot, serial, port] = places.subarray(place * 4, place * 4 + 4) as unknown as [number, number, number, number]
      if (slot !== 0) this.#put({ hash, slot: slotOf(hash, serial), serial, port, answer: answers[place], times: times.subarray(place * 2, place * 2 + 2) })
    }
  }

  clear(): void {
    const places = this.#answers.length
    // Mostly as many are asked again, so the room is kept; it shrinks when it was far too much.
    if (places > PLACES_MIN && this.size * 8 < places) {
      this.#reset(places / 2)
    } else {
      this.hasChanged = false
      this.size = 0
      this.#places.fill(0)
      this.#answers.fill(undefined)
      this.#answerCount = 0
    }
  }

  #reset(places: number): void {
    this.hasChanged = false
    this.size = 0
    this.#places = new Int32Array(4 * places)
    this.#times = new Float64Array(2 * places)
    this.#answers = Array.from({ length: places })
    this.#answerCount = 0
  }

  #put(key: { hash: number; slot: number; serial: number; port: number; answer: unknown; times: Float64Array }): void {
    const place = this.#placeOf(key.hash, key.slot)
    if (this.#places[place * 4 + 1] === 0) this.size++
    this.#places.set([key.hash, key.slot + 1, key.serial, key.port], place * 4)
    this.#times.set(key.times, place * 2)
    this.#answers[place] = key.answer
    if (key.answer !== undefined) this.#answerCount++
  }

  #placeOf(hash: number, slot: number): number {
    const mask = this.#answers.length - 1
    const places = this.#places
    let place = (hash ^ (hash >>> 15)) & mask
    for (; places[place * 4 + 1] !== 0; place = (place + 1) & mask) {
      if (places[place * 4] === hash && places[place * 4 + 1] === slot + 1) return place
    }
    return place
  }

  #grow(): void {
    const places = this.#places
    const answers = this.#answers
    const times = this.#times
    const hadChanged = this.hasChanged
    this.#reset(answers.length * 2)
    this.hasChanged = hadChanged
    for (let place = 0; place < answers.length; place++) {
      const [hash, slot, serial, port] = places.subarray(place * 4, place * 4 + 4) as unknown as [number, number, number, number]
      if (slot !== 0) this.#put({ hash, slot: slot - 1, serial, port, answer: answers[place], times: times.subarray(place * 2, place * 2 + 2) })
    }
  }
}
