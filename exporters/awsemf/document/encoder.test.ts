import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import { type DataPoints, type Metric, NO_RECORDED_VALUE } from '../../../model/data_points.ts'
import type { SeriesMetrics } from '../../../model/metrics.ts'
import { familyPoints, metricFamily, metricsOf } from '../../../test/fakes/metrics.ts'
import { EmfRun, numberPoint } from './testing.ts'

const NOW = Date.UTC(2026, 0, 1)
const GAUGE = { type: 'gauge', isMonotonic: false } as const
const SCOPE = { name: '', version: '' }

function gauges(values: Readonly<Record<string, number>>, labels: Readonly<Record<string, string>> = {}): SeriesMetrics {
  return metricsOf(...Object.entries(values).map(([name, value]) => familyPoints(metricFamily(name, GAUGE), [{ attributes: labels, values: [value] }])))
}

function pointsOf(metric: Metric, resource: Readonly<Record<string, string>> = {}): DataPoints {
  return { groups: [{ resource: { attributes: AttributeSet.of(resource) }, scope: SCOPE, metrics: [metric] }] }
}

describe('a document', () => {
  test('has the labels, and all metrics with the same ones', async () => {
    const run = new EmfRun({ namespace: 'Shop' })
    expect(await run.objects(gauges({ load: 0.5, threads: 7 }, { zone: 'a', host: 'h1' }))).toEqual([
      {
        _aws: { Timestamp: NOW, CloudWatchMetrics: [{ Namespace: 'Shop', Dimensions: [['host', 'zone']], Metrics: [{ Name: 'load' }, { Name: 'threads' }] }] },
        host: 'h1',
        zone: 'a',
        load: 0.5,
        threads: 7,
      },
    ])
    expect(run.documents[0]).toMatchObject({ timestampMs: NOW, logGroup: '/metrics/Shop', points: 2 })
    expect(run.documents[0]?.json.startsWith('{"_aws":{"Timestamp":')).toBe(true)
  })

  test('has a directive for each choice of dimensions', async () => {
    const declared = [
      { metric_name_selectors: ['^load$'], dimensions: [['host']] },
      { metric_name_selectors: ['^(threads|load)$'], dimensions: [[]] },
    ]
    const [document] = await new EmfRun({ metric_declarations: declared }).objects(gauges({ load: 1, threads: 2, other: 3 }, { host: 'h1' }))
    expect(document).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          { Dimensions: [['host'], []], Metrics: [{ Name: 'load' }] },
          { Dimensions: [[]], Metrics: [{ Name: 'threads' }] },
        ],
      },
      other: 3,
    })
  })

  test('is a plain log event when metrics are not extracted', async () => {
    const [document] = await new EmfRun({ disable_metric_extraction: true }).objects(gauges({ load: 1 }, { host: 'h1' }))
    expect(document).toEqual({ _aws: { Timestamp: NOW, CloudWatchMetrics: [] }, host: 'h1', load: 1 })
  })

  test('has units, resolution, and values in the unit', async () => {
    const run = new EmfRun({
      storage_resolution: 1,
      metric_descriptors: [
        { metric_name: 'b', unit: 'Percent' },
        { metric_name: 'c', unit: 'Count', overwrite: true },
      ],
    })
    const family = (name: string, unit: string) => familyPoints(metricFamily(name, { ...GAUGE, unit }), [{ attributes: {}, values: [2000] }])
    const [document] = await run.objects(metricsOf(family('a', 'ns'), family('b', ''), family('c', 'ms'), family('d', 'ms')))
    expect(document).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Metrics: [
              { Name: 'a', Unit: 'Microseconds', StorageResolution: 1 },
              { Name: 'b', Unit: 'Percent', StorageResolution: 1 },
              { Name: 'c', Unit: 'Count', StorageResolution: 1 },
              { Name: 'd', Unit: 'Milliseconds', StorageResolution: 1 },
            ],
          },
        ],
      },
      a: 2,
      b: 2000,
    })
  })

  test('has the units that Istio’s names tell, where the preset for them is chosen and nothing else says a unit', async () => {
    const unitsWith = async (config: Readonly<Record<string, unknown>>): Promise<unknown[]> => {
      const names = ['istio_request_duration_milliseconds', 'mesh_tcp_sent_bytes_total', 'istio_requests_total', 'load']
      const [document] = await new EmfRun(config).objects(gauges(Object.fromEntries(names.map((name) => [name, 1])), { host: 'h1' }))
      const definitions = (document as { _aws: { CloudWatchMetrics: { Metrics: { Name: string; Unit?: string }[] }[] } })._aws.CloudWatchMetrics
      return names.map((name) => definitions.flatMap(({ Metrics }) => Metrics).find(({ Name }) => Name === name)?.Unit)
    }
    const metric_declarations = [{ metric_name_selectors: ['.'], dimensions: [['host']] }]
    const metric_descriptors = [{ metric_name: 'istio_requests_total', unit: 'None' }]
    expect(await unitsWith({ metric_declarations, metric_declaration_preset: 'mesh' })).toEqual(['Milliseconds', 'Bytes', 'Count', undefined])
    expect(await unitsWith({ metric_declarations, metric_declaration_preset: 'mesh', metric_descriptors })).toEqual([
      'Milliseconds',
      'Bytes',
      undefined,
      undefined,
    ])
    expect(await unitsWith({ metric_declarations })).toEqual([undefined, undefined, undefined, undefined])
  })

  test('is named by the service, and filed by its attributes', async () => {
    const run = new EmfRun({ namespace: undefined, log_group_name: '/{ClusterName}', log_stream_name: '{pod}' })
    const batch = gauges({ load: 1 }, { pod: 'p1' })
    const resource = { attributes: AttributeSet.of({ 'service.namespace': 'shop', 'service.name': 'cart' }) }
    const named = { ...batch, families: batch.families.map((points) => ({ ...points, resource })) }
    await run.encode(named)
    await run.encode(named)
    expect(run.documents[0]).toMatchObject({ logGroup: '/unknown', logStream: 'p1' })
    expect(run.cloudWatch().identities()).toEqual(['shop/cart load pod=p1'])
    expect([run.missing.map(({ placeholder }) => placeholder), run.changed]).toEqual([['ClusterName'], { missing_placeholder: 1 }])
  })

  test('has attributes of resource and scope when they are wanted', async () => {
    const run = new EmfRun({ resource_to_telemetry_conversion: { enabled: true } })
    const resource = { host: 'h1', zone: 'a' }
    const points = familyPoints(metricFamily('load', GAUGE), [{ attributes: { zone: 'b' }, values: [1] }], { resource, scope: { name: 'lib', version: '1' } })
    expect(await run.objects(metricsOf(points))).toMatchObject([{ host: 'h1', zone: 'b', OTelLib: 'lib' }])
    expect(await new EmfRun({ otel_lib_dimension: false }).objects(metricsOf(points))).toEqual([{ _aws: expect.anything(), zone: 'b', load: 1 }])
  })

  test('has JSON of attributes as JSON, which is no dimension', async () => {
    const run = new EmfRun({ parse_json_encoded_attr_values: ['tags', 'more'] })
    const [document] = await run.objects(gauges({ load: 1 }, { tags: '{"a": [1, "ö"]}', more: 'no json', z: '1' }))
    expect(document).toMatchObject({ _aws: { CloudWatchMetrics: [{ Dimensions: [['more', 'z']] }] }, tags: { a: [1, 'ö'] }, more: 'no json' })
  })

  test('has labels that CloudWatch takes, each change counted once for its series', async () => {
    const run = new EmfRun()
    const labels = { _aws: 'x', load: 'y', ':path': '/', blank: ' ', '': 'e', stadt: 'Köln' }
    await run.encode(gauges({ load: 1 }, labels))
    const [document] = await run.objects(gauges({ load: 1 }, labels))
    expect(document).toMatchObject({ _aws: {}, _aws_: 'x', load_: 'y', load: 1, _path: '/', blank: '-', _: 'e', stadt: 'K%C3%B6ln' })
    expect(run.cloudWatch().problems).toEqual([])
    expect(run.changed['label_value']).toBeGreaterThan(0)
    expect(await new EmfRun({ blank_label_values: 'omit' }).objects(gauges({ load: 1 }, { blank: ' ' }))).not.toHaveProperty('0.blank')
  })

  test('has each label, also when long names are alike, and one of the metric', async () => {
    const long = 'x'.repeat(300)
    const [document] = await new EmfRun().objects(gauges({ m: 1, m_: 2 }, { [`${long}1`]: 'a', [`${long}2`]: 'b', [`${long}3`]: 'c', m: 'd', m_: 'e' }))
    const found = Object.entries(document ?? {}).filter(([, value]) => typeof value === 'string')
    expect(new Set(found.map(([, value]) => value))).toEqual(new Set(['a', 'b', 'c', 'd', 'e']))
    expect(found.every(([key]) => key.length <= 250)).toBe(true)
  })

  test('does not mix times, namespaces or labels', async () => {
    const run = new EmfRun({ namespace: undefined })
    const metric = (name: string): Metric => ({
      name,
      description: '',
      unit: '',
      type: 'gauge',
      points: [numberPoint(AttributeSet.of({ a: '1' }), 1, { timeMs: NOW }), numberPoint(AttributeSet.of({ a: '1' }), 2, { timeMs: NOW + 1000 })],
    })
    const groups = ['cart', 'web'].flatMap((service) => pointsOf(metric('load'), { 'service.name': service }).groups)
    expect((await run.encode({ groups })).map(({ timestampMs, logGroup }) => [timestampMs - NOW, logGroup])).toEqual([
      [0, '/metrics/cart'],
      [1000, '/metrics/cart'],
      [0, '/metrics/web'],
      [1000, '/metrics/web'],
    ])
  })

  test('is none for a batch that was made for a scrape', async () => {
    expect(await new EmfRun().encode({ ...gauges({ load: 1 }), isOnDemand: true })).toEqual([])
  })
})

