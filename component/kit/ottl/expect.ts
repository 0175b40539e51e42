import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import { EvaluationError } from './errors.ts'
import { attributeValue, Duration, isList, type OttlValue, TelemetryId, Time, typeName } from './values.ts'

// Each gives the value back when it is of its type, and throws an `EvaluationError` otherwise.

export function expectText(value: OttlValue): string {
  if (typeof value === 'string') return value
  throw mismatch('string', value)
}

export function expectInt(value: OttlValue): bigint {
  if (typeof value === 'bigint') return value
  throw mismatch('int', value)
}

export function expectDouble(value: OttlValue): number {
  if (typeof value === 'number') return value
  throw mismatch('double', value)
}

export function expectBool(value: OttlValue): boolean {
  if (typeof value === 'boolean') return value
  throw mismatch('bool', value)
}

export function expectMap(value: OttlValue): AttributeSet {
  if (value instanceof AttributeSet) return value
  throw mismatch('map', value)
}

export function expectTime(value: OttlValue): Time {
  if (value instanceof Time) return value
  throw mismatch('time', value)
}

export function expectDuration(value: OttlValue): Duration {
  if (value instanceof Duration) return value
  throw mismatch('duration', value)
}

export function expectList(value: OttlValue): readonly OttlValue[] {
  if (isList(value)) return value
  throw mismatch('list', value)
}

/** The hex digits of an id with this many; empty for one of zeros only. */
export function expectId(value: OttlValue, digits: 16 | 32): string {
  if (value instanceof TelemetryId && value.hex.length === digits) return /^0*$/.test(value.hex) ? '' : value.hex
  throw mismatch(digits === 32 ? 'trace id' : 'span id', value)
}

function mismatch(expected: string, value: OttlValue): EvaluationError {
  return new EvaluationError(`expected ${expected}, found ${typeName(value)}`)
}

/** Longest list that setting an item by its index may make. */
const LIST_LENGTH_MAX = 10_000

/** What stands below `value` at the keys, each text for a map or an int for a list; nil where a map has no such key. */
export function valueAt(value: OttlValue, keys: readonly OttlValue[]): OttlValue {
  let current = value
  for (const key of keys) {
    if (current instanceof AttributeSet) {
      const found = current.get(expectText(key))
      if (found === undefined) return null
      current = found
    } else if (isList(current)) {
      current = current[indexIn(current, key)] ?? null
    } else {
      throw new EvaluationError(`a ${typeName(current)} cannot be indexed`)
    }
  }
  return current
}

/** `value` with what stands below it at the keys set; maps and lists that are missing on the way are made. */
export function withValueAt(value: AttributeValue, keys: readonly OttlValue[], wanted: OttlValue, depth = 0): AttributeValue {
  const key = keys[depth]
  if (key === undefined) return attributeValue(wanted)
  if (value instanceof AttributeSet) return withAttribute(value, expectText(key), withValueAt(value.get(expectText(key)) ?? null, keys, wanted, depth + 1))
  if (isList(value)) return value.with(indexIn(value, key), withValueAt(value[indexIn(value, key)] as AttributeValue, keys, wanted, depth + 1))
  if (value !== null) throw new EvaluationError(`a ${typeName(value)} cannot be indexed`)
  const inner = withValueAt(null, keys, wanted, depth + 1)
  if (typeof key === 'string') return new AttributeSet([key], [inner])
  const index = Number(expectInt(key))
  if (index < 0 || index >= LIST_LENGTH_MAX) throw new EvaluationError(`index ${index} is out of bounds`)
  return [...Array.from({ length: index }, () => null), inner]
}

/** The set with `key` set to `value`; the same one when it has this value already. */
export function withAttribute(set: AttributeSet, key: string, value: AttributeValue): AttributeSet {
  return value !== null && typeof value !== 'object' && set.get(key) === value ? set : set.with(key, value)
}

function indexIn(list: readonly OttlValue[], key: OttlValue): number {
  const index = Number(expectInt(key))
  if (index < 0 || index >= list.length) throw new EvaluationError(`index ${index} is out of bounds`)
  return index
}
