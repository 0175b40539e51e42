import type { Aggregation } from '../naming/naming.ts'

/** Cells of `StatBuffers.control`, written with `Atomics`: by the shard's writer, `journalRead` by the main thread. */
export const Control = { rows: 0, texts: 1, textBytes: 2, closed: 3, journalWritten: 4, journalRead: 5, cells: 6 } as const

/**
 * Where a row's parts stand. A row is a run of words in `StatBuffers.words`; `…Int` are places in `StatBuffers.ints`, which
 * lies over the same memory, from twice the row's place on.
 */
export const Row = {
  /** Even when the row is at rest, odd while it is being written; 0 = nothing counted yet. */
  sequenceInt: 0,
  /** Place of the row that goes on with the series; 0 = this one does. */
  nextInt: 1,
  /** Idle time in ms after which the series ends; 0 = never. */
  ttlInt: 2,
  /** Place in `StatBuffers.labels`; see `Labels`. */
  labelsInt: 3,
  /** When it was last touched, milliseconds since the epoch. */
  updatedMs: 2,
  /** Samples taken. */
  samples: 3,
  values: 4,
} as const

/**
 * What stands for a series in `StatBuffers.labels`, one after another: the number of the writer's shape, the text of the traits (see
 * `traitsText`), that of the name, and one text per label value.
 */
export const Labels = { shape: 0, traits: 1, name: 2, values: 3 } as const

/**
 * Buckets of an exponential histogram within a row. `form`: 0 = none; n > 0: n neighbouring cells, the first of which is
 * bucket `first`; n < 0: room for -n pairs of bucket and count, of which `first` are in use. `block` is the place of the
 * cells in `StatBuffers.words`. All zero is an empty histogram of the finest scale.
 */
export const Buckets = { zeroCount: 0, shift: 1, first: 2, form: 3, block: 4, words: 5 } as const

/** Values of a row by kind of aggregation. */
export const GaugeRow = { value: 0, setMs: 1, order: 2, words: 3 } as const
export const ExponentialRow = { count: 0, sum: 1, min: 2, max: 3, buckets: 4, words: 9 } as const
export const SummaryRow = { count: 0, sum: 1, windows: 2 } as const
/** One age bucket of a summary; `tick` is the number of its span of time since the epoch. */
export const Window = { tick: 0, min: 1, max: 2, buckets: 3, words: 8 } as const

/** Most buckets of a summary's age bucket. */
export const WINDOW_BUCKETS = 160

/** Entries of the journal, and the words of one: place of the row, then three that depend on its kind. */
export const JOURNAL_ENTRIES = 8192
export const JOURNAL_WORDS = 4

/** The shared memory of one shard: written by one thread, read by the main thread at any time. All on SharedArrayBuffers. */
export interface StatBuffers {
  readonly control: Int32Array
  /** Rows and their blocks; word 0 to 7 are not used, so that 0 is no place. */
  readonly words: Float64Array
  /** Over the same memory as `words`. */
  readonly ints: Int32Array
  /** Places of the rows in `words`, ascending. */
  readonly rows: Int32Array
  readonly labels: Int32Array
  /** Text `t` is `textBytes[textEnds[t - 1], textEnds[t])`, UTF-8. Text 0 is empty. */
  readonly textEnds: Int32Array
  readonly textBytes: Uint8Array
  /**
   * What the main thread must hear of one by one. A gauge's change: receive time, order, delta. A set's member: receive
   * time and two halves of its hash. A ring; see `Control.journalWritten` and `journalRead`.
   */
  readonly journal: Float64Array
}

/** From an ingest half to the main half. */
export type StatMessage =
  /** New shared memory; the one before of the same worker is closed. */
  | { readonly kind: 'shard'; readonly buffers: StatBuffers }
  /** The journal is half full. */
  | { readonly kind: 'journal' }
  /** Entries that found no place in the journal of the shard sent last. */
  | { readonly kind: 'entries'; readonly entries: Float64Array }

/** Words that the values of a row take. */
export function rowWords(aggregation: Aggregation): number {
  switch (aggregation.kind) {
    case 'counter':
      return 1
    case 'gauge':
      return GaugeRow.words
    case 'explicit':
      return aggregation.bounds.length + 2
    case 'exponential':
      return ExponentialRow.words
    case 'summary':
      return SummaryRow.windows + aggregation.ageBuckets * Window.words
    case 'set':
      return 0
    default:
      return aggregation satisfies never
  }
}

/** What a reader must know to copy a row. */
export interface RowForm {
  readonly words: number
  /** Where buckets stand among the values. */
  readonly buckets: readonly number[]
}

/** The form of the rows of an aggregation. */
export function rowForm(aggregation: Aggregation): RowForm {
  return { words: rowWords(aggregation), buckets: bucketPlaces(aggregation) }
}

function bucketPlaces(aggregation: Aggregation): number[] {
  if (aggregation.kind === 'exponential') return [ExponentialRow.buckets]
  if (aggregation.kind !== 'summary') return []
  return Array.from({ length: aggregation.ageBuckets }, (_, i) => SummaryRow.windows + i * Window.words + Window.buckets)
}

/** The span of time of one age bucket of a summary. */
export function windowMs(aggregation: { readonly maxAgeMs: number; readonly ageBuckets: number }): number {
  return Math.max(1, aggregation.maxAgeMs / aggregation.ageBuckets)
}