describe('several documents', () => {
  test('hold what is more than 100 metrics', async () => {
    const run = new EmfRun()
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`m${i}`, i]))
    expect((await run.encode(gauges(many, { a: '1' }))).map(({ points }) => points)).toEqual([100, 100, 50])
    expect([run.cloudWatch().data.length, run.cloudWatch().problems]).toEqual([250, []])
  })

  test('hold what is more than 100 values, with the sum once', async () => {
    const run = new EmfRun()
    const bounds = Array.from({ length: 249 }, (_, i) => i + 1)
    const values = [...bounds.map(() => 2), 2, 62_000]
    const family = metricFamily('size', { type: 'histogram', bounds, temporality: 'delta' })
    const made = await run.encode(
      metricsOf(
        familyPoints(family, [{ attributes: { a: '1' }, values }]),
        familyPoints(metricFamily('load', GAUGE), [{ attributes: { a: '1' }, values: [1] }]),
      ),
    )
    expect(made.map(({ points }) => points)).toEqual([2, 0, 0])
    expect(run.cloudWatch().problems).toEqual([])
    expect(run.cloudWatch().statistics({ name: 'size' })).toMatchObject({ sampleCount: 500, sum: 62_000, min: 0.5, max: 249 })
  })

  test('hold what is called alike', async () => {
    const run = new EmfRun()
    const scoped = (name: string, value: number) =>
      familyPoints(metricFamily('load', GAUGE), [{ attributes: {}, values: [value] }], { scope: { name, version: '1' } })
    const made = await run.encode(metricsOf(scoped('', 1), { ...scoped('', 2), producer: {} }))
    expect(made).toHaveLength(2)
    expect(run.cloudWatch().statistics({ name: 'load' })).toMatchObject({ sampleCount: 2, sum: 3 })
  })

  test('are each within the limit of bytes, whatever stands in them', async () => {
    const run = new EmfRun({ max_event_bytes: 4096, parse_json_encoded_attr_values: ['json'] })
    const bounds = Array.from({ length: 150 }, (_, i) => (i + 1) / 7)
    const histogram = metricFamily('size', { type: 'histogram', bounds, temporality: 'delta' })
    const labels = { json: JSON.stringify('ö'.repeat(300)), long: 'x'.repeat(900) }
    const points = familyPoints(histogram, [{ attributes: labels, values: [...bounds.map((_, i) => i + 1), 1, 1e6] }])
    const many = gauges(Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`metric_with_a_long_name_${i}`, Math.PI * i])), labels)
    const made = await run.encode({ ...many, families: [points, ...many.families] })
    expect(Math.max(...made.map(({ json }) => Buffer.byteLength(json)))).toBeLessThanOrEqual(4096)
    expect(Math.max(...made.map(({ json }) => Buffer.byteLength(json)))).toBeGreaterThan(3500)
    expect([run.cloudWatch().problems, run.dropped]).toEqual([[], {}])
    expect(run.cloudWatch().statistics({ name: 'size' })?.sampleCount).toBe(11_326)
  })

  test('cannot hold labels that are too large by themselves, which is counted', async () => {
    const run = new EmfRun({ max_event_bytes: 4096 })
    const labels = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`label${i}`, 'x'.repeat(1000)]))
    expect(await run.encode(gauges({ a: 1, b: 2 }, labels))).toEqual([])
    expect(run.dropped).toEqual({ too_large: 2 })
  })
})

