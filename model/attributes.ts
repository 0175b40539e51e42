/** A value of an OpenTelemetry attribute. */
export type AttributeValue = string | number | bigint | boolean | readonly AttributeValue[]

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

  static readonly empty = new AttributeSet([], [])

  static of(entries: Readonly<Record<string, AttributeValue>>): AttributeSet {
    return new AttributeSet(Object.keys(entries), Object.values(entries))
  }
}

/** The entity that telemetry is about (OpenTelemetry resource). */
export interface Resource {
  readonly attributes: AttributeSet
}

/** The instrumentation that made the telemetry (OpenTelemetry instrumentation scope). */
export interface Scope {
  readonly name: string
  readonly version: string
  readonly attributes?: AttributeSet
}
