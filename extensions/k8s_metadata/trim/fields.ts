/**
 * Reads fields of parsed JSON of which nothing is certain: a field that is missing or of another type reads as empty, so
 * that one odd object cannot stop the watch. Pure; nothing here throws.
 */

/** An object of parsed JSON. */
export type Fields = Readonly<Record<string, unknown>>

const NONE: Fields = Object.freeze({})
const NOTHING: readonly unknown[] = Object.freeze([])

/** The object that a field holds; one without fields if it holds none. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NONE
}

/** The items of a list; none if it is not one. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : NOTHING
}

/** A text; empty if it is not one. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Milliseconds since the epoch of an RFC 3339 time; 0 if it is not one. */
export function timeOf(value: unknown): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(ms) && ms > 0 ? ms : 0
}

/** A port number; 0 if it is not one. */
export function portOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535 ? value : 0
}

/** The distinct port numbers of `list`, as `port` finds them in its items, ascending. */
export function portsOf(list: unknown, field: string): readonly number[] {
  const ports = new Set<number>()
  for (const item of itemsOf(list)) {
    const port = portOf(fieldsOf(item)[field])
    if (port !== 0) ports.add(port)
  }
  return ports.size === 0 ? [] : [...ports].sort((a, b) => a - b)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
