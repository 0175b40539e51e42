import { copyObject } from './bindings.ts'
import { mixed, textHash } from './hash.ts'
import { type Journal, type Moved } from './journal.ts'

const ENTRY_WORDS = 5
/** `[hash, atom of the namespace, atom of the name, resource + 1, mark]`. */
const NAMESPACE = 1
const NAME = 2
const RESOURCE = 3
const MARK = 4

/** An entry's name: the key `namespace/name` of an API object in its resource. */
export interface EntryName {
  readonly resource: number
  readonly namespace: string
  readonly name: string
}

/** Takes `namespace/name` apart; a key without slash has no namespace. */
export function entryName(resource: number, key: string): EntryName {
  const slash = key.indexOf('/')
  return { resource, namespace: slash < 0 ? '' : key.slice(0, slash), name: key.slice(slash + 1) }
}

/**
 * What each API object is in the index: the addresses of the records made of it. Private to the writer, and flat, because a
 * map of texts would take as much memory as the journal.
 */
export class Entries {
  #words = new Int32Array(ENTRY_WORDS * 1024)
  /** A number for one record, a list for several, 0 for none: free, or removed. */
  #records: (number | readonly number[])[] = Array.from({ length: 1024 }, () => 0)
  #taken = 0

  /** The place of an API object; -1 when it is not known. */
  find({ resource, namespace, name }: EntryName, journal: Journal): number {
    const place = this.#placeOf(resource, namespace, name, journal)
    return this.#words[place * ENTRY_WORDS + RESOURCE] === 0 ? -1 : place
  }

  /** The place of an API object, which becomes known by this. Places are valid until the next `take`. */
  take({ resource, namespace, name }: EntryName, journal: Journal): number {
    if (this.#taken * 3 >= this.#records.length * 2) this.#rebuild()
    const place = this.#placeOf(resource, namespace, name, journal)
    const at = place * ENTRY_WORDS
    if (this.#words[at + RESOURCE] !== 0) return place
    this.#taken++
    this.#words[at] = hashOf(resource, namespace, name)
    this.#words[at + NAMESPACE] = journal.text(namespace)
    this.#words[at + NAME] = journal.text(name)
    this.#words[at + RESOURCE] = resource + 1
    return place
  }

  /** Addresses of the records of a place. */
  records(place: number): readonly number[] {
    const records = this.#records[place] as number | readonly number[]
    return typeof records === 'number' ? (records === 0 ? [] : [records]) : records
  }

  setRecords(place: number, records: readonly number[]): void {
    this.#records[place] = records.length > 1 ? [...records] : (records[0] ?? 0)
  }

  mark(place: number, mark: number): void {
    this.#words[place * ENTRY_WORDS + MARK] = mark
  }

  /** Calls `visit` with each place of a resource that holds records and has another mark. */
  forEachUnmarked(resource: number, mark: number, visit: (place: number) => void): void {
    for (let place = 0; place < this.#records.length; place++) {
      const at = place * ENTRY_WORDS
      if (this.#records[place] !== 0 && this.#words[at + RESOURCE] === resource + 1 && this.#words[at + MARK] !== mark) visit(place)
    }
  }

  /** Puts the addresses of another journal in place of those of `from`. */
  move(journal: Journal, from: Int32Array, moved: Moved): void {
    for (const [place, records] of this.#records.entries()) {
      const at = place * ENTRY_WORDS
      if (records === 0) {
        // Removed or free: no name is like this.
        this.#words[at + NAME] = -1
        continue
      }
      this.#words[at + NAMESPACE] = journal.copyAtom(from, this.#words[at + NAMESPACE] as number, moved)
      this.#words[at + NAME] = journal.copyAtom(from, this.#words[at + NAME] as number, moved)
      if (typeof records !== 'number') this.#records[place] = records.map((record) => copyObject(journal, from, record, moved))
      else this.#records[place] = copyObject(journal, from, records, moved)
    }
  }

  #placeOf(resource: number, namespace: string, name: string, journal: Journal): number {
    const hash = hashOf(resource, namespace, name)
    const words = this.#words
    const mask = this.#records.length - 1
    const [namespaceAtom, nameAtom] = [journal.known(namespace), journal.known(name)]
    const isKnown = (namespaceAtom !== 0 || namespace === '') && (nameAtom !== 0 || name === '')
    let place = hash & mask
    for (; words[place * ENTRY_WORDS + RESOURCE] !== 0; place = (place + 1) & mask) {
      const at = place * ENTRY_WORDS
      if (!isKnown || words[at] !== hash || words[at + RESOURCE] !== resource + 1) continue
      if (words[at + NAMESPACE] === namespaceAtom && words[at + NAME] === nameAtom) break
    }
    return place
  }

  /** Drops removed entries, and makes room. */
  #rebuild(): void {
    const words = this.#words
    const records = this.#records
    const live = records.reduce<number>((sum, one) => (one === 0 ? sum : sum + 1), 0)
    let places = 1024
    while (places < live * 3) places *= 2
    this.#words = new Int32Array(ENTRY_WORDS * places)
    this.#records = Array.from({ length: places }, () => 0)
    this.#taken = live
    for (const [old, record] of records.entries()) {
      if (record === 0) continue
      let place = (words[old * ENTRY_WORDS] as number) & (places - 1)
      while (this.#words[place * ENTRY_WORDS + RESOURCE] !== 0) place = (place + 1) & (places - 1)
      this.#words.set(words.subarray(old * ENTRY_WORDS, (old + 1) * ENTRY_WORDS), place * ENTRY_WORDS)
      this.#records[place] = record
    }
  }
}

/** The seed need not be secret here: only the API server makes names, and the writer is not on the way of the data. */
function hashOf(resource: number, namespace: string, name: string): number {
  return mixed(textHash(resource, namespace), textHash(resource, name))
}
