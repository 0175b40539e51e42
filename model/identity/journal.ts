import { textHash, wordsHash } from './hash.ts'
import { AtomForm, JOURNAL_START } from './layout.ts'

/** The list that is empty, and the text. */
const NONE = 0

/**
 * The writing side of a journal: appends records and interns atoms. The dictionary of atoms is private to the writer, and
 * knows them by address, so that no text is kept a second time.
 *
 * Appending beyond the memory is a bug of the caller, who asks `isFull` before every change.
 */
export class Journal {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array
  used = JOURNAL_START
  readonly #units: Uint8Array
  readonly #units16: Uint16Array
  readonly #seed: number
  /** `[address][hash]` of each atom. */
  #slots = new Int32Array(2 * 1024)
  #atoms = 0
  #list: number[] = []

  constructor(buffer: SharedArrayBuffer, seed: number) {
    this.buffer = buffer
    this.words = new Int32Array(buffer)
    this.#units = new Uint8Array(buffer)
    this.#units16 = new Uint16Array(buffer)
    this.#seed = seed
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.used * 4
  }

  /** Bytes of the dictionary, which no reader sees. */
  get dictionaryBytes(): number {
    return this.#slots.byteLength
  }

  /** Appends `count` words; returns the address of the first. */
  append(words: ArrayLike<number>, count: number): number {
    const address = this.reserve(count)
    for (let i = 0; i < count; i++) this.words[address + i] = words[i] as number
    return address
  }

  /** Appends `count` words that stand at `at` elsewhere; returns the address of the first. */
  copy(words: Int32Array, at: number, count: number): number {
    const address = this.reserve(count)
    for (let i = 0; i < count; i++) this.words[address + i] = words[at + i] as number
    return address
  }

  /** Room for a record of `count` words, which the caller fills. */
  reserve(count: number): number {
    if (this.used + count > this.words.length) throw new Error(`BUG: a journal of ${this.words.length} words has no room for ${count} behind ${this.used}`)
    const address = this.used
    this.used += count
    return address
  }

