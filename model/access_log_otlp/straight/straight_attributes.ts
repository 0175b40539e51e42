import { Instance, Memory, Module } from '../../../lib/wasm/web_assembly.ts'
import { type AccessLogs, EntryKind, LogType } from '../../access_logs.ts'
import type { AttributeBuffer } from '../attribute_buffer.ts'
import type { CompiledField } from '../compiled_use.ts'
import { Control, Later, MEMORY_PAGES, MESSAGE_BYTES_MAX, Place } from './memory.ts'
import { type StraightUse, writeProgram } from './program.ts'

type Entry = (at: number, end: number) => number

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
 * (redaction, maps, values that are objects) it leaves to that way.
 */
export class StraightAttributes {
  readonly #memory: Buffer
  readonly #words: Int32Array
  readonly #fields: readonly CompiledField[]
  readonly #http: Entry
  readonly #tcp: Entry
  #isReady = false

  /** `tag` is what every attribute begins with (`AttributeTag`). */
  constructor(uses: { readonly http: StraightUse; readonly tcp: StraightUse }, tag: number) {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES })
    const { code, texts, fields } = writeProgram({ http: uses.http, tcp: uses.tcp }, tag)
    if (texts.length > Place.message - Place.texts) throw new Error(`BUG: ${texts.length} bytes of keys do not fit`)
    const { http_entry, tcp_entry } = new Instance(new Module(code), { env: { memory } }).exports
    this.#memory = Buffer.from(memory.buffer)
    this.#memory.set(texts, Place.texts)
    this.#words = new Int32Array(memory.buffer)
    this.#fields = fields
    this.#http = http_entry as Entry
    this.#tcp = tcp_entry as Entry
  }

  /** Takes the message of the next entries. */
  begin({ message }: AccessLogs): void {
    this.#isReady = message.length <= MESSAGE_BYTES_MAX
    if (this.#isReady) this.#memory.set(message, Place.message)
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
      const field = this.#fields[words[(record + Later.field) >> 2] as number] as CompiledField
      take(field, this.#place(record + Later.at), this.#place(record + Later.end), this.#place(record + Later.messageEnd))
    }
    return true
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
