/** What a sample asks for; the integer codes are stable within the process. */
export const SampleType = { counter: 0, gauge: 1, timer: 2, histogram: 3, distribution: 4, set: 5 } as const
export type SampleType = (typeof SampleType)[keyof typeof SampleType]

/** Named grammars; see README.md for what each accepts. */
export type Dialect = 'lenient' | 'etsy' | 'dogstatsd' | 'statsd_exporter' | 'telegraf' | 'strict'

/** Most tags of one sample; a line with more is rejected. */
export const TAGS_MAX = 256

/**
 * One sample of a line, as places in the packet's bytes. One object serves all samples in turn: whoever needs it longer
 * copies. Places are offsets into `bytes`, ends are exclusive, an empty part has start = end.
 */
export interface Sample {
  readonly bytes: Uint8Array
  /** The whole line. */
  readonly lineStart: number
  readonly lineEnd: number
  readonly nameStart: number
  readonly nameEnd: number
  /** What stands inside the name and is not part of it: SignalFX tags with their brackets; start = end when nothing does. */
  readonly nameCutStart: number
  readonly nameCutEnd: number
  readonly type: SampleType
  /** Finite. For sets the member stands in `valueStart`, `valueEnd`. */
  readonly value: number
  readonly valueStart: number
  readonly valueEnd: number
  /** Gauges only: add `value` to what the gauge is. */
  readonly isDelta: boolean
  /** 1 / sample rate, at least 1: how many samples this one stands for. */
  readonly weight: number
  readonly tags: number
  /** `tagStart[i]`, `tagKeyEnd[i]`, `tagEnd[i]`: key, then after one separator the value; key end = tag end: no value. */
  readonly tagStart: Int32Array
  readonly tagKeyEnd: Int32Array
  readonly tagEnd: Int32Array
  /** `c:` without its prefix forms (`ci-`, `cid-`), or the inode of `in-` with `isInode`. */
  readonly containerStart: number
  readonly containerEnd: number
  readonly isInode: boolean
  /** `c:` as it stands, prefixes and all; means something only when `containerEnd` is above 0. */
  readonly containerTextStart: number
  readonly containerTextEnd: number
  /** `e:` as it stands. */
  readonly externalStart: number
  readonly externalEnd: number
  /** `card:`; empty when absent. */
  readonly cardinalityStart: number
  readonly cardinalityEnd: number
  /** `T`, seconds since the epoch; 0 when absent. */
  readonly timestampS: number
  /** Of the line's bytes, those of its number make up `value` and whether it `isDelta`, and nothing else depends on them. */
  readonly isPlain: boolean
}

/** Why a line or part of one was not taken. */
export type RejectReason =
  | 'no_value'
  | 'empty_name'
  | 'bad_name'
  | 'bad_value'
  | 'bad_type'
  | 'bad_rate'
  | 'bad_tags'
  | 'bad_section'
  | 'bad_timestamp'
  | 'bad_container'
  | 'bad_event'
  | 'bad_service_check'
  | 'mixed_tag_styles'
  | 'not_utf8'
  | 'too_long'
  | 'too_many_tags'

/** What of an accepted line was left out, replaced or read as if it were not there. */
export type Flaw = RejectReason | 'unknown_section'

/** Takes what a parser finds. Everything is synchronous and valid during the call only. */
export interface SampleSink {
  /**
   * Asked first of every line of the packet's bytes, of which there are `end`: takes the one that begins at `start` if it needs no
   * parser for it, and returns where it ends; else returns -1.
   */
  known?(start: number, end: number): number
  sample(sample: Sample): void
  /** A DogStatsD event or service check line, whole; `parseEvent`, `parseServiceCheck` read it. */
  event(bytes: Uint8Array, start: number, end: number): void
  serviceCheck(bytes: Uint8Array, start: number, end: number): void
  /** The line was not taken, as a whole or in part; it counts once. */
  rejected(reason: RejectReason, bytes: Uint8Array, start: number, end: number): void
  /** The line (or, for etsy's several samples, what is good of it) was taken. Every line ends in this or in `rejected`. */
  accepted(bytes: Uint8Array, start: number, end: number): void
  /** A part `bytes[start, end)` of a line that is taken was not; comes before `accepted` or, when nothing else was good, `rejected`. */
  flaw?(flaw: Flaw, bytes: Uint8Array, start: number, end: number): void
}
