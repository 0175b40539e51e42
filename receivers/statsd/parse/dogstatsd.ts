import type { SampleType } from '../sample.ts'
import { SampleType as Types } from '../sample.ts'
import { AT, COLON, find, findEither, findOrEnd, HASH, MINUS, PIPE, PLUS, skipBlanks, trimEnd } from './bytes.ts'
import { NO_TYPE, typeAt } from './dialect.ts'
import { parseDecimal } from './number.ts'
import { parseTimestamp, readOrigin } from './origin.ts'
import type { LineContext, Verdict } from './slots.ts'
import { readNameTags, readTags, tagsEnd } from './tags.ts'

const TIMESTAMP = 0x54

/**
 * Reads a metric line of DogStatsD up to 1.6, spec/statsd.md §1, with the rules of the `dogstatsd`, `lenient` and `strict`
 * dialects; the line stands in `slots.lineStart, lineEnd`. Sections are read before any sample is handed on.
 */
export function readDogLine(line: LineContext): Verdict {
  const { slots, rules } = line
  const { bytes } = slots
  const end = rules.trims ? trimEnd(bytes, slots.lineStart, slots.lineEnd) : slots.lineEnd
  const start = rules.trims ? skipBlanks(bytes, slots.lineStart, end) : slots.lineStart
  const colon = find(bytes, COLON, start, end)
  if (colon < 0) return 'no_value'
  if (!rules.hasPipesInNames && find(bytes, PIPE, start, colon) >= 0) return 'no_value'
  slots.nameStart = start
  slots.nameEnd = rules.trims ? trimEnd(bytes, start, colon) : colon
  const badName = readName(line)
  if (badName !== undefined) return badName
  const pipe = find(bytes, PIPE, colon + 1, end)
  if (pipe < 0) return 'bad_type'
  const samplesEnd = rules.hasSeveralSamples ? severalEnd(bytes, pipe, end) : findOrEnd(bytes, PIPE, pipe + 1, end)
  const badSection = readSections(line, samplesEnd, end)
  if (badSection !== undefined) return badSection
  return find(bytes, COLON, pipe + 1, samplesEnd) < 0 || !rules.hasSeveralSamples
    ? readValues(line, colon + 1, pipe, pipe + 1, samplesEnd, slots.weight)
    : readSeveral(line, colon + 1, samplesEnd)
}

function readName(line: LineContext): Verdict {
  const { slots, rules } = line
  if (slots.nameStart === slots.nameEnd) return 'empty_name'
  if (rules.isStrict && !isStrictName(line)) return 'bad_name'
  const verdict = readNameTags(line)
  if (verdict !== undefined) return verdict
  return slots.nameStart === slots.nameEnd ? 'empty_name' : undefined
}

/** No blanks, no control characters, nothing that another dialect would take for tags. */
function isStrictName(line: LineContext): boolean {
  const { bytes, nameStart, nameEnd } = line.slots
  for (let at = nameStart; at < nameEnd; at++) {
    const byte = bytes[at] as number
    if (byte <= 0x20 || byte === 0x7f || line.rules.nameTagBytes.includes(String.fromCharCode(byte))) return false
  }
  return true
}

/**
 * Where the samples end and the sections of the whole line begin, given the first `|`: behind the last type, but for rates
 * that another sample follows (`a:1|c|@0.1:2|ms`).
 */
function severalEnd(bytes: Uint8Array, pipe: number, end: number): number {
  let at = pipe + 1
  for (;;) {
    let to = findEither(bytes, COLON, PIPE, at, end)
    const typeEnd = to
    if (to < end && bytes[to] === PIPE && bytes[to + 1] === AT) to = findEither(bytes, COLON, PIPE, to + 1, end)
    if (to === end || bytes[to] === PIPE) return typeEnd
    const next = find(bytes, PIPE, to + 1, end)
    if (next < 0) return end
    at = next + 1
  }
}

/** Reads the sections of `bytes[start, end)`, which is empty or begins with `|`. */
function readSections(line: LineContext, start: number, end: number): Verdict {
  const { slots, rules } = line
  const { bytes } = slots
  let at = start
  while (at < end) {
    let from = at + 1
    if (rules.trims) from = Math.min(skipBlanks(bytes, from, end), end)
    const isTags = bytes[from] === HASH && from < end
    at = isTags ? tagsEnd(bytes, from + 1, end, rules.rejoinsTags) : findOrEnd(bytes, PIPE, from, end)
    const to = rules.trims ? trimEnd(bytes, from, at) : at
    if (from === to) {
      if (rules.isStrict) return 'bad_section'
      continue
    }
    const verdict = isTags ? readTagSection(line, from + 1, to) : readSection(line, from, to)
    if (verdict !== undefined) return verdict
  }
  return undefined
}

function readTagSection(line: LineContext, start: number, end: number): Verdict {
  const { slots, rules } = line
  slots.hasDogSections = true
  if (!rules.mergesTags) slots.tags = 0
  return start === end && rules.isStrict ? 'bad_tags' : readTags(start, end, line)
}