describe('histograms and summaries', () => {
  const quantiles = [0.5, 0.99]
  const summary = (count: number, sum: number, ...values: number[]) =>
    metricsOf(familyPoints(metricFamily('latency', { type: 'summary', quantiles, unit: 's' }), [{ attributes: { a: '1' }, values: [count, sum, ...values] }]))

  test('of a summary have its quantiles as percentiles', async () => {
    const run = new EmfRun()
    await run.encode(summary(100, 500, 4, 9))
    const found = run.cloudWatch().statistics({ name: 'latency' })
    expect([found?.sampleCount, found?.sum, found?.percentile(50), found?.percentile(99)]).toEqual([100, 500, 4, 9])
  })

  test('of a summary in detail are its sum, its count and each quantile', async () => {
    const run = new EmfRun({ detailed_metrics: true })
    await run.encode(summary(100, 500, 4, 9))
    await run.encode(summary(110, 560, 5, 8))
    const read = run.cloudWatch()
    expect(read.identities()).toEqual(['Mesh latency a=1 quantile=0.5', 'Mesh latency a=1 quantile=0.99', 'Mesh latency_count a=1', 'Mesh latency_sum a=1'])
    expect(read.statistics({ name: 'latency_count' })).toMatchObject({ sum: 110, sampleCount: 2 })
    expect(read.statistics({ name: 'latency_sum' })).toMatchObject({ sum: 560 })
  })

  test('of a summary in detail are named by quantiles that may change', async () => {
    const run = new EmfRun({ detailed_metrics: true })
    const of = (quantile: number, value: number): Metric => {
      const { value: _, ...times } = numberPoint(AttributeSet.empty, 0, { startMs: run.clock.now(), timeMs: run.clock.now() })
      const point = { ...times, count: 1n, sum: value, quantiles: [{ quantile, value }] }
      return { name: 'latency', description: '', unit: 's', type: 'summary', points: [point] }
    }
    await run.encode(pointsOf(of(0.5, 4)))
    run.clock.advance(1000)
    await run.encode(pointsOf(of(0.9, 7)))
    const read = run.cloudWatch()
    expect(read.statistics({ name: 'latency', dimensions: { quantile: '0.9' } })?.sum).toBe(7)
  })

  test('are statistics only when that is wanted', async () => {
    const run = new EmfRun({ histogram_format: 'statistics' })
    const histogram = metricFamily('size', { type: 'histogram', bounds: [10, 20], temporality: 'delta' })
    expect(await run.objects(metricsOf(familyPoints(histogram, [{ attributes: {}, values: [1, 1, 0, 17] }])))).toMatchObject([
      { size: { Max: 15, Min: 5, Count: 2, Sum: 17 } },
    ])
  })

  test('of histograms without buckets have their mean', async () => {
    const run = new EmfRun()
    const point = { attributes: AttributeSet.empty, startTimeNs: 0n, timeNs: 1_000_000_000n, flags: 0, exemplars: [] }
    const histogram: Metric = {
      name: 'size',
      description: '',
      unit: 'By',
      type: 'histogram',
      temporality: 'delta',
      points: [{ ...point, count: 4n, sum: 10, min: undefined, max: 6, bounds: [], bucketCounts: [] }],
    }
    expect(await run.objects(pointsOf(histogram))).toMatchObject([{ size: { Max: 6, Min: 2.5, Count: 4, Sum: 10 } }])
  })
})

