import { AttributeSet, type AttributeValue } from '../../model/attributes.ts'
import { type Exemplar, type FamilyPoints, type MetricFamily, type SeriesMetrics, valuesPerPoint } from '../../model/metrics.ts'

/** A family with every field that a test does not care about filled in: a cumulative counter without unit. */
export function metricFamily(name: string, fields: Partial<MetricFamily> = {}): MetricFamily {
  return { name, description: `About ${name}.`, unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', bounds: [], ...fields }
}

export interface TestPoint {
  readonly attributes: AttributeSet | Readonly<Record<string, AttributeValue>>
  /** One value, or bucket counts followed by the sum. */
  readonly values: readonly number[]
  readonly startMs?: number
  readonly updatedMs?: number
  readonly exemplar?: Exemplar
}

export interface TestFamilyOptions {
  readonly resource?: Readonly<Record<string, AttributeValue>>
  readonly scope?: { readonly name: string; readonly version: string }
  readonly producer?: object
  /** For points that do not say: when they began and changed. */
  readonly timeMs?: number
}

/** Points of one family; without `producer` they are news about single series. */
export function familyPoints(family: MetricFamily, points: readonly TestPoint[], options: TestFamilyOptions = {}): FamilyPoints {
  const stride = valuesPerPoint(family)
  const values = new Float64Array(points.length * stride)
  for (const [i, point] of points.entries()) values.set(point.values, i * stride)
  const timeMs = options.timeMs ?? Date.UTC(2026, 0, 1)
  return {
    family,
    resource: { attributes: AttributeSet.of(options.resource ?? {}) },
    scope: options.scope ?? { name: '', version: '' },
    series: points.map(({ attributes }) => (attributes instanceof AttributeSet ? attributes : AttributeSet.of(attributes))),
    values,
    offset: 0,
    stride,
    startTimesMs: Float64Array.from(points, (point) => point.startMs ?? timeMs),
    updatedMs: Float64Array.from(points, (point) => point.updatedMs ?? timeMs),
    exemplar: (i) => points[i]?.exemplar,
    ...(options.producer === undefined ? {} : { producer: options.producer }),
  }
}

/** A batch of families. */
export function metricsOf(...families: readonly FamilyPoints[]): SeriesMetrics {
  return { timeMs: families[0]?.updatedMs[0] ?? Date.UTC(2026, 0, 1), families }
}
