import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import type { DataPoint, DataPoints, Metric } from '../../../model/data_points.ts'
import { type RelabelRule, relabeler } from '../targets/relabel.ts'
import { type PageFormat, PageParser } from './page_parser.ts'
import { TargetSeries, type TargetSeriesOptions } from './target_series.ts'

const RESOURCE = { attributes: AttributeSet.of({ 'service.name': 'shop', 'service.instance.id': 'h:1' }) }
const LABELS = new Map([
  ['instance', 'h:1'],
  ['job', 'shop'],
])
const T = 1_700_000_000_000
const NS = (ms: number): bigint => BigInt(ms) * 1_000_000n

function targetSeries(options: Partial<TargetSeriesOptions> = {}) {
  const faults: string[] = []
  const series = new TargetSeries({
    labels: LABELS,
    externalLabels: new Map(),
    resource: RESOURCE,
    honorLabels: false,
    honorTimestamps: true,
    relabel: () => true,
    onMalformed: (fault, line) => void faults.push(`${fault}: ${line}`),
    ...options,
  })
  let timeMs = T
  const scrape = (page: string, format: PageFormat = 'text'): readonly DataPoints[] => {
    timeMs += 1000
    series.begin(timeMs)
    new PageParser(series, format).push(page)
    return [...series.finish()]
  }
  const fail = (page = ''): readonly DataPoints[] => {
    timeMs += 1000
    series.begin(timeMs)
    new PageParser(series, 'text').push(page)
    return [...series.fail()]
  }
  return { series, faults, scrape, fail }
}

interface Shown {
  readonly name: string
  readonly type: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly value: unknown
  readonly job: unknown
  readonly startMs: number
  readonly isEnded: boolean
}

const valueOf = (point: DataPoint): unknown => {
  if ('value' in point) return point.value
  if ('quantiles' in point) return { count: point.count, sum: point.sum, quantiles: Object.fromEntries(point.quantiles.map((q) => [q.quantile, q.value])) }
  return 'bounds' in point ? { count: point.count, sum: point.sum, bounds: point.bounds, counts: point.bucketCounts } : undefined
}

function shown(batches: readonly DataPoints[]): Shown[] {
  return batches.flatMap(({ groups }) =>
    groups.flatMap(({ resource, metrics }) =>
      metrics.flatMap((metric: Metric) =>
        metric.points.map((point) => ({
          name: metric.name,
          type: metric.type === 'sum' ? (metric.isMonotonic ? 'counter' : 'sum') : metric.type,
          attributes: Object.fromEntries(point.attributes.keys.map((key, i) => [key, point.attributes.values[i]])),
          value: valueOf(point),
          job: resource.attributes.get('service.name'),
          startMs: Number(point.startTimeNs / 1_000_000n),
          isEnded: point.flags === 1,
        })),
      ),
    ),
  )
}

const rule = (fields: Partial<RelabelRule>): RelabelRule => ({
  action: 'replace',
  sourceLabels: [],
  separator: ';',
  regex: '(.*)',
  targetLabel: '',
  replacement: '$1',
  modulus: 1,
  ...fields,
})

