import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { registry } from '../../cmd/meshscope/components.ts'
import { loadConfig } from '../../config/load.ts'
import { parseLogsJson } from '../../model/otlp/json.ts'
import { simulate } from '../conformance/simulated_streams.ts'
import { ServiceRun } from '../fakes/service_run.ts'

/** Access logs and the series made of them through `filter` and `transform`, in a whole daemon with the built-in components. */

const WORKER = new URL('../../cmd/meshscope/ingest_worker.ts', import.meta.url)

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

async function started(threads: number): Promise<{ readonly run: ServiceRun; readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'meshscope-ottl-'))
  open.push(() => rm(folder, { recursive: true }))
  const file = join(folder, 'logs.jsonl')
  const text = JSON.stringify({
    receivers: { envoyals: { endpoint: '127.0.0.1:0' } },
    processors: {
      mesh: { kubernetes: 'never' },
      filter: {
        log_conditions: ['log.attributes["http.response.status_code"] == 200'],
        metric_conditions: ['datapoint.attributes["response_code"] == "200"', 'not IsMatch(metric.name, "^istio_requests")'],
      },
      transform: {
        log_statements: ['set(log.attributes["checked"], log.attributes["http.response.status_code"])', 'set(resource.attributes["env"], "test")'],
        metric_statements: ['keep_keys(datapoint.attributes, ["reporter", "response_code"])', 'set(resource.attributes["env"], "test")'],
      },
    },
    connectors: { mesh_metrics: {} },
    exporters: { file: { path: file }, prometheus: { endpoint: '127.0.0.1:0' } },
    service: {
      drain_timeout: '10s',
      workers: { threads },
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        logs: { receivers: ['envoyals'], processors: ['mesh'], exporters: ['mesh_metrics'] },
        'logs/out': { receivers: ['envoyals'], processors: ['filter', 'transform'], exporters: ['file'] },
        metrics: { receivers: ['mesh_metrics'], processors: ['filter', 'transform'], exporters: ['prometheus'] },
      },
    },
  })
  const { spec, problems } = loadConfig({ sources: [`yaml:${text}`], registry, env: {} })
  if (spec === undefined) throw new Error(problems.map(({ path, problem }) => `${path}: ${problem}`).join('\n'))
  const run = new ServiceRun(registry, WORKER)
  open.push(() => run.stop())
  await run.service.start(spec)
  return { run, file }
}

test.for([0, 2])('what conditions drop is gone and counted, what is left is changed, with %i workers', { timeout: 60_000 }, async (threads) => {
  const { run, file } = await started(threads)
  const truth = await simulate(`127.0.0.1:${run.port('receivers.envoyals')}`, { durationMs: 2_000 })
  const page = await (await fetch(`http://127.0.0.1:${run.port('exporters.prometheus')}/metrics`)).text()
  await run.stop(10_000)
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  const groups = lines.flatMap((line) => parseLogsJson(line).groups)
  const records = groups.flatMap((group) => group.records)
  const value = (name: string): number => run.telemetry.value(name, { filter: 'filter' })
  expect(truth.entries).toMatchObject({ unconfirmed: 0, lost: 0 })
  expect(records.length).toBeGreaterThan(0)
  expect(records.length + value('otelcol_processor_filter_logs_filtered')).toBe(truth.entries.confirmed)
  expect(records.filter(({ attributes }) => attributes.get('http.response.status_code') === 200n)).toEqual([])
  expect(records.every(({ attributes }) => attributes.get('checked') === (attributes.get('http.response.status_code') ?? null))).toBe(true)
  expect(new Set(groups.map(({ resource }) => resource.attributes.get('env')))).toEqual(new Set(['test']))
  const series = page.split('\n').filter((line) => /^[a-z]/.test(line))
  expect(series.filter((line) => line.startsWith('istio_')).length).toBeGreaterThan(0)
  expect(series.filter((line) => !/^istio_requests_total\{reporter="\w+",response_code="(?!200")\w+"[^ ]*\} \d+$|^target_info/.test(line))).toEqual([])
  expect(value('otelcol_processor_filter_datapoints_filtered')).toBeGreaterThan(0)
  expect(value('meshscope_filter_converted_points')).toBe(0)
})
