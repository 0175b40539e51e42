import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { newSpan, type Traces } from '../../model/traces.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { type AttributesConfig, config } from './config.ts'
import { LogAttributeActions, MetricAttributeActions, SpanAttributeActions } from './processor.ts'

const HEAD = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart' }) }, scope: { name: '', version: '' } }
const CONFIG: AttributesConfig = { actions: [{ action: 'upsert', key: 'env', value: 'test' }] }

test('log records and spans get the attribute; those that are excluded do not', () => {
  const logs = new CollectingConsumer<Logs>()
  const exclude = { match_type: 'strict', attributes: [{ key: 'skip' }] } as const
  const records = [newLogRecord({}), newLogRecord({ attributes: AttributeSet.of({ skip: true }) })]
  void new LogAttributeActions({ ...CONFIG, exclude }, logs).consume({ groups: [{ ...HEAD, records }] })
  expect(records.map(({ attributes }) => attributes.get('env'))).toEqual(['test', undefined])
  const spans = new CollectingConsumer<Traces>()
  void new SpanAttributeActions(CONFIG, spans).consume({ groups: [{ ...HEAD, spans: [newSpan({})] }] })
  expect(spans.batches[0]?.groups[0]?.spans[0]?.attributes.get('env')).toBe('test')
})

test('points get the attribute when their metric is included', () => {
  const next = new CollectingConsumer<Metrics>()
  const point = { attributes: AttributeSet.empty, startTimeNs: 0n, timeNs: 1n, flags: 0, exemplars: [], value: 1 }
  const metric = (name: string) => ({ name, description: '', unit: '', type: 'gauge' as const, points: [{ ...point }] })
  const batch = { groups: [{ ...HEAD, metrics: [metric('a'), metric('b')] }] }
  void new MetricAttributeActions({ ...CONFIG, include: { match_type: 'strict', metric_names: ['b'] } }, next).consume(batch)
  expect(batch.groups[0]?.metrics.map(({ points }) => points[0]?.attributes.get('env'))).toEqual([undefined, 'test'])
})

test('a series of the daemon itself keeps one set of attributes from read to read', () => {
  const next = new CollectingConsumer<Metrics>()
  const processor = new MetricAttributeActions(CONFIG, next)
  const points = familyPoints(metricFamily('calls'), [{ attributes: { code: '200' }, values: [1] }])
  const producer = {}
  for (let i = 0; i < 2; i++) void processor.consume(metricsOf({ ...points, producer }))
  const [first, second] = (next.batches as SeriesMetrics[]).map(({ families }) => families[0])
  expect(first?.series[0]?.get('env')).toBe('test')
  expect(second?.series[0]).toBe(first?.series[0])
  expect(second?.producer).toBe(producer)
  expect(points.series[0]?.get('env')).toBeUndefined()
})

test('problems of actions and of what they match are told at their places', () => {
  const problems = config.check?.({ actions: [{ action: 'delete' }], include: { match_type: 'strict' }, exclude: { match_type: 'strict' } })
  expect(problems?.map(({ path }) => path)).toEqual([['actions', 0], ['include'], ['exclude']])
})

test('what the README shows is a good config, patterns of Go included', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const { processors } = parse(/```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '') as { readonly processors: { readonly attributes: object } }
  const { actions } = checkedConfig(config, processors.attributes)
  const attributes = AttributeSet.of({ 'url.full': 'https://shop/cart?id=7', 'internal.x': 1n, 'http.response.status_code': '404' })
  const next = new CollectingConsumer<Logs>()
  const record = newLogRecord({ attributes })
  void new LogAttributeActions({ actions }, next).consume({ groups: [{ ...HEAD, records: [record] }] })
  expect(record.attributes.get('path')).toBe('/cart')
  expect(record.attributes.get('internal.x')).toBeUndefined()
  expect(record.attributes.get('http.response.status_code')).toBe(404n)
})