  /** The atom of a text. */
  text(text: string): number {
    if (text === '') return NONE
    const hash = textHash(this.#seed, text)
    const slot = this.#textSlot(text, hash)
    return (this.#slots[slot] as number) || this.#take(slot, this.#appendText(text), hash)
  }

  /** The atom of a text that was interned before; 0 when it was not. */
  known(text: string): number {
    return text === '' ? NONE : (this.#slots[this.#textSlot(text, textHash(this.#seed, text))] as number)
  }

  /** The atom of labels or annotations; their order does not matter. */
  labels(labels: Readonly<Record<string, string>>): number {
    const list = this.#list
    list.length = 0
    for (const key of Object.keys(labels).sort()) list.push(this.text(key), this.text(labels[key] as string))
    return this.#listAtom(AtomForm.texts)
  }

  texts(texts: readonly string[]): number {
    this.#list.length = 0
    for (const text of texts) this.#list.push(this.text(text))
    return this.#listAtom(AtomForm.texts)
  }

  numbers(numbers: ArrayLike<number>): number {
    this.#list.length = 0
    for (let i = 0; i < numbers.length; i++) this.#list.push(numbers[i] as number)
    return this.#listAtom(AtomForm.numbers)
  }

  /**
   * The atom that is in this journal what `atom` is in another. `moved` knows those that were copied before, by their old
   * address.
   */
  copyAtom(from: Journal, atom: number, moved: Moved): number {
    if (atom === NONE) return NONE
    const known = moved.get(atom)
    if (known !== 0) return known
    const form = (from.words[atom] as number) & 3
    const copy = form === AtomForm.texts || form === AtomForm.numbers ? this.#copyList(from, atom, moved) : this.#copyText(from, atom)
    moved.set(atom, copy)
    return copy
  }

  #copyList(from: Journal, atom: number, moved: Moved): number {
    const header = from.words[atom] as number
    const list: number[] = []
    for (let i = 1; i <= header >>> 2; i++) {
      const word = from.words[atom + i] as number
      list.push((header & 3) === AtomForm.texts ? this.copyAtom(from, word, moved) : word)
    }
    this.#list = list
    return this.#listAtom((header & 3) as AtomForm)
  }

  /** A text is in a journal once, so there is nothing to compare with. */
  #copyText(from: Journal, atom: number): number {
    const header = from.words[atom] as number
    const isWide = (header & 3) === AtomForm.wideText
    const hash = wordsHash(this.#seed, isWide ? from.#units16 : from.#units, (atom + 1) * (isWide ? 2 : 4), header >>> 2)
    const copy = this.copy(from.words, atom, textWords(header))
    let slot = this.#firstSlot(hash)
    while (this.#slots[slot] !== 0) slot = this.#nextSlot(slot)
    return this.#take(slot, copy, hash)
  }

  #appendText(text: string): number {
    const isWide = hasWideUnit(text)
    const header = (text.length << 2) | (isWide ? AtomForm.wideText : AtomForm.text)
    const address = this.reserve(textWords(header))
    this.words[address] = header
    const units = isWide ? this.#units16 : this.#units
    const start = (address + 1) * (isWide ? 2 : 4)
    for (let i = 0; i < text.length; i++) units[start + i] = text.charCodeAt(i)
    return address
  }

  #textSlot(text: string, hash: number): number {
    let slot = this.#firstSlot(hash)
    for (; this.#slots[slot] !== 0; slot = this.#nextSlot(slot)) {
      if (this.#slots[slot + 1] === hash && this.#isText(this.#slots[slot] as number, text)) break
    }
    return slot
  }

  #isText(atom: number, text: string): boolean {
    const header = this.words[atom] as number
    if (header >>> 2 !== text.length || (header & 3) > AtomForm.wideText) return false
    const isWide = (header & 3) === AtomForm.wideText
    const units = isWide ? this.#units16 : this.#units
    const start = (atom + 1) * (isWide ? 2 : 4)
    for (let i = 0; i < text.length; i++) if (units[start + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** The atom of the words in `#list`. */
  #listAtom(form: AtomForm): number {
    const list = this.#list
    if (list.length === 0) return NONE
    const hash = wordsHash(this.#seed ^ form, list, 0, list.length)
    const header = (list.length << 2) | form
    let slot = this.#firstSlot(hash)
    for (; this.#slots[slot] !== 0; slot = this.#nextSlot(slot)) {
      if (this.#slots[slot + 1] === hash && this.#isList(this.#slots[slot] as number, header)) return this.#slots[slot] as number
    }
    const address = this.reserve(list.length + 1)
    this.words[address] = header
    for (let i = 0; i < list.length; i++) this.words[address + 1 + i] = list[i] as number
    return this.#take(slot, address, hash)
  }

  #isList(atom: number, header: number): boolean {
    if (this.words[atom] !== header) return false
    for (let i = 0; i < this.#list.length; i++) if (this.words[atom + 1 + i] !== this.#list[i]) return false
    return true
  }

  #firstSlot(hash: number): number {
    return (hash * 2) & (this.#slots.length - 1)
  }

  #nextSlot(slot: number): number {
    return (slot + 2) & (this.#slots.length - 1)
  }

  #take(slot: number, address: number, hash: number): number {
    this.#slots[slot] = address
    this.#slots[slot + 1] = hash
    if (++this.#atoms * 3 > this.#slots.length) this.#grow()
    return address
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0) continue
      let slot = this.#firstSlot(old[at + 1] as number)
      while (this.#slots[slot] !== 0) slot = this.#nextSlot(slot)
      this.#slots[slot] = old[at] as number
      this.#slots[slot + 1] = old[at + 1] as number
    }
  }
}

/** Where records went: old address → new address, 0 for those that have not moved yet. */
export class Moved {
  #slots = new Int32Array(2 * 4096)
  #count = 0

  get(from: number): number {
    return this.#slots[this.#slotOf(from) + 1] as number
  }

  set(from: number, to: number): void {
    const slot = this.#slotOf(from)
    if (this.#slots[slot] === 0) this.#count++
    this.#slots[slot] = from
    this.#slots[slot + 1] = to
    if (this.#count * 3 > this.#slots.length) this.#grow()
  }

  #slotOf(from: number): number {
    const mask = this.#slots.length - 1
    let slot = (Math.imul(from, 0x9e3779b1) >>> 7) & mask & ~1
    while (this.#slots[slot] !== 0 && this.#slots[slot] !== from) slot = (slot + 2) & mask
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0) continue
      const slot = this.#slotOf(old[at] as number)
      this.#slots[slot] = old[at] as number
      this.#slots[slot + 1] = old[at + 1] as number
    }
  }
}

/** Words of the record of a text, its first word included. */
function textWords(header: number): number {
  const units = header >>> 2
  return 1 + ((header & 3) === AtomForm.wideText ? (units + 1) >>> 1 : (units + 3) >>> 2)
}

function hasWideUnit(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return true
  return false
}
