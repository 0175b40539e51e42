import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileAccess } from '../../component/kit/rolling_file.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import type { Metrics } from '../../model/metrics.ts'
import { parseLogsJson } from '../../model/otlp/json.ts'
import { newSpan } from '../../model/traces.ts'
import { fullDisk } from '../../test/fakes/full_disk.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import type { FileConfig } from './config.ts'
import { FileExporter } from './exporter.ts'

const NOT_ABORTED = new AbortController().signal

describe('FileExporter', () => {
  let folder = ''
  let path = ''
  const exporters: FileExporter[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshscope-file-'))
    path = join(folder, 'out.jsonl')
  })

  afterEach(async () => {
    for (const exporter of exporters.splice(0)) await exporter.shutdown({ signal: NOT_ABORTED })
    await rm(folder, { recursive: true })
  })

  async function started(access?: FileAccess): Promise<{ exporter: FileExporter; settings: FakeSettings; host: FakeHost; send: (text: string) => void }> {
    const config: FileConfig = { path, format: 'json', append: false, flush_interval: '1s', create_directory: false, directory_permissions: '0755' }
    const settings = fakeSettings('exporter', 'file/out')
    const host = new FakeHost()
    const exporter = new FileExporter(settings, config, access)
    exporters.push(exporter)
    await exporter.start(host)
    return { exporter, settings, host, send: (text) => void exporter.consumers.logs?.consume(recordWith(text)) }
  }

  const counted = (settings: FakeSettings, name: string): number => settings.telemetry.value(name, { exporter: 'file/out' })

  test('writes what waits at the flush interval, in order', async () => {
    const { exporter, settings, send } = await started()
    for (const text of ['one', 'two', 'three']) send(text)
    settings.clock.advance(1_000)
    await exporter.shutdown({ signal: NOT_ABORTED })
    expect(await bodies(path)).toEqual(['one', 'two', 'three'])
    expect(counted(settings, 'otelcol_exporter_sent_log_records')).toBe(3)
    expect(settings.clock.pendingTimers).toBe(0)
  })

  test('writes what waits when it stops, and is safe to stop twice or without a start', async () => {
    const { exporter, send } = await started()
    send('last words')
    await exporter.shutdown({ signal: NOT_ABORTED })
    await exporter.shutdown({ signal: NOT_ABORTED })
    expect(await bodies(path)).toEqual(['last words'])
    const unused = new FileExporter(fakeSettings('exporter', 'file'), {
      path,
      format: 'json',
      append: true,
      flush_interval: '1s',
      create_directory: false,
      directory_permissions: '0755',
    })
    await expect(unused.shutdown({ signal: NOT_ABORTED })).resolves.toBeUndefined()
  })

  test('counts what a full disk does not take, says so once, and recovers', async () => {
    const disk = { isFull: true }
    const { exporter, settings, host, send } = await started(fullDisk(disk))
    for (let i = 0; i < 2; i++) {
      send('lost')
      await flushed(exporter, settings)
    }
    disk.isFull = false
    send('kept')
    await flushed(exporter, settings)
    expect(await bodies(path)).toEqual(['kept'])
    expect(counted(settings, 'otelcol_exporter_send_failed_log_records')).toBe(2)
    expect(counted(settings, 'otelcol_exporter_sent_log_records')).toBe(1)
    expect(host.statuses).toEqual([
      { kind: 'recoverable_error', error: 'cannot write to the file: no space left on the device; free some or lower rotation.max_megabytes and max_backups' },
      { kind: 'ok' },
    ])
    expect(settings.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  test('keeps hostile strings inside of their line, and whole', async () => {
    const { exporter, settings, send } = await started()
    const hostile = '"}\n{"forged":true}\r\u2028\u001b[2J\u009b31m\u202e'
    send(hostile)
    await flushed(exporter, settings)
    expect((await readFile(path, 'utf8')).slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
    expect(await bodies(path)).toEqual([hostile])
  })

  test('drops and counts what the disk is too slow for', async () => {
    const { exporter, settings, send } = await started()
    for (let i = 0; i < 6; i++) send('x'.repeat(10 << 20))
    expect(settings.telemetry.value('meshscope_exporter_dropped_log_records', { exporter: 'file/out', reason: 'queue_full' })).toBe(1)
    await exporter.shutdown({ signal: NOT_ABORTED })
    expect(counted(settings, 'otelcol_exporter_sent_log_records')).toBe(5)
  })

  test('counts as dropped what it could not write before the drain deadline', async () => {
    const { exporter, settings, send } = await started()
    send('too late')
    await exporter.shutdown({ signal: AbortSignal.abort() })
    expect(settings.telemetry.value('meshscope_exporter_dropped_log_records', { exporter: 'file/out', reason: 'shutdown' })).toBe(1)
    expect(await readFile(path, 'utf8')).toBe('')
  })

  test('writes metrics and spans as OTLP JSON', async () => {
    const { exporter, settings } = await started()
    await exporter.consumers.metrics?.consume(sampleMetrics())
    const span = newSpan({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      name: 'GET /reviews',
      kind: 'server',
      startTimeNs: 1_767_225_600_000_000_000n,
      endTimeNs: 1_767_225_600_012_000_000n,
      attributes: AttributeSet.of({ 'http.response.status_code': 200n, tags: ['a', true] }),
      status: 'ok',
    })
    const resource = { attributes: AttributeSet.of({ 'service.name': 'reviews' }) }
    await exporter.consumers.traces?.consume({ groups: [{ resource, scope: { name: 'test', version: '1' }, spans: [span] }] })
    await exporter.shutdown({ signal: NOT_ABORTED })
    await expect(await readFile(path, 'utf8')).toMatchFileSnapshot('testdata/metrics_and_traces.jsonl')
    expect(counted(settings, 'otelcol_exporter_sent_metric_points')).toBe(3)
    expect(counted(settings, 'otelcol_exporter_sent_spans')).toBe(1)
  })
})

/** A batch of one log record. */
function recordWith(body: string): LogRecords {
  const record = { timeNs: 0n, observedNs: 0n, severityNumber: 9, severityText: 'INFO', body, attributes: AttributeSet.empty }
  const rest = { droppedAttributesCount: 0, flags: 0, traceId: '', spanId: '', eventName: '' }
  return { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: 'test', version: '1' }, records: [newLogRecord({ ...record, ...rest })] }] }
}

