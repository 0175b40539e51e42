import type { DataPoint, ExponentialHistogramPoint, HistogramPoint, NumberPoint, SummaryPoint } from '../../../model/data_points.ts'
import { exponentialGrowth, histogramGrowth, minus } from '../streams/point_math.ts'

/** What a cumulative series has counted since the sample before. */
export interface PointGrowth<Point extends DataPoint = DataPoint> {
  /** The sample with the values of the time between, and that time. */
  readonly point: Point
  /** True when counting began anew, so that all of the value is of the time between. */
  readonly isReset: boolean
}

/**
 * What came between two samples of a cumulative series, by OpenTelemetry's rules for resets: a later start time, or a value
 * that cannot have grown out of the one before, begins anew, and the value since then counts whole. Neither point is changed.
 */
export function pointGrowth<Point extends DataPoint>(now: Point, before: Point): PointGrowth<Point> {
  const isNewStart = now.startTimeNs > before.startTimeNs && now.startTimeNs !== 0n && before.startTimeNs !== 0n
  const grown = isNewStart ? undefined : growth(now, before)
  // What cannot have grown began anew at its start, if that is after what was sent before.
  const startTimeNs = grown === undefined && now.startTimeNs > before.timeNs ? now.startTimeNs : before.timeNs
  // Growth has the type of the points, which the compiler cannot follow.
  return { point: { ...((grown ?? now) as Point), startTimeNs }, isReset: grown === undefined }
}

function growth(now: DataPoint, before: DataPoint): DataPoint | undefined {
  if ('value' in now) {
    const value = minus(now.value as number | bigint, (before as NumberPoint).value as number | bigint)
    return value < 0 ? undefined : { ...now, value }
  }
  if ('bounds' in now) {
    const grown = histogramGrowth(now, before as HistogramPoint)
    return grown === undefined ? undefined : { ...now, ...grown }
  }
  if ('quantiles' in now) return summaryGrowth(now, before as SummaryPoint)
  const grown = exponentialGrowth(now, before as ExponentialHistogramPoint)
  return grown === undefined ? undefined : { ...now, ...grown }
}

/** Count and sum are cumulative; the quantiles are those of the producer's own window, and stay. */
function summaryGrowth(now: SummaryPoint, before: SummaryPoint): SummaryPoint | undefined {
  return now.count < before.count ? undefined : { ...now, count: now.count - before.count, sum: now.sum - before.sum }
}

/** True for a point of a gauge or sum that says nothing. */
export function hasNoValue(point: DataPoint): boolean {
  return 'value' in point && (point.value === null || Number.isNaN(Number(point.value)))
}
