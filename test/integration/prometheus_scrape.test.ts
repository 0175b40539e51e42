import { afterEach, describe, expect, test } from 'vitest'
import { type PrometheusConfig as ExporterConfig, config as exporterConfig } from '../../exporters/prometheus/config.ts'
import { PrometheusExporter } from '../../exporters/prometheus/exporter.ts'
import type { DataPoints } from '../../model/data_points.ts'
import { FakeTarget, ReceiverRun } from '../../receivers/prometheus/testing.ts'
import { checkedConfig } from '../fakes/checked_config.ts'
import { type ParsedExposition, parseExposition } from '../fakes/exposition.ts'
import { FakeHost, fakeSettings } from '../fakes/settings.ts'

/** What is scraped is served again as it was: the receiver and the exporter `prometheus` back to back. */

const TEXT = `# HELP envoy_cluster_upstream_rq Requests with a \\\\ and a\\nbreak.
# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_cluster_name="a",envoy_response_code="200"} 12
envoy_cluster_upstream_rq{envoy_cluster_name="a\\"b\\\\c\\nd",envoy_response_code="503"} 1
# HELP envoy_cluster_upstream_cx_active Open connections.
# TYPE envoy_cluster_upstream_cx_active gauge
envoy_cluster_upstream_cx_active{envoy_cluster_name="a"} 3
envoy_cluster_upstream_cx_active{envoy_cluster_name="none",job="own",instance="there"} -0.5
# HELP envoy_cluster_upstream_rq_time Milliseconds.
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="0.5"} 0
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="1"} 4
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="+Inf"} 9
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="a"} 123.25
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="a"} 9
# HELP go_gc_duration_seconds Pauses.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 0.001
go_gc_duration_seconds{quantile="0.99"} 0.125
go_gc_duration_seconds_sum 4
go_gc_duration_seconds_count 77
# HELP istio_requests_total Requests.
# TYPE istio_requests_total counter
istio_requests_total{_leading="kept",source="a"} 5
`
const OPEN = `# HELP http_requests Requests.
# TYPE http_requests counter
http_requests_total{code="200"} 8 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 1.0 1700000000.5
http_requests_created{code="200"} 1600000000.0
# HELP queue_bytes Waiting.
# TYPE queue_bytes gauge
# UNIT queue_bytes bytes
queue_bytes 4096.0
# EOF
`
const REPORTS = new Set([
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
  'target',
  'target_info',
])

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Scrapes one target and serves what it says; `page` may be changed meanwhile. */
async function chain(first: string, type: string) {
  const source = { page: first }
  const target = await FakeTarget.start((_request, response) => {
    response.writeHead(200, { 'content-type': type })
    response.end(source.page)
  })
  cleanups.push(() => target.stop())
  const settings = { endpoint: '127.0.0.1:0', without_scope_info: true, enable_open_metrics: true, created_samples: true }
  const exporter = new PrometheusExporter(fakeSettings('exporter', 'prometheus'), checkedConfig<ExporterConfig>(exporterConfig, settings))
  await exporter.start(new FakeHost())
  cleanups.push(() => exporter.shutdown({ signal: AbortSignal.abort() }))
  const job = { job_name: 'mesh', honor_labels: true, static_configs: [{ targets: [target.address] }] }
  const run = new ReceiverRun({ global: { scrape_interval: '10s' }, scrape_configs: [job] }, undefined, (batch: DataPoints) =>
    exporter.consumers.metrics?.consume(batch),
  )
  run.start()
  cleanups.push(() => run.stop())
  const served = async (accept: string): Promise<ParsedExposition> => {
    await run.advance(10_000, 1)
    const response = await fetch(`http://127.0.0.1:${exporter.addresses[0]?.port}/metrics`, { headers: { accept } })
    return parseExposition(await response.text())
  }
  return { source, target, served }
}

/** Series as text, with the labels that a scrape with honor_labels would give them. */
function seriesOf({ samples }: ParsedExposition, own: Readonly<Record<string, string>>): string[] {
  return samples
    .filter(({ name }) => !REPORTS.has(name))
    .map(
      ({ name, labels, value, exemplar }) =>
        `${name}${JSON.stringify(Object.entries({ ...own, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1)))} ${value} ${JSON.stringify(exemplar)}`,
    )
    .sort()
}

describe('a page that is scraped and served again', () => {
  test.for([
    { format: 'text', page: TEXT, type: 'text/plain; version=0.0.4', accept: 'text/plain' },
    { format: 'OpenMetrics', page: OPEN, type: 'application/openmetrics-text; version=1.0.0', accept: 'application/openmetrics-text; version=1.0.0' },
  ])('has the same series in $format', async ({ page, type, accept }) => {
    const { target, served } = await chain(page, type)
    const theirs = parseExposition(page)
    const ours = await served(accept)
    const own = { job: 'mesh', instance: target.address }
    expect(seriesOf(ours, {})).toEqual(seriesOf(theirs, own))
    const families = (exposition: ParsedExposition) =>
      [...exposition.families.values()].filter(({ name }) => !REPORTS.has(name)).map((family) => ({ ...family, samples: [] }))
    expect(families(ours).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(families(theirs).sort((a, b) => (a.name < b.name ? -1 : 1)))
    expect(ours.sum('up', own)).toBe(1)
  })

  test('loses at once what is gone from it', async () => {
    const { source, served } = await chain(TEXT, 'text/plain')
    expect((await served('text/plain')).families.has('istio_requests_total')).toBe(true)
    source.page = TEXT.split('\n')
      .filter((line) => !line.includes('istio_requests_total') && !line.includes('503'))
      .join('\n')
    const page = await served('text/plain')
    expect(page.families.has('istio_requests_total')).toBe(false)
    expect(page.samples.filter(({ name }) => name === 'envoy_cluster_upstream_rq')).toHaveLength(1)
  })
})
