import { ByteInterner } from '../../lib/intern.ts'
import type { Sample } from './sample.ts'

/** Tags that lie one behind the other have at most this between them: `,`, `;`, `,#` or `|#`. */
const TAG_GAP_MAX = 2
const SLOTS_FIRST = 1 << 12
const ENTRIES_FIRST = 1 << 11

/** What samples of an entry do to its series; `addChanges` adds what is not 0. */
export const Action = { unknown: 0, add: 1, gauge: 2, observe: 3, member: 4, drop: 5, addChanges: 6 } as const
export type Action = (typeof Action)[keyof typeof Action]

/**
 * Remembers which series a line belongs to, by the raw bytes of its name and tags (in the order they were sent), its type
 * and the number of its sender's labels. Known lines create nothing: name and tags are looked up in place, and the two
 * numbers that gives lead to an entry, an index into the columns here.
 *
 * Entries are valid until `renew`. The same series may have several entries.
 */
export class SeriesMemory {
  readonly #names: ByteInterner
  readonly #tags: ByteInterner
  /** Entry + 1, or 0; open addressing. */
  #slots = new Int32Array(SLOTS_FIRST)
  #mask = SLOTS_FIRST - 1
  #count = 0
  readonly #entriesMax: number
  #nameIds = new Int32Array(ENTRIES_FIRST)
  #tagIds = new Int32Array(ENTRIES_FIRST)
  /** Type, whether tags stand in the name, and the sender's labels. */
  #kinds = new Int32Array(ENTRIES_FIRST)
  /** Given by the store, for `Action`s that need one. */
  handles = new Int32Array(ENTRIES_FIRST)
  actions = new Uint8Array(ENTRIES_FIRST)
  scales = new Float64Array(ENTRIES_FIRST)
  /** Which entry was asked for after it the last time, + 1: senders repeat themselves in the same order. */
  #following = new Int32Array(ENTRIES_FIRST)
  #last = 0
  #scratch = new Uint8Array(512)
  #scratchView = new DataView(this.#scratch.buffer)

  /** `entriesMax` is how many entries it may have before its owner should renew it. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
    const limits = { entriesMax, bytesMax: Math.max(16 << 20, entriesMax * 256) }
    this.#names = new ByteInterner(limits)
    this.#tags = new ByteInterner(limits)
  }

  get size(): number {
    return this.#count
  }

  /** True when the owner should call `renew` at the next packet. */
  get isFull(): boolean {
    return this.#count > this.#entriesMax || this.#names.isFull || this.#tags.isFull
  }

  /** Forgets all entries. */
  renew(): void {
    this.#names.renew()
    this.#tags.renew()
    this.#slots.fill(0)
    this.#following.fill(0)
    this.#last = 0
    this.#count = 0
  }

