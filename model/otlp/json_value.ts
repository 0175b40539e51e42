import { AttributeSet, type AttributeValue } from '../attributes.ts'
import { OtlpError } from './error.ts'

/** As deep as in protobuf. */
const DEPTH_MAX = 100

/** Integers of this length may be too large for a double. */
const LONG_INTEGER = /[:[,]\s*-?\d{16,}\s*[,}\]]/
const INTEGER = /^-?\d+$/

/** Parses a document of OTLP JSON; integers that a double cannot hold become bigints. Throws `OtlpError`. */
export function parseJson(text: string): JsonFields {
  let value: unknown
  try {
    value = LONG_INTEGER.test(text) ? (JSON.parse(text, exactInteger as (key: string, value: unknown) => unknown) as unknown) : (JSON.parse(text) as unknown)
  } catch (error) {
    // What passes integers through whole calls itself at each level.
    if (error instanceof RangeError) throw new OtlpError('the document is nested too deeply', -1, { cause: error })
    if (!(error instanceof SyntaxError)) throw error
    throw new OtlpError(`not JSON: ${error.message}`, Number(/position (\d+)/.exec(error.message)?.[1] ?? 0), { cause: error })
  }
  return new JsonFields(value, '', undefined, 0)
}

function exactInteger(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source) ? BigInt(source) : value
}

/**
 * The members of an object of OTLP JSON, by the names of proto3's JSON mapping (lowerCamelCase) or those of the .proto files. What
 * is absent or null reads as its default, as in protobuf; what has the wrong type throws an `OtlpError` that names the place.
 * See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
 */
export class JsonFields {
  readonly #object: Readonly<Record<string, unknown>>
  readonly #key: string | number
  readonly #parent: JsonFields | undefined
  readonly #depth: number

  constructor(value: unknown, key: string | number, parent: JsonFields | undefined, depth: number) {
    this.#key = key
    this.#parent = parent
    this.#depth = depth
    this.#object = {}
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new OtlpError(`${this.#path() || 'the document'}: expected an object, found ${shown(value)}`, -1)
    if (depth > DEPTH_MAX) throw new OtlpError(`${this.#path().slice(0, 200)}: objects are nested deeper than ${DEPTH_MAX} levels`, -1)
    this.#object = value as Readonly<Record<string, unknown>>
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined
  }

  text(name: string): string {
    const value = this.#get(name)
    if (value === undefined) return ''
    return typeof value === 'string' ? value.toWellFormed() : this.#fail(name, 'text', value)
  }

  bool(name: string): boolean {
    const value = this.#get(name)
    if (value === undefined) return false
    return typeof value === 'boolean' ? value : this.#fail(name, 'true or false', value)
  }

  double(name: string): number {
    return this.optionalDouble(name) ?? 0
  }

  /** Undefined when there is none, for fields with explicit presence. */
  optionalDouble(name: string): number | undefined {
    const value = this.#get(name)
    return value === undefined ? undefined : this.#double(name, value)
  }

  doubles(name: string): number[] {
    return this.#list(name).map((value) => this.#double(name, value))
  }

  /** A 64-bit number that is not negative, as text or as a number. */
  uint64(name: string): bigint {
    const value = this.#get(name)
    return value === undefined ? 0n : this.#integer(name, value, 0n, MAX_UINT64)
  }

  uint64s(name: string): bigint[] {
    return this.#list(name).map((value) => this.#integer(name, value, 0n, MAX_UINT64))
  }

  int64(name: string): bigint {
    const value = this.#get(name)
    return value === undefined ? 0n : this.#integer(name, value, -(2n ** 63n), 2n ** 63n - 1n)
  }

