import type { SampleType } from '../sample.ts'
import { SampleType as Types } from '../sample.ts'
import { AT, COLON, find, findOrEnd, HASH, MINUS, PIPE, PLUS, skipBlanks, startsWith, trimEnd } from './bytes.ts'
import { NO_TYPE, typeAt } from './dialect.ts'
import { weightOf } from './dogstatsd.ts'
import { SampleFields } from './fields.ts'
import { parseDecimal } from './number.ts'
import { readOrigin } from './origin.ts'
import type { LineContext, Verdict } from './slots.ts'
import { readNameTags, readTags } from './tags.ts'

/** Fields of a sample to the statsd_exporter: value, type and at most four sections. */
const EXPORTER_FIELDS_MAX = 6

const fields = new SampleFields()

/**
 * Reads a line as etsy's statsd does: tags are all that follows the first `|#`, samples lie between colons, each is a value,
 * a type and perhaps a rate. Samples that are none are left out.
 */
export function readEtsyLine(line: LineContext): Verdict {
  const { slots, sink } = line
  const { bytes, lineStart, lineEnd } = slots
  const headEnd = findTags(bytes, lineStart, lineEnd)
  const colon = find(bytes, COLON, lineStart, headEnd)
  if (colon < 0) return 'no_value'
  const badName = readName(line, lineStart, colon)
  if (badName !== undefined) return badName
  if (headEnd < lineEnd) {
    const badTags = readTags(headEnd + 2, findTags(bytes, headEnd + 2, lineEnd), line)
    if (badTags !== undefined) return badTags
  }
  let firstBad: Verdict
  let good = 0
  for (let at = colon; at < headEnd; ) {
    const from = at + 1
    at = fields.read(bytes, from, headEnd, false)
    const bad = readEtsySample(line)
    if (bad === undefined) good++
    else {
      firstBad ??= bad
      sink.flaw?.(bad, bytes, from, at)
    }
  }
  return good > 0 ? undefined : (firstBad ?? 'no_value')
}

function readEtsySample(line: LineContext): Verdict {
  const { bytes } = line.slots
  if (fields.count < 2) return 'bad_type'
  let weight = 1
  if (fields.count > 2) {
    const start = fields.start[2] as number
    const end = fields.end[2] as number
    const rate = bytes[start] === AT && start < end ? parseDecimal(bytes, start + 1, end) : Number.NaN
    if (Number.isNaN(rate) || rate < 0) return start < end && bytes[start] === AT ? 'bad_rate' : 'bad_section'
    weight = usableWeight(rate, start, end, line)
  }
  const typeStart = skipBlanks(bytes, fields.start[1] as number, fields.end[1] as number)
  const type = typeAt(bytes, typeStart, trimEnd(bytes, typeStart, fields.end[1] as number), line.rules)
  const from = skipBlanks(bytes, fields.start[0] as number, fields.end[0] as number)
  return emit(line, type, from, trimEnd(bytes, from, fields.end[0] as number), weight)
}

/**
 * Reads a line as the statsd_exporter does. With a `|#` there is one sample; without, samples lie between colons; `1:2:3` in
 * front of one type are values of timers, histograms and distributions. What a sample cannot have ends the sample.
 */
export function readExporterLine(line: LineContext): Verdict {
  const { slots } = line
  const { bytes, lineStart, lineEnd } = slots
  const colon = find(bytes, COLON, lineStart, lineEnd)
  if (colon < 0) return 'no_value'
  const badName = readName(line, lineStart, colon)
  if (badName !== undefined) return badName
  const hasTags = findTags(bytes, colon + 1, lineEnd) < lineEnd
  if (hasTags && slots.tags > 0) return 'mixed_tag_styles'
  const pipe = find(bytes, PIPE, colon + 1, lineEnd)
  if (pipe < 0) return 'bad_type'
  if (find(bytes, COLON, colon + 1, pipe) >= 0) return readPacked(line, colon + 1, pipe)
  return readExporterSamples(line, colon, hasTags)
}

function readExporterSamples(line: LineContext, colon: number, isOne: boolean): Verdict {
  const { slots, sink } = line
  const { bytes, lineEnd } = slots
  let firstBad: Verdict
  let good = 0
  for (let at = colon; at < lineEnd; ) {
    const from = at + 1
    at = fields.read(bytes, from, lineEnd, isOne)
    const bad = readExporterSections(line) ?? emitExporter(line, fields.start[0] as number, fields.end[0] as number)
    if (bad === undefined) good++
    else {
      firstBad ??= bad
      if (!isOne) sink.flaw?.(bad, bytes, from, at)
    }
  }
  return good > 0 ? undefined : (firstBad ?? 'no_value')
}

/** Several values of one type: `bytes[start, pipe)` with colons between them. */
function readPacked(line: LineContext, start: number, pipe: number): Verdict {
  const { slots, sink } = line
  const { bytes, lineEnd } = slots
  fields.read(bytes, pipe, lineEnd, true)
  const type = typeAt(bytes, fields.start[1] as number, fields.end[1] as number, line.rules)
  if (type === NO_TYPE || type === Types.counter || type === Types.gauge) return 'bad_type'
  const badSections = readExporterSections(line)
  if (badSections !== undefined) return badSections
  let good = 0
  for (let at = start; at <= pipe; ) {
    const to = findOrEnd(bytes, COLON, at, pipe)
    const bad = emitExporter(line, at, to)
    if (bad === undefined) good++
    else sink.flaw?.(bad, bytes, at, to)
    at = to + 1
  }
  return good > 0 ? undefined : 'bad_value'
}

