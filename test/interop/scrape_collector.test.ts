/** One page, scraped by us and by the Go Collector's receiver `prometheus`: the same metrics, but for what is listed here with its reason. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AttributeSet, valueKey } from '../../model/attributes.ts'
import type { DataPoint, Metric } from '../../model/data_points.ts'
import { parseMetricsJson } from '../../model/otlp/json.ts'
import { freePort } from '../free_port.ts'
import { temporaryFolder } from './child.ts'
import { type RunningCollector, startCollector } from './collector.ts'
import { type RunningDaemon, runConfig } from './daemon.ts'
import { suite } from './suite.ts'
import { settled } from './waiting.ts'

const TEXT = `# HELP rq Requests.
# TYPE rq counter
rq{code="200"} 12
# TYPE cx gauge
cx{a="b",job="own"} 3
bare 4
# TYPE t histogram
t_bucket{c="x",le="0.5"} 1
t_bucket{c="x",le="+Inf"} 9
t_sum{c="x"} 12.5
t_count{c="x"} 9
# TYPE s summary
s{quantile="0.5"} 1
s_sum 4
s_count 7
# TYPE target_info gauge
target_info{version="1.2"} 1
# TYPE scoped counter
scoped_total{otel_scope_name="lib",otel_scope_version="1"} 5
`
const OPEN = `# TYPE http_requests counter
# UNIT lat_seconds seconds
# TYPE lat_seconds gauge
http_requests_total{code="200"} 8 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331",u="v"} 1.0 1700000000.5
lat_seconds 5.0
# TYPE build info
build_info{v="1"} 1
# TYPE st stateset
st{st="a"} 1
# TYPE unk unknown
unk 7
# EOF
`
const SERIES = 21

/** What the last scrape said of a series, as text. */
type Said = ReadonlyMap<string, string>

const valueOf = (point: DataPoint): unknown => {
  if ('value' in point) return Number(point.value)
  if ('quantiles' in point) return [point.count, point.sum, point.quantiles]
  return 'bounds' in point ? [point.count, point.sum, point.bounds, point.bucketCounts] : 'another type'
}

function shown(metric: Metric, point: DataPoint): string {
  const kind = metric.type === 'sum' ? `sum ${metric.isMonotonic} ${metric.temporality}` : metric.type
  const exemplars = point.exemplars.map(({ traceId, spanId, value, filteredAttributes }) => [traceId, spanId, Number(value), valueKey(filteredAttributes)])
  // How long a scrape took is nobody's fault.
  const value = metric.name === 'scrape_duration_seconds' ? 'a time' : valueOf(point)
  return JSON.stringify([kind, metric.unit, metric.description, metric.metadata, value, exemplars], (_, part: unknown) =>
    typeof part === 'bigint' ? Number(part) : part,
  )
}

/** The series in a file of OTLP JSON, by resource, name and attributes. */
function read(file: string): Said {
  const said = new Map<string, string>()
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []) {
    for (const { resource, metrics } of parseMetricsJson(line).groups) {
      for (const metric of metrics) {
        for (const point of metric.points) {
          const sorted = ({ keys, values }: AttributeSet): string =>
            keys
              .map((key, i) => `${key}=${valueKey(values[i] ?? null)}`)
              .sort((a, b) => (a < b ? -1 : 1))
              .join()
          said.set(`${metric.name} ${sorted(point.attributes)} of ${sorted(resource.attributes)}`, shown(metric, point))
        }
      }
    }
  }
  return said
}

suite('one page for us and the Go Collector', ['otelcol'], (paths) => {
  const folder = temporaryFolder('scrape-collector')
  const fileOf = (name: string): string => join(folder.path, `${name}.jsonl`)
  let page: Server
  let collector: RunningCollector
  let ours: Pick<RunningDaemon, 'stop'>

  beforeAll(async () => {
    page = createServer((request, response) => {
      const isOpen = request.url === '/open'
      response.setHeader('content-type', isOpen ? 'application/openmetrics-text; version=1.0.0; charset=utf-8' : 'text/plain; version=0.0.4')
      response.end(isOpen ? OPEN : TEXT)
    })
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
    const targets = [`127.0.0.1:${(page.address() as AddressInfo).port}`]
    const jobs = [
      { job_name: 'text', static_configs: [{ targets, labels: { env: 'prod' } }] },
      { job_name: 'open', metrics_path: '/open', honor_labels: true, static_configs: [{ targets }] },
    ]
    const receivers = { prometheus: { config: { global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: jobs } } }
    const pipelines = { metrics: { receivers: ['prometheus'], exporters: ['file'] } }
    collector = await startCollector({ binary: paths.otelcol, config: { receivers, exporters: { file: { path: fileOf('theirs') } }, service: { pipelines } } })
    const [own, health] = [await freePort(), await freePort()]
    const config = {
      receivers,
      exporters: { file: { path: fileOf('ours') } },
      extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
      service: { extensions: ['health_check'], workers: { threads: 0 }, telemetry: { metrics: { address: `127.0.0.1:${own}` } }, pipelines },
    }
    ours = await runConfig(config, { folder, health })
  })

  afterAll(async () => {
    await ours?.stop()
    await collector?.stop()
    page?.close()
    folder.remove()
  })

  test('gives the same metrics, resources, units and exemplars', async () => {
    const both = await settled(
      async () => ({ theirs: read(fileOf('theirs')), ours: read(fileOf('ours')) }),
      (said) => said.theirs.size >= SERIES && said.ours.size >= SERIES && differences(said).length === 0,
      20_000,
    )
    expect(both.ours.size).toBe(SERIES)
    expect(differences(both)).toEqual([])
  })
})

/** Info metrics and statesets are sums that do not only grow there, the former without `_info`; here they are gauges with the name of the line. */
const OTHERWISE = /^(?:build|build_info|st) /

function differences({ ours, theirs }: { readonly ours: Said; readonly theirs: Said }): string[] {
  const found: string[] = []
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const [here, there] = [ours.get(key), theirs.get(key)]
    if (here !== there && !OTHERWISE.test(key)) found.push(`${key}: ${here} here, ${there} there`)
  }
  return found
}
