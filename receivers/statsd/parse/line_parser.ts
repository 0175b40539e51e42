import type { Dialect, SampleSink, SampleType } from '../sample.ts'
import { SampleType as Types } from '../sample.ts'
import { AT, COLON, COMMA, CR, DOT, find, HASH, LF, MINUS, PIPE, PLUS, UNDERSCORE, ZERO } from './bytes.ts'
import { DIALECT_RULES, type DialectRules, isDelta, NO_TYPE } from './dialect.ts'
import { readDogLine } from './dogstatsd.ts'
import { isEvent } from './event.ts'
import { EXACT_DIGITS, POWERS_OF_TEN } from './number.ts'
import { parseTimestamp, readOrigin } from './origin.ts'
import { ByteClass } from './scan.ts'
import { isServiceCheck } from './service_check.ts'
import { readEtsyLine, readExporterLine, readTelegrafLine } from './several.ts'
import { type LineContext, SampleSlots, type Verdict } from './slots.ts'
import { endsTags, isEventOrCheck } from './tags.ts'
import { isUtf8 } from './utf8.ts'

const NO_VIEW = new DataView(new ArrayBuffer(0))

/**
 * Takes statsD lines apart in one dialect. No string, object or promise per line; it never throws, whatever the bytes; the
 * sink must not throw either. Every line that is not empty ends in exactly one call of `accepted` or `rejected`.
 *
 * Nearly all lines have a plain form that all dialects read alike; they take the way of `#plainLine`, one look at each
 * byte. Whatever is not plain is read again from its start by the grammar of the dialect. A parser belongs to one thread.
 */
export class LineParser {
  readonly dialect: Dialect
  readonly #slots = new SampleSlots()
  readonly #rules: DialectRules
  readonly #read: (line: LineContext) => Verdict
  readonly #names: ByteClass
  readonly #keys = new ByteClass(':,|#')
  readonly #values = new ByteClass(',|')
  #view: DataView = NO_VIEW
  readonly #context: { readonly slots: SampleSlots; readonly rules: DialectRules; sink: SampleSink }
  // Of the number read last.
  #number = 0.5
  #isSigned = false

  constructor(dialect: Dialect) {
    this.dialect = dialect
    const rules = DIALECT_RULES[dialect]
    this.#rules = rules
    this.#read = { dogstatsd: readDogLine, etsy: readEtsyLine, statsd_exporter: readExporterLine, telegraf: readTelegrafLine }[rules.grammar]
    this.#names = new ByteClass(`:${rules.nameTagBytes}${rules.dialect === 'lenient' ? '' : '|'}`)
    this.#context = { slots: this.#slots, rules, sink: IGNORES }
  }

  /**
   * Parses the lines of a datagram or of any piece of a stream that ends where a line does. Lines end with LF or CR LF, the
   * last one need not; empty ones are passed over. Returns how many lines there were.
   */
  parsePacket(bytes: Uint8Array, start: number, end: number, sink: SampleSink): number {
    let lines = 0
    let at = start
    const view = this.#view
    if (view.buffer !== bytes.buffer || view.byteOffset !== bytes.byteOffset || view.byteLength !== bytes.byteLength) {
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    while (at < end) {
      let to = sink.known === undefined ? -1 : sink.known(at, end)
      if (to < 0) to = this.#plainLine(bytes, at, end, sink)
      if (to < 0) {
        to = find(bytes, LF, at, end)
        if (to < 0) to = end
        if (this.#anyLine(bytes, at, to, sink)) lines++
      } else {
        lines++
      }
      at = to + 1
    }
    return lines
  }

  /** Parses the line `bytes[start, end)`, without its LF; a CR at its end is not part of it. */
  parseLine(bytes: Uint8Array, start: number, end: number, sink: SampleSink): void {
    // A line with an LF inside is none, but who sends it means two.
    this.parsePacket(bytes, start, end, sink)
  }

  /** The way of all lines that are not plain; false for an empty one. */
  #anyLine(bytes: Uint8Array, start: number, lineEnd: number, sink: SampleSink): boolean {
    const rules = this.#rules
    let end = lineEnd
    if (!rules.isStrict && end > start && bytes[end - 1] === CR) end--
    if (start === end) return false
    const verdict = this.#isText(bytes, start, end, sink) ? this.#judge(bytes, start, end, sink) : 'not_utf8'
    if (verdict === undefined) sink.accepted(bytes, start, end)
    else sink.rejected(verdict, bytes, start, end)
    return true
  }

  #judge(bytes: Uint8Array, start: number, end: number, sink: SampleSink): Verdict {
    if (this.#rules.hasEvents && bytes[start] === UNDERSCORE && isEventOrCheck(bytes, start, end)) {
      if (bytes[start + 1] === 0x65) {
        if (!isEvent(bytes, start, end)) return 'bad_event'
        sink.event(bytes, start, end)
      } else {
        if (!isServiceCheck(bytes, start, end)) return 'bad_service_check'
        sink.serviceCheck(bytes, start, end)
      }
      return undefined
    }
    this.#slots.begin(bytes, start, end)
    const context = this.#context
    context.sink = sink
    const verdict = this.#read(context)
    context.sink = IGNORES
    return verdict
  }

