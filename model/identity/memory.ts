import type { IdentityHandles } from './handles.ts'
import type { Key } from './key.ts'
import { AtomForm, Control, claimCount, KEY_WORDS } from './layout.ts'

/**
 * One thread's window on the memory of one generation: finds the binding of a key, reads atoms. Never throws, whatever
 * stands in the memory, and every loop over it is bounded.
 */
export class IdentityMemory {
  readonly handles: IdentityHandles
  readonly words: Int32Array
  readonly table: Int32Array
  readonly control: Int32Array
  readonly seed: number
  /** The binding that `find` found; 0 when it found none. */
  found = 0
  readonly #bytes: Uint8Array
  readonly #buffer: Buffer
  readonly #changedMs: Float64Array
  readonly #mask: number

  constructor(handles: IdentityHandles) {
    this.handles = handles
    this.words = new Int32Array(handles.journal)
    this.table = new Int32Array(handles.table)
    this.control = new Int32Array(handles.control)
    this.seed = this.control[Control.seed] as number
    this.#bytes = new Uint8Array(handles.journal)
    this.#buffer = Buffer.from(handles.journal)
    this.#changedMs = new Float64Array(handles.control, Control.changedMs * 4, 1)
    this.#mask = (this.table.length >>> 1) - 1
  }

  get changedMs(): number {
    return this.#changedMs[0] as number
  }

  set changedMs(ms: number) {
    this.#changedMs[0] = ms
  }

  /** The slot of a key; `found` is then its binding. For a key without slot, `~slot` of the one that it would take. */
  find(key: Key): number {
    let slot = key.hash & this.#mask
    for (let probes = 0; probes <= this.#mask; probes++) {
      const address = Atomics.load(this.table, slot * 2)
      if (address === 0) break
      if (this.table[slot * 2 + 1] === key.hash && this.#isOf(address, key)) {
        this.found = address
        return slot
      }
      slot = (slot + 1) & this.#mask
    }
    this.found = 0
    return ~slot
  }

  /** The serial of a slot's binding, 0 when it has none or nothing is claimed. */
  serialAt(slot: number): number {
    return this.serialOf(Atomics.load(this.table, slot * 2))
  }

  /** The serial of a binding; 0 when nothing is claimed. */
  serialOf(binding: number): number {
    return binding === 0 || claimCount(this.words[binding] ?? 0) === 0 ? 0 : (this.words[binding + 1] ?? 0)
  }

  /** From `slot` on, the first slot of a key with this hash about which something is claimed, or with this serial if one is given; -1 when there is none. */
  slotOfHash(hash: number, from: number, serial = 0): number {
    let slot = from & this.#mask
    for (let probes = 0; probes <= this.#mask; probes++) {
      const address = Atomics.load(this.table, slot * 2)
      if (address === 0) return -1
      if (this.table[slot * 2 + 1] === hash) {
        const own = this.serialOf(address)
        if (own !== 0 && (serial === 0 || own === serial)) return slot
      }
      slot = (slot + 1) & this.#mask
    }
    return -1
  }

  /** The first slot without a key from where keys with this hash begin. */
  emptySlot(hash: number): number {
    let slot = hash & this.#mask
    for (let probes = 0; probes < this.#mask && Atomics.load(this.table, slot * 2) !== 0; probes++) slot = (slot + 1) & this.#mask
    return slot
  }

  /** The text of an atom; empty for what is none. */
  text(atom: number): string {
    const header = this.words[atom] ?? 0
    const length = header >>> 2
    const start = (atom + 1) * 4
    if (atom === 0 || length === 0) return ''
    const end = start + ((header & 3) === AtomForm.wideText ? length * 2 : length)
    if (end > this.#buffer.length) return ''
    return (header & 3) === AtomForm.wideText ? this.#buffer.toString('utf16le', start, end) : this.#buffer.toString('latin1', start, end)
  }

  isText(atom: number, text: string): boolean {
    if (atom === 0) return text.length === 0
    const header = this.words[atom] ?? 0
    if (header >>> 2 !== text.length) return false
    if ((header & 3) === AtomForm.wideText) return this.text(atom) === text
    if ((header & 3) !== AtomForm.text) return false
    const start = (atom + 1) * 4
    for (let i = 0; i < text.length; i++) if (this.#bytes[start + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** How many words the list of an atom has; they begin behind its first word. */
  listLength(atom: number): number {
    return atom === 0 ? 0 : Math.min((this.words[atom] ?? 0) >>> 2, this.words.length)
  }

  listHas(atom: number, number: number): boolean {
    const end = atom + 1 + this.listLength(atom)
    for (let at = atom + 1; at < end; at++) if (this.words[at] === number) return true
    return false
  }

  #isOf(binding: number, key: Key): boolean {
    const words = this.words
    if (((words[binding] as number) & 0xff) !== key.kind) return false
    const count = KEY_WORDS[key.kind] as number
    if (key.isText) return this.isText(words[binding + 2] as number, key.a) && (count < 2 || this.isText(words[binding + 3] as number, key.b))
    for (let i = 0; i < count; i++) if (words[binding + 2 + i] !== key.words[i]) return false
    return true
  }
}
