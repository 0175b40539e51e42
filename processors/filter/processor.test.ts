import { describe, expect, test } from 'vitest'
import { PermanentError } from '../../component/consumer.ts'
import { logRecord, plain, spanOf } from '../../component/kit/ottl/testing.ts'
import type { Signal } from '../../component/signal.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints, Metric } from '../../model/data_points.ts'
import type { LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { encodeLogs } from '../../model/otlp/encode.ts'
import { EncodedLogs } from '../../model/otlp/encoded_logs.ts'
import type { Traces } from '../../model/traces.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { FilterMetrics } from './metrics.ts'
import { FilterLogs, FilterTraces } from './processor.ts'
import type { FilterConfig } from './schema.ts'

function configOf(given: Partial<FilterConfig>): FilterConfig {
  return { error_mode: 'ignore', log_conditions: [], trace_conditions: [], metric_conditions: [], ...given }
}

function settingsFor(signal: Signal) {
  return { ...fakeSettings('processor', 'filter'), signal }
}

const set = (entries: Parameters<typeof AttributeSet.of>[0]) => AttributeSet.of(entries)
const resourceOf = (host: string) => ({ attributes: set({ host }) })

describe('log records', () => {
  const logs = (): LogRecords => ({
    groups: [
      { resource: resourceOf('a'), scope: { name: 's1', version: '' }, records: ['ok', 'bad', 'ok'].map((body) => logRecord({ body })) },
      { resource: resourceOf('a'), scope: { name: 's2', version: '' }, records: [logRecord({ body: 'ok' })] },
      { resource: resourceOf('b'), scope: { name: 's1', version: '' }, records: [logRecord({ body: 'new' })] },
    ],
  })
  const left = (batch: Logs | undefined) =>
    (batch as LogRecords | undefined)?.groups.map(({ resource, scope, records }) => [
      resource.attributes.get('host'),
      scope.name,
      records.map(({ body }) => body),
    ])

  test.for<{ readonly name: string; readonly given: Partial<FilterConfig>; readonly kept: unknown; readonly filtered: number }>([
    {
      name: 'records, and scopes that are left without',
      given: { log_conditions: ['log.body == "ok"'] },
      kept: [
        ['a', 's1', ['bad']],
        ['b', 's1', ['new']],
      ],
      filtered: 3,
    },
    { name: 'a scope', given: { log_conditions: ['scope.name == "s1"'] }, kept: [['a', 's2', ['ok']]], filtered: 4 },
    { name: 'a resource', given: { log_conditions: ['resource.attributes["host"] == "a"', 'log.body == "x"'] }, kept: [['b', 's1', ['new']]], filtered: 4 },
    {
      name: 'by groups one after the other',
      given: { log_conditions: [{ context: 'log', conditions: ['body == "bad"'] }, { conditions: ['log.body == "new"', 'scope.name == "s2"'] }] },
      kept: [['a', 's1', ['ok', 'ok']]],
      filtered: 3,
    },
    {
      name: 'by the old lists',
      given: { logs: { resource: ['attributes["host"] == "b"'], log_record: ['body == "bad"'] } },
      kept: [
        ['a', 's1', ['ok', 'ok']],
        ['a', 's2', ['ok']],
      ],
      filtered: 2,
    },
    {
      name: 'nothing where nothing holds',
      given: { log_conditions: ['log.body == 1'] },
      kept: [
        ['a', 's1', ['ok', 'bad', 'ok']],
        ['a', 's2', ['ok']],
        ['b', 's1', ['new']],
      ],
      filtered: 0,
    },
    { name: 'everything', given: { log_conditions: ['log.body != nil'] }, kept: undefined, filtered: 5 },
  ])('are dropped: $name', async ({ given, kept, filtered }) => {
    const next = new CollectingConsumer<Logs>()
    const settings = settingsFor('logs')
    await new FilterLogs(settings, configOf(given), next).consume(logs())
    expect(left(next.batches[0])).toEqual(kept)
    expect(settings.telemetry.value('otelcol_processor_filter_logs_filtered', { filter: 'filter' })).toBe(filtered)
  })

  test('are kept where a condition fails, which is counted and logged', async () => {
    const next = new CollectingConsumer<Logs>()
    const settings = settingsFor('logs')
    await new FilterLogs(settings, configOf({ log_conditions: ['Int(log.body) == 1', 'log.body == "bad"'] }), next).consume(logs())
    expect(left(next.batches[0])).toEqual([
      ['a', 's1', ['ok', 'ok']],
      ['a', 's2', ['ok']],
      ['b', 's1', ['new']],
    ])
    expect(settings.telemetry.value('meshscope_filter_failures', { filter: 'filter', signal: 'logs', context: 'log' })).toBe(5)
    expect(settings.log.lines).toHaveLength(1)
  })

  test('are refused as a batch where a condition fails and that is to be propagated', async () => {
    const next = new CollectingConsumer<Logs>()
    const processor = new FilterLogs(settingsFor('logs'), configOf({ log_conditions: ['Int(log.body) == 1'], error_mode: 'propagate' }), next)
    await expect(processor.consume(logs())).rejects.toThrow(PermanentError)
    expect(next.batches).toEqual([])
  })
})

test('log records that were encoded already are sent as what is left of them', async () => {
  const next = new CollectingConsumer<Logs>()
  const records = ['ok', 'bad'].map((body) => logRecord({ body }))
  const bytes = encodeLogs({ groups: [{ resource: resourceOf('a'), scope: { name: '', version: '' }, records }] })
  const settings = settingsFor('logs')
  await new FilterLogs(settings, configOf({ log_conditions: ['log.body == "ok"'] }), next).consume(new EncodedLogs(bytes, 2))
  const [left] = next.batches as LogRecords[]
  expect(left?.encoded).toBeUndefined()
  expect(left?.groups[0]?.records.map(({ body }) => body)).toEqual(['bad'])
  const whole = new EncodedLogs(bytes, 2)
  await new FilterLogs(settings, configOf({}), next).consume(whole)
  expect((next.batches[1] as LogRecords).encoded).toBeDefined()
})

test('spans and events are dropped; a span without events stays', async () => {
  const next = new CollectingConsumer<Traces>()
  const settings = settingsFor('traces')
  const event = (name: string) => ({ timeNs: 1n, name, attributes: AttributeSet.empty, droppedAttributesCount: 0 })
  const spans = [spanOf({ name: 'health' }), spanOf({ name: 'a', events: [event('x'), event('y')] }), spanOf({ name: 'b', events: [event('x')] })]
  const processor = new FilterTraces(
    settings,
    configOf({ trace_conditions: ['span.name == "health"', 'spanevent.name == "x" and IsMatch(span.name, "^[ab]$")'] }),
    next,
  )
  await processor.consume({ groups: [{ resource: resourceOf('a'), scope: { name: '', version: '' }, spans }] })
  expect(next.batches[0]?.groups[0]?.spans.map(({ name, events }) => [name, events.map((each) => each.name)])).toEqual([
    ['a', ['y']],
    ['b', []],
  ])
  expect(settings.telemetry.value('otelcol_processor_filter_spans_filtered')).toBe(1)
  expect(settings.telemetry.value('meshscope_filter_span_events_filtered')).toBe(2)
})

describe('points that came as objects', () => {
  const point = (value: number, path: string) => ({ attributes: set({ path }), startTimeNs: 0n, timeNs: 1n, flags: 0, exemplars: [], value })
  const metrics = (): DataPoints => ({
    groups: [
      {
        resource: resourceOf('a'),
        scope: { name: '', version: '' },
        metrics: [
          { name: 'm1', description: '', unit: '', type: 'gauge', points: [point(1, '/'), point(2, '/healthz')] },
          { name: 'm2', description: '', unit: '', type: 'gauge', points: [point(3, '/healthz')] },
          { name: 'empty', description: '', unit: '', type: 'none', points: [] },
        ],
      },
    ],
  })

  test.for([
    { conditions: ['datapoint.attributes["path"] == "/healthz"'], kept: ['m1:1', 'empty:'], filtered: 2 },
    { conditions: ['datapoint.value_double > 1.5 and metric.name == "m1"'], kept: ['m1:1', 'm2:3', 'empty:'], filtered: 1 },
    { conditions: ['metric.name == "m1"', 'metric.type == METRIC_DATA_TYPE_NONE'], kept: ['m2:3'], filtered: 2 },
    { conditions: [{ context: 'metric' as const, conditions: ['HasAttrOnDatapoint("path", "/")'] }], kept: ['m2:3', 'empty:'], filtered: 2 },
  ])('are dropped by $conditions', async ({ conditions, kept, filtered }) => {
    const next = new CollectingConsumer<Metrics>()
    const settings = settingsFor('metrics')
    const given = metrics()
    await new FilterMetrics(settings, configOf({ metric_conditions: conditions }), next).consume(given)
    const left = (next.batches[0] as DataPoints).groups[0]?.metrics.map(
      (metric: Metric) => `${metric.name}:${metric.points.map((each) => ('value' in each ? each.value : '')).join(',')}`,
    )
    expect(left).toEqual(kept)
    expect(settings.telemetry.value('otelcol_processor_filter_datapoints_filtered')).toBe(filtered)
    // Others may have the same batch.
    expect(given).toEqual(metrics())
  })
})

describe('series of our own', () => {
  const calls = metricFamily('calls')
  const errors = metricFamily('errors')
  const producer = {}
  const [resource, scope] = [resourceOf('a'), { name: 's', version: '' }]
  const points = [
    { attributes: set({ path: '/' }), values: [1] },
    { attributes: set({ path: '/healthz' }), values: [2] },
    { attributes: set({ path: '/x' }), values: [3], exemplar: { value: 3, timeMs: 1, traceId: 'ab', spanId: '' } },
  ]
  const familyOf = (family = calls, given = points) => ({ ...familyPoints(family, given, { producer }), resource, scope })

  async function run(conditions: FilterConfig['metric_conditions'], ...batches: readonly SeriesMetrics[]) {
    const next = new CollectingConsumer<Metrics>()
    const settings = settingsFor('metrics')
    const processor = new FilterMetrics(settings, configOf({ metric_conditions: conditions }), next)
    for (const batch of batches) await processor.consume(batch)
    return { batches: next.batches as SeriesMetrics[], telemetry: settings.telemetry }
  }

  test('stay in columns, with the values of those that are kept', async () => {
    const { batches, telemetry } = await run(['datapoint.attributes["path"] == "/healthz"', 'metric.name == "errors"'], metricsOf(familyOf(), familyOf(errors)))
    const families = batches[0]?.families ?? []
    expect(families.map(({ family }) => family.name)).toEqual(['calls'])
    expect(families[0]?.series.map(plain)).toEqual([{ path: '/' }, { path: '/x' }])
    expect([...(families[0]?.values ?? [])]).toEqual([1, 3])
    expect([families[0]?.producer, families[0]?.exemplar?.(1)?.traceId]).toEqual([producer, 'ab'])
    expect(telemetry.value('otelcol_processor_filter_datapoints_filtered')).toBe(4)
    expect(telemetry.value('meshscope_filter_converted_points')).toBe(0)
  })

  test('have a list that grows in place as that of the producer does', async () => {
    const whole = familyOf()
    const list = whole.series.slice(0, 2)
    const next = new CollectingConsumer<Metrics>()
    const processor = new FilterMetrics(settingsFor('metrics'), configOf({ metric_conditions: ['datapoint.attributes["path"] == "/healthz"'] }), next)
    const batch = () => metricsOf({ ...whole, series: list })
    await processor.consume(batch())
    list.push(...whole.series.slice(2))
    await processor.consume(batch())
    const [first, second] = (next.batches as SeriesMetrics[]).map(({ families }) => families[0]?.series)
    expect(second?.map(plain)).toEqual([{ path: '/' }, { path: '/x' }])
    expect(second).toBe(first)
  })

  test('pass as they are where all are kept, and a family without series is told to its exporter', async () => {
    const whole = familyOf()
    const { batches } = await run(
      ['datapoint.attributes["path"] == "/none"', 'HasPrefix(datapoint.attributes["path"], "/") and metric.name == "errors"'],
      metricsOf(whole, familyOf(errors)),
    )
    expect(batches[0]?.families[0]).toBe(whole)
    expect(batches[0]?.families[1]?.series).toEqual([])
  })

  test('can be dropped by what their points have', async () => {
    const conditions = [{ context: 'metric' as const, conditions: ['HasAttrOnDatapoint("path", "/x")'] }]
    const { batches, telemetry } = await run(conditions, metricsOf(familyOf(), familyOf(errors, points.slice(0, 1))))
    expect(batches[0]?.families.map(({ family }) => family.name)).toEqual(['errors'])
    expect(telemetry.value('meshscope_filter_converted_points')).toBe(0)
  })

  test('become objects for conditions on values', async () => {
    const { batches, telemetry } = await run(['datapoint.value_double < 2.5'], metricsOf(familyOf()))
    expect((batches[0] as unknown as DataPoints).groups[0]?.metrics[0]?.points.map(({ attributes }) => plain(attributes))).toEqual([{ path: '/x' }])
    expect(telemetry.value('meshscope_filter_converted_points')).toBe(3)
  })
})
