import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import type { SeriesMetrics } from '../../model/metrics.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { type ParsedExposition, parseExposition } from '../../test/fakes/exposition.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import type { Catalog, CatalogSettings } from './catalog.ts'
import type { Format } from './pieces.ts'
import { keyOf } from './point_store.ts'
import type { RenderOptions } from './render.ts'
import { newCatalog, textOf } from './testing.ts'

const START = Date.UTC(2026, 0, 1)

class Bench {
  readonly clock = new FakeClock(START)
  readonly rejected: string[] = []
  readonly dropped: string[] = []
  readonly helpConflicts: string[] = []
  readonly catalog: Catalog
  readonly #options: Partial<RenderOptions>

  constructor(settings: Partial<CatalogSettings> = {}, options: Partial<RenderOptions> = {}) {
    this.#options = options
    this.catalog = newCatalog({
      expirationMs: 300_000,
      clock: this.clock,
      rejected: (reason, series, family) => this.rejected.push(`${family} ${reason} ${series}`),
      dropped: (reason, points) => this.dropped.push(`${reason} ${points}`),
      helpConflict: (family) => this.helpConflicts.push(family),
      ...settings,
    })
  }

  text(format: Format = 'text'): Promise<string> {
    return textOf(this.catalog, { ...this.#options, format })
  }

  async parsed(format: Format = 'text'): Promise<ParsedExposition> {
    return parseExposition(await this.text(format))
  }
}

function sample(): SeriesMetrics {
  const resource = { 'service.namespace': 'shop', 'service.name': 'cart', 'service.instance.id': 'cart-1', 'k8s.pod.name': 'cart-1-x' }
  const scope = { name: 'meshscope/mesh', version: '0.1.0' }
  const of = { resource, scope, producer: {} }
  const exemplar = { value: 42, timeMs: START + 250, traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '1112131415161718' }
  return metricsOf(
    familyPoints(
      metricFamily('istio_requests_total', { isExactName: true, description: 'Calls, "all" of them\nand a \\.' }),
      [
        { attributes: { source_app: 'a', path: 'say "hi"\\\n' }, values: [12], exemplar },
        { attributes: { source_app: 'b', path: '' }, values: [9_007_199_254_740_991] },
        { attributes: { otel_metric_overflow: 'true' }, values: [3] },
      ],
      of,
    ),
    familyPoints(
      metricFamily('request.duration', { type: 'histogram', unit: 'ms', bounds: [0.5, 25, 100], isMonotonic: false }),
      [
        { attributes: { code: 200 }, values: [1, 2, 3, 4, 512.25], exemplar },
        { attributes: {}, values: [0, 0, 0, 0, 0] },
      ],
      of,
    ),
    familyPoints(
      metricFamily('load', { type: 'gauge', unit: '1', isMonotonic: false, description: '' }),
      [
        { attributes: { 'a.b': 'x', a_b: 'y', job: 'mine' }, values: [0.25] },
        { attributes: { kind: 'nan' }, values: [Number.NaN] },
        { attributes: { kind: 'inf' }, values: [Number.POSITIVE_INFINITY] },
        { attributes: { kind: '-inf' }, values: [Number.NEGATIVE_INFINITY] },
      ],
      of,
    ),
    familyPoints(metricFamily('open', { isMonotonic: false }), [{ attributes: { flag: true, list: ['a', 1n, false] }, values: [-5] }], of),
  )
}

describe('render', () => {
  it.each([
    ['text', 'sample.txt'],
    ['openmetrics', 'sample.openmetrics.txt'],
  ] as const)('renders %s as in testdata/%s', async (format, name) => {
    const bench = new Bench()
    bench.catalog.consume(sample())
    const text = await bench.text(format)
    parseExposition(text)
    await expect(text).toMatchFileSnapshot(new URL(`testdata/${name}`, import.meta.url).pathname)
  })

  it('has the same names and labels in both formats', async () => {
    const bench = new Bench({}, { sendsCreated: false })
    bench.catalog.consume(sample())
    const names = (parsed: ParsedExposition): string[] =>
      parsed.samples.map(({ name, labels }) => `${name}${JSON.stringify({ ...labels, le: Number(labels.le) })}`)
    expect(names(await bench.parsed('openmetrics'))).toEqual(names(await bench.parsed('text')))
  })

  it('sends times when asked to, in the unit of the format', async () => {
    const bench = new Bench({}, { sendsTimestamps: true })
    bench.catalog.consume(metricsOf(familyPoints(metricFamily('hits'), [{ attributes: {}, values: [1] }], { timeMs: START - 1500 })))
    for (const format of ['text', 'openmetrics'] as const) expect((await bench.parsed(format)).samples[0]).toMatchObject({ timestampMs: START - 1500 })
  })

  it('adds constant labels, resource labels and scope attributes, and keeps clashing attributes as exported_*', async () => {
    const bench = new Bench({ constLabels: { region: 'eu', zone: '1' }, isResourceLabel: (key) => key === 'k8s.pod.name' })
    bench.catalog.consume(
      metricsOf(
        familyPoints(metricFamily('hits'), [{ attributes: { zone: 'mine', k: 'v' }, values: [1] }], {
          resource: { 'service.name': 's', 'k8s.pod.name': 'p' },
          scope: { name: 'lib', version: '' },
        }),
      ),
    )
    const parsed = await bench.parsed()
    expect(parsed.samples).toEqual([
      { name: 'hits_total', labels: { exported_zone: 'mine', k: 'v', job: 's', k8s_pod_name: 'p', otel_scope_name: 'lib', region: 'eu', zone: '1' }, value: 1 },
      { name: 'target_info', labels: { job: 's', k8s_pod_name: 'p', region: 'eu', zone: '1' }, value: 1 },
    ])
  })

  it('leaves the labels of a family with an exact name as they are called', async () => {
    const bench = new Bench()
    const series = [{ attributes: { _zone: 'a', _9digit: 'b', 'k8s.pod': 'c' }, values: [1] }]
    const producer = {}
    bench.catalog.consume(
      metricsOf(...[true, false].map((isExactName) => familyPoints(metricFamily(`hits_${isExactName}`, { isExactName }), series, { producer }))),
    )
    const parsed = await bench.parsed()
    expect(parsed.samples.map(({ name, labels }) => `${name} ${Object.keys(labels).sort().join(' ')}`)).toEqual([
      'hits_false_total k8s_pod key_9digit key_zone',
      'hits_true _9digit _zone k8s_pod',
    ])
  })

  it('is unknown in OpenMetrics what cannot be a counter there', async () => {
    const bench = new Bench({ addsSuffixes: false })
    const producer = {}
    bench.catalog.consume(
      metricsOf(
        familyPoints(metricFamily('plain'), [{ attributes: {}, values: [1] }], { producer }),
        familyPoints(metricFamily('twice_total', { isExactName: true }), [{ attributes: {}, values: [2] }], { producer }),
        familyPoints(metricFamily('twice', { type: 'gauge', isMonotonic: false }), [{ attributes: {}, values: [3] }], { producer }),
      ),
    )
    const open = await bench.parsed('openmetrics')
    expect([...open.families.values()].map(({ name, type }) => `${name} ${type}`)).toEqual(['plain unknown', 'twice gauge', 'twice_total unknown'])
    expect(bench.rejected).toEqual([])
  })

  const value = fc.oneof(fc.double(), fc.nat(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))
  const text = fc.string({ unit: 'binary', maxLength: 8 })
  it('reads back as the data that was rendered, whatever names, labels and values it has', async () => {
    const point = fc.record({ attributes: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 4 }), number: value })
    // A producer's series differ in their attributes; what they become may be equal.
    const points = fc.uniqueArray(point, { maxLength: 6, selector: ({ attributes }) => keyOf(AttributeSet.of(attributes)) })
    const family = fc.record({ name: text, description: text, unit: fc.constantFrom('', 's', '1', '{x}', 'By/s'), points })
    await fc.assert(
      fc.asyncProperty(fc.array(family, { maxLength: 5 }), async (families) => {
        const bench = new Bench()
        const producer = {}
        bench.catalog.consume(
          metricsOf(
            ...families.map(({ name, description, unit, points: sent }) =>
              familyPoints(
                metricFamily(name, { description, unit, type: 'gauge', isMonotonic: false }),
                sent.map(({ attributes, number }) => ({ attributes, values: [number] })),
                { producer },
              ),
            ),
          ),
        )
        const parsed = await bench.parsed('text')
        const open = await bench.parsed('openmetrics')
        const rejected = bench.rejected.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
        const sent = families.reduce((sum, { points: list }) => sum + list.length, 0)
        expect(parsed.samples.length + rejected).toBe(sent)
        expect(open.samples).toEqual(parsed.samples)
        const values = families.flatMap(({ points: list }) => list.map(({ number }) => (number === 0 ? 0 : number)))
        for (const got of parsed.samples) expect(values.some((sentValue) => Object.is(sentValue, got.value))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('conflicts', () => {
  const gauge = { type: 'gauge', isMonotonic: false } as const

  it('leaves out the later of two types under one name, counts it once, and takes it when the first has ended', async () => {
    const bench = new Bench({ addsSuffixes: false })
    const [first, second] = [{}, {}]
    const now = (): { timeMs: number } => ({ timeMs: bench.clock.now() })
    bench.catalog.consume(metricsOf(familyPoints(metricFamily('x', gauge), [{ attributes: { a: '1' }, values: [1] }], { producer: first, ...now() })))
    const clash = () => metricsOf(familyPoints(metricFamily('x'), [{ attributes: { a: '2' }, values: [2] }], { producer: second, ...now() }))
    bench.catalog.consume(clash())
    expect((await bench.parsed()).sum('x')).toBe(1)
    bench.catalog.consume(clash())
    await bench.parsed()
    expect(bench.rejected).toEqual(['x type_conflict 1', 'x type_conflict 1'].slice(0, bench.rejected.length))
    bench.clock.advance(300_001)
    bench.catalog.consume(clash())
    bench.catalog.expire()
    expect((await bench.parsed()).families.get('x')?.type).toBe('counter')
  })

  it('leaves out a family whose name is a part of another one', async () => {
    const bench = new Bench()
    const producer = {}
    bench.catalog.consume(
      metricsOf(
        familyPoints(metricFamily('x', { type: 'histogram', bounds: [1] }), [{ attributes: {}, values: [1, 2, 3] }], { producer }),
        familyPoints(metricFamily('x.count', gauge), [{ attributes: { a: '1' }, values: [7] }], { producer }),
      ),
    )
    expect((await bench.parsed()).sum('x_count')).toBe(3)
    expect(bench.rejected).toEqual(['x_count name_conflict 1'])
  })

  it('serves series of different descriptions under the first one', async () => {
    const bench = new Bench()
    bench.catalog.consume(metricsOf(familyPoints(metricFamily('x', { description: 'one' }), [{ attributes: { a: '1' }, values: [1] }], { producer: {} })))
    bench.catalog.consume(metricsOf(familyPoints(metricFamily('x', { description: 'two' }), [{ attributes: { a: '2' }, values: [2] }], { producer: {} })))
    const parsed = await bench.parsed()
    expect(parsed.families.get('x_total')?.help).toBe('one')
    expect(parsed.sum('x_total')).toBe(3)
    expect(bench.helpConflicts).toEqual(['x_total'])
  })

  it('leaves out single series with labels that another one has, whatever source and order they come from', async () => {
    const bench = new Bench()
    bench.catalog.consume(metricsOf(familyPoints(metricFamily('x'), [{ attributes: { job: 'j', a: '1' }, values: [1] }], { producer: {} })))
    bench.catalog.consume(
      metricsOf(
        familyPoints(
          metricFamily('x'),
          [
            { attributes: { a: '1' }, values: [10] },
            { attributes: { a: '2' }, values: [20] },
          ],
          { producer: {}, resource: { 'service.name': 'j' } },
        ),
      ),
    )
    expect((await bench.parsed()).samples.map(({ value }) => value)).toEqual([1, 20])
    await bench.parsed()
    expect(bench.rejected).toEqual(['x_total duplicate 1'])
  })

  it('leaves out attributes sets that become equal by translation, and series with reserved labels', async () => {
    const bench = new Bench()
    const producer = {}
    bench.catalog.consume(
      metricsOf(
        familyPoints(
          metricFamily('x'),
          [
            { attributes: { 'a.b': '1' }, values: [1] },
            { attributes: { a_b: '1' }, values: [2] },
            { attributes: { a_b: '1', empty: '' }, values: [3] },
            { attributes: { __name__: 'y' }, values: [4] },
          ],
          { producer },
        ),
        familyPoints(metricFamily('h', { type: 'histogram', bounds: [1] }), [{ attributes: { le: '9' }, values: [1, 2, 3] }], { producer }),
      ),
    )
    expect((await bench.parsed()).samples.map(({ value }) => value)).toEqual([1])
    expect(bench.rejected.sort()).toEqual(['h label_conflict 1', 'x_total duplicate 1', 'x_total duplicate 1', 'x_total label_conflict 1'])
  })

  it('leaves out a series whose labels are larger than a MiB', async () => {
    const bench = new Bench()
    const attributes = [{ big: 'x'.repeat(1 << 20) }, { big: 'y'.repeat(1 << 19) }, { big: 'é'.repeat(1 << 18) }]
    bench.catalog.consume(
      metricsOf(
        familyPoints(
          metricFamily('x'),
          attributes.map((labels) => ({ attributes: labels, values: [1] })),
          { producer: {} },
        ),
      ),
    )
    expect((await bench.parsed()).samples.map(({ labels }) => labels.big?.length)).toEqual([1 << 19, 1 << 18])
    expect(bench.rejected).toEqual(['x_total labels_too_long 1'])
  })
})

describe('news about single series', () => {
  it('adds deltas up and keeps the first start', async () => {
    const bench = new Bench()
    const sum = metricFamily('hits', { temporality: 'delta' })
    const times = metricFamily('time', { temporality: 'delta', type: 'histogram', unit: 's', bounds: [1] })
    for (const [n, startMs] of [START, START + 10_000, START + 60_000].entries()) {
      bench.catalog.consume(
        metricsOf(
          familyPoints(sum, [{ attributes: { a: '1' }, values: [n + 1], startMs }]),
          familyPoints(times, [{ attributes: { a: '1' }, values: [1, n, 0.5], startMs }]),
          familyPoints(metricFamily('level', { temporality: 'delta', isMonotonic: false }), [{ attributes: {}, values: [n - 3] }]),
        ),
      )
    }
    const parsed = await bench.parsed('openmetrics')
    expect(parsed.sum('hits_total')).toBe(6)
    expect(parsed.sum('hits_created')).toBe(START / 1000)
    expect([parsed.sum('time_seconds_count'), parsed.sum('time_seconds_sum'), parsed.sum('time_seconds_bucket', { le: '1.0' })]).toEqual([6, 1.5, 3])
    expect(parsed.sum('level')).toBe(-6)
  })

  it('keeps the newest cumulative point and counts older ones', async () => {
    const bench = new Bench()
    const at = (timeMs: number, value: number) =>
      metricsOf(familyPoints(metricFamily('hits'), [{ attributes: { b: '2', a: '1' }, values: [value] }], { timeMs }))
    expect(bench.catalog.consume(at(START, 5))).toBe(1)
    expect(bench.catalog.consume(at(START - 1, 4))).toBe(0)
    bench.catalog.consume(metricsOf(familyPoints(metricFamily('hits'), [{ attributes: { a: '1', b: '2' }, values: [7] }], { timeMs: START + 1 })))
    expect((await bench.parsed()).samples.map(({ value }) => value)).toEqual([7])
    expect(bench.dropped).toEqual(['out_of_order 1'])
  })

  it('replaces a histogram whose buckets have changed', async () => {
    const bench = new Bench()
    const histogram = (bounds: number[], values: number[]) =>
      metricsOf(familyPoints(metricFamily('h', { type: 'histogram', bounds }), [{ attributes: {}, values }]))
    bench.catalog.consume(histogram([1], [1, 1, 5]))
    bench.catalog.consume(histogram([1, 2], [2, 2, 2, 9]))
    expect((await bench.parsed()).sum('h_count')).toBe(6)
  })

  it('ends each series by itself after the expiration, counted from its arrival, also when nobody scrapes', async () => {
    const bench = new Bench()
    const hit = (a: string) =>
      bench.catalog.consume(metricsOf(familyPoints(metricFamily('hits', { temporality: 'delta' }), [{ attributes: { a }, values: [1] }], { timeMs: 5 })))
    hit('early')
    bench.clock.advance(200_000)
    hit('late')
    bench.clock.advance(100_001)
    expect((await bench.parsed()).samples.map(({ labels }) => labels.a)).toEqual(['late'])
    bench.catalog.expire()
    hit('early')
    expect((await bench.parsed()).samples.map(({ labels, value }) => [labels.a, value])).toEqual([
      ['late', 1],
      ['early', 1],
    ])
    bench.clock.advance(300_001)
    bench.catalog.expire()
    expect(await bench.text()).toBe('')
  })

  it('counts what there is no room for in an overflow series, if it can be added up', async () => {
    const bench = new Bench({ seriesMax: 2 })
    const hits = (a: string, temporality: 'delta' | 'cumulative') =>
      metricsOf(familyPoints(metricFamily('hits', { temporality }), [{ attributes: { a }, values: [10] }]))
    for (const a of ['1', '2', '3', '4']) bench.catalog.consume(hits(a, 'delta'))
    const parsed = await bench.parsed()
    expect(parsed.samples.map(({ labels, value }) => [labels.a ?? labels.otel_metric_overflow, value])).toEqual([
      ['1', 10],
      ['2', 10],
      ['true', 20],
    ])
    expect(bench.catalog.consume(hits('5', 'cumulative'))).toBe(0)
    expect(bench.dropped).toEqual(['series_max 1'])
  })
})

describe('complete batches', () => {
  it('end what they do not list any more, and hide what has not changed for long', async () => {
    const bench = new Bench()
    const producer = {}
    const family = metricFamily('x')
    const batch = (...names: string[]) =>
      bench.catalog.consume(
        metricsOf(
          familyPoints(
            family,
            names.map((a) => ({ attributes: { a }, values: [1] })),
            { producer, timeMs: bench.clock.now() },
          ),
        ),
      )
    batch('1', '2')
    batch('2', '3')
    expect((await bench.parsed()).samples.map(({ labels }) => labels.a)).toEqual(['2', '3'])
    bench.clock.advance(300_001)
    expect(await bench.text()).toBe('')
    bench.catalog.expire()
    batch('4')
    expect((await bench.parsed()).samples.map(({ labels }) => labels.a)).toEqual(['4'])
  })

  it('put what is over the limit into one overflow series, together with their own', async () => {
    const bench = new Bench({ seriesMax: 2 })
    const points = ['1', '2', '3', '4'].map((a) => ({ attributes: { a }, values: [10] }))
    bench.catalog.consume(
      metricsOf(familyPoints(metricFamily('x'), [{ attributes: { otel_metric_overflow: 'true' }, values: [100] }, ...points], { producer: {} })),
    )
    expect((await bench.parsed('openmetrics')).sum('x_total', { otel_metric_overflow: 'true' })).toBe(130)
    expect((await bench.parsed()).samples.map(({ value }) => value)).toEqual([10, 130])
    expect(bench.rejected).toEqual(['x_total series_max 1', 'x_total series_max 1', 'x_total series_max 1'])
  })
})