describe('what is dropped is counted:', () => {
  test.for([
    { name: 'values that are no numbers', value: Number.NaN, reason: 'not_finite' },
    { name: 'infinite values', value: Number.POSITIVE_INFINITY, reason: 'not_finite' },
    { name: 'values beyond what CloudWatch takes', value: 1e200, reason: 'out_of_range' },
  ])('$name', async ({ value, reason }) => {
    const run = new EmfRun()
    const [document] = await run.objects(gauges({ bad: value, good: 1 }))
    expect([document?.['good'], document?.['bad'], run.dropped]).toEqual([1, undefined, { [reason]: 1 }])
  })

  test('points without a value', async () => {
    const run = new EmfRun()
    const gone = { ...numberPoint(AttributeSet.empty, 1, { timeMs: NOW }), flags: NO_RECORDED_VALUE }
    const none = { ...numberPoint(AttributeSet.empty, 1, { timeMs: NOW }), value: null }
    expect(await run.encode(pointsOf({ name: 'm', description: '', unit: '', type: 'gauge', points: [gone, none] }))).toEqual([])
    expect(run.dropped).toEqual({ no_value: 2 })
  })

  test('metrics that nothing declares, when they are not logged', async () => {
    const declared = { metric_declarations: [{ metric_name_selectors: ['^a$'], dimensions: [[]] }], undeclared_metrics: 'drop' }
    const run = new EmfRun(declared)
    const [document] = await run.objects(gauges({ a: 1, b: 2 }))
    expect([document?.['a'], document?.['b'], run.dropped]).toEqual([1, undefined, { undeclared: 1 }])
  })

  test('points of series that there is no room for', async () => {
    const run = new EmfRun({ delta_series_max: 2 })
    await run.encode(gauges({ a: 1, b: 2, c: 3 }))
    expect([run.dropped, run.encoder.series]).toEqual([{ series_limit: 1 }, 2])
    const more = [1, 2, 3].map((i) => ({ attributes: { i: String(i) }, values: [i] }))
    const few = new EmfRun({ delta_series_max: 2 })
    await few.encode(metricsOf(familyPoints(metricFamily('a', GAUGE), more), familyPoints(metricFamily('b', GAUGE), more)))
    expect(few.dropped).toEqual({ series_limit: 4 })
  })

  test('documents that nobody asks for any more', async () => {
    const run = new EmfRun()
    const family = metricFamily('load', GAUGE)
    const batch = metricsOf(
      familyPoints(
        family,
        Array.from({ length: 2500 }, (_, i) => ({ attributes: { i: String(i) }, values: [i] })),
      ),
    )
    let taken = 0
    for await (const slice of run.encoder.encode(batch)) {
      taken += slice.length
      break
    }
    expect(taken).toBeGreaterThan(0)
    expect(run.dropped).toEqual({ aborted: 2500 - taken })
    // The next batch has its turn.
    expect(await run.encode(batch)).toHaveLength(2500)
  })
})

