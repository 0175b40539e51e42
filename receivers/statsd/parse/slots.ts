import { type RejectReason, type Sample, type SampleSink, SampleType, TAGS_MAX } from '../sample.ts'
import { type DialectRules, isDelta } from './dialect.ts'

const NOTHING = new Uint8Array(0)

/** The one sample of a parser: what parsers write and sinks see as `Sample`. */
export class SampleSlots implements Sample {
  bytes: Uint8Array = NOTHING
  lineStart = 0
  lineEnd = 0
  nameStart = 0
  nameEnd = 0
  nameCutStart = 0
  nameCutEnd = 0
  type: SampleType = SampleType.counter
  // Begun as fractions, so that the engine keeps numbers and not small integers here from the first line on.
  value = 0.5
  weight = 1.5
  valueStart = 0
  valueEnd = 0
  isDelta = false
  tags = 0
  readonly tagStart = new Int32Array(TAGS_MAX)
  readonly tagKeyEnd = new Int32Array(TAGS_MAX)
  readonly tagEnd = new Int32Array(TAGS_MAX)
  containerStart = 0
  containerEnd = 0
  isInode = false
  containerTextStart = 0
  containerTextEnd = 0
  externalStart = 0
  externalEnd = 0
  cardinalityStart = 0
  cardinalityEnd = 0
  timestampS = 0
  /** The line has a section that only DogStatsD clients send. */
  hasDogSections = false
  isPlain = false

  /** Begins a line: everything that sections may set is absent. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.lineStart = start
    this.lineEnd = end
    this.nameStart = start
    this.nameEnd = start
    this.nameCutStart = 0
    this.nameCutEnd = 0
    this.tags = 0
    this.containerStart = 0
    this.containerEnd = 0
    this.isInode = false
    this.externalStart = 0
    this.externalEnd = 0
    this.cardinalityStart = 0
    this.cardinalityEnd = 0
    this.timestampS = 0
    this.hasDogSections = false
    this.isPlain = false
    this.weight = 1
  }

  /** Takes the places of one more tag; false when there are too many. */
  addTag(start: number, keyEnd: number, end: number): boolean {
    const i = this.tags
    if (i === TAGS_MAX) return false
    this.tagStart[i] = start
    this.tagKeyEnd[i] = keyEnd
    this.tagEnd[i] = end
    this.tags = i + 1
    return true
  }

  /** Hands on a sample with a number; `isSigned` says that it was written with a sign. */
  emit(type: SampleType, value: number, isSigned: boolean, weight: number, rules: DialectRules, sink: SampleSink): void {
    this.type = type
    this.value = value
    this.isDelta = isSigned && type === SampleType.gauge && isDelta(rules, this.hasDogSections)
    this.weight = type === SampleType.gauge ? 1 : weight
    sink.sample(this)
  }

  /** Hands on a set's member, which stands in `valueStart`, `valueEnd`. */
  emitMember(sink: SampleSink): void {
    this.type = SampleType.set
    this.value = 0
    this.isDelta = false
    this.weight = 1
    sink.sample(this)
  }
}

/** What the pieces of a grammar share while they work on one line. */
export interface LineContext {
  readonly slots: SampleSlots
  readonly rules: DialectRules
  readonly sink: SampleSink
}

/** Undefined: all is well. */
export type Verdict = RejectReason | undefined
