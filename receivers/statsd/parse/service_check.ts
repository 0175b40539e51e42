import { find, findOrEnd, PIPE, startsWith, ZERO } from './bytes.ts'
import { EventFields, type EventOrigin, type EventTags, textOf, withLines } from './event.ts'

const STATUSES = ['ok', 'warning', 'critical', 'unknown'] as const

/** A DogStatsD service check. Texts the line does not give are empty. */
export interface ServiceCheck {
  readonly name: string
  readonly status: (typeof STATUSES)[number]
  /** Seconds since the epoch; 0 when absent. */
  readonly timestampS: number
  readonly host: string
  readonly message: string
  readonly tags: EventTags
  readonly origin: EventOrigin
}

/** Whether the line `bytes[start, end)` is a service check: `_sc|name|0` to `3`. */
export function isServiceCheck(bytes: Uint8Array, start: number, end: number): boolean {
  return statusAt(bytes, start, end) > 0
}

/** The place of the status, or -1 when this is no service check. */
function statusAt(bytes: Uint8Array, start: number, end: number): number {
  if (!startsWith(bytes, start, end, '_sc|')) return -1
  const pipe = find(bytes, PIPE, start + 4, end)
  if (pipe <= start + 4 || findOrEnd(bytes, PIPE, pipe + 1, end) !== pipe + 2) return -1
  const status = (bytes[pipe + 1] as number) - ZERO
  return status >= 0 && status < STATUSES.length ? pipe + 1 : -1
}

/**
 * The service check that the line `bytes[start, end)` holds (spec/statsd.md §1), or undefined when it holds none. An optional
 * field that makes no sense is as if absent; of a field that comes twice the last counts. Never throws.
 */
export function parseServiceCheck(bytes: Uint8Array, start: number, end: number): ServiceCheck | undefined {
  const at = statusAt(bytes, start, end)
  if (at < 0) return undefined
  const fields = new EventFields(bytes)
  fields.read(at + 1, end)
  return {
    name: textOf(bytes, start + 4, at - 1),
    status: STATUSES[(bytes[at] as number) - ZERO] ?? 'unknown',
    timestampS: fields.timestampS,
    host: fields.text('h:'),
    // A message that holds what looks like its own field name escapes it.
    message: withLines(fields.text('m:').replaceAll('m\\:', 'm:')),
    tags: fields.tags,
    origin: fields.origin,
  }
}