/** The bodies of the log records in a file. */
async function bodies(path: string): Promise<unknown[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => parseLogsJson(line).groups.flatMap(({ records }) => records.map(({ body }) => body)))
}

/** Lets the timer fire and waits until what waited is written or given up. */
async function flushed(exporter: FileExporter, settings: FakeSettings): Promise<void> {
  settings.clock.advance(1_000)
  await exporter.idle()
}

function sampleMetrics(): Metrics {
  const resource = { attributes: AttributeSet.of({ 'service.name': 'mesh' }) }
  const scope = { name: 'mesh_metrics', version: '1' }
  const times = { startTimesMs: new Float64Array([1_767_225_600_000, 1_767_225_600_000.5]), updatedMs: new Float64Array(2) }
  const series = [AttributeSet.of({ reporter: 'source', 'evil\u2028key': '\u009b31m' }), AttributeSet.of({ reporter: 'destination' })]
  const family = { description: 'Requests.', unit: '', isMonotonic: true, temporality: 'cumulative', bounds: [] } as const
  return {
    timeMs: 1_767_225_660_000,
    families: [
      {
        family: { ...family, name: 'requests', type: 'sum' },
        resource,
        scope,
        series,
        values: new Float64Array([5, Number.NaN]),
        offset: 0,
        stride: 1,
        ...times,
      },
      {
        family: { ...family, name: 'duration', type: 'histogram', unit: 'ms', bounds: [1, 10] },
        resource,
        scope,
        series: series.slice(1),
        values: new Float64Array([1, 2, 3, 40.5]),
        offset: 0,
        stride: 4,
        ...times,
        exemplar: () => ({ value: 12, timeMs: 1_767_225_650_000, traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '' }),
      },
    ],
  }
}