  /**
   * The entry of a sample; a new one has `Action.unknown`. `view` is a DataView over `sample.bytes` with the same start;
   * `senderLabels` is below 2^27.
   */
  entryOf(sample: Sample, view: DataView, senderLabels: number): number {
    const { bytes, nameStart, nameEnd, nameCutStart, nameCutEnd } = sample
    const guess = (this.#following[this.#last] as number) - 1
    const nameGuess = guess < 0 ? 0 : (this.#nameIds[guess] as number)
    const tagsGuess = guess < 0 ? 0 : (this.#tagIds[guess] as number)
    const nameId = nameCutStart === nameCutEnd ? this.#names.intern(bytes, view, nameStart, nameEnd, nameGuess) : this.#cutName(sample)
    const tagsId = sample.tags === 0 ? 0 : this.#tagsId(sample, view, tagsGuess)
    // The same bytes may be read another way there: `a=b` is a key with a value in a name, and a key after `|#`.
    const hasNameTags = tagsId !== 0 && (sample.tagStart[0] as number) < sample.valueStart ? 8 : 0
    const kind = (senderLabels << 4) | hasNameTags | sample.type
    const isGuess = guess >= 0 && nameId === nameGuess && tagsId === tagsGuess && this.#kinds[guess] === kind
    const entry = isGuess ? guess : this.#find(nameId, tagsId, kind)
    if (!isGuess) this.#following[this.#last] = entry + 1
    this.#last = entry
    return entry
  }

  #find(nameId: number, tagsId: number, kind: number): number {
    let slot = hashOf(nameId, tagsId, kind) & this.#mask
    for (;;) {
      const entry = (this.#slots[slot] as number) - 1
      if (entry < 0) return this.#add(slot, nameId, tagsId, kind)
      if (this.#nameIds[entry] === nameId && this.#tagIds[entry] === tagsId && this.#kinds[entry] === kind) return entry
      slot = (slot + 1) & this.#mask
    }
  }

  #tagsId(sample: Sample, view: DataView, guess: number): number {
    const { tags, tagStart, tagEnd } = sample
    let end = tagEnd[0] as number
    for (let i = 1; i < tags; i++) {
      // Something else lies between them: a value, a rate, a container id, which must not make another series.
      if ((tagStart[i] as number) - end > TAG_GAP_MAX || (tagStart[i] as number) < end) return this.#scatteredTags(sample)
      end = tagEnd[i] as number
    }
    return this.#tags.intern(sample.bytes, view, tagStart[0] as number, end, guess)
  }

  /** Tags that do not lie together, put together. */
  #scatteredTags({ bytes, tags, tagStart, tagEnd, valueStart }: Sample): number {
    // How many stand in the name.
    let length = 1
    this.#scratch[0] = 0
    for (let i = 0; i < tags; i++) {
      this.#reserve(length + (tagEnd[i] as number) - (tagStart[i] as number) + 1)
      // No tag has a line end in it.
      this.#scratch[length++] = 0x0a
      if ((tagStart[i] as number) < valueStart) this.#scratch[0] = i + 1
      for (let at = tagStart[i] as number; at < (tagEnd[i] as number); at++) this.#scratch[length++] = bytes[at] as number
    }
    return this.#tags.intern(this.#scratch, this.#scratchView, 0, length)
  }

  #cutName({ bytes, nameStart, nameEnd, nameCutStart, nameCutEnd }: Sample): number {
    this.#reserve(nameEnd - nameStart)
    let length = 0
    for (let at = nameStart; at < nameEnd; at++) if (at < nameCutStart || at >= nameCutEnd) this.#scratch[length++] = bytes[at] as number
    return this.#names.intern(this.#scratch, this.#scratchView, 0, length)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#scratch.length) return
    const grown = new Uint8Array(Math.max(bytes, this.#scratch.length * 2))
    grown.set(this.#scratch)
    this.#scratch = grown
    this.#scratchView = new DataView(grown.buffer)
  }

  #add(slot: number, nameId: number, tagsId: number, kind: number): number {
    const entry = this.#count++
    if (entry === this.handles.length) this.#grow()
    this.#nameIds[entry] = nameId
    this.#tagIds[entry] = tagsId
    this.#kinds[entry] = kind
    this.actions[entry] = Action.unknown
    this.#following[entry] = 0
    this.#slots[slot] = entry + 1
    if (this.#count * 2 > this.#mask) this.#rehash()
    return entry
  }

  #grow(): void {
    this.#nameIds = doubled(this.#nameIds)
    this.#tagIds = doubled(this.#tagIds)
    this.#kinds = doubled(this.#kinds)
    this.#following = doubled(this.#following)
    this.handles = doubled(this.handles)
    const actions = new Uint8Array(this.actions.length * 2)
    actions.set(this.actions)
    this.actions = actions
    const scales = new Float64Array(this.scales.length * 2)
    scales.set(this.scales)
    this.scales = scales
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length - 1
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = hashOf(this.#nameIds[entry] as number, this.#tagIds[entry] as number, this.#kinds[entry] as number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = entry + 1
    }
    this.#slots = slots
    this.#mask = mask
  }
}

function hashOf(nameId: number, tagsId: number, kind: number): number {
  const hash = Math.imul(nameId, 0x9e3779b1) ^ Math.imul(tagsId, 0x85ebca6b) ^ Math.imul(kind, 0xc2b2ae35)
  return hash ^ (hash >>> 15)
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