function readSection(line: LineContext, start: number, end: number): Verdict {
  const { slots, rules, sink } = line
  const { bytes } = slots
  const first = bytes[start]
  if (first === AT) return readRate(line, start + 1, end)
  if (first === TIMESTAMP) {
    slots.hasDogSections = true
    const seconds = parseTimestamp(bytes, start + 1, end)
    if (seconds > 0) slots.timestampS = seconds
    else if (rules.trims) sink.flaw?.('bad_timestamp', bytes, start, end)
    else return 'bad_timestamp'
    return undefined
  }
  if (readOrigin(bytes, start, end, slots)) {
    slots.hasDogSections = true
    return undefined
  }
  if (rules.isStrict) return 'bad_section'
  sink.flaw?.('unknown_section', bytes, start, end)
  return undefined
}

function readRate(line: LineContext, start: number, end: number): Verdict {
  const { slots, rules, sink } = line
  const rate = parseDecimal(slots.bytes, start, end)
  if (rate > 0 && rate <= 1) {
    slots.weight = weightOf(rate)
    return undefined
  }
  // The Agent keeps any number here and refuses only what is none.
  if (rules.isStrict || (!rules.trims && Number.isNaN(rate))) return 'bad_rate'
  slots.weight = 1
  sink.flaw?.('bad_rate', slots.bytes, start - 1, end)
  return undefined
}

/** What one sample at a rate above 0 and up to 1 stands for; finite also for the smallest of numbers. */
export function weightOf(rate: number): number {
  return Math.min(1 / rate, Number.MAX_VALUE)
}

/** Hands on each of the values `bytes[start, end)`, colons between them, of the type that stands at `typeStart, typeEnd`. */
function readValues(line: LineContext, start: number, end: number, typeStart: number, typeEnd: number, weight: number): Verdict {
  const { slots, rules, sink } = line
  const { bytes } = slots
  const from = rules.trims ? skipBlanks(bytes, typeStart, typeEnd) : typeStart
  const type = typeAt(bytes, from, rules.trims ? trimEnd(bytes, from, typeEnd) : typeEnd, rules)
  if (type === NO_TYPE) return 'bad_type'
  if (type === Types.set) {
    slots.valueStart = rules.trims ? skipBlanks(bytes, start, end) : start
    slots.valueEnd = rules.trims ? trimEnd(bytes, slots.valueStart, end) : end
    if (slots.valueStart === slots.valueEnd) return 'bad_value'
    slots.emitMember(sink)
    return undefined
  }
  // All or nothing, except for lenient: there the first value decides, as what follows a colon may belong to no number.
  if (!rules.trims && !areValues(line, start, end)) return 'bad_value'
  return emitValues(line, start, end, type as SampleType, weight)
}

function areValues(line: LineContext, start: number, end: number): boolean {
  const { bytes } = line.slots
  let values = 0
  for (let at = start; at <= end; ) {
    const to = findOrEnd(bytes, COLON, at, end)
    if (at === to) {
      if (line.rules.isStrict) return false
    } else if (Number.isNaN(parseDecimal(bytes, at, to))) {
      return false
    } else {
      values++
    }
    at = to + 1
  }
  return values > 0
}

function emitValues(line: LineContext, start: number, end: number, type: SampleType, weight: number): Verdict {
  const { slots, rules, sink } = line
  const { bytes } = slots
  let emitted = 0
  for (let next = start; next <= end; ) {
    const to = findOrEnd(bytes, COLON, next, end)
    const from = rules.trims ? skipBlanks(bytes, next, to) : next
    const until = rules.trims ? trimEnd(bytes, from, to) : to
    next = to + 1
    if (from === until) continue
    const value = parseDecimal(bytes, from, until)
    if (!Number.isNaN(value)) {
      emitted++
      slots.valueStart = from
      slots.valueEnd = until
      slots.emit(type, value, bytes[from] === MINUS || bytes[from] === PLUS, weight, rules, sink)
    } else if (emitted === 0) {
      return 'bad_value'
    } else {
      sink.flaw?.('bad_value', bytes, from, until)
    }
  }
  return emitted === 0 ? 'bad_value' : undefined
}

/** Hands on samples that each have their type and perhaps their rate; a bad one is left out when there is a good one. */
function readSeveral(line: LineContext, start: number, end: number): Verdict {
  const { slots, sink } = line
  const { bytes } = slots
  const lastWeight = slots.weight
  let verdict: Verdict
  let good = 0
  for (let at = start; at < end; ) {
    const pipe = findOrEnd(bytes, PIPE, at, end)
    const typeEnd = findEither(bytes, COLON, PIPE, pipe + 1, end)
    let to = typeEnd
    slots.weight = 1
    if (typeEnd < end && bytes[typeEnd] === PIPE) {
      to = findOrEnd(bytes, COLON, typeEnd + 1, end)
      verdict = readRate(line, typeEnd + 2, to) ?? verdict
    } else if (to >= end) {
      slots.weight = lastWeight
    }
    const bad = readValues(line, at, Math.min(pipe, end), pipe + 1, typeEnd, slots.weight)
    if (bad === undefined) good++
    else {
      verdict = bad
      sink.flaw?.(bad, bytes, at, Math.min(to, end))
    }
    at = to + 1
  }
  return good > 0 ? undefined : (verdict ?? 'no_value')
}