  uint32(name: string): number {
    const value = this.#get(name)
    return value === undefined ? 0 : Number(this.#integer(name, value, 0n, 2n ** 32n - 1n))
  }

  int32(name: string): number {
    const value = this.#get(name)
    return value === undefined ? 0 : Number(this.#integer(name, value, -(2n ** 31n), 2n ** 31n - 1n))
  }

  /** An enum as its number, given as that or as one of `names`, which follow `prefix`; numbers that have no name stay. */
  enumeration(name: string, prefix: string, names: readonly string[]): number {
    const value = this.#get(name)
    if (typeof value !== 'string' || INTEGER.test(value)) return this.int32(name)
    const number = value.startsWith(prefix) ? names.indexOf(value.slice(prefix.length)) : -1
    return number < 0 ? this.#fail(name, `a number, or a name such as ${prefix}${names[1]}`, value) : number
  }

  /** Lower-case hex digits of an id of `bytes` bytes; empty when there is none, or only zeros. */
  id(name: string, bytes: number): string {
    const text = this.text(name)
    if (text === '') return ''
    if (text.length !== bytes * 2 || !HEX.test(text)) return this.#fail(name, `${bytes * 2} hex digits`, text)
    return ZEROS.test(text) ? '' : text.toLowerCase()
  }

  /** The object under `name`; one without members when there is none. */
  object(name: string): JsonFields {
    return new JsonFields(this.#get(name) ?? {}, name, this, this.#depth + 1)
  }

  objects(name: string): JsonFields[] {
    const list = this.#list(name)
    if (list.length === 0) return []
    const parent = new JsonFields({}, name, this, this.#depth)
    return list.map((value, i) => new JsonFields(value, i, parent, this.#depth + 1))
  }

  texts(name: string): string[] {
    return this.#list(name).map((value) => (typeof value === 'string' ? value.toWellFormed() : this.#fail(name, 'a list of texts', value)))
  }

  /** A list of `KeyValue`s. */
  attributes(name: string): AttributeSet {
    const entries = this.objects(name)
    if (entries.length === 0) return AttributeSet.empty
    return new AttributeSet(
      entries.map((entry) => entry.text('key')),
      entries.map((entry) => entry.value('value')),
    )
  }

  /** An `AnyValue`; null when there is none. */
  value(name: string): AttributeValue {
    return this.has(name) ? this.object(name).#anyValue() : null
  }

  #anyValue(): AttributeValue {
    if (this.has('stringValue')) return this.text('stringValue')
    if (this.has('boolValue')) return this.bool('boolValue')
    if (this.has('intValue')) return this.int64('intValue')
    if (this.has('doubleValue')) return this.double('doubleValue')
    if (this.has('arrayValue'))
      return this.object('arrayValue')
        .objects('values')
        .map((element) => element.#anyValue())
    if (this.has('kvlistValue')) return this.object('kvlistValue').attributes('values')
    if (this.has('bytesValue')) return new Uint8Array(Buffer.from(this.text('bytesValue'), 'base64'))
    return null
  }

  #get(name: string): unknown {
    const value = this.#object[name] ?? this.#object[snakeCase(name)]
    return value === null ? undefined : value
  }

  #list(name: string): readonly unknown[] {
    const value = this.#get(name)
    if (value === undefined) return []
    return Array.isArray(value) ? value : this.#fail(name, 'a list', value)
  }

  #double(name: string, value: unknown): number {
    if (typeof value === 'number') return value
    if (typeof value === 'bigint') return Number(value)
    if (typeof value === 'string' && DOUBLE.test(value)) return Number(value)
    return this.#fail(name, 'a number', value)
  }

  #integer(name: string, value: unknown, min: bigint, max: bigint): bigint {
    const integer = integerOf(value)
    return integer === undefined || integer < min || integer > max ? this.#fail(name, `an integer from ${min} to ${max}`, value) : integer
  }

  #fail(name: string, expected: string, found: unknown): never {
    const path = this.#path()
    throw new OtlpError(`${path}${path === '' ? '' : '.'}${name}: expected ${expected}, found ${shown(found)}`, -1)
  }

  #path(): string {
    const parent = this.#parent === undefined ? '' : this.#parent.#path()
    if (typeof this.#key === 'number') return `${parent}[${this.#key}]`
    return parent === '' || this.#key === '' ? this.#key : `${parent}.${this.#key}`
  }
}

const MAX_UINT64 = 2n ** 64n - 1n
const HEX = /^[0-9a-fA-F]+$/
const ZEROS = /^0+$/
const DOUBLE = /^(?:NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && value.length <= 20 && INTEGER.test(value) ? BigInt(value) : undefined
}

function shown(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

const snakeNames = new Map<string, string>()

/** Names come from this code, so there are few. */
function snakeCase(name: string): string {
  let snake = snakeNames.get(name)
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    snakeNames.set(name, snake)
  }
  return snake
}
