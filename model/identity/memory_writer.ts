import { appendBinding, bindingWords, type Claim, copyBinding, rewriteBinding } from './bindings.ts'
import { KEPT_TO_WRITE, ObjectDecoder } from './decode.ts'
import { ObjectEncoder } from './encode.ts'
import type { IdentityHandles, IdentityStoreOptions } from './handles.ts'
import { Journal, Moved } from './journal.ts'
import type { Key } from './key.ts'
import { CONTROL_WORDS, Control, ControlFlag, claimCount } from './layout.ts'
import { IdentityMemory } from './memory.ts'

const MIB = 1 << 20
const TABLE_SLOTS_MIN = 1024
/** Reserved behind the limit, so that a change which began below it always fits. */
const SLACK_BYTES = 8 * MIB
/** Less garbage than this is not worth moving for. */
const GARBAGE_MIN_BYTES = 256 << 10
/** So much garbage is more than the CPU time of moving is worth, where it is a quarter of all: while a store moves, it takes twice the memory. */
const GARBAGE_LARGE_BYTES = 8 * MIB
/** So much may be appended to a small journal before somebody looks how much of it is still needed. */
const UNCOUNTED_MAX_BYTES = 64 * MIB
/** With fewer objects discarded than one for so many keys there is nothing to find. */
const DISCARDED_PER_KEY = 16

/**
 * The writer's side of the shared memory: journal, key table and control, and moving to others when the table is too small
 * or the journal holds too much garbage. Moving makes a new generation.
 */
export class MemoryWriter {
  journal: Journal
  memory: IdentityMemory
  encoder: ObjectEncoder
  decoder: ObjectDecoder
  /** Bytes of records that nothing refers to any more; an estimate. */
  garbageBytes = 0
  readonly #journalBytesMax: number
  readonly #control: SharedArrayBuffer
  #generation = 1
  #serial = 0
  /** Bytes that were in use after the last move. */
  #movedBytes = 0
  /** Objects that have been replaced or removed since the last move. */
  #discarded = 0
  /** Slots in use, and those of them about whose key nothing is claimed any more. */
  #taken = 0
  #empty = 0

