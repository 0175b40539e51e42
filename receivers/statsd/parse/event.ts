import { COLON, COMMA, find, findOrEnd, HASH, PIPE, startsWith } from './bytes.ts'
import { parseWhole } from './number.ts'
import { parseTimestamp, readOrigin } from './origin.ts'

/** Who sent an event or a service check, as the line says it; empty when it does not. */
export interface EventOrigin {
  readonly containerId: string
  /** Of the sender's cgroup, in digits. */
  readonly inode: string
  /** `e:` as it stands. */
  readonly externalData: string
  /** `card:` as it stands. */
  readonly cardinality: string
}

/** Keys and values; the value of a bare key is undefined. In the order of the line. */
export type EventTags = readonly (readonly [key: string, value: string | undefined])[]

/** A DogStatsD event. Texts the line does not give are empty. */
export interface StatsdEvent {
  readonly title: string
  readonly text: string
  /** Seconds since the epoch; 0 when absent. */
  readonly timestampS: number
  readonly host: string
  readonly aggregationKey: string
  readonly priority: 'normal' | 'low'
  readonly source: string
  readonly alert: 'info' | 'warning' | 'error' | 'success'
  readonly tags: EventTags
  readonly origin: EventOrigin
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const ALERTS: ReadonlySet<string> = new Set(['info', 'warning', 'error', 'success'])

/** The text of `bytes[start, end)`; what is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

/** Whether the line `bytes[start, end)` is an event: both lengths are right, the title is not empty. */
export function isEvent(bytes: Uint8Array, start: number, end: number): boolean {
  return placesOf(bytes, start, end) !== undefined
}

interface EventPlaces {
  readonly titleStart: number
  readonly titleEnd: number
  readonly textEnd: number
}

/** Reads `_e{titleBytes,textBytes}:title|text`, which the line's end or another `|` follows. */
function placesOf(bytes: Uint8Array, start: number, end: number): EventPlaces | undefined {
  if (!startsWith(bytes, start, end, '_e{')) return undefined
  const comma = find(bytes, COMMA, start, end)
  const brace = find(bytes, 0x7d, start, end)
  if (comma < 0 || brace < comma || bytes[brace + 1] !== COLON) return undefined
  const titleBytes = parseWhole(bytes, start + 3, comma)
  const textBytes = parseWhole(bytes, comma + 1, brace)
  if (titleBytes <= 0 || textBytes < 0) return undefined
  const titleStart = brace + 2
  const titleEnd = titleStart + titleBytes
  const textEnd = titleEnd + 1 + textBytes
  if (textEnd > end || bytes[titleEnd] !== PIPE || (textEnd < end && bytes[textEnd] !== PIPE)) return undefined
  return { titleStart, titleEnd, textEnd }
}

/**
 * The event that the line `bytes[start, end)` holds (spec/statsd.md §1), or undefined when it holds none. An optional field
 * that makes no sense is as if absent; of a field that comes twice the last counts. Never throws.
 */
export function parseEvent(bytes: Uint8Array, start: number, end: number): StatsdEvent | undefined {
  const places = placesOf(bytes, start, end)
  if (places === undefined) return undefined
  const { titleStart, titleEnd, textEnd } = places
  const fields = new EventFields(bytes)
  fields.read(textEnd, end)
  const alert = fields.text('t:')
  return {
    title: withLines(textOf(bytes, titleStart, titleEnd)),
    text: withLines(textOf(bytes, titleEnd + 1, textEnd)),
    timestampS: fields.timestampS,
    host: fields.text('h:'),
    aggregationKey: fields.text('k:'),
    priority: fields.text('p:') === 'low' ? 'low' : 'normal',
    source: fields.text('s:'),
    alert: ALERTS.has(alert) ? (alert as StatsdEvent['alert']) : 'info',
    tags: fields.tags,
    origin: fields.origin,
  }
}

/** Line breaks travel as a backslash and an n. */
export function withLines(text: string): string {
  return text.replaceAll('\\n', '\n')
}

/** The optional fields of an event or a service check. */
export class EventFields {
  timestampS = 0
  tags: EventTags = []
  readonly #bytes: Uint8Array
  readonly #texts = new Map<string, string>()
  readonly #slots = {
    containerStart: 0,
    containerEnd: 0,
    isInode: false,
    containerTextStart: 0,
    containerTextEnd: 0,
    externalStart: 0,
    externalEnd: 0,
    cardinalityStart: 0,
    cardinalityEnd: 0,
  }

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Reads the fields of `bytes[start, end)`, which is empty or begins with `|`. */
  read(start: number, end: number): void {
    const bytes = this.#bytes
    for (let at = start; at < end; ) {
      const from = at + 1
      at = findOrEnd(bytes, PIPE, from, end)
      if (bytes[from] === HASH && from < at) this.tags = tagsOf(bytes, from + 1, at)
      else if (startsWith(bytes, from, at, 'd:')) this.timestampS = Math.max(0, parseTimestamp(bytes, from + 2, at))
      else if (!readOrigin(bytes, from, at, this.#slots) && bytes[from + 1] === COLON) {
        this.#texts.set(textOf(bytes, from, Math.min(at, from + 2)), textOf(bytes, Math.min(at, from + 2), at))
      }
    }
  }

  /** The text of a field named by its letter and colon; empty when it is absent. */
  text(field: string): string {
    return this.#texts.get(field) ?? ''
  }

  /** Where the line says it comes from. */
  get origin(): EventOrigin {
    const { containerStart, containerEnd, isInode, externalStart, externalEnd, cardinalityStart, cardinalityEnd } = this.#slots
    const container = textOf(this.#bytes, containerStart, containerEnd)
    return {
      containerId: isInode ? '' : container,
      inode: isInode ? container : '',
      externalData: textOf(this.#bytes, externalStart, externalEnd),
      cardinality: textOf(this.#bytes, cardinalityStart, cardinalityEnd),
    }
  }
}

function tagsOf(bytes: Uint8Array, start: number, end: number): EventTags {
  return textOf(bytes, start, end)
    .split(',')
    .filter((tag) => tag !== '')
    .map((tag) => {
      const colon = tag.indexOf(':')
      return colon <= 0 ? ([tag, undefined] as const) : ([tag.slice(0, colon), tag.slice(colon + 1)] as const)
    })
}