describe('beyond max_custom_metrics', () => {
  const requests = (counts: Readonly<Record<string, number>>) =>
    metricsOf(
      familyPoints(
        metricFamily('requests', { temporality: 'delta' }),
        Object.entries(counts).map(([service, value]) => ({ attributes: { service, zone: 'a' }, values: [value] })),
      ),
    )

  test('series count together as other', async () => {
    const run = new EmfRun({ max_custom_metrics: 2 })
    await run.encode(requests({ a: 1, b: 2, c: 3, d: 4 }))
    const read = run.cloudWatch()
    expect(read.identities()).toEqual(['Mesh requests service=a zone=a', 'Mesh requests service=b zone=a', 'Mesh requests service=other zone=other'])
    expect(read.statistics({ name: 'requests', dimensions: { service: 'other', zone: 'other' } })?.sum).toBe(7)
    expect([run.changed, run.encoder.customMetrics]).toEqual([{ custom_metrics_limit: 2 }, 2])
    expect(run.documents.map(({ points }) => points)).toEqual([1, 1, 2])
  })

  test('gauges and histograms count together with all their values', async () => {
    const run = new EmfRun({ max_custom_metrics: 1 })
    const families = [metricFamily('load', GAUGE), metricFamily('size', { type: 'histogram', bounds: [10], temporality: 'delta' })]
    const values = [[5, 7, 9].map((value) => [value]), [5, 7, 9].map((value) => [1, 1, value + 20])]
    const batch = metricsOf(
      ...families.map((family, f) =>
        familyPoints(
          family,
          [0, 1, 2].map((i) => ({ attributes: { i: String(i) }, values: (values[f] as number[][])[i] as number[] })),
        ),
      ),
    )
    await run.encode(batch)
    const read = run.cloudWatch()
    expect(read.problems).toEqual([])
    expect(read.statistics({ name: 'load', dimensions: { i: 'other' } })).toMatchObject({ sampleCount: 2, sum: 16, min: 7, max: 9 })
    expect(read.statistics({ name: 'size', dimensions: { i: 'other' } })).toMatchObject({ sampleCount: 6, sum: 81 })
  })

  test('sets with few metrics go on when those with many do not', async () => {
    const run = new EmfRun({ max_custom_metrics: 3, metric_declarations: [{ metric_name_selectors: ['.'], dimensions: [['zone'], ['service', 'zone']] }] })
    await run.encode(requests({ a: 1, b: 2, c: 3, d: 4 }))
    const read = run.cloudWatch()
    expect(read.statistics({ name: 'requests', dimensions: { zone: 'a' } })?.sum).toBe(10)
    expect(read.statistics({ name: 'requests', dimensions: { service: 'other', zone: 'other' } })?.sum).toBe(7)
    expect(run.documents.reduce((sum, { points }) => sum + points, 0)).toBe(4)
  })

  test('there is room again in the next hour', async () => {
    const run = new EmfRun({ max_custom_metrics: 1 })
    await run.encode(requests({ a: 1 }))
    run.clock.advance(3_600_000)
    await run.encode(requests({ b: 1 }))
    expect([run.cloudWatch().identities(), run.changed]).toEqual([['Mesh requests service=a zone=a', 'Mesh requests service=b zone=a'], {}])
  })
})

