import { AttributeSet } from '../../../model/attributes.ts'
import { EvaluationError } from './errors.ts'
import { expectId, expectInt, expectMap, expectText, expectTime } from './expect.ts'
import type { Item } from './item.ts'
import { type OttlValue, TelemetryId, Time } from './values.ts'

/**
 * What part of the data a statement reads or writes, so that whoever runs it knows what its outcome depends on. Of metrics: `metric` is
 * the header, `attributes` are those of the point at hand, `values` is all else of it, `points` are the attributes of all points.
 */
export type Touch = 'resource' | 'scope' | 'log' | 'span' | 'spanevent' | 'metric' | 'metadata' | 'attributes' | 'values' | 'points' | 'cache' | 'clock'

/** A field that a path names. */
export interface Field {
  readonly type: 'string' | 'int' | 'double' | 'bool' | 'map' | 'list' | 'time' | 'id' | 'any'
  readonly touch: Touch
  /** True when keys in brackets may follow. */
  readonly isIndexed: boolean
  readonly get: (item: Item) => OttlValue
  /** Undefined for fields that cannot be set. Throws `EvaluationError` for values of another type. */
  readonly set: ((item: Item, value: OttlValue) => void) | undefined
}

/** The fields of a context by their names; dots stand in the name, as in `status.code`. */
export type FieldTable = Readonly<Record<string, Field>>

/** How to read and write a field in its own type. */
interface Access<T> {
  readonly get: (item: Item) => T
  readonly set: (item: Item, value: T) => void
}

function field<T extends OttlValue>(touch: Touch, type: Field['type'], { get, set }: Access<T>, expect: (value: OttlValue) => T): Field {
  return {
    touch,
    type,
    isIndexed: false,
    get,
    set: (item, value) => {
      const wanted = expect(value)
      // What is not changed is written back as it came.
      if (wanted !== get(item)) set(item, wanted)
    },
  }
}

export function textField(touch: Touch, access: Access<string>): Field {
  return field(touch, 'string', access, expectText)
}

/** An int64 in OTTL. */
export function intField(touch: Touch, access: Access<bigint>): Field {
  return field(touch, 'int', access, expectInt)
}

/** An unsigned number of 32 bits, kept as a `number`. */
export function uint32Field(touch: Touch, { get, set }: Access<number>): Field {
  return intField(touch, { get: (item) => BigInt(get(item)), set: (item, value) => set(item, Number(BigInt.asUintN(32, value))) })
}

/** A map of attributes. Setting it to nil empties it. */
export function mapField(touch: Touch, { get, set }: Access<AttributeSet>): Field {
  return {
    touch,
    type: 'map',
    isIndexed: true,
    get,
    set: (item, value) => {
      const wanted = value === null ? AttributeSet.empty : expectMap(value)
      if (wanted !== get(item)) set(item, wanted)
    },
  }
}

/** Nanoseconds since the epoch as an int64. */
export function nanosField(touch: Touch, { get, set }: Access<bigint>): Field {
  return intField(touch, { get: (item) => BigInt.asIntN(64, get(item)), set: (item, value) => set(item, BigInt.asUintN(64, value)) })
}

/** The same nanoseconds as a time. */
export function timeField(touch: Touch, { get, set }: Access<bigint>): Field {
  return field(touch, 'time', { get: (item) => new Time(get(item)), set: (item, { ns }) => set(item, BigInt.asUintN(64, ns)) }, expectTime)
}

/** The fields of an id: itself, and its hex digits as `.string`. */
export function idFields(name: string, touch: Touch, digits: 16 | 32, { get, set }: Access<string>): FieldTable {
  const hexOf = (item: Item): string => get(item) || '0'.repeat(digits)
  return {
    [name]: { touch, type: 'id', isIndexed: false, get: (item) => new TelemetryId(hexOf(item)), set: (item, value) => set(item, expectId(value, digits)) },
    [`${name}.string`]: textField(touch, { get: hexOf, set: (item, value) => set(item, expectId(parseId(value, digits), digits)) }),
  }
}

/** An id of hex digits; text that is none becomes a value that `expectId` refuses. */
function parseId(text: string, digits: 16 | 32): OttlValue {
  return text.length === digits && /^[0-9a-fA-F]*$/.test(text) ? new TelemetryId(text.toLowerCase()) : text
}

/** A choice of names that OTTL sees as their numbers. */
export function enumField<T extends string>(touch: Touch, names: readonly T[], { get, set }: Access<T>): Field {
  return intField(touch, {
    get: (item) => BigInt(names.indexOf(get(item))),
    set: (item, value) => {
      const name = names[Number(value)]
      if (name === undefined) throw new EvaluationError(`there is no enum value ${value}`)
      set(item, name)
    },
  })
}
