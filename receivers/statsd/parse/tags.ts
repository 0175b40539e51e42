import { AT, COLON, COMMA, EQUALS, find, findEither, findOrEnd, HASH, LF, PIPE, SEMICOLON, skipBlanks, startsWith, trimEnd } from './bytes.ts'
import type { LineContext, Verdict } from './slots.ts'

/** Longest word before `:` that makes a section of it; the known ones have up to four letters. */
const SECTION_WORD_MAX = 8

/**
 * Adds the tags of a DogStatsD tag section, `bytes[start, end)` after its `#`: `key:value` and bare keys, comma between them.
 * Empty ones are left out. What a dialect does not keep is a flaw, in the strict one an error.
 */
export function readTags(start: number, end: number, line: LineContext): Verdict {
  const { bytes } = line.slots
  for (let at = start; at <= end; ) {
    const to = findOrEnd(bytes, COMMA, at, end)
    const verdict = readTag(at, to, line)
    if (verdict !== undefined) return verdict
    at = to + 1
  }
  return undefined
}

function readTag(from: number, to: number, line: LineContext): Verdict {
  const { slots, rules, sink } = line
  const { bytes } = slots
  let start = from
  let end = to
  if (rules.trims) {
    start = skipBlanks(bytes, start, end)
    end = trimEnd(bytes, start, end)
  }
  // The PHP client writes `#` in front of every tag.
  if (rules.stripsHashes && start < end && bytes[start] === HASH) start++
  const colon = find(bytes, COLON, start, end)
  const hasKey = start < end && colon !== start
  if (rules.isStrict && (!hasKey || colon === end - 1)) return 'bad_tags'
  if (start === end) return undefined
  // To DogStatsD a tag is one text: it keeps one that begins with its colon.
  const isKept = hasKey ? rules.keepsValueless || (colon >= 0 && colon < end - 1) : rules.dialect === 'dogstatsd'
  if (!isKept) {
    sink.flaw?.('bad_tags', bytes, start, end)
    return undefined
  }
  return slots.addTag(start, colon < 0 || !hasKey ? end : colon, end) ? undefined : 'too_many_tags'
}

/**
 * Where the tag section ends that begins at `start`, in the line that ends at `end`: at the first `|`, or further on when
 * what follows it belongs to the value (`#cluster_name:outbound|9080||reviews`).
 */
export function tagsEnd(bytes: Uint8Array, start: number, end: number, rejoins: boolean): number {
  let hasJoined = false
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === COMMA) hasJoined = false
    if (byte !== PIPE) continue
    if (!rejoins || endsTags(bytes, at, end, hasJoined)) return at
    hasJoined = true
  }
  return end
}

/**
 * Whether the `|` at `at` ends a tag section. `hasJoined`: an earlier `|` of the same value did not. A run of `|` belongs to
 * the value when a part of the value stands before or behind it, as in Istio's `inbound|9080||`; a lone last one does not.
 */
export function endsTags(bytes: Uint8Array, at: number, end: number, hasJoined: boolean): boolean {
  let next = at + 1
  while (next < end && bytes[next] === PIPE) next++
  if (next >= end || bytes[next] === LF) return !hasJoined
  if (beginsSection(bytes, next, end)) return next === at + 1 || !hasJoined
  return false
}

/** Whether `bytes[at, …)` looks like a section: `@`, `#`, `T`, or a short lower-case word and `:`, known today or not. */
function beginsSection(bytes: Uint8Array, at: number, end: number): boolean {
  const first = bytes[at] as number
  if (first === AT || first === HASH || first === 0x54) return true
  if (first < 0x61 || first > 0x7a) return false
  const last = Math.min(end, at + 1 + SECTION_WORD_MAX)
  for (let i = at + 1; i < last; i++) {
    const byte = bytes[i] as number
    if (byte === COLON) return true
    if (!((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39))) return false
  }
  return false
}

/**
 * Reads the tags inside the name `slots.nameStart, nameEnd` and takes them off it, in the styles of the dialect: Librato
 * (`name#k=v,k=v`), InfluxDB (`name,k=v`), SignalFX (`na[k=v]me`), Graphite (`name;k=v;k=v`).
 */
