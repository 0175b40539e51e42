import { type MetricFamily, valuesPerPoint } from '../metrics.ts'

/**
 * Families that share one set of labels: every row of a store has a value for each of them, side by side, so that one
 * observation touches neighbouring memory.
 */
export interface SeriesLayout {
  readonly labels: readonly string[]
  readonly families: readonly MetricFamily[]
  /** Where each family's values begin within a row. */
  readonly offsets: readonly number[]
  /** Values per row. */
  readonly stride: number
}

/** Lays families out one after another. */
export function seriesLayout(labels: readonly string[], families: readonly MetricFamily[]): SeriesLayout {
  const offsets: number[] = []
  let stride = 0
  for (const family of families) {
    offsets.push(stride)
    stride += valuesPerPoint(family)
  }
  return { labels, families, offsets, stride }
}
