import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints, NumberPoint } from '../../model/data_points.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type AwsEmfConfig, config } from './config.ts'
import { CountedDocuments } from './counted_documents.ts'
import type { EmfDocument } from './document/document.ts'
import { awsEmfExporter } from './factory.ts'

const folder = mkdtempSync(join(tmpdir(), 'emf-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const NOW_MS = Date.UTC(2026, 0, 1)

/** A gauge `up` with a point for each value, of pods of that number. */
function gauges(...values: readonly number[]): DataPoints {
  const points = values.map(
    (value, i): NumberPoint => ({
      attributes: AttributeSet.of({ pod: `pod-${i}` }),
      startTimeNs: 0n,
      timeNs: BigInt(NOW_MS) * 1_000_000n,
      value,
      flags: 0,
      exemplars: [],
    }),
  )
  const resource = { attributes: AttributeSet.of({ 'service.name': 'shop' }) }
  return { groups: [{ resource, scope: { name: '', version: '' }, metrics: [{ type: 'gauge', name: 'up', description: '', unit: '', points }] }] }
}

const checked = (given: object): AwsEmfConfig => checkedConfig<AwsEmfConfig>(config, given)

test('metrics become documents in a file', async () => {
  const path = join(folder, 'emf.log')
  const settings = fakeSettings('exporter', 'awsemf')
  const exporter = awsEmfExporter.main(settings, checked({ namespace: 'Mesh', output_destination: 'file', file: { path } }))
  await exporter.start?.(new FakeHost())
  await exporter.consumers.metrics?.consume(gauges(1, 2))
  await exporter.shutdown?.({ signal: new AbortController().signal })
  const documents = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(documents.map((line) => JSON.parse(line) as { pod: string; up: number })).toMatchObject([
    { pod: 'pod-0', up: 1 },
    { pod: 'pod-1', up: 2 },
  ])
  expect(settings.telemetry.value('otelcol_exporter_sent_metric_points')).toBe(2)
})

test.for(['cloudwatch', 'agent', 'stdout'])('an exporter to %s is made without any input or output', async (destination) => {
  const exporter = awsEmfExporter.main(fakeSettings('exporter', 'awsemf'), checked({ region: 'us-east-1', output_destination: destination }))
  await exporter.shutdown?.({ signal: AbortSignal.abort() })
  expect(exporter.consumers.metrics).toBeDefined()
})

test('of storage the extension is used', () => {
  const uses = awsEmfExporter.uses?.(checked({ sending_queue: { storage: 'file_storage/emf' } }))
  expect(uses).toMatchObject([{ extension: 'file_storage/emf', named: { as: 'storage' } }])
})

async function encoded(given: object, metrics: DataPoints, settings: FakeSettings): Promise<readonly EmfDocument[]> {
  const documents: EmfDocument[] = []
  for await (const slice of new CountedDocuments(settings, checked({ namespace: 'Mesh', ...given })).encode(metrics)) documents.push(...slice)
  return documents
}

test('points that are in no document are counted by their reason', async () => {
  const settings = fakeSettings('exporter', 'awsemf')
  const documents = await encoded({}, gauges(1, Number.NaN, Number.POSITIVE_INFINITY, 2), settings)
  expect(documents.length).toBe(2)
  expect(settings.telemetry.value('meshscope_awsemf_unencoded_points', { reason: 'not_finite' })).toBe(2)
  expect(settings.telemetry.value('meshscope_awsemf_series')).toBeGreaterThan(0)
})

test('what is limited is counted and told, with what to do, not more often than every ten minutes', async () => {
  const settings = fakeSettings('exporter', 'awsemf')
  const source = new CountedDocuments(settings, checked({ namespace: 'Mesh', max_custom_metrics: 2 }))
  for (let i = 0; i < 2; i++) for await (const slice of source.encode(gauges(1, 2, 3, 4))) expect(slice.length).toBeGreaterThan(0)
  expect(settings.telemetry.value('meshscope_awsemf_changed_points', { reason: 'custom_metrics_limit' })).toBe(4)
  expect(settings.telemetry.value('meshscope_awsemf_custom_metrics')).toBeGreaterThanOrEqual(2)
  const hint = 'raise max_custom_metrics, or choose fewer dimensions with metric_declarations'
  expect(settings.log.lines).toMatchObject([{ level: 'warn', message: 'points not encoded as they came', fields: { reason: 'custom_metrics_limit', hint } }])
})

test('a placeholder without its attribute is told once', async () => {
  const settings = fakeSettings('exporter', 'awsemf')
  const documents = await encoded({ log_group_name: '/metrics/{ClusterName}', log_stream_name: '{ServiceName}' }, gauges(1, 2), settings)
  expect(documents.map(({ logGroup, logStream }) => `${logGroup} ${logStream}`)).toEqual(['/metrics/unknown shop', '/metrics/unknown shop'])
  expect(settings.log.lines).toMatchObject([{ message: 'placeholder without its attribute', fields: { placeholder: 'ClusterName', instead: 'unknown' } }])
})
