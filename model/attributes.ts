/**
 * A value of an OpenTelemetry attribute, or the body of a log record (OTLP's `AnyValue`): `number` is a double and `bigint`
 * an int64, whatever their size; bytes are a `Uint8Array`; a map is an `AttributeSet`; null is a value that is not set.
 */
export type AttributeValue = string | number | bigint | boolean | null | Uint8Array | AttributeSet | readonly AttributeValue[]

/** True when two values are equal, whatever objects hold them; maps are equal in one order only. */
export function isSameValue(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b)
  return valueKey(a) === valueKey(b)
}

/** One text per value: equal values of equal types have equal texts, different ones different texts. */
export function valueKey(value: AttributeValue): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object') return Object.is(value, -0) || !Number.isFinite(value as number) ? textKey(value) : JSON.stringify(value)
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return `x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
  if (value instanceof AttributeSet) return `{${value.keys.map((key, i) => `${JSON.stringify(key)}:${valueKey(value.values[i] as AttributeValue)}`).join(',')}}`
  return `[${value.map(valueKey).join(',')}]`
}

/** What JSON cannot tell apart: -0, NaN and the infinities; texts and truth values as JSON has them. */
function textKey(value: string | number | boolean): string {
  if (typeof value !== 'number') return JSON.stringify(value)
  return Object.is(value, -0) ? '-0' : String(value)
}

/**
 * An immutable, ordered list of attributes. Producers of metrics keep one `AttributeSet` per series for as long as the
 * series lives, so consumers may cache what they derive from it (rendered labels, encoded bytes) by its identity.
 */
export class AttributeSet {
  readonly keys: readonly string[]
  readonly values: readonly AttributeValue[]

  constructor(keys: readonly string[], values: readonly AttributeValue[]) {
    if (keys.length !== values.length) throw new RangeError(`BUG: ${keys.length} attribute keys for ${values.length} values`)
    this.keys = keys
    this.values = values
  }

  get size(): number {
    return this.keys.length
  }

  get(key: string): AttributeValue | undefined {
    const at = this.keys.indexOf(key)
    return at < 0 ? undefined : this.values[at]
  }

  /** A set with `key` set to `value`: in its old place when there is one, else at the end. */
  with(key: string, value: AttributeValue): AttributeSet {
    const at = this.keys.indexOf(key)
    return at < 0 ? new AttributeSet([...this.keys, key], [...this.values, value]) : new AttributeSet(this.keys, this.values.with(at, value))
  }

  /** A set that lacks `key`; the same one when it has no such key. */
  without(key: string): AttributeSet {
    const at = this.keys.indexOf(key)
    return at < 0 ? this : new AttributeSet(this.keys.toSpliced(at, 1), this.values.toSpliced(at, 1))
  }

  static readonly empty = new AttributeSet([], [])

  static of(entries: Readonly<Record<string, AttributeValue>>): AttributeSet {
    return new AttributeSet(Object.keys(entries), Object.values(entries))
  }
}

/**
 * The entity that telemetry is about (OpenTelemetry resource). Never changed: who completes it makes a new one. Parts of a
 * batch with the same object belong together.
 */
export interface Resource {
  readonly attributes: AttributeSet
  readonly droppedAttributesCount?: number
  readonly schemaUrl?: string
}

/** The instrumentation that made the telemetry (OpenTelemetry instrumentation scope). */
export interface Scope {
  readonly name: string
  readonly version: string
  readonly attributes?: AttributeSet
  readonly droppedAttributesCount?: number
  readonly schemaUrl?: string
}
