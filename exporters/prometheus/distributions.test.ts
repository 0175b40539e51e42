import { describe, expect, it } from 'vitest'
import { finestIndex, SCALE_MAX } from '../../model/exponential.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { type ParsedExposition, parseExposition } from '../../test/fakes/exposition.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import type { Catalog } from './catalog.ts'
import { EXPONENTIAL_LINES_MAX, exponentialLines } from './exponential_lines.ts'
import type { Format } from './pieces.ts'
import { newCatalog, textOf } from './testing.ts'

const clock = new FakeClock()

async function parsed(catalog: Catalog, format: Format = 'text'): Promise<ParsedExposition> {
  return parseExposition(await textOf(catalog, { format }))
}

/** The values of a point with these observations at a scale. */
function exponential(observations: readonly number[], scale: number, bucketsMax: number): number[] {
  const indexes = observations.filter((value) => value > 0).map((value) => finestIndex(value) >> (SCALE_MAX - scale))
  const first = Math.min(...indexes)
  const buckets = Array.from({ length: bucketsMax }, () => 0)
  for (const index of indexes) buckets[index - first] = (buckets[index - first] as number) + 1
  const sum = observations.reduce((total, value) => total + value, 0)
  const zeros = observations.length - indexes.length
  return [observations.length, sum, Math.min(...observations), Math.max(...observations), zeros, scale, indexes.length === 0 ? 0 : first, ...buckets]
}

const time = metricFamily('rpc.time', { type: 'exponential_histogram', isMonotonic: false, unit: 's', bucketsMax: 40 })
const size = metricFamily('size', { type: 'summary', isMonotonic: false, quantiles: [0.5, 0.99, 1] })

describe('exponential histograms and summaries', () => {
  it.each([
    ['text', 'distributions.txt'],
    ['openmetrics', 'distributions.openmetrics.txt'],
  ] as const)('are rendered in %s as in testdata/%s', async (format, name) => {
    const catalog = newCatalog()
    const exemplar = { value: 3, timeMs: clock.now(), traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '' }
    const points = [
      { attributes: { a: '1' }, values: exponential([0, 1, 2, 3, 3, 4, 20], 2, 40), exemplar },
      { attributes: {}, values: exponential([0, -1], 20, 40) },
      { attributes: { a: 'coarse' }, values: exponential([0.001, 1, 1000], -1, 40) },
    ]
    catalog.consume(
      metricsOf(
        familyPoints(time, points, { producer: {} }),
        familyPoints(
          size,
          [
            { attributes: { a: '1' }, values: [7, 70.5, 9, 20, 21] },
            { attributes: { quantile: 'mine' }, values: [1, 1, 1, 1, 1] },
            { attributes: {}, values: [2, 3, Number.NaN, Number.NaN, Number.NaN] },
          ],
          { producer: {} },
        ),
      ),
    )
    const text = await textOf(catalog, { format })
    parseExposition(text)
    await expect(text).toMatchFileSnapshot(new URL(`testdata/${name}`, import.meta.url).pathname)
  })

  it('keep their bounds when the scale of a point changes', async () => {
    const catalog = newCatalog()
    const producer = {}
    const bounds = async (scale: number, observations: readonly number[]): Promise<(string | undefined)[]> => {
      catalog.consume(metricsOf(familyPoints(time, [{ attributes: {}, values: exponential(observations, scale, 40) }], { producer })))
      return (await parsed(catalog)).samples.map(({ labels }) => labels.le)
    }
    const before = await bounds(3, [1.5, 2, 3, 6])
    const after = await bounds(1, [1.5, 2, 3, 6, 90])
    expect(after.slice(0, before.length - 3)).toEqual(before.slice(0, -3))
    expect(after.length).toBeGreaterThan(before.length)
  })

  it('are merged in the overflow series', async () => {
    const catalog = newCatalog({ seriesMax: 1 })
    const producer = {}
    const points = [[1], [2, 4], [1024]].map((values, i) => ({ attributes: { i }, values: exponential(values, 5 - 2 * i, 40) }))
    const summaries = [1, 2, 3].map((n) => ({ attributes: { n }, values: [n, 10 * n, 1, 2, 3] }))
    catalog.consume(metricsOf(familyPoints(time, points, { producer }), familyPoints(size, summaries, { producer })))
    const samples = await parsed(catalog)
    const overflow = { otel_metric_overflow: 'true' }
    expect([samples.sum('rpc_time_seconds_count', overflow), samples.sum('rpc_time_seconds_sum', overflow)]).toEqual([3, 1030])
    expect(samples.sum('rpc_time_seconds_bucket', { ...overflow, le: '4' })).toBe(2)
    expect([samples.sum('size_count', overflow), samples.sum('size_sum', overflow), samples.sum('size', { ...overflow, quantile: '0.5' })]).toEqual([
      6,
      60,
      Number.NaN,
    ])
  })

  it('are added up when they come as deltas', async () => {
    const catalog = newCatalog()
    for (const values of [
      [1, 2],
      [4, 4, 0],
    ]) {
      const delta = { ...time, temporality: 'delta' as const }
      catalog.consume(metricsOf(familyPoints(delta, [{ attributes: {}, values: exponential(values, 3, 40) }])))
    }
    const samples = await parsed(catalog)
    expect(samples.samples.map(({ labels, value }) => `${labels.le ?? ''} ${value}`)).toEqual([
      '0 1',
      '0.7071067811865476 1',
      '1 2',
      '1.4142135623730951 2',
      '2 3',
      '2.8284271247461903 3',
      '4 5',
      '+Inf 5',
      ' 5',
      ' 11',
    ])
  })

  it('end when their producer lists them no more', async () => {
    const catalog = newCatalog()
    const producer = {}
    const point = { attributes: {}, values: exponential([1], 3, 40) }
    catalog.consume(metricsOf(familyPoints(time, [point], { producer }), familyPoints(metricFamily('other'), [{ attributes: {}, values: [1] }], { producer })))
    catalog.consume(metricsOf(familyPoints(time, [], { producer })))
    expect((await parsed(catalog)).samples.map(({ name }) => name)).toEqual(['other_total'])
  })
})