export function readNameTags(line: LineContext): Verdict {
  switch (line.rules.dialect) {
    case 'lenient':
      return readLenientNameTags(line)
    case 'statsd_exporter':
      return readExporterNameTags(line)
    case 'etsy':
      return cutName(line, find(line.slots.bytes, SEMICOLON, line.slots.nameStart, line.slots.nameEnd), SEMICOLON)
    case 'telegraf':
      return cutName(line, find(line.slots.bytes, COMMA, line.slots.nameStart, line.slots.nameEnd), COMMA)
    default:
      return undefined
  }
}

/** Names hold `#`, `,`, `;` and brackets by themselves (`listener.[__]_15090`): only what is well formed counts as tags. */
function readLenientNameTags(line: LineContext): Verdict {
  const { slots } = line
  const { bytes, nameStart, nameEnd } = slots
  if (find(bytes, EQUALS, nameStart, nameEnd) < 0) return undefined
  const open = find(bytes, 0x5b, nameStart, nameEnd)
  const close = open < 0 ? -1 : find(bytes, 0x5d, open, nameEnd)
  if (close > 0 && areNameTags(bytes, open + 1, close, COMMA)) return cutBrackets(line, open, close)
  for (let at = nameStart + 1; at < nameEnd && bytes[at] !== EQUALS; at++) {
    const byte = bytes[at]
    if (byte !== HASH && byte !== COMMA && byte !== SEMICOLON) continue
    const separator = byte === SEMICOLON ? SEMICOLON : COMMA
    if (areNameTags(bytes, at + 1, nameEnd, separator)) return cutName(line, at, separator)
  }
  return undefined
}

function areNameTags(bytes: Uint8Array, start: number, end: number, separator: number): boolean {
  for (let at = start; at <= end; ) {
    const to = findOrEnd(bytes, separator, at, end)
    const equals = find(bytes, EQUALS, at, to)
    if (equals <= at || equals === to - 1) return false
    at = to + 1
  }
  return true
}

function readExporterNameTags(line: LineContext): Verdict {
  const { slots, sink } = line
  const { bytes, nameStart, nameEnd } = slots
  const open = find(bytes, 0x5b, nameStart, nameEnd)
  const close = find(bytes, 0x5d, nameStart, nameEnd)
  // The exporter itself ends at this, with all it has counted.
  if (open >= 0 && close >= 0 && close < open) return 'bad_tags'
  if (open >= 0 && close >= 0) return cutBrackets(line, open, close)
  if (open >= 0 || close >= 0) {
    sink.flaw?.('bad_tags', bytes, nameStart, nameEnd)
    return undefined
  }
  const at = findEither(bytes, HASH, COMMA, nameStart, nameEnd)
  return cutName(line, at === nameEnd ? -1 : at, COMMA)
}

function cutBrackets(line: LineContext, open: number, close: number): Verdict {
  const { slots } = line
  slots.nameCutStart = open
  slots.nameCutEnd = close + 1
  return addNameTags(line, open + 1, close, COMMA)
}

/** Ends the name at `at`, when that is a place, and reads the tags behind it. */
function cutName(line: LineContext, at: number, separator: number): Verdict {
  if (at < 0) return undefined
  const { slots } = line
  const end = slots.nameEnd
  slots.nameEnd = at
  return addNameTags(line, at + 1, end, separator)
}

function addNameTags(line: LineContext, start: number, end: number, separator: number): Verdict {
  const { slots, rules, sink } = line
  const { bytes } = slots
  for (let at = start; at <= end; ) {
    const to = findOrEnd(bytes, separator, at, end)
    const equals = find(bytes, EQUALS, at, to)
    const isWhole = equals > at && (equals < to - 1 || rules.keepsValueless)
    if (isWhole || (equals < 0 && at < to && rules.keepsValueless)) {
      if (!slots.addTag(at, equals < 0 ? to : equals, to)) return 'too_many_tags'
    } else if (at < to) {
      sink.flaw?.('bad_tags', bytes, at, to)
    }
    at = to + 1
  }
  return undefined
}

/** Whether the name may be an event's or a service check's. */
export function isEventOrCheck(bytes: Uint8Array, start: number, end: number): boolean {
  return startsWith(bytes, start, end, '_e{') || startsWith(bytes, start, end, '_sc|')
}
