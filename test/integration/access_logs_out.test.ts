import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { registry } from '../../cmd/meshscope/components.ts'
import { loadConfig } from '../../config/load.ts'
import type { LogRecord } from '../../model/log_records.ts'
import { parseLogsJson, parseTracesJson } from '../../model/otlp/json.ts'
import type { Span } from '../../model/traces.ts'
import { OTEL_LABELS } from '../../processors/mesh/otel_labels.ts'
import { simulate } from '../conformance/simulated_streams.ts'
import { ServiceRun, until } from '../fakes/service_run.ts'

/** Access logs as log records and spans, through a whole daemon with the built-in components. */

const WORKER = new URL('../../cmd/meshscope/ingest_worker.ts', import.meta.url)

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

interface Daemon {
  readonly run: ServiceRun
  /** Stops it and reads what it wrote. */
  readonly written: () => Promise<{ readonly records: readonly LogRecord[]; readonly spans: readonly Span[] }>
}

async function started(threads: number): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), 'meshscope-access-logs-'))
  open.push(() => rm(folder, { recursive: true }))
  const [logs, traces] = [join(folder, 'logs.jsonl'), join(folder, 'traces.jsonl')]
  const text = JSON.stringify({
    receivers: { envoyals: { endpoint: '127.0.0.1:0' }, otlp: { protocols: { http: { endpoint: '127.0.0.2:0' } } } },
    processors: { mesh: { kubernetes: 'never' } },
    connectors: { mesh_traces: {} },
    exporters: { 'file/logs': { path: logs }, 'file/traces': { path: traces } },
    service: {
      drain_timeout: '10s',
      workers: { threads },
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        logs: { receivers: ['envoyals'], processors: ['mesh'], exporters: ['mesh_traces', 'file/logs'] },
        'logs/otel': { receivers: ['otlp'], processors: ['mesh'], exporters: ['mesh_traces', 'file/logs'] },
        traces: { receivers: ['mesh_traces'], exporters: ['file/traces'] },
      },
    },
  })
  const { spec, problems } = loadConfig({ sources: [`yaml:${text}`], registry, env: {} })
  if (spec === undefined) throw new Error(problems.map(({ path, problem }) => `${path}: ${problem}`).join('\n'))
  const run = new ServiceRun(registry, WORKER)
  open.push(() => run.stop())
  await run.service.start(spec)
  const lines = async (path: string): Promise<string[]> => (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
  const written: Daemon['written'] = async () => {
    await run.stop(10_000)
    return {
      records: (await lines(logs)).flatMap((line) => parseLogsJson(line).groups.flatMap(({ records }) => records)),
      spans: (await lines(traces)).flatMap((line) => parseTracesJson(line).groups.flatMap(({ spans }) => spans)),
    }
  }
  return { run, written }
}

test.for([0, 2])('every entry becomes a record, and every traced request its spans, with %i workers', { timeout: 60_000 }, async (threads) => {
  const { run, written } = await started(threads)
  const truth = await simulate(`127.0.0.1:${run.port('receivers.envoyals')}`, { durationMs: 2_000, tracing: 'proxies' })
  const { records, spans } = await written()
  expect(truth.entries).toMatchObject({ unconfirmed: 0, lost: 0 })
  expect(records.length).toBe(truth.entries.confirmed)
  const ids = (list: readonly { readonly traceId: string; readonly spanId: string; readonly parentSpanId: string }[]): string[] =>
    list.map(({ traceId, spanId, parentSpanId }) => `${traceId} ${spanId} ${parentSpanId}`).sort()
  expect(ids(spans)).toEqual(ids(truth.spans ?? []))
  // Records carry the ids of the spans.
  const known = new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`))
  expect(records.filter(({ traceId, spanId }) => known.has(`${traceId} ${spanId}`)).length).toBe(spans.length)
})

test.for([0, 1])('what Envoy logs by OpenTelemetry is read as access logs, with %i workers', { timeout: 60_000 }, async (threads) => {
  const { run, written } = await started(threads)
  const attribute = ([key, stringValue]: readonly [string, string]): object => ({ key, value: { stringValue } })
  const values: Readonly<Record<string, string>> = {
    access_log_type: 'DownstreamEnd',
    downstream_local_address: '10.96.71.143:9080',
    downstream_remote_address: '10.244.1.11:52298',
    method: 'GET',
    path: '/reviews/0',
    protocol: 'HTTP/1.1',
    response_code: '200',
    upstream_cluster: 'outbound|9080||reviews.bookinfo.svc.cluster.local',
  }
  const labels = Object.keys(OTEL_LABELS).map((label) => [label, values[label] ?? '-'] as const)
  const node = 'sidecar~10.244.1.11~productpage-v1-x.bookinfo~bookinfo.svc.cluster.local'
  const ids = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
  const logRecords = [{ timeUnixNano: '1767225600000000000', ...ids, attributes: labels.map(attribute) }, { body: { stringValue: 'something else' } }]
  const resource = { attributes: [attribute(['node_name', node])] }
  const response = await fetch(`http://127.0.0.2:${run.port('receivers.otlp')}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }),
  })
  expect(response.status).toBe(200)
  await until('the span was made', () => run.telemetry.value('meshscope_mesh_traces_entries', { outcome: 'sent' }) === 1)
  const { records, spans } = await written()
  expect(spans).toMatchObject([{ ...ids, kind: 'client', name: 'GET', parentSpanId: '' }])
  expect(records.map(({ body, attributes }) => [body, attributes.get('mesh.reporter') ?? null])).toEqual(
    expect.arrayContaining([
      ['something else', null],
      [null, 'source'],
    ]),
  )
})