describe('a page', () => {
  test('becomes metrics of the types that it says', () => {
    const { scrape, series } = targetSeries()
    const page = [
      '# HELP rq Requests.',
      '# TYPE rq counter',
      'rq{code="200"} 3',
      '# TYPE cx gauge',
      'cx 5',
      'bare{a="b"} 7',
      '# TYPE time histogram',
      'time_bucket{c="x",le="0.5"} 1',
      'time_bucket{c="x",le="1"} 3',
      'time_bucket{c="x",le="+Inf"} 4',
      'time_sum{c="x"} 9.5',
      'time_count{c="x"} 4',
      '# TYPE lat summary',
      'lat{quantile="0.5"} 10',
      'lat{quantile="0.9"} 20',
      'lat_sum 100',
      'lat_count 8',
    ].join('\n')
    const found = shown(scrape(page))
    expect(found.map(({ name, type, attributes, value }) => ({ name, type, attributes, value }))).toEqual([
      { name: 'rq', type: 'counter', attributes: { code: '200' }, value: 3 },
      { name: 'cx', type: 'gauge', attributes: {}, value: 5 },
      { name: 'bare', type: 'gauge', attributes: { a: 'b' }, value: 7 },
      { name: 'time', type: 'histogram', attributes: { c: 'x' }, value: { count: 4n, sum: 9.5, bounds: [0.5, 1], counts: [1n, 2n, 1n] } },
      { name: 'lat', type: 'summary', attributes: {}, value: { count: 8n, sum: 100, quantiles: { 0.5: 10, 0.9: 20 } } },
    ])
    expect(series.counts).toEqual({ scraped: 12, kept: 12, added: 12, dropped: new Map() })
  })

  test('tells units as OpenTelemetry does, and the types in its own words', () => {
    const { scrape } = targetSeries()
    const page = '# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n# TYPE b stateset\n# UNIT b parsecs\nb{b="x"} 1\n# EOF\n'
    const metrics = scrape(page, 'openmetrics')[0]?.groups[0]?.metrics.map(({ name, unit, metadata }) => ({ name, unit, metadata }))
    expect(metrics).toEqual([
      { name: 'a_seconds', unit: 's', metadata: [['prometheus.type', 'gauge']] },
      { name: 'b', unit: 'parsecs', metadata: [['prometheus.type', 'stateset']] },
    ])
  })

  test('in OpenMetrics keeps the names of its lines, start times and exemplars', () => {
    const { scrape } = targetSeries()
    const page =
      '# TYPE rq counter\n# UNIT rq_seconds seconds\nrq_total 3 # {trace_id="0AF7651916CD43DD8448EB211C80319C",span_id="b7ad6b7169203331",u="x"} 0.5 1700000000.5\nrq_created 1600000000\n# TYPE build info\nbuild_info{v="1"} 1\n# EOF\n'
    const batches = scrape(page, 'openmetrics')
    expect(shown(batches)).toMatchObject([
      { name: 'rq_total', type: 'counter', value: 3, startMs: 1_600_000_000_000 },
      { name: 'build_info', type: 'gauge', value: 1, attributes: { v: '1' } },
    ])
    expect(batches[0]?.groups[0]?.metrics[0]?.points[0]?.exemplars).toEqual([
      {
        timeNs: NS(1_700_000_000_500),
        value: 0.5,
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        filteredAttributes: AttributeSet.of({ u: 'x' }),
      },
    ])
  })

  test('loses only the lines that are wrong', () => {
    const { scrape, series, faults } = targetSeries()
    expect(
      shown(
        scrape('a 1\nb{ 2\nc x\na 3\n# TYPE h histogram\nh_bucket{le="x"} 1\nh_bucket{le="1"} 4\nh_bucket{le="+Inf"} 3\nh_count 3\nd{e="f",e="g"} 1\nz 9\n'),
      ),
    ).toMatchObject([
      { name: 'a', value: 1 },
      { name: 'z', value: 9 },
    ])
    expect(faults).toEqual(['labels: b{ 2', 'value: c x', 'duplicate_label: d{e="f",e="g"}'])
    expect(series.counts.dropped).toEqual(
      new Map([
        ['duplicate', 1],
        ['invalid_label', 1],
        ['incomplete', 1],
      ]),
    )
  })

  test('is handed on in batches', () => {
    const { scrape } = targetSeries()
    const page = Array.from({ length: 12_001 }, (_, i) => `x{i="${i}"} ${i}\n`).join('')
    const batches = scrape(page)
    expect(batches.map((batch) => batch.groups[0]?.metrics[0]?.points.length)).toEqual([2000, 2000, 2000, 2000, 2000, 2000, 1])
    expect(new Set(shown(batches).map(({ value }) => value)).size).toBe(12_001)
  })

  test('is read the same when the series are known already', () => {
    const { scrape, series } = targetSeries()
    const page = 'x{a="1"} 1\nx{a="2"} 2\n'
    const first = scrape(page)
    const second = scrape(page)
    expect(shown(second).map(({ value }) => value)).toEqual([1, 2])
    expect(second[0]?.groups[0]?.metrics[0]?.points[0]?.attributes).toBe(first[0]?.groups[0]?.metrics[0]?.points[0]?.attributes)
    expect(series.counts.added).toBe(0)
  })
})

describe('start times', () => {
  test('are when a counter was first seen, and when it fell back', () => {
    const { scrape } = targetSeries()
    const page = (value: number): string => `# TYPE c counter\nc ${value}\n`
    const starts = [5, 6, 2, 3].map((value) => shown(scrape(page(value)))[0]?.startMs)
    expect(starts).toEqual([T + 1000, T + 1000, T + 3000, T + 3000])
  })

  test('of histograms change with their count', () => {
    const { scrape } = targetSeries()
    const page = (count: number): string => `# TYPE h histogram\nh_bucket{le="+Inf"} ${count}\nh_sum 1\nh_count ${count}\n`
    expect([3, 1].map((count) => shown(scrape(page(count)))[0]?.startMs)).toEqual([T + 1000, T + 2000])
  })

  test('survive a failed scrape', () => {
    const { scrape, fail } = targetSeries()
    scrape('# TYPE c counter\nc 5\n')
    fail()
    expect(shown(scrape('# TYPE c counter\nc 6\n'))[0]?.startMs).toBe(T + 1000)
  })
})