test('a set that is beyond 30 labels is cut, and the rest stays in the log', async () => {
  const run = new EmfRun()
  const [document] = await run.objects(gauges({ load: 1 }, Object.fromEntries(Array.from({ length: 35 }, (_, i) => [`label${i + 10}`, 'x']))))
  expect(Object.keys(document ?? {})).toHaveLength(37)
  expect([run.cloudWatch().problems, run.changed]).toEqual([[], { dimensions_cut: 1 }])
})

describe('documents with nothing but dimensions', () => {
  const settings = {
    document_labels: 'dimensions',
    metric_declarations: [
      { metric_name_selectors: ['^(requests|load|size)$'], dimensions: [['service'], ['service', 'zone']] },
      { metric_name_selectors: ['^total$'], dimensions: [[]] },
    ],
  }
  const pods = [0, 1, 2].map((i) => ({ service: 'cart', zone: i < 2 ? 'a' : 'b', pod: `cart-${i}` }))
  const of = (name: string, fields: object, values: readonly (readonly number[])[]) =>
    familyPoints(
      metricFamily(name, { temporality: 'delta', ...fields }),
      pods.map((attributes, i) => ({ attributes, values: values[i] as readonly number[] })),
    )
  const batch = metricsOf(
    of('requests', {}, [[1], [2], [3]]),
    of('load', GAUGE, [[5], [7], [9]]),
    of('size', { type: 'histogram', bounds: [10, 20] }, [
      [0, 1, 0, 11],
      [0, 0, 2, 60],
      [1, 0, 0, 3],
    ]),
    of('total', {}, [[4], [5], [6]]),
    of('other', {}, [[1], [1], [1]]),
  )

  test('are one for all series that differ in nothing else, and make the same metrics', async () => {
    const [few, all] = [new EmfRun(settings), new EmfRun({ ...settings, document_labels: 'all' })]
    for (const run of [few, all]) {
      await run.encode(batch)
      expect([run.cloudWatch().problems, run.dropped]).toEqual([[], {}])
      expect(run.documents.reduce((sum, { points }) => sum + points, 0)).toBe(15)
    }
    expect(few.cloudWatch().identities()).toEqual(all.cloudWatch().identities())
    for (const name of ['requests', 'load', 'size', 'total']) {
      for (const dimensions of [{ service: 'cart' }, { service: 'cart', zone: 'a' }, { service: 'cart', zone: 'b' }, {}]) {
        const [mine, other] = [few, all].map((run) => run.cloudWatch().statistics({ name, dimensions }))
        const about = (found: typeof mine): unknown => found && [found.sum, found.min, found.max, found.percentile(50), found.percentile(99)]
        // What is counted is added up before, so that only its sum is the same.
        if (name === 'requests' || name === 'total') expect(mine?.sum).toBe(other?.sum)
        else expect(about(mine)).toEqual(about(other))
      }
    }
    // Two zones, one without labels, and three with all of them for what is in the log only.
    expect(few.documents).toHaveLength(6)
    expect(few.documents.filter(({ json }) => json.includes('cart-'))).toHaveLength(3)
  })

  test('stay apart where they are filed apart', async () => {
    const run = new EmfRun({ ...settings, log_stream_name: '{pod}' })
    await run.encode(metricsOf(of('requests', {}, [[1], [2], [3]])))
    expect(run.documents.map(({ logStream }) => logStream)).toEqual(['cart-0', 'cart-1', 'cart-2'])
  })
})
