import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import type { CompareOperator } from './ast.ts'
import { EvaluationError } from './errors.ts'

/** A point in time, nanoseconds since the epoch. */
export class Time {
  readonly ns: bigint

  constructor(ns: bigint) {
    this.ns = ns
  }
}

/** A length of time in nanoseconds. */
export class Duration {
  readonly ns: bigint

  constructor(ns: bigint) {
    this.ns = ns
  }
}

/** The id of a trace (32 hex digits) or of a span (16); all zeros stand for none. */
export class TelemetryId {
  readonly hex: string

  constructor(hex: string) {
    this.hex = hex
  }
}

/** What an OTTL expression gives; null is `nil`. */
export type OttlValue = AttributeValue | Time | Duration | TelemetryId | readonly OttlValue[]

/** What a value is called in errors. */
export function typeName(value: OttlValue): string {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
    case 'boolean':
      return 'bool'
    default:
      break
  }
  if (value === null) return 'nil'
  if (value instanceof AttributeSet) return 'map'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof Time) return 'time'
  if (value instanceof Duration) return 'duration'
  return value instanceof TelemetryId ? 'id' : 'list'
}

/** True for lists. (`Array.isArray` does not narrow read-only arrays.) */
export function isList(value: OttlValue): value is readonly OttlValue[] {
  return Array.isArray(value)
}

/** The value as it can stand in an attribute; throws `EvaluationError` for times, durations and ids. */
export function attributeValue(value: OttlValue): AttributeValue {
  if (isList(value)) return value.map(attributeValue)
  if (value instanceof Time || value instanceof Duration || value instanceof TelemetryId) {
    const hint = value instanceof TelemetryId ? 'use its .string' : 'convert it to a number'
    throw new EvaluationError(`a ${typeName(value)} cannot be set here; ${hint}`)
  }
  return value
}

/**
 * Compares by OTTL's rules: numbers of both kinds with each other as doubles, values of other different types are not equal and
 * in no order, maps and lists are equal or not. https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/pkg/ottl/LANGUAGE.md#comparison-rules
 */
export function compareValues(left: OttlValue, right: OttlValue, operator: CompareOperator): boolean {
  if (operator === '==') return areEqual(left, right)
  if (operator === '!=') return !areEqual(left, right)
  if (left === null || right === null) return left === right && (operator === '<=' || operator === '>=')
  const order = orderOf(left, right)
  switch (operator) {
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    default:
      return order >= 0
  }
}

function areEqual(left: OttlValue, right: OttlValue): boolean {
  if (left === right) return true
  switch (typeof left) {
    case 'bigint':
      return typeof right === 'number' && Number(left) === right
    case 'number':
      return typeof right === 'bigint' && left === Number(right)
    case 'object':
      return typeof right === 'object' && left !== null && right !== null && areSame(left, right)
    default:
      return false
  }
}

type ObjectValue = Exclude<OttlValue, string | number | bigint | boolean | null>

function areSame(left: ObjectValue, right: ObjectValue): boolean {
  if (left instanceof AttributeSet) return right instanceof AttributeSet && areSameMaps(left, right)
  if (left instanceof Uint8Array) return right instanceof Uint8Array && Buffer.compare(left, right) === 0
  if (left instanceof Time) return right instanceof Time && left.ns === right.ns
  if (left instanceof Duration) return right instanceof Duration && left.ns === right.ns
  if (left instanceof TelemetryId) return right instanceof TelemetryId && left.hex === right.hex
  if (!isList(right) || left.length !== right.length) return false
  return left.every((item, i) => areSameItems(item, right[i] ?? null))
}

/** Inside maps and lists an int never equals a double. */
function areSameItems(left: OttlValue, right: OttlValue): boolean {
  if (left === right) return true
  return typeof left === 'object' && typeof right === 'object' && left !== null && right !== null && areSame(left, right)
}

function areSameMaps(left: AttributeSet, right: AttributeSet): boolean {
  if (left.size !== right.size) return false
  return left.keys.every((key, i) => {
    const other = right.get(key)
    return other !== undefined && areSameItems(left.values[i] ?? null, other)
  })
}

/** Below, at or above 0; NaN for what is in no order. */
function orderOf(left: OttlValue, right: OttlValue): number {
  if (typeof left === 'string') return typeof right === 'string' ? textOrder(left, right) : Number.NaN
  if (typeof left === 'bigint' && typeof right === 'bigint') return bigintOrder(left, right)
  if (isNumeric(left)) return isNumeric(right) ? numberOrder(Number(left), Number(right)) : Number.NaN
  if (typeof left === 'boolean') return typeof right === 'boolean' ? Number(left) - Number(right) : Number.NaN
  if (left instanceof Uint8Array) return right instanceof Uint8Array ? Buffer.compare(left, right) : Number.NaN
  if (left instanceof Time) return right instanceof Time ? bigintOrder(left.ns, right.ns) : Number.NaN
  if (left instanceof Duration) return right instanceof Duration ? bigintOrder(left.ns, right.ns) : Number.NaN
  return Number.NaN
}

function isNumeric(value: OttlValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function bigintOrder(left: bigint, right: bigint): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

function numberOrder(left: number, right: number): number {
  if (left === right) return 0
  if (left < right) return -1
  return left > right ? 1 : Number.NaN
}

const SURROGATE = /[\ud800-\udfff]/

/** The order of the texts' UTF-8 bytes, as Go compares them; only characters beyond U+FFFF are in another order in UTF-16. */
function textOrder(left: string, right: string): number {
  if (left === right) return 0
  if (SURROGATE.test(left) || SURROGATE.test(right)) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  return left < right ? -1 : 1
}

/**
 * A value as text, as OTTL's converters see what is no text: numbers and booleans as JSON, bytes and ids as hex digits, maps and lists as
 * JSON. Undefined for nil; throws `EvaluationError` for what has no JSON.
 */
export function textOf(value: OttlValue): string | undefined {
  if (typeof value === 'string') return value
  if (value === null) return undefined
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
  if (value instanceof TelemetryId) return value.hex
  if (value instanceof Duration) return String(value.ns)
  return jsonText(value)
}

/** A value as Go's encoding/json writes it: keys of maps in order, bytes as base64, times as RFC 3339 text. */
export function jsonText(value: OttlValue): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new EvaluationError(`${value} has no JSON`)
  if (value === null || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Uint8Array) return quoted(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'))
  if (value instanceof AttributeSet) {
    const keys = [...new Set(value.keys)].sort(textOrder)
    return `{${keys.map((key) => `${quoted(key)}:${jsonText(value.get(key) ?? null)}`).join(',')}}`
  }
  if (value instanceof Time) return quoted(timeText(value))
  if (value instanceof Duration) return String(value.ns)
  if (value instanceof TelemetryId) return quoted(value.hex)
  return `[${value.map(jsonText).join(',')}]`
}

/** JSON's text with the characters escaped that Go escapes for HTML. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** RFC 3339 in UTC with as many digits of the second as it has. */
export function timeText(time: Time): string {
  const second = floorDivide(time.ns, 1_000_000_000n)
  const date = new Date(Number(second) * 1000)
  if (Number.isNaN(date.getTime())) throw new EvaluationError('time out of range')
  const digits = String(time.ns - second * 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return date.toISOString().replace('.000Z', digits === '' ? 'Z' : `.${digits}Z`)
}

/** Division that rounds down, also below 0. */
export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient
}
