import { expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import { type DataPoints, type Metric, NO_RECORDED_VALUE, type NumberPoint } from '../../model/data_points.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { parseExposition } from '../../test/fakes/exposition.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type PrometheusConfig } from './config.ts'
import { PrometheusExporter } from './exporter.ts'

const HEAD = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart', 'service.instance.id': 'cart-1' }) }, scope: { name: '', version: '' } }

function point(code: string, value: number | bigint, more: Partial<NumberPoint> = {}): NumberPoint {
  return { attributes: AttributeSet.of({ code }), startTimeNs: 0n, timeNs: 1_000_000_000n, flags: 0, exemplars: [], value, ...more }
}

function calls(points: NumberPoint[], temporality: 'delta' | 'cumulative' | 'unspecified' = 'cumulative'): DataPoints {
  const metric: Metric = { name: 'calls', description: 'Calls.', unit: '', type: 'sum', isMonotonic: true, temporality, points }
  return { groups: [{ ...HEAD, metrics: [metric] }] }
}

async function scraped(batches: readonly DataPoints[]): Promise<{ readonly samples: Readonly<Record<string, number>>; readonly settings: FakeSettings }> {
  const settings = fakeSettings('exporter', 'prometheus')
  const exporter = new PrometheusExporter(settings, checkedConfig<PrometheusConfig>(config, { endpoint: '127.0.0.1:0' }))
  await exporter.start(new FakeHost())
  for (const batch of batches) await exporter.consumers.metrics?.consume(batch)
  const text = await (await fetch(`http://127.0.0.1:${exporter.addresses[0]?.port}/metrics`)).text()
  await exporter.shutdown({ signal: AbortSignal.abort() })
  const samples = parseExposition(text).samples.map(({ name, labels, value }) => [`${name} ${labels.code ?? ''} ${labels.job ?? ''}`, value] as const)
  return { samples: Object.fromEntries(samples), settings }
}

test('points of a resource are series with its job', async () => {
  const { samples, settings } = await scraped([calls([point('200', 7n), point('500', 2)])])
  expect(samples).toMatchObject({ 'calls_total 200 cart': 7, 'calls_total 500 cart': 2 })
  expect(settings.telemetry.value('otelcol_exporter_sent_metric_points')).toBe(2)
})

test('deltas add up, cumulative values replace each other, older ones do not', async () => {
  const deltas = await scraped([calls([point('200', 7)], 'delta'), calls([point('200', 3, { timeNs: 2_000_000_000n })], 'delta')])
  expect(deltas.samples).toMatchObject({ 'calls_total 200 cart': 10 })
  const older = await scraped([calls([point('200', 7)]), calls([point('200', 3, { timeNs: 500_000_000n })])])
  expect(older.samples).toMatchObject({ 'calls_total 200 cart': 7 })
  expect(older.settings.telemetry.value('meshscope_exporter_dropped_metric_points', { reason: 'out_of_order' })).toBe(1)
})

test('a series that has no value any more is gone at once, the others of its metric stay', async () => {
  const stale = point('200', 0, { flags: NO_RECORDED_VALUE, timeNs: 2_000_000_000n })
  const { samples, settings } = await scraped([calls([point('200', 7), point('500', 2)]), calls([stale])])
  expect(Object.keys(samples)).toContain('calls_total 500 cart')
  expect(Object.keys(samples)).not.toContain('calls_total 200 cart')
  expect(settings.telemetry.value('meshscope_exporter_dropped_metric_points')).toBe(0)
})

test('points that have no place in the format are counted', async () => {
  const { samples, settings } = await scraped([calls([point('200', 7)], 'unspecified')])
  expect(Object.keys(samples).filter((name) => name.startsWith('calls'))).toEqual([])
  expect(settings.telemetry.value('meshscope_exporter_dropped_metric_points', { reason: 'no_temporality' })).toBe(1)
})