  /** False when the line has to be refused for its bytes; others that are not UTF-8 are counted. */
  #isText(bytes: Uint8Array, start: number, end: number, sink: SampleSink): boolean {
    let all = 0
    for (let at = start; at < end; at++) all |= bytes[at] as number
    if (all < 0x80 || isUtf8(bytes, start, end)) return true
    if (this.#rules.isStrict || this.dialect === 'statsd_exporter') return false
    sink.flaw?.('not_utf8', bytes, start, end)
    return true
  }

  /**
   * Reads `name:number|type`, then rate, tags, timestamp and origin in any order, each once at most, all of it ASCII without
   * blanks. Returns the place of the LF or `end`, after the sample was handed on; -1, and nothing happened, for any other line.
   */
  #plainLine(bytes: Uint8Array, start: number, end: number, sink: SampleSink): number {
    let at = this.#names.skip(bytes, this.#view, start, end)
    if (at === start || at === end || bytes[at] !== COLON) return -1
    if (bytes[start] === UNDERSCORE && isEventOrCheck(bytes, start, end)) return -1
    const nameEnd = at
    at = this.#plainNumber(bytes, nameEnd + 1, end)
    if (at < 0 || at === end || bytes[at] !== PIPE) return -1
    const value = this.#number
    const isSigned = this.#isSigned
    const valueEnd = at
    const type = this.#plainType(bytes, at + 1, end)
    if (type === NO_TYPE) return -1
    at += type === Types.timer ? 3 : 2
    const rules = this.#rules
    if (isSigned && !rules.hasNegativeTimes && type !== Types.counter && type !== Types.gauge) return -1
    const slots = this.#slots
    slots.begin(bytes, start, end)
    const to = at < end && bytes[at] !== LF ? this.#plainSections(bytes, at, end) : at
    if (to < 0) return -1
    slots.lineEnd = to
    slots.nameEnd = nameEnd
    slots.valueStart = nameEnd + 1
    slots.valueEnd = valueEnd
    slots.type = type as SampleType
    slots.value = value
    slots.isDelta = isSigned && type === Types.gauge && isDelta(rules, slots.hasDogSections)
    if (type === Types.gauge) slots.weight = 1
    slots.isPlain = true
    sink.sample(slots)
    sink.accepted(bytes, start, to)
    return to
  }

  /** Reads a number of at most 15 digits without an exponent; returns where it ends, or -1. */
  #plainNumber(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    let byte = at < end ? (bytes[at] as number) : 0
    const isNegative = byte === MINUS
    this.#isSigned = isNegative || byte === PLUS
    if (this.#isSigned) at++
    let mantissa = 0
    let digits = 0
    let point = -1
    for (; at < end; at++) {
      byte = bytes[at] as number
      const digit = byte - ZERO
      if (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit
        digits++
      } else if (byte === DOT && point < 0) {
        point = digits
      } else {
        break
      }
    }
    if (digits === 0 || digits > EXACT_DIGITS) return -1
    const size = point < 0 ? mantissa : mantissa / (POWERS_OF_TEN[digits - point] as number)
    this.#number = isNegative ? -size : size
    return at
  }

  /** The type at `at` when a `|`, an LF or the end follows it. */
  #plainType(bytes: Uint8Array, at: number, end: number): number {
    if (at >= end) return NO_TYPE
    const first = bytes[at] as number
    const isTimer = first === 0x6d
    if (isTimer && bytes[at + 1] !== 0x73) return NO_TYPE
    const type = isTimer ? Types.timer : (this.#rules.types[first] as number)
    // Members of sets are no numbers.
    if (type === Types.set) return NO_TYPE
    const to = at + (isTimer ? 2 : 1)
    if (to > end) return NO_TYPE
    return to === end || bytes[to] === PIPE || bytes[to] === LF ? type : NO_TYPE
  }

  /** Reads sections from the `|` at `start` on; returns where the line ends, or -1. */
  #plainSections(bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    const rules = this.#rules
    let hasRate = false
    let hasTags = false
    let at = start
    while (at < end && bytes[at] === PIPE) {
      const first = at + 1 < end ? (bytes[at + 1] as number) : LF
      if (first === HASH && !hasTags) {
        hasTags = true
        slots.hasDogSections = true
        at = this.#plainTags(bytes, at + 2, end)
        if (at < 0 || (!rules.hasSectionsAfterTags && at < end && bytes[at] !== LF)) return -1
      } else if (first === AT && !hasRate) {
        hasRate = true
        at = this.#plainNumber(bytes, at + 2, end)
        if (at < 0 || this.#isSigned || !(this.#number > 0 && this.#number <= 1)) return -1
        slots.weight = 1 / this.#number
      } else if (rules.hasOrigin) {
        at = this.#plainOrigin(bytes, at + 1, end, first)
        if (at < 0) return -1
      } else {
        return -1
      }
    }
    return at === end || bytes[at] === LF ? at : -1
  }

  /** Reads `key:value` tags, comma between them, none empty; returns where they end, or -1. */
  #plainTags(bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    // Keys are short: here a word of four gains nothing.
    const keyEnds = this.#keys.ends
    const values = this.#values
    const view = this.#view
    const rejoins = this.#rules.rejoinsTags
    let at = start
    for (;;) {
      const from = at
      while (at < end && keyEnds[bytes[at] as number] === 0) at = (at + 1) | 0
      if (at === end || at === from || bytes[at] !== COLON) return -1
      const keyEnd = at
      at++
      let hasJoined = false
      let byte = LF
      for (;;) {
        at = values.skip(bytes, view, at, end)
        byte = at < end ? (bytes[at] as number) : LF
        if (byte !== PIPE || !rejoins || endsTags(bytes, at, end, hasJoined)) break
        hasJoined = true
        at++
      }
      if (at === keyEnd + 1 || !slots.addTag(from, keyEnd, at)) return -1
      if (byte === COMMA) at++
      else return byte === LF || byte === PIPE ? at : -1
    }
  }

  /** Reads a timestamp or what tells the sender; returns where it ends, or -1. */
  #plainOrigin(bytes: Uint8Array, start: number, end: number, first: number): number {
    const slots = this.#slots
    const view = this.#view
    let to = this.#values.skip(bytes, view, start, end)
    // A list: `c:ci-…,in-…`.
    while (to < end && bytes[to] === COMMA) to = this.#values.skip(bytes, view, to + 1, end)
    if (to < end && bytes[to] !== PIPE && bytes[to] !== LF) return -1
    slots.hasDogSections = true
    if (first !== 0x54) return readOrigin(bytes, start, to, slots) ? to : -1
    slots.timestampS = parseTimestamp(bytes, start + 1, to)
    return slots.timestampS > 0 ? to : -1
  }
}

const IGNORES: SampleSink = { sample() {}, event() {}, serviceCheck() {}, rejected() {}, accepted() {} }
