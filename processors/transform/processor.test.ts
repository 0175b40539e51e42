import { describe, expect, test } from 'vitest'
import { PermanentError } from '../../component/consumer.ts'
import { logRecord, plain, spanOf } from '../../component/kit/ottl/testing.ts'
import type { Signal } from '../../component/signal.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints } from '../../model/data_points.ts'
import type { LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import type { Traces } from '../../model/traces.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { TransformMetrics } from './metrics.ts'
import { TransformLogs, TransformTraces } from './processor.ts'
import type { TransformConfig } from './schema.ts'

type Given = Partial<TransformConfig>

function configOf(given: Given): TransformConfig {
  return { error_mode: 'ignore', log_statements: [], trace_statements: [], metric_statements: [], ...given }
}

function settingsFor(signal: Signal) {
  return { ...fakeSettings('processor', 'transform'), signal }
}

const attributes = (entries: Parameters<typeof AttributeSet.of>[0]) => AttributeSet.of(entries)
const scope = () => ({ name: 'lib', version: '' })

function logsOf(...bodies: readonly string[]): LogRecords {
  const resource = { attributes: attributes({ host: 'a' }) }
  return { groups: bodies.map((body) => ({ resource, scope: scope(), records: [logRecord({ body })] })) }
}

describe('log records', () => {
  test('are changed statement by statement, each as far as its condition holds', async () => {
    const next = new CollectingConsumer<Logs>()
    const processor = new TransformLogs(
      settingsFor('logs'),
      configOf({
        log_statements: [
          'set(log.severity_text, "FAIL") where log.body == "request failed"',
          'set(log.attributes["host"], resource.attributes["host"])',
          'set(log.cache["n"], 1) where log.cache["n"] == nil',
          'set(log.attributes["n"], log.cache["n"])',
        ],
      }),
      next,
    )
    await processor.consume(logsOf('request failed', 'fine'))
    const records = (next.batches[0] as LogRecords).groups.map((group) => plain(group.records[0]))
    expect(records).toMatchObject([
      { severityText: 'FAIL', attributes: { host: 'a', n: 1n } },
      { severityText: 'INFO', attributes: { host: 'a', n: 1n } },
    ])
  })

  test('of one resource still have one afterwards, and a statement about resources runs once for it', async () => {
    const next = new CollectingConsumer<Logs>()
    const statements = ['set(resource.attributes["n"], Concat([resource.attributes["n"], "x"], ""))']
    const processor = new TransformLogs(settingsFor('logs'), configOf({ log_statements: statements }), next)
    await processor.consume(logsOf('a', 'b'))
    const [first, second] = (next.batches[0] as LogRecords).groups
    expect(plain(first?.resource)).toEqual({ attributes: { host: 'a', n: '<nil>x' } })
    expect(second?.resource).toBe(first?.resource)
  })

  test('see what statements before have made of the resource', async () => {
    const next = new CollectingConsumer<Logs>()
    const processor = new TransformLogs(
      settingsFor('logs'),
      configOf({
        log_statements: [
          { context: 'log', conditions: ['body == "a"', 'body == "c"'], statements: ['set(resource.attributes["seen"], body)'] },
          { context: 'log', conditions: [], statements: ['set(attributes["seen"], resource.attributes["seen"])'] },
          { context: 'scope', conditions: [], statements: ['set(name, "x")'] },
        ],
      }),
      next,
    )
    await processor.consume(logsOf('a', 'b', 'c'))
    const { groups } = next.batches[0] as LogRecords
    expect(groups.map(({ records }) => records[0]?.attributes.get('seen'))).toEqual(['c', 'c', 'c'])
    expect(groups.map((group) => group.scope.name)).toEqual(['x', 'x', 'x'])
  })
})

describe('a statement that fails', () => {
  const statements = ['set(log.attributes["lower"], ToLowerCase(log.attributes["none"]))', 'set(log.attributes["after"], true)']

  test('is logged once a minute and counted, and leaves the record as it was', async () => {
    const next = new CollectingConsumer<Logs>()
    const settings = settingsFor('logs')
    const processor = new TransformLogs(settings, configOf({ log_statements: statements }), next)
    await processor.consume(logsOf('a', 'b'))
    await processor.consume(logsOf('c'))
    expect(plain((next.batches[1] as LogRecords).groups[0]?.records[0])).toMatchObject({ attributes: { after: true } })
    expect(settings.telemetry.value('meshscope_transform_failures', { processor: 'transform', signal: 'logs', function: 'set' })).toBe(3)
    expect(settings.log.lines.map(({ level, fields }) => [level, fields['failures'], fields['error']])).toEqual([['warn', 1, 'expected string, found nil']])
    settings.clock.advance(60_000)
    await processor.consume(logsOf('d'))
    expect(settings.log.lines.map(({ fields }) => fields['failures'])).toEqual([1, 3])
  })

  test('is only counted when silent, and a condition that fails does not hold', async () => {
    const settings = settingsFor('logs')
    const next = new CollectingConsumer<Logs>()
    const group = { conditions: ['Int(log.body) > 0', 'log.body == "b"'], statements: ['set(log.attributes["done"], true)'], error_mode: 'silent' as const }
    await new TransformLogs(settings, configOf({ log_statements: [group] }), next).consume(logsOf('a', 'b'))
    expect((next.batches[0] as LogRecords).groups.map(({ records }) => records[0]?.attributes.get('done'))).toEqual([undefined, true])
    expect(settings.log.lines).toEqual([])
    expect(settings.telemetry.value('meshscope_transform_failures', { function: 'conditions' })).toBe(2)
  })

  test('refuses the batch for good when it is to be propagated', async () => {
    const settings = settingsFor('logs')
    const next = new CollectingConsumer<Logs>()
    const processor = new TransformLogs(settings, configOf({ log_statements: statements, error_mode: 'propagate' }), next)
    const refused = await processor.consume(logsOf('a')).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(PermanentError)
    expect(String(refused)).toContain('ToLowerCase(log.attributes["none"])): expected string, found nil')
    expect(next.batches).toEqual([])
    expect(settings.telemetry.value('meshscope_transform_failures')).toBe(1)
  })
})

test('spans and their events are changed', async () => {
  const next = new CollectingConsumer<Traces>()
  const processor = new TransformTraces(
    settingsFor('traces'),
    configOf({
      trace_statements: [
        { conditions: [], statements: ['set(span.name, "root") where IsRootSpan()', 'truncate_all(span.attributes, 3)'], context: 'span' },
        { conditions: [], statements: ['set(spanevent.attributes["span"], span.name)', 'delete_key(spanevent.attributes, "secret")'] },
      ],
    }),
    next,
  )
  const event = { timeNs: 1n, name: 'e', attributes: attributes({ secret: 'x' }), droppedAttributesCount: 0 }
  const span = spanOf({ attributes: attributes({ a: 'abcdef' }), events: [event] })
  await processor.consume({ groups: [{ resource: { attributes: AttributeSet.empty }, scope: scope(), spans: [span] }] })
  expect(plain(next.batches[0]?.groups[0]?.spans[0])).toMatchObject({ name: 'root', attributes: { a: 'abc' }, events: [{ attributes: { span: 'root' } }] })
})

test('points that came as objects are changed', async () => {
  const next = new CollectingConsumer<Metrics>()
  const processor = new TransformMetrics(
    settingsFor('metrics'),
    configOf({ metric_statements: ['set(datapoint.value_double, datapoint.value_double * 2)', 'set(metric.unit, "ms") where metric.name == "latency"'] }),
    next,
  )
  const point = (value: number) => ({ attributes: AttributeSet.empty, startTimeNs: 0n, timeNs: 1n, flags: 0, exemplars: [], value })
  const metric = { name: 'latency', description: '', unit: 's', type: 'gauge' as const, points: [point(1.5), point(2)] }
  await processor.consume({ groups: [{ resource: { attributes: AttributeSet.empty }, scope: scope(), metrics: [metric] }] })
  const [changed] = (next.batches[0] as DataPoints).groups[0]?.metrics ?? []
  expect([changed?.unit, changed?.points.map((each) => 'value' in each && each.value)]).toEqual(['ms', [3, 4]])
})

describe('series of our own', () => {
  const family = metricFamily('calls')
  const producer = {}
  const calls = [
    { attributes: attributes({ service: 'a', pod: '1' }), values: [1] },
    { attributes: attributes({ service: 'a', pod: '2' }), values: [2] },
    { attributes: attributes({ service: 'b', pod: '3' }), values: [3] },
  ]
  const resource = { attributes: attributes({ cluster: 'c' }) }
  const batch = (series: readonly (typeof calls)[number][] = calls): SeriesMetrics => {
    const points = familyPoints(family, series, { producer })
    return metricsOf({ ...points, resource, scope: SCOPE })
  }
  const SCOPE = { name: 's', version: '' }

  async function run(statements: TransformConfig['metric_statements'], batches: readonly SeriesMetrics[]) {
    const next = new CollectingConsumer<Metrics>()
    const settings = settingsFor('metrics')
    const processor = new TransformMetrics(settings, configOf({ metric_statements: statements }), next)
    for (const metrics of batches) await processor.consume(metrics)
    return { batches: next.batches as SeriesMetrics[], telemetry: settings.telemetry, next: (metrics: SeriesMetrics) => processor.consume(metrics) }
  }

  test('stay in columns, and each is looked at once', async () => {
    const statements = [
      'set(datapoint.attributes["zone"], Concat([resource.attributes["cluster"], datapoint.attributes["service"]], "-"))',
      'set(metric.unit, "{calls}")',
    ]
    const groups = statements.map((statement) => ({ conditions: [], statements: [statement] }))
    // The producer's list of series grows in place, until one ends.
    const growing = batch().families[0]?.series.slice(0, 2) ?? []
    const grown = () => ({ ...batch(), families: batch().families.map((points) => ({ ...points, series: growing })) })
    const { batches, next } = await run(groups, [grown()])
    growing.push(...(batch().families[0]?.series.slice(2) ?? []))
    await next(grown())
    await next(batch(calls.slice(1)))
    const [first, second, third] = batches.map(({ families }) => families[0])
    expect(first?.series.map(plain)).toEqual([
      { service: 'a', pod: '1', zone: 'c-a' },
      { service: 'a', pod: '2', zone: 'c-a' },
      { service: 'b', pod: '3', zone: 'c-b' },
    ])
    expect(first?.family).toEqual({ ...family, unit: '{calls}' })
    expect(first?.producer).toBe(producer)
    expect([...(first?.values ?? [])]).toEqual([1, 2, 3])
    expect(second?.series).toBe(first?.series)
    expect(second?.family).toBe(first?.family)
    expect(third?.series.map((set, i) => set === first?.series[i + 1])).toEqual([true, true])
    expect(new Set(first?.series.map(({ keys }) => keys)).size).toBe(1)
  })

  test('that statements have made the same are told, and their family does not claim to be complete', async () => {
    const { batches, telemetry } = await run(['delete_key(datapoint.attributes, "pod")'], [batch()])
    const [points] = batches[0]?.families ?? []
    expect(points?.series.map(plain)).toEqual([{ service: 'a' }, { service: 'a' }, { service: 'b' }])
    expect(points?.producer).toBeUndefined()
    expect(telemetry.value('meshscope_transform_colliding_series')).toBe(1)
  })

  test('have their resource and name changed by statements in a list about points', async () => {
    const statements = [
      'set(resource.attributes["env"], "prod")',
      'set(metric.name, "requests")',
      'delete_matching_keys(datapoint.attributes, "^pod$") where metric.name == "requests"',
    ]
    const { batches, telemetry } = await run(statements, [batch()])
    const [points] = batches[0]?.families ?? []
    expect([points?.family.name, plain(points?.resource.attributes), points?.series.map(plain)]).toEqual([
      'requests',
      { cluster: 'c', env: 'prod' },
      [{ service: 'a' }, { service: 'a' }, { service: 'b' }],
    ])
    expect(telemetry.value('meshscope_transform_converted_points')).toBe(0)
  })

  test.for([
    { name: 'a value', statement: 'set(datapoint.attributes["big"], true) where datapoint.value_double > 2.0', attributes: [undefined, undefined, true] },
    { name: 'what other points have done', statement: 'set(datapoint.attributes["big"], metric.description)', attributes: ['About calls.', 'a', 'a'] },
  ])('become objects for statements that look at $name', async ({ statement, attributes: expected }) => {
    const { batches, telemetry } = await run([statement, 'set(metric.description, datapoint.attributes["service"])'], [{ ...batch(), isOnDemand: true }])
    const points = batches[0] as unknown as DataPoints
    expect(points.isOnDemand).toBe(true)
    expect(points.groups[0]?.metrics[0]?.points.map((point) => point.attributes.get('big'))).toEqual(expected)
    expect(points.groups[0]?.metrics[0]?.producer).toBe(producer)
    expect(telemetry.value('meshscope_transform_converted_points')).toBe(3)
  })
})
