import type { FamilyPoints, SeriesMetrics } from '../../../model/metrics.ts'

/**
 * Most points of one request: servers take 4 MiB by default, a point of a histogram has some 500 bytes, one with many long
 * attributes or buckets up to 2 KiB, and encoding this many keeps the event loop for a millisecond or two.
 */
const POINTS_MAX = 2000

/** Cuts a batch of series into batches of one request each, without copying values. */
export function* seriesRequests(metrics: SeriesMetrics, pointsMax = POINTS_MAX): Generator<{ readonly metrics: SeriesMetrics; readonly points: number }> {
  let families: FamilyPoints[] = []
  let points = 0
  for (const family of metrics.families) {
    for (let from = 0; from < family.series.length; ) {
      const to = Math.min(family.series.length, from + pointsMax - points)
      families.push(slice(family, from, to))
      points += to - from
      from = to
      if (points < pointsMax) continue
      yield { metrics: { ...metrics, families }, points }
      families = []
      points = 0
    }
  }
  if (points > 0) yield { metrics: { ...metrics, families }, points }
}

function slice(points: FamilyPoints, from: number, to: number): FamilyPoints {
  if (from === 0 && to === points.series.length) return points
  const { exemplar } = points
  return {
    ...points,
    series: points.series.slice(from, to),
    offset: points.offset + from * points.stride,
    startTimesMs: points.startTimesMs.subarray(from, to),
    updatedMs: points.updatedMs.subarray(from, to),
    ...(exemplar === undefined ? {} : { exemplar: (i) => exemplar(i + from) }),
  }
}