  constructor(options: IdentityStoreOptions) {
    this.#journalBytesMax = Math.max(1, options.memoryMibMax) * MIB
    this.#control = newControl(options)
    const table = new SharedArrayBuffer(TABLE_SLOTS_MIN * 8)
    this.memory = new IdentityMemory({ generation: 1, journal: this.#newJournal(), table, control: this.#control })
    this.journal = new Journal(this.memory.handles.journal, this.memory.seed)
    this.encoder = new ObjectEncoder(this.journal)
    this.decoder = new ObjectDecoder(this.memory, KEPT_TO_WRITE)
  }

  get handles(): IdentityHandles {
    return this.memory.handles
  }

  get seed(): number {
    return this.memory.seed
  }

  /** Keys about which something is claimed. */
  get keys(): number {
    return this.#taken - this.#empty
  }

  get tableBytes(): number {
    return this.handles.table.byteLength
  }

  /** True when nothing new may be put; what is known may still change, end and be forgotten. */
  get isFull(): boolean {
    return this.journal.bytes + this.tableBytes >= this.#journalBytesMax
  }

  /** True when what is known may not change any more either. */
  get isOverfull(): boolean {
    return this.journal.bytes >= this.#journalBytesMax + SLACK_BYTES / 2
  }

  /** True when moving to a fresh journal frees enough to be worth it. */
  get isWorthCompacting(): boolean {
    if (this.garbageBytes >= GARBAGE_MIN_BYTES && this.garbageBytes > this.journal.bytes / 2) return true
    if (this.garbageBytes >= GARBAGE_LARGE_BYTES && this.garbageBytes > this.journal.bytes / 4) return true
    // Texts that nothing refers to any more are not counted: now and then only moving tells how much of them there is.
    const appended = this.journal.bytes - this.#movedBytes
    if (this.isFull) return appended > SLACK_BYTES / 4
    // While a large cluster is listed for the first time everything is new, and moving would only take twice the memory.
    return appended > 3 * this.#movedBytes + UNCOUNTED_MAX_BYTES && this.#discarded * DISCARDED_PER_KEY > this.keys
  }

  /** Says what is claimed about the key that `key` is set to. `slot` is what `memory.find` said of it. Returns the binding. */
  bind(key: Key, slot: number, claims: readonly Claim[]): number {
    this.#serial = nextSerial(this.#serial)
    const binding = appendBinding(this.journal, key, claims, this.#serial)
    if (slot < 0) this.#take(~slot, binding, key.hash)
    else this.#replace(slot, binding)
    return binding
  }

  /** Says what is claimed about the key of a slot; returns the binding. */
  rebind(slot: number, claims: readonly Claim[]): number {
    this.#serial = nextSerial(this.#serial)
    const binding = rewriteBinding(this.journal, this.memory.table[slot * 2] as number, claims, this.#serial)
    this.#replace(slot, binding)
    return binding
  }

  /** The slot that a binding stands in now; -1 when another has taken its place. */
  slotOf(binding: number, hash: number): number {
    const { table } = this.memory
    const mask = (table.length >>> 1) - 1
    for (let slot = hash & mask; table[slot * 2] !== 0; slot = (slot + 1) & mask) if (table[slot * 2] === binding) return slot
    return -1
  }

  /** Appends the record that the encoder has made; returns its address. */
  appendObject(): number {
    return this.journal.append(this.encoder.record, this.encoder.record.length)
  }

  /** Counts an object that has been replaced or removed as garbage. */
  discard(object: number): void {
    this.#discarded++
    // Beside its record, about as much in texts of its own.
    this.garbageBytes += ((this.journal.words[object] as number) >>> 16) * 4 + 64
  }

  /** Sets a word of `control` that says how things may be looked up, and lets readers know. */
  addWay(word: number, bits: number): void {
    const { control } = this.memory
    if (((control[word] as number) & bits) === bits) return
    Atomics.or(control, word, bits)
    Atomics.add(control, Control.ways, 1)
  }

  /** Moves everything that is needed to a fresh journal and table; `moveRoots` moves what the caller holds addresses of. */
  compact(moveRoots: (journal: Journal, from: Journal, moved: Moved) => void): void {
    const from = this.journal
    const journal = new Journal(this.#newJournal(), this.seed)
    const moved = new Moved()
    const table = newTable(this.memory, slotsFor(this.keys), (binding) => copyBinding(journal, from, binding, moved))
    moveRoots(journal, from, moved)
    this.journal = journal
    this.garbageBytes = 0
    this.#discarded = 0
    this.#movedBytes = journal.bytes
    this.#moveTo(journal.buffer, table)
    this.encoder = new ObjectEncoder(journal)
    this.decoder = new ObjectDecoder(this.memory, KEPT_TO_WRITE)
  }

  /** Calls `visit` with every binding and the hash of its key. */
  forEachBinding(visit: (binding: number, hash: number) => void): void {
    const { table } = this.memory
    for (let at = 0; at < table.length; at += 2) if (table[at] !== 0) visit(table[at] as number, table[at + 1] as number)
  }

  #take(slot: number, binding: number, hash: number): void {
    const { table } = this.memory
    // The hash first: a reader that sees the address must see the hash too.
    table[slot * 2 + 1] = hash
    Atomics.store(table, slot * 2, binding)
    if (++this.#taken * 8 > (table.length / 2) * 5) this.#growTable()
  }

  #replace(slot: number, binding: number): void {
    const { table, words } = this.memory
    const old = words[table[slot * 2] as number] as number
    const header = words[binding] as number
    if (claimCount(old) === 0) this.#empty--
    if (claimCount(header) === 0) this.#empty++
    this.garbageBytes += bindingWords(old) * 4
    Atomics.store(table, slot * 2, binding)
  }

  #growTable(): void {
    const table = newTable(this.memory, slotsFor(this.keys), (binding) => binding)
    this.#moveTo(this.journal.buffer, table)
    this.decoder = new ObjectDecoder(this.memory, KEPT_TO_WRITE)
  }

  #moveTo(journal: SharedArrayBuffer, table: SharedArrayBuffer): void {
    this.#generation++
    this.memory = new IdentityMemory({ generation: this.#generation, journal, table, control: this.#control })
    this.#empty = 0
    this.#taken = 0
    this.forEachBinding(() => {
      this.#taken++
    })
  }

  /** Reserved at full size: pages that were never touched take no memory, and views of a fixed length are the fast ones. */
  #newJournal(): SharedArrayBuffer {
    return new SharedArrayBuffer(this.#journalBytesMax + SLACK_BYTES)
  }
}

/** A table of the bindings that claim something, at the addresses that `move` gives them. */
function newTable(from: IdentityMemory, slots: number, move: (binding: number) => number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(slots * 8)
  const table = new Int32Array(buffer)
  for (let at = 0; at < from.table.length; at += 2) {
    const binding = from.table[at] as number
    if (binding === 0 || claimCount(from.words[binding] as number) === 0) continue
    const hash = from.table[at + 1] as number
    let slot = hash & (slots - 1)
    while (table[slot * 2] !== 0) slot = (slot + 1) & (slots - 1)
    table[slot * 2] = move(binding)
    table[slot * 2 + 1] = hash
  }
  return buffer
}

/** So many that it takes a good while to fill them. */
function slotsFor(keys: number): number {
  let slots = TABLE_SLOTS_MIN
  while (slots < keys * 2) slots *= 2
  return slots
}

function nextSerial(serial: number): number {
  return ((serial + 1) | 0) === 0 ? 1 : (serial + 1) | 0
}

function newControl(options: IdentityStoreOptions): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(CONTROL_WORDS * 4)
  const control = new Int32Array(buffer)
  // Seeded, so that whoever names pods cannot prepare names that collide.
  control[Control.seed] = (Math.random() * 0x7fffffff) | 0
  control[Control.clockSkewMs] = options.clockSkewMs
  control[Control.rememberGoneMs] = options.rememberGoneMs
  control[Control.flags] = options.isClusterWide ? ControlFlag.isClusterWide : 0
  return buffer
}
