import { numberOf } from './numbers.ts'
import { type LineFault, labelsEnd, parseLabels, unescaped } from './series_text.ts'

/** Text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/) or OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/). */
export type PageFormat = 'text' | 'openmetrics'

export interface ParsedExemplar {
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
  /** Milliseconds since the epoch; undefined when it has none. */
  readonly timeMs: number | undefined
}

/** A sample; one object, used again for each line. */
export interface SampleLine {
  /** What stands before the value: `name{label="value"}`. */
  series: string
  value: number
  /** Milliseconds since the epoch; NaN when the line has none. */
  timeMs: number
  exemplar: ParsedExemplar | undefined
}

export type Metadata = 'HELP' | 'TYPE' | 'UNIT'

/** Told of everything on a page, in its order. */
export interface PageSink {
  metadata(keyword: Metadata, name: string, text: string): void
  sample(line: SampleLine): void
  /** A line that could not be read; the others are not harmed. */
  malformed(fault: LineFault, line: string): void
}

const TEXT_REST = /^[ \t]*(\S+)(?:[ \t]+(\S+))?[ \t]*$/
const OPEN_REST = /^ (\S+)(?: (\S+))?(?: # (\{.*\}) (\S+)(?: (\S+))?)?$/
const METADATA = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|\S+)(?:[ \t](.*))?$/s
/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15

const SPACE = 0x20
const TAB = 0x09
const HASH = 0x23
const OPEN = 0x7b
const ZERO = 0x30

/**
 * Reads the lines of a page. Pure, and never throws: what is wrong with a line is told to the sink, and the next line is read.
 *
 * Lenient where nothing is in doubt: blank lines, spaces around, and lines after `# EOF` (which are ignored) do no harm.
 */
export class PageParser {
  readonly #sink: PageSink
  readonly #isOpen: boolean
  readonly #line: SampleLine = { series: '', value: 0, timeMs: Number.NaN, exemplar: undefined }
  #hasEnded = false

  constructor(sink: PageSink, format: PageFormat) {
    this.#sink = sink
    this.#isOpen = format === 'openmetrics'
  }

  /** True once `# EOF` was read; a page of OpenMetrics without it is cut off. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Reads whole lines; a last one need not end in a line feed. */
  push(text: string): void {
    for (let start = 0; start < text.length; ) {
      const feed = text.indexOf('\n', start)
      const end = feed < 0 ? text.length : feed
      if (end > start) this.#read(text.slice(start, end))
      start = end + 1
    }
  }

  #read(line: string): void {
    if (this.#hasEnded) return
    let at = 0
    let code = line.charCodeAt(0)
    while (code === SPACE || code === TAB) code = line.charCodeAt(++at)
    if (code === HASH) this.#comment(at === 0 ? line : line.slice(at))
    else if (at < line.length) this.#sample(at === 0 ? line : line.slice(at))
  }

  #sample(line: string): void {
    const end = seriesEnd(line, this.#isOpen)
    if (end < 0) {
      this.#sink.malformed('labels', line)
      return
    }
    const out = this.#line
    out.series = line.slice(0, end)
    out.timeMs = Number.NaN
    out.exemplar = undefined
    const value = line.charCodeAt(end) === SPACE ? wholeNumber(line, end + 1) : -1
    if (value >= 0) out.value = value
    else {
      const fault = this.#isOpen ? this.#openRest(line, end) : this.#textRest(line, end)
      if (fault !== undefined) {
        this.#sink.malformed(fault, line)
        return
      }
    }
    this.#sink.sample(out)
  }

  #textRest(line: string, end: number): LineFault | undefined {
    const found = TEXT_REST.exec(line.slice(end))
    const value = found === null ? undefined : numberOf(found[1] as string)
    if (found === null || value === undefined) return 'value'
    this.#line.value = value
    if (found[2] === undefined) return undefined
    if (!/^[+-]?\d+$/.test(found[2])) return 'timestamp'
    this.#line.timeMs = Number(found[2])
    return undefined
  }

  #openRest(line: string, end: number): LineFault | undefined {
    const found = OPEN_REST.exec(line.slice(end).trimEnd())
    const value = found === null ? undefined : numberOf(found[1] as string)
    if (found === null || value === undefined) return 'value'
    this.#line.value = value
    if (found[2] !== undefined) {
      const seconds = numberOf(found[2])
      if (seconds === undefined || !Number.isFinite(seconds)) return 'timestamp'
      this.#line.timeMs = Math.round(seconds * 1000)
    }
    if (found[3] === undefined) return undefined
    const [labels, observed, seconds] = [parseLabels(found[3]), numberOf(found[4] as string), found[5] === undefined ? undefined : numberOf(found[5])]
    if (typeof labels === 'string' || observed === undefined || (found[5] !== undefined && !Number.isFinite(seconds))) return 'exemplar'
    this.#line.exemplar = { labels, value: observed, timeMs: seconds === undefined ? undefined : seconds * 1000 }
    return undefined
  }

  #comment(line: string): void {
    if (this.#isOpen && /^# EOF[ \t\r]*$/.test(line)) {
      this.#hasEnded = true
      return
    }
    const found = METADATA.exec(line)
    if (found === null) {
      // Any other comment is only that; one that begins like metadata was meant to be it.
      if (/^#[ \t]+(?:HELP|TYPE|UNIT)[ \t]*$/.test(line)) this.#sink.malformed('metadata', line)
      return
    }
    const keyword = found[1] as Metadata
    const name = found[2] as string
    const text = found[3] ?? ''
    const plain = name.startsWith('"') ? unescaped(name.slice(1, -1), true) : name
    this.#sink.metadata(keyword, plain, keyword === 'HELP' ? unescaped(text, this.#isOpen) : text.trim())
  }
}

/** Where the series ends and the space before the value begins; -1 when its labels are not closed. */
function seriesEnd(line: string, isOpen: boolean): number {
  let at = 0
  let code = line.charCodeAt(0)
  while (at < line.length && code !== SPACE && code !== OPEN && code !== TAB) code = line.charCodeAt(++at)
  if (code !== OPEN) {
    const end = at
    while (code === SPACE || code === TAB) code = line.charCodeAt(++at)
    if (code !== OPEN) return end
  }
  // Behind the labels there are braces only in an exemplar.
  if (!isOpen || !line.includes(' # {')) {
    const last = line.lastIndexOf('}')
    return last < at ? -1 : last + 1
  }
  return labelsEnd(line, at)
}

/** The number that the digits from `at` to the end of the line are; -1 when there is something else, or too many. */
function wholeNumber(line: string, at: number): number {
  const { length } = line
  if (length === at || length - at > EXACT_DIGITS) return -1
  let value = 0
  for (let i = at; i < length; i++) {
    const digit = line.charCodeAt(i) - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
