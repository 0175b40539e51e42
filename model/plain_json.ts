import { AttributeSet, type AttributeValue } from './attributes.ts'

/** What `JSON.stringify` takes. */
export type PlainJson = string | number | boolean | null | readonly PlainJson[] | { readonly [key: string]: PlainJson }

/**
 * An attribute as backends without types of OpenTelemetry want it: maps are objects, bytes base64, and numbers that JSON cannot
 * hold (integers beyond 2^53, NaN and infinities) are text.
 */
export function plainJson(value: AttributeValue): PlainJson {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')
  return value instanceof AttributeSet ? plainObject(value) : value.map((member) => plainJson(member))
}

/** Attributes as an object. */
export function plainObject({ keys, values }: AttributeSet): { readonly [key: string]: PlainJson } {
  return Object.fromEntries(keys.map((key, index) => [key, plainJson(values[index] ?? null)]))
}

/** An attribute as text: text as it is, other values as JSON; empty for null. */
export function plainText(value: AttributeValue): string {
  if (value === null) return ''
  const plain = plainJson(value)
  return typeof plain === 'string' ? plain : JSON.stringify(plain)
}
