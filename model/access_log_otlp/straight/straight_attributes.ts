import { Instance, Memory, Module } from '../../../lib/wasm/web_assembly.ts'
import { type AccessLogs, EntryKind, LogType } from '../../access_logs.ts'
import type { AttributeBuffer } from '../attribute_buffer.ts'
import type { CompiledField } from '../compiled_use.ts'
import { Control, KNOWN_BYTES_MAX, KNOWN_MAX, Later, MEMORY_PAGES, MESSAGE_BYTES_MAX, Place } from './memory.ts'
import { type ProgramOptions, REMEMBERED, type StraightUse, writeProgram } from './program.ts'

type Entry = (at: number, end: number) => number
type Remember = (field: number, at: number, end: number, attributesLength: number) => number

/** Beyond it there may be no room for the next value. */
const KNOWN_END_MAX = Place.end - 3 * KNOWN_BYTES_MAX

/** Takes a field that the program has left: its payload, and the end of the message it stands in, as offsets in the message. */
export type TakeField = (field: CompiledField, at: number, end: number, messageEnd: number) => void

/** Takes where scheme, host and path of a request stand in the message; those that are empty are not mentioned. */
export interface UrlPlaces {
  scheme(start: number, end: number): void
  host(start: number, end: number): void
  path(start: number, end: number): void
}

/**
 * Writes the attributes of entries of the form that Envoy writes, which are nearly all, by a WebAssembly program that is put
 * together at start from the same table as the general way beside it (`fields.ts`). What needs a decision about its content
 * (headers, tags, values that are objects) it leaves to that way, and remembers what that made of values that come again and again.
 */
export class StraightAttributes {
  readonly #memory: Buffer
  readonly #words: Int32Array
  readonly #fields: readonly CompiledField[]
  readonly #http: Entry
  readonly #tcp: Entry
  readonly #remember: Remember
  #isReady = false
  /** Values that are remembered. */
  #known = 0
  #isFull = false
  /** Whether the entries before were those of known peers, which decides about what is remembered. */
  #hadEdges = false

  constructor(uses: { readonly http: StraightUse; readonly tcp: StraightUse }, options: ProgramOptions) {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES })
    const { code, texts, fields } = writeProgram({ http: uses.http, tcp: uses.tcp }, options)
    if (texts.length > Place.message - Place.texts) throw new Error(`BUG: ${texts.length} bytes of keys do not fit`)
    const { http_entry, tcp_entry, remember } = new Instance(new Module(code), { env: { memory } }).exports
    this.#memory = Buffer.from(memory.buffer)
    this.#memory.set(texts, Place.texts)
    this.#words = new Int32Array(memory.buffer)
    this.#fields = fields
    this.#http = http_entry as Entry
    this.#tcp = tcp_entry as Entry
    this.#remember = remember as Remember
    crypto.getRandomValues(this.#memory.subarray(Control.seed, Control.seed + 8))
    this.#words[Control.knownEnd >> 2] = Place.known
  }

  /** Takes the message of the next entries. */
  begin({ message, edges }: AccessLogs): void {
    this.#isReady = message.length <= MESSAGE_BYTES_MAX
    if (this.#isReady) this.#memory.set(message, Place.message)
    const hasEdges = edges !== undefined
    if (this.#isFull || hasEdges !== this.#hadEdges) this.#forget()
    this.#hadEdges = hasEdges
  }

  /** Writes the attributes of row `i`; false, and nothing has happened, when the entry has another form. `take` gets what is left to do, in any order. */
  write(logs: AccessLogs, i: number, out: AttributeBuffer, url: UrlPlaces, take: TakeField): boolean {
    const logType = logs.logType[i] as number
    // Of Envoy's upstream logs the columns for bodies have been swapped.
    if (!this.#isReady || (logType >= LogType.upstreamPoolReady && logType <= LogType.upstreamEnd)) return false
    const words = this.#words
    words[Control.requestIdAt >> 2] = Place.message + (logs.requestIdAt[i] as number)
    words[Control.requestIdLength >> 2] = logs.requestIdLength[i] as number
    const entry = logs.kind[i] === EntryKind.tcp ? this.#tcp : this.#http
    const end = entry(Place.message + (logs.entryAt[i] as number), Place.message + (logs.entryEnd[i] as number))
    if (end === 0) return false
    out.part(this.#memory, Place.out, end)
    const later = words[Control.later >> 2] as number
    if ((words[Control.schemeLength >> 2] as number) > 0) url.scheme(this.#place(Control.schemeAt), this.#end(Control.schemeAt))
    if ((words[Control.hostLength >> 2] as number) > 0) url.host(this.#place(Control.hostAt), this.#end(Control.hostAt))
    if ((words[Control.pathLength >> 2] as number) > 0) url.path(this.#place(Control.pathAt), this.#end(Control.pathAt))
    for (let n = 0, record = Place.later; n < later; n++, record += Later.bytes) {
      const number = words[(record + Later.field) >> 2] as number
      const field = this.#fields[number] as CompiledField
      const start = out.at
      take(field, this.#place(record + Later.at), this.#place(record + Later.end), this.#place(record + Later.messageEnd))
      if (REMEMBERED.has(field.how)) this.#keep(number, words[(record + Later.at) >> 2] as number, words[(record + Later.end) >> 2] as number, out, start)
    }
    return true
  }

  /** Remembers what the value of a field, between two addresses of the program, became: what `out` has from `start` on. */
  #keep(field: number, at: number, end: number, out: AttributeBuffer, start: number): void {
    const length = out.at - start
    if (end - at > KNOWN_BYTES_MAX || length > KNOWN_BYTES_MAX) return
    const to = this.#remember(field, at, end, length)
    if (to > 0) {
      this.#memory.set(out.bytes.subarray(start, out.at), to)
      this.#known++
    }
    // Or it found no place, with the memory nearly full.
    this.#isFull = this.#known >= KNOWN_MAX || (this.#words[Control.knownEnd >> 2] as number) > KNOWN_END_MAX
  }

  #forget(): void {
    this.#memory.fill(0, Place.slots, Place.known)
    this.#words[Control.knownEnd >> 2] = Place.known
    this.#known = 0
    this.#isFull = false
  }

  /** An address of the program as an offset in the message. */
  #place(word: number): number {
    return (this.#words[word >> 2] as number) - Place.message
  }

  /** Where a text ends whose place and length stand one behind the other. */
  #end(word: number): number {
    return this.#place(word) + (this.#words[(word >> 2) + 1] as number)
  }
}
