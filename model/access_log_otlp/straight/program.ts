import { add, all, and, type Code, eq, give, isZero, type Local, load, load8, long, lt, set, shl, store, when } from '../../../lib/wasm/code.ts'
import { type Callable, WasmModule } from '../../../lib/wasm/module.ts'
import { Fields } from '../../../lib/wasm/protobuf_fields.ts'
import { AttributeBuffer, encodedBytes } from '../attribute_buffer.ts'
import { type CompiledField, type CompiledUse, How } from '../compiled_use.ts'
import type { FieldUse, MessageUse } from '../fields.ts'
import { type AttributeWriters, writeAttributes } from './attributes.ts'
import { Control, MEMORY_PAGES, Place } from './memory.ts'
import type { QueryForm } from './query.ts'
import { orFail, type ValueWriters, writeValues } from './values.ts'

/** What the general way makes of these is remembered: few different ones come again and again, and their bytes are all that they depend on. */
export const REMEMBERED: ReadonlySet<number> = new Set([How.filterState, How.metadata, How.flags])

/** Wire types of fields that are no attribute, where they are not 2. */
const SKIPPED_WIRE: { readonly [As in FieldUse['as']]?: number } = { number: 0, names: 0, true: 0, request_body: 0, response_body: 0, double: 1 }

/** A message, and what becomes of its fields. */
export interface StraightUse {
  readonly use: MessageUse
  readonly compiled: CompiledUse
}

/** A program, what has to lie in its memory, and the fields that it leaves to the general way, by number. */
export interface StraightProgram {
  readonly code: Uint8Array<ArrayBuffer>
  readonly texts: Uint8Array
  readonly fields: readonly CompiledField[]
}

export interface ProgramOptions {
  /** What every attribute begins with (`AttributeTag`). */
  readonly tag: number
  readonly query: QueryForm
}

/** Writes the program: a function for each of `uses`, under its name, that takes start and end of an entry; and `remember` (see `writeKnown`). */
export function writeProgram(uses: Readonly<Record<string, StraightUse>>, { tag, query }: ProgramOptions): StraightProgram {
  const module = new WasmModule(MEMORY_PAGES)
  const attributes = writeAttributes(module, tag)
  const writer = new MessageWriter(module, { tag, attributes, values: writeValues(module, attributes, query) })
  for (const [name, use] of Object.entries(uses)) {
    const message = writer.write(name, use)
    module.function(`${name}_entry`, 2, (_, at, end) =>
      all(
        ...[Control.later, Control.schemeLength, Control.hostLength, Control.pathLength].map((word) => store(Place.control, word, 0)),
        give(message(at, end, Place.out)),
      ),
    )
  }
  return { code: module.encode(), texts: writer.texts, fields: writer.fields }
}

interface Writers {
  readonly tag: number
  readonly attributes: AttributeWriters
  readonly values: ValueWriters
}

/** Writes functions for messages, inner ones first: start, end and the place to write to; they give the place behind, or 0. */
class MessageWriter {
  readonly fields: CompiledField[] = []
  readonly #module: WasmModule
  readonly #writers: Writers
  readonly #texts: number[] = []
  readonly #stored = new Map<string, number>()

  constructor(module: WasmModule, writers: Writers) {
    this.#module = module
    this.#writers = writers
  }

