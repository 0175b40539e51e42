import { Unit } from 'aws-embedded-metrics'
import { validateDimensionSet, validateMetric, validateNamespace } from 'aws-embedded-metrics/lib/utils/Validator.js'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import type { DataPoints, ExponentialHistogramPoint, HistogramPoint, Metric, SummaryPoint } from '../../../model/data_points.ts'
import { EmfRun } from './testing.ts'

const NOW_NS = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', ' ', ':x', '_aws', 'load', 'AWS/EC2', '"\\', 'a\nb', 'é', '\ud800', 'x'.repeat(2000), 'constructor', 'toString', '{"a":1}'),
)
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  odd,
  odd,
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.double(),
  fc.constant(null),
  fc.constant(new Uint8Array([1, 2])),
)
const attributes = fc
  .dictionary(odd, value, { maxKeys: 40, noNullPrototype: true })
  .map((entries) => new AttributeSet(Object.keys(entries), Object.values(entries)))
const named = fc.record({ name: odd, description: fc.constant(''), unit: fc.constantFrom('', '1', 'ms', 'ns', 'By', '{x}', 'weird') })
const point = attributes.map((set) => ({ attributes: set, startTimeNs: 0n, timeNs: NOW_NS, flags: 0, exemplars: [] }))
const count = fc.bigInt({ min: 0n, max: 1_000_000n })
const anyNumber = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 2 ** 400, -0))
const extreme = fc.option(anyNumber, { nil: undefined })

const gauge: fc.Arbitrary<Metric> = fc
  .tuple(named, fc.array(fc.tuple(point, fc.oneof(anyNumber, fc.bigInt(), fc.constant(null))), { maxLength: 4 }))
  .map(([of, points]) => ({ ...of, type: 'gauge', points: points.map(([base, number]) => ({ ...base, value: number })) }))
const histogram: fc.Arbitrary<Metric> = fc
  .tuple(named, point, fc.uniqueArray(anyNumber, { maxLength: 130 }), fc.array(count, { minLength: 1, maxLength: 7 }), fc.tuple(extreme, extreme, extreme))
  .map(([of, base, bounds, counts, [sum, min, max]]) => {
    const sorted = bounds.filter((bound) => !Number.isNaN(bound)).sort((a, b) => a - b)
    const bucketCounts = Array.from({ length: sorted.length + 1 }, (_, i) => counts[i % counts.length] as bigint)
    const all: HistogramPoint = { ...base, count: bucketCounts.reduce((a, b) => a + b, 0n), sum, min, max, bounds: sorted, bucketCounts }
    return { ...of, type: 'histogram', temporality: 'delta', points: [all] }
  })
const side = fc.record({ offset: fc.integer({ min: -3000, max: 3000 }), counts: fc.array(count, { maxLength: 130 }) })
const exponential: fc.Arbitrary<Metric> = fc
  .tuple(named, point, fc.integer({ min: -10, max: 20 }), side, side, fc.tuple(count, extreme, extreme, extreme))
  .map(([of, base, scale, positive, negative, [zeroCount, sum, min, max]]) => {
    const total = [...positive.counts, ...negative.counts].reduce((a, b) => a + b, zeroCount)
    const all: ExponentialHistogramPoint = { ...base, count: total, sum, min, max, scale, zeroCount, zeroThreshold: 0, positive, negative }
    return { ...of, type: 'exponential_histogram', temporality: 'delta', points: [all] }
  })
const summary: fc.Arbitrary<Metric> = fc
  .tuple(named, point, count, anyNumber, fc.array(fc.record({ quantile: fc.double({ min: 0, max: 1, noNaN: true }), value: anyNumber }), { maxLength: 5 }))
  .map(([of, base, total, sum, quantiles]) => {
    const all: SummaryPoint = { ...base, count: total, sum, quantiles }
    return { ...of, type: 'summary', points: [all] }
  })

const settings = fc.record({
  max_event_bytes: fc.constantFrom(4096, 262_118),
  blank_label_values: fc.constantFrom('dash', 'omit'),
  histogram_format: fc.constantFrom('values', 'statistics'),
  dimension_rollup_option: fc.constantFrom('NoDimensionRollup', 'ZeroAndSingleDimensionRollup'),
  parse_json_encoded_attr_values: fc.constantFrom([], ['load', '_aws']),
  max_custom_metrics: fc.constantFrom(0, 3),
  detailed_metrics: fc.boolean(),
  document_labels: fc.constantFrom('all', 'dimensions'),
  metric_declarations: fc.constantFrom([], [{ metric_name_selectors: ['.'], dimensions: [[], ['load']] }]),
  retain_initial_value_of_delta_metric: fc.constant(true),
  namespace: fc.constantFrom(undefined, 'Mesh'),
})

interface Directive {
  readonly Namespace: string
  readonly Dimensions: readonly (readonly string[])[]
  readonly Metrics: readonly { readonly Name: string; readonly Unit?: string }[]
}

/** Asks the library of AWS whether it would have taken what a directive refers to. */
function checkByAws(document: Readonly<Record<string, unknown>>, directive: Directive): void {
  validateNamespace(directive.Namespace)
  for (const set of directive.Dimensions) validateDimensionSet(Object.fromEntries(set.map((key) => [key, document[key] as string])))
  for (const { Name, Unit: unit } of directive.Metrics) validateMetric(Name, 1, unit ?? 'None')
}

test('whatever comes, documents are what CloudWatch takes, and every point is in one or is counted', { timeout: 60_000 }, async () => {
  const resource = fc
    .dictionary(fc.constantFrom('service.name', 'service.namespace', 'host'), odd, { noNullPrototype: true })
    .map((given) => AttributeSet.of(given))
  const metrics = fc.array(fc.oneof(gauge, histogram, exponential, summary), { maxLength: 6 })
  expect(Object.values(Unit)).toHaveLength(27)
  await fc.assert(
    fc.asyncProperty(settings, resource, metrics, async (given, about, all) => {
      const run = new EmfRun(given)
      const batch: DataPoints = { groups: [{ resource: { attributes: about }, scope: { name: 'lib', version: '' }, metrics: all }] }
      const documents = await run.encode(batch)
      expect(run.cloudWatch().problems).toEqual([])
      for (const { json, logGroup, logStream } of documents) {
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(given.max_event_bytes)
        expect(logGroup).toMatch(/^(?!aws\/)[A-Za-z0-9_\-/.#]{1,512}$/)
        expect(logStream).toMatch(/^[^:*]{1,512}$/)
        const document = JSON.parse(json) as { readonly _aws: { readonly CloudWatchMetrics: readonly Directive[] } }
        for (const directive of document._aws.CloudWatchMetrics) checkByAws(document, directive)
      }
      const points = all.reduce((sum, { points: each }) => sum + each.length, 0)
      const dropped = Object.values(run.dropped).reduce((sum, each) => sum + each, 0)
      expect(documents.reduce((sum, each) => sum + each.points, 0) + dropped).toBe(points)
    }),
    { numRuns: 100 },
  )
})
