import type { ByteInterner } from '../../../lib/intern.ts'
import { WasmModule } from '../../../lib/wasm/module.ts'
import { Instance, Memory, Module, type WasmProgram } from '../../../lib/wasm/web_assembly.ts'
import { AccessLogs } from '../../../model/access_logs.ts'
import { Cells } from './cells.ts'
import { writeEntries } from './entry.ts'
import { Control, MEMORY_PAGES, MESSAGE_BYTES_MAX, Miss, Place, SLOTS, Slot, TEXTS_BYTES_MAX } from './memory.ts'
import { writeIntern } from './strings.ts'

type Entries = (at: number, end: number, row: number, kind: number) => number

/** Longer strings are looked up in the interner each time. */
const TEXT_BYTES_MAX = 4096

/** The same for every decoder of a thread: all lay their columns out alike. */
let compiled: WasmProgram | undefined

/**
 * Decodes entries of the form that Envoy writes, which are nearly all, by a WebAssembly program that is put together at
 * start (`entry.ts`). Message and columns lie in its memory, so a field costs a few instructions, without the checks of
 * type, length and place that JavaScript makes at every access to an array.
 *
 * Strings are looked up in a cache of the interner in the same memory; those it does not know are interned after the run.
 */
export class StraightDecoder {
  readonly logs: AccessLogs
  readonly #entries: Entries
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #words: Int32Array
  #textsUsed = 0
  #epoch: number

  constructor(strings: ByteInterner) {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES })
    this.logs = new AccessLogs(strings, { buffer: memory.buffer, at: Place.columns })
    compiled ??= compile(this.logs)
    const { entries } = new Instance(compiled, { env: { memory } }).exports
    this.#entries = entries as Entries
    this.#memory = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
    this.#words = new Int32Array(memory.buffer)
    this.#epoch = strings.epoch
  }

  /** Where the last run stopped, as an offset in the message. */
  get position(): number {
    return (this.#words[Control.position >> 2] as number) - Place.message
  }

  /** Takes the next message; false when it is too long for this decoder, or the columns have grown out of its memory. */
  begin(message: Uint8Array): boolean {
    if (message.length > MESSAGE_BYTES_MAX || this.logs.kind.buffer !== this.#memory.buffer) return false
    this.#memory.set(message, Place.message)
    if (this.logs.strings.epoch !== this.#epoch) {
      this.#epoch = this.logs.strings.epoch
      this.#forget()
    }
    return true
  }

  /**
   * Decodes the entries of a list between two offsets of the message into rows from `row` on, until an entry has another
   * form or the columns are full. Returns the row behind the last one, whose cells are then anything unless the list has
   * ended.
   */
  run(at: number, end: number, row: number, kind: number): number {
    const rows = this.#entries(at + Place.message, end + Place.message, row, kind)
    const words = this.#words
    const misses = words[Control.misses >> 2] as number
    if (misses > 0) this.#resolve(misses)
    return rows
  }

  /** Interns the strings that the cache did not know, and keeps them there. */
  #resolve(misses: number): void {
    const words = this.#words
    const { strings } = this.logs
    words[Control.misses >> 2] = 0
    for (let i = 0; i < misses; i++) {
      const miss = (Place.misses + i * Miss.bytes) >> 2
      const at = words[miss + (Miss.at >> 2)] as number
      const length = words[miss + (Miss.length >> 2)] as number
      const slot = (words[miss + (Miss.slot >> 2)] as number) >> 2
      const id = strings.intern(this.#memory, this.#view, at, at + length)
      words[(words[miss + (Miss.cell >> 2)] as number) >> 2] = id
      // In the first messages the same string is missing many times.
      if (words[slot + (Slot.id >> 2)] === id || length > TEXT_BYTES_MAX) continue
      if (this.#textsUsed + length > TEXTS_BYTES_MAX) this.#forget()
      const text = Place.texts + this.#textsUsed
      this.#memory.copyWithin(text, at, at + length)
      this.#textsUsed += length
      words[slot + (Slot.hash >> 2)] = words[miss + (Miss.hash >> 2)] as number
      words[slot + (Slot.id >> 2)] = id
      words[slot + (Slot.at >> 2)] = text
      words[slot + (Slot.length >> 2)] = length
    }
  }

  #forget(): void {
    this.#words.fill(0, Place.slots >> 2, (Place.slots + SLOTS * Slot.bytes) >> 2)
    this.#textsUsed = 0
  }
}

function compile(logs: AccessLogs): WasmProgram {
  const module = new WasmModule(MEMORY_PAGES)
  writeEntries(module, new Cells(logs), writeIntern(module))
  return new Module(module.encode())
}