describe('a series ends', () => {
  test('once, when it is not on the page any more', () => {
    const { scrape } = targetSeries()
    scrape('# TYPE a counter\na 1\n# TYPE h histogram\nh_count 1\nh_bucket{le="+Inf"} 1\nb 2\n')
    expect(shown(scrape('b 3\n'))).toMatchObject([
      { name: 'a', type: 'counter', value: null, isEnded: true },
      { name: 'h', type: 'histogram', isEnded: true },
      { name: 'b', value: 3, isEnded: false },
    ])
    expect(shown(scrape('b 4\n'))).toMatchObject([{ name: 'b', value: 4 }])
  })

  test('when the scrape fails, also in the middle of the page, and comes back', () => {
    const { scrape, fail } = targetSeries()
    scrape('a 1\nb 2\n')
    expect(shown(fail('a 5\nc 6\n'))).toMatchObject([
      { name: 'a', isEnded: true },
      { name: 'b', isEnded: true },
    ])
    expect(fail()).toEqual([])
    expect(shown(scrape('a 7\n'))).toMatchObject([{ name: 'a', value: 7, isEnded: false }])
  })

  test('when its type changes', () => {
    const { scrape } = targetSeries()
    scrape('# TYPE a counter\na 1\n')
    expect(shown(scrape('# TYPE a gauge\na 2\n'))).toMatchObject([
      { name: 'a', type: 'counter', isEnded: true },
      { name: 'a', type: 'gauge', value: 2, isEnded: false },
    ])
  })
})

describe('labels', () => {
  test('of the target win, those of the page are kept beside', () => {
    const { scrape } = targetSeries({ labels: new Map([...LABELS, ['env', 'prod']]) })
    expect(shown(scrape('a{job="own",env="x",exported_env="y"} 1\n'))).toMatchObject([
      { job: 'shop', attributes: { env: 'prod', exported_env: 'y', exported_exported_env: 'x', exported_job: 'own' } },
    ])
  })

  test('of the page win with honor_labels, and another job is another resource', () => {
    const { scrape } = targetSeries({ honorLabels: true, labels: new Map([...LABELS, ['env', 'prod']]) })
    expect(shown(scrape('a{job="own",env="x"} 1\na 2\n'))).toMatchObject([
      { job: 'own', attributes: { env: 'x' }, value: 1 },
      { job: 'shop', attributes: { env: 'prod' }, value: 2 },
    ])
  })

  test('are changed by rules, which may drop and rename', () => {
    const rules = [
      rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'noise.*' }),
      rule({ action: 'labeldrop', regex: 'pod' }),
      rule({ sourceLabels: ['__name__'], regex: 'h_(.*)', targetLabel: '__name__', replacement: 'time_$1' }),
    ]
    const { scrape, series } = targetSeries({ relabel: relabeler(rules) })
    const page = 'noise_1 1\na{pod="1"} 2\na{pod="2"} 3\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 2\n'
    expect(shown(scrape(page))).toMatchObject([
      { name: 'a', attributes: {}, value: 2 },
      { name: 'time', type: 'histogram', value: { count: 1n, sum: 2 } },
    ])
    expect(series.counts).toEqual({
      scraped: 6,
      kept: 5,
      added: 5,
      dropped: new Map([
        ['relabel', 1],
        ['duplicate', 1],
      ]),
    })
  })

  test('of target_info go to the resource, whose series go on under the new one', () => {
    const { scrape } = targetSeries()
    const first = scrape('target_info{version="1"} 1\na 1\n')
    expect(shown(first)).toMatchObject([{ name: 'a', value: 1 }])
    expect(first[0]?.groups[0]?.resource.attributes.get('version')).toBe('1')
    expect(scrape('target_info{version="1"} 1\na 1\n')[0]?.groups[0]?.resource).toBe(first[0]?.groups[0]?.resource)
    const changed = scrape('target_info{version="2"} 1\na 2\n')
    expect(changed.map(({ groups }) => groups[0]?.resource.attributes.get('version'))).toEqual(['1', '2'])
    expect(shown(changed)).toMatchObject([{ isEnded: true }, { value: 2 }])
  })

  test('of target_info hold for every scope of the target', () => {
    const [batch] = targetSeries().scrape('target_info{version="1"} 1\na 1\nb{otel_scope_name="lib",otel_scope_version="2"} 1\n')
    expect(batch?.groups.map(({ resource, scope, metrics }) => [resource.attributes.get('version'), scope, metrics[0]?.points[0]?.attributes.size])).toEqual([
      ['1', { name: '', version: '' }, 0],
      ['1', { name: 'lib', version: '2' }, 0],
    ])
  })

  test('that are external are put on what has none', () => {
    const { scrape } = targetSeries({ externalLabels: new Map([['cluster', 'c1']]) })
    expect(shown(scrape('a{cluster="own"} 1\nb 2\n')).map(({ attributes }) => attributes)).toEqual([{ cluster: 'own' }, { cluster: 'c1' }])
  })
})

test('times on the page are taken only when they are honoured', () => {
  const timeOf = (honorTimestamps: boolean): unknown => {
    const [batch] = targetSeries({ honorTimestamps }).scrape('a 1 1600000000000\n')
    return batch?.groups[0]?.metrics[0]?.points[0]?.timeNs
  }
  expect([timeOf(true), timeOf(false)]).toEqual([NS(1_600_000_000_000), NS(T + 1000)])
})