/** Reads what follows value and type; rates multiply. */
function readExporterSections(line: LineContext): Verdict {
  const { slots } = line
  const { bytes } = slots
  slots.weight = 1
  if (fields.count < 2) return 'bad_type'
  if (fields.count > EXPORTER_FIELDS_MAX) return 'bad_section'
  for (let i = 2; i < fields.count; i++) if (fields.start[i] === fields.end[i]) return 'bad_section'
  for (let i = 2; i < fields.count; i++) {
    const start = fields.start[i] as number
    const end = fields.end[i] as number
    const first = bytes[start]
    if (first === AT) {
      const rate = parseDecimal(bytes, start + 1, end)
      slots.weight = weightOf(1 / (slots.weight * usableWeight(rate, start, end, line)))
    } else if (first === HASH) {
      const bad = readTags(start + 1, end, line)
      if (bad !== undefined) return bad
    } else if (first === 0x63) {
      if (!startsWith(bytes, start, end, 'c:') || start + 2 === end) return 'bad_container'
      readOrigin(bytes, start, end, slots)
    } else if (first !== 0x54) {
      return 'bad_section'
    }
  }
  return undefined
}

function emitExporter(line: LineContext, start: number, end: number): Verdict {
  const type = typeAt(line.slots.bytes, fields.start[1] as number, fields.end[1] as number, line.rules)
  return emit(line, type, start, end, line.slots.weight)
}

/**
 * Reads a line as Telegraf does with its Datadog extensions: tag and container sections are taken out wherever they are,
 * samples lie between colons, and the first bad one ends the line.
 */
export function readTelegrafLine(line: LineContext): Verdict {
  const { slots, sink } = line
  const { bytes } = slots
  const end = trimEnd(bytes, slots.lineStart, slots.lineEnd)
  const start = skipBlanks(bytes, slots.lineStart, end)
  const colon = find(bytes, COLON, start, end)
  if (colon < 0) return 'no_value'
  const badName = readName(line, start, colon) ?? readTakenOut(line, colon, end)
  if (badName !== undefined) return badName
  let good = 0
  for (let at = colon; at < end; ) {
    const from = at + 1
    at = fields.read(bytes, from, end, false, isTakenOut)
    const bad = readTelegrafSample(line)
    if (bad === undefined) good++
    else if (good === 0) return bad
    else {
      sink.flaw?.(bad, bytes, from, end)
      return undefined
    }
  }
  return good > 0 ? undefined : 'no_value'
}

function isTakenOut(bytes: Uint8Array, start: number, end: number): boolean {
  return start < end && (bytes[start] === HASH || startsWith(bytes, start, end, 'c:'))
}

/** Reads the tags and the container of the line, behind the type of its first sample. */
function readTakenOut(line: LineContext, start: number, end: number): Verdict {
  const { slots } = line
  const { bytes } = slots
  let at = findOrEnd(bytes, PIPE, findOrEnd(bytes, PIPE, start, end) + 1, end)
  while (at < end) {
    const from = at + 1
    at = findOrEnd(bytes, PIPE, from, end)
    if (!isTakenOut(bytes, from, end)) continue
    if (bytes[from] !== HASH) readOrigin(bytes, from, at, slots)
    else {
      const bad = readTags(from + 1, at, line)
      if (bad !== undefined) return bad
    }
  }
  return undefined
}

function readTelegrafSample(line: LineContext): Verdict {
  const { bytes } = line.slots
  if (fields.count < 2) return 'bad_type'
  let weight = 1
  if (fields.count > 2) {
    const start = fields.start[2] as number
    const end = fields.end[2] as number
    if (bytes[start] === AT && start < end) weight = usableWeight(parseDecimal(bytes, start + 1, end), start, end, line)
    else if (start < end) line.sink.flaw?.('unknown_section', bytes, start, end)
  }
  const type = typeAt(bytes, fields.start[1] as number, fields.end[1] as number, line.rules)
  return emit(line, type, fields.start[0] as number, fields.end[0] as number, weight)
}

/** What a sample with the rate of the section `bytes[start, end)` stands for; 1, and a flaw, when that cannot be. */
function usableWeight(rate: number, start: number, end: number, line: LineContext): number {
  if (rate > 0 && rate <= 1) return weightOf(rate)
  line.sink.flaw?.('bad_rate', line.slots.bytes, start, end)
  return 1
}

function readName(line: LineContext, start: number, end: number): Verdict {
  const { slots } = line
  slots.nameStart = start
  slots.nameEnd = end
  if (start === end) return 'empty_name'
  const verdict = readNameTags(line)
  if (verdict !== undefined) return verdict
  const cut = slots.nameCutEnd - slots.nameCutStart
  return slots.nameEnd - slots.nameStart === cut ? 'empty_name' : undefined
}

/** Hands on the sample whose value is `bytes[start, end)`. */
function emit(line: LineContext, type: number, start: number, end: number, weight: number): Verdict {
  const { slots, rules, sink } = line
  const { bytes } = slots
  if (type === NO_TYPE) return 'bad_type'
  if (start === end) return 'bad_value'
  slots.valueStart = start
  slots.valueEnd = end
  if (type === Types.set) {
    slots.emitMember(sink)
    return undefined
  }
  const value = parseDecimal(bytes, start, end)
  const sign = bytes[start]
  const isSigned = sign === MINUS || sign === PLUS
  if (Number.isNaN(value)) return 'bad_value'
  if (isSigned && !rules.hasNegativeTimes && type !== Types.counter && type !== Types.gauge && !(sign === PLUS && rules.grammar === 'etsy')) return 'bad_value'
  slots.emit(type as SampleType, value, isSigned, weight, rules, sink)
  return undefined
}

/** The place of the first `|#` in `bytes[start, end)`, or `end`. */
function findTags(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end - 1; at++) if (bytes[at] === PIPE && bytes[at + 1] === HASH) return at
  return end
}
