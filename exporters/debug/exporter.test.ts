import { expect, test } from 'vitest'
import type { ByteMessage } from '../../component/kit/byte_link.ts'
import type { WriteBytes } from '../../component/kit/text_output.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { FamilyPoints, Metrics } from '../../model/metrics.ts'
import { newSpan, type Traces } from '../../model/traces.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import type { DebugConfig } from './config.ts'
import { DebugExporter } from './exporter.ts'

const DEFAULTS: DebugConfig = { verbosity: 'basic', sampling_initial: 2, sampling_thereafter: 1, use_internal_logger: false, output_paths: ['stdout'] }
const ORIGIN = { worker: 0, life: 1 }

interface Started {
  readonly exporter: DebugExporter
  readonly settings: FakeSettings
  readonly host: FakeHost
  /** What was written, by file descriptor. */
  readonly texts: Map<number, string>
}

function started(given: Partial<DebugConfig> = {}, fail?: () => NodeJS.ErrnoException | undefined): Started {
  const settings = fakeSettings('exporter', 'debug/test')
  const texts = new Map<number, string>()
  const write: WriteBytes = (fd, bytes, offset, done) => {
    const error = fail?.()
    if (error === undefined) texts.set(fd, `${texts.get(fd) ?? ''}${Buffer.from(bytes.subarray(offset)).toString()}`)
    done(error ?? null, bytes.length - offset)
  }
  const exporter = new DebugExporter(settings, { ...DEFAULTS, ...given }, write)
  const host = new FakeHost()
  exporter.start(host)
  return { exporter, settings, host, texts }
}

const chunk = (text: string, items: number): ByteMessage => ({ bytes: new TextEncoder().encode(text), items })

test('writes the text of ingest halves to every output and counts it', () => {
  const { exporter, settings, texts } = started({ output_paths: ['stdout', 'stderr'] })
  const outstanding = new Int32Array(new SharedArrayBuffer(4)).fill(20)
  exporter.receive({ outstanding }, ORIGIN)
  exporter.receive(chunk('one\n', 3), ORIGIN)
  exporter.receive(chunk('two\n', 4), ORIGIN)
  expect([...texts]).toEqual([
    [1, 'one\ntwo\n'],
    [2, 'one\ntwo\n'],
  ])
  expect(outstanding[0]).toBe(12)
  expect(settings.telemetry.value('otelcol_exporter_sent_log_records', { exporter: 'debug/test' })).toBe(7)
})

test('puts the text into the log when told to', () => {
  const { exporter, settings, texts } = started({ use_internal_logger: true })
  exporter.receive(chunk('one\ntwo\n', 2), ORIGIN)
  expect(settings.log.lines).toEqual([{ level: 'info', fields: { text: 'one\ntwo' }, message: 'logs' }])
  expect(texts.size).toBe(0)
})

test('counts what a broken output does not take, says so once, and recovers', async () => {
  const pipe = { isBroken: true }
  const { exporter, settings, host } = started({}, () => (pipe.isBroken ? Object.assign(new Error('EPIPE: broken pipe, write'), { code: 'EPIPE' }) : undefined))
  exporter.receive(chunk('lost\n', 1), ORIGIN)
  exporter.receive(chunk('lost\n', 1), ORIGIN)
  pipe.isBroken = false
  exporter.receive(chunk('kept\n', 1), ORIGIN)
  expect(settings.telemetry.value('otelcol_exporter_send_failed_log_records')).toBe(2)
  expect(settings.telemetry.value('otelcol_exporter_sent_log_records')).toBe(1)
  expect(host.statuses).toEqual([{ kind: 'recoverable_error', error: 'cannot write to the output: EPIPE: broken pipe, write' }, { kind: 'ok' }])
  await expect(exporter.shutdown({ signal: new AbortController().signal })).resolves.toBeUndefined()
})

test.for(['basic', 'normal', 'detailed'] as const)('prints metrics and spans with verbosity %s', async (verbosity) => {
  const { exporter, settings, texts } = started({ verbosity })
  await exporter.consumers.metrics?.consume(sampleMetrics())
  await exporter.consumers.traces?.consume(SAMPLE_TRACES)
  await expect(texts.get(1)).toMatchFileSnapshot(`testdata/metrics_and_traces_${verbosity}.txt`)
  expect(settings.telemetry.value('otelcol_exporter_sent_metric_points')).toBe(3)
  expect(settings.telemetry.value('otelcol_exporter_sent_spans')).toBe(1)
})

test('prints a sample and counts the rest as dropped', async () => {
  const { exporter, settings, texts } = started({ sampling_initial: 1, sampling_thereafter: 0 })
  for (let i = 0; i < 3; i++) await exporter.consumers.metrics?.consume(sampleMetrics())
  expect(texts.get(1)?.match(/\n/g)).toHaveLength(1)
  expect(settings.telemetry.value('meshscope_exporter_dropped_metric_points', { exporter: 'debug/test', reason: 'sampled' })).toBe(6)
})

test('does not wait for an output that stands still when the deadline has passed', async () => {
  const settings = fakeSettings('exporter', 'debug')
  const exporter = new DebugExporter(settings, DEFAULTS, () => undefined)
  exporter.receive(chunk('stuck\n', 1), ORIGIN)
  exporter.receive(chunk('behind it\n', 2), ORIGIN)
  await exporter.shutdown({ signal: AbortSignal.abort() })
  expect(settings.telemetry.value('meshscope_exporter_dropped_log_records', { reason: 'shutdown' })).toBe(3)
})

const RESOURCE = { attributes: AttributeSet.of({ 'service.name': 'mesh' }) }

const SAMPLE_SPAN = newSpan({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'GET /\u001b[31mred',
  kind: 'server',
  startTimeNs: 1_767_225_600_000_000_000n,
  endTimeNs: 1_767_225_600_012_300_000n,
  attributes: AttributeSet.of({ 'http.response.status_code': 200n }),
  status: 'ok',
})
const SAMPLE_TRACES: Traces = { groups: [{ resource: RESOURCE, scope: { name: 'test', version: '1' }, spans: [SAMPLE_SPAN] }] }

function sampleMetrics(): Metrics {
  const series = [AttributeSet.of({ reporter: 'source', path: 'a "b"\n' }), AttributeSet.of({ reporter: 'destination' })]
  const times = { startTimesMs: new Float64Array([1_767_225_600_000, 1_767_225_600_000]), updatedMs: new Float64Array([1_767_225_659_000, 0]) }
  const common = { description: 'Requests.', isMonotonic: true, temporality: 'cumulative' } as const
  const requests: FamilyPoints = {
    family: { ...common, name: 'requests', type: 'sum', unit: '', bounds: [] },
    resource: RESOURCE,
    scope: { name: 'mesh_metrics', version: '1' },
    series,
    values: new Float64Array([5, Number.NaN]),
    offset: 0,
    stride: 1,
    ...times,
  }
  const duration: FamilyPoints = {
    ...requests,
    family: { ...common, name: 'duration', type: 'histogram', unit: 'ms', bounds: [1, 10] },
    series: series.slice(1),
    values: new Float64Array([1, 0, 3, 40.5]),
    stride: 4,
    exemplar: () => ({ value: 12, timeMs: 1_767_225_650_000, traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '' }),
  }
  return { timeMs: 1_767_225_660_000, families: [requests, duration] }
}