  get texts(): Uint8Array {
    return Uint8Array.from(this.#texts)
  }

  write(name: string, { use, compiled }: StraightUse): Callable {
    const numbers = Object.keys(use).map(Number)
    const nested = new Map<number, Callable>()
    for (const n of numbers) {
      const inner = use[n]
      if (inner?.as === 'message') nested.set(n, this.write(`${name}_${n}`, { use: inner.of, compiled: compiled[n]?.nested ?? [] }))
    }
    return this.#module.function(name, 3, (locals, at, end, out) => {
      const fields = new Fields(locals, at, end)
      const code = numbers.map((n) => {
        const field = compiled[n]
        return field === undefined ? skipped(fields, n, use[n] as FieldUse) : this.#field(field, { n, fields, out, end, nested: nested.get(n) })
      })
      return all(fields.begin(), ...code, when(isZero(fields.isAtEnd()), give(0)), give(out))
    })
  }

  #field(field: CompiledField, place: FieldPlace): Code {
    const { n, fields, out, end, nested } = place
    const { at, next, length } = fields
    const { attributes, values } = this.#writers
    const key = this.#place(encodedBytes(field.key))
    const other = this.#place(encodedBytes(field.otherKey))
    const text = orFail(out, attributes.text(out, ...key, at, length))
    switch (field.how) {
      case How.message:
        return fields.bytes(n, orFail(out, (nested as Callable)(at, next, out)))
      case How.text:
        return fields.bytes(n, when(length, text))
      case How.scheme:
        return fields.bytes(n, all(noted(Control.schemeAt, at, length), when(length, text)))
      case How.number:
      case How.requestBody:
      case How.responseBody:
        return fields.varint(n, set(out, attributes.varint(out, ...key, at, length)))
      case How.double:
        return fields.double(n, set(out, attributes.double(out, ...key, at)))
      case How.true:
        return fields.number(n, when(isZero(long.isZero(fields.value)), set(out, attributes.blob(out, ...this.#truth(field)))))
      case How.names:
        return fields.varint(n, this.#names(field, place))
      case How.seconds:
        return fields.bytes(n, orFail(out, values.duration(out, ...key, at, next)))
      case How.wrapped:
        return fields.bytes(n, orFail(out, values.wrapped(out, ...key, at, next)))
      case How.address:
        return fields.bytes(n, orFail(out, values.address(out, ...key, ...other, at, next)))
      case How.authority:
        return fields.bytes(n, all(noted(Control.hostAt, at, length), when(length, orFail(out, values.authority(out, ...key, ...other, at, next)))))
      case How.path: {
        const query = this.#number({ ...field, how: How.query, key: field.otherKey })
        return fields.bytes(n, all(noted(Control.pathAt, at, length), when(length, orFail(out, values.path(out, ...key, ...other, query, at, next, end)))))
      }
      case How.streamId:
        return fields.bytes(n, when(length, orFail(out, values.streamId(out, ...key, at, length))))
      default: {
        if (REMEMBERED.has(field.how)) return this.#remembered(field, place)
        const later = this.#later(field, place)
        if (field.isRepeated) return fields.eachBytes(n, later)
        // A list is read from its first item on.
        return field.how === How.namesList ? all(fields.bytes(n, later), fields.eachBytes(n, [])) : fields.bytes(n, later)
      }
    }
  }

  /** The attribute that the value of an enum is, from a table. */
  #names(field: CompiledField, { fields, out, end }: FieldPlace): Code {
    const { encoded } = field
    const table = new Int32Array(encoded.flatMap((blob) => (blob === 0 ? [0, 0] : this.#place(encodedBytes(blob)))))
    const [tableAt] = this.#place(new Uint8Array(table.buffer))
    const { at, length } = fields
    const entry = add(tableAt, shl(load8(at), 3))
    const isKnown = and(eq(length, 1), lt(load8(at), encoded.length))
    const write = set(out, this.#writers.attributes.blob(out, load(entry), load(entry, 4)))
    return when(isKnown, write, this.#later(field, { fields, end }))
  }

  #remembered(field: CompiledField, { n, fields, out, end }: FieldPlace): Code {
    const write = orFail(out, this.#writers.values.known(out, this.#number(field), fields.at, fields.next, end))
    return field.isRepeated ? fields.eachBytes(n, write) : fields.bytes(n, write)
  }

  #later(field: CompiledField, { fields, end }: Pick<FieldPlace, 'fields' | 'end'>): Code {
    return when(isZero(this.#writers.values.later(this.#number(field), fields.at, fields.next, end)), give(0))
  }

  #truth(field: CompiledField): [number, number] {
    const out = new AttributeBuffer(this.#writers.tag, 128)
    out.bool(field.key, true)
    return this.#place(out.slice())
  }

  #number(field: CompiledField): number {
    return this.fields.push(field) - 1
  }

  /** Puts bytes into the memory; returns where they will be, and how many they are. */
  #place(bytes: Uint8Array): [number, number] {
    const content = Buffer.from(bytes).toString('latin1')
    const known = this.#stored.get(content) ?? Place.texts + this.#texts.length
    if (!this.#stored.has(content)) {
      this.#stored.set(content, known)
      this.#texts.push(...bytes)
    }
    return [known, bytes.length]
  }
}

interface FieldPlace {
  readonly n: number
  readonly fields: Fields
  readonly out: Local
  /** Of the message. */
  readonly end: Local
  readonly nested: Callable | undefined
}

function noted(word: number, at: Local, length: Local): Code {
  return all(store(Place.control, word, at), store(Place.control, word + 4, length))
}

function skipped(fields: Fields, n: number, { as }: FieldUse): Code {
  const wire = SKIPPED_WIRE[as] ?? 2
  if (wire === 0) return fields.skipNumber(n)
  return wire === 1 ? fields.double(n) : fields.eachBytes(n, [])
}