describe('exponentialLines', () => {
  it('shows few lines, with rising counts and bounds, however wide the span', () => {
    const point = exponential([1e-300, 1e-3, 1, 1e300], -4, 160)
    const lines: [number, number][] = []
    exponentialLines(Float64Array.from(point), 0, 160, (bound, count) => lines.push([bound, count]))
    expect(lines.length).toBeLessThanOrEqual(EXPONENTIAL_LINES_MAX)
    for (const [i, [bound, count]] of lines.entries()) {
      expect(bound).toBeGreaterThan(lines[i - 1]?.[0] ?? 0)
      expect(count).toBe([1e-300, 1e-3, 1, 1e300].filter((value) => value <= bound).length)
    }
    const wide = exponential([2 ** -60, 1, 2 ** 60], 0, 160)
    const many: number[] = []
    exponentialLines(Float64Array.from(wide), 0, 160, (bound) => many.push(bound))
    expect(many.length).toBeLessThanOrEqual(EXPONENTIAL_LINES_MAX)
    expect(many).toEqual(many.toSorted((a, b) => a - b))
  })
})

describe('families by the thousand', () => {
  it('are judged and rendered in a time that grows with their number only', async () => {
    const catalog = newCatalog({ seriesMax: 100_000 })
    const producer = {}
    const families = Array.from({ length: 5000 }, (_, i) => familyPoints(metricFamily(`f${i}`), [{ attributes: { a: `${i}` }, values: [i] }], { producer }))
    catalog.consume(metricsOf(...families))
    const samples = await parsed(catalog)
    expect([samples.families.size, samples.sum('f4999_total', { a: '4999' })]).toEqual([5000, 4999])
  })
})
