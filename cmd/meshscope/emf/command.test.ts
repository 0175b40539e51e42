import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseMetricsJson } from '../../../model/otlp/json.ts'
import { runCli } from '../cli.ts'
import { registry } from '../components.ts'
import { EXIT } from '../exit_codes.ts'
import type { EmfExplanation } from './explanation_text.ts'

const folder = mkdtempSync(join(tmpdir(), 'meshscope-emf-'))
afterAll(() => rmSync(folder, { recursive: true }))

const TESTDATA = join(import.meta.dirname, 'testdata')
const PAGE = join(TESTDATA, 'page.txt')

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const pushed = file(
  'pushed.yaml',
  `receivers: {otlp: {protocols: {grpc: }}}
processors: {attributes: {actions: [{key: code, action: delete}]}}
exporters:
  awsemf: {namespace: Shop, log_group_name: /shop, log_stream_name: test}
  awsemf/rolled: {namespace: Shop, dimension_rollup_option: ZeroAndSingleDimensionRollup, metric_declarations: [{metric_name_selectors: [requests], dimensions: [[service, code]]}]}
  debug:
service: {pipelines: {metrics: {receivers: [otlp], exporters: [awsemf, awsemf/rolled, debug]}, metrics/other: {receivers: [otlp], processors: [attributes], exporters: [debug]}}}
`,
)

async function run(...args: readonly string[]) {
  let [out, err] = ['', '']
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, hasColour: false }
  const code = await runCli(['emf', 'explain', ...args], { registry, io })
  return { code, out, err }
}

async function json(...args: readonly string[]) {
  const { code, out, err } = await run(...args, '--format', 'json')
  expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
  return JSON.parse(out) as { readonly exporters: readonly EmfExplanation[]; readonly notes: readonly string[] }
}

describe('of a page', () => {
  test('shows documents, metrics and the price', async () => {
    const { code, out, err } = await run('--config', pushed, '--input', PAGE, '--exporter', 'awsemf', '--documents', '9')
    expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
    expect(out.replaceAll(/"Timestamp":\d+/g, '"Timestamp":0')).toBe(readFileSync(join(TESTDATA, 'explained.txt'), 'utf8'))
  })

  test('counts a metric for every dimension set and value', async () => {
    const { exporters } = await json('--config', pushed, '--input', PAGE)
    expect(exporters.map(({ exporter }) => exporter)).toEqual(['exporters.awsemf', 'exporters.awsemf/rolled'])
    const requests = exporters[1]?.metrics.map(({ dimensions, metrics }) => `${dimensions.join('+')} ${metrics}`)
    expect(requests).toEqual([' 1', 'code 2', 'service 2', 'code+service 3'])
    expect(exporters[1]?.estimate.customMetrics).toBe(8)
  })

  test('goes through the processors of the pipeline', async () => {
    const one = ['--set', 'service.pipelines.metrics.processors=[attributes]', '--exporter', 'awsemf']
    const { exporters } = await json('--config', pushed, '--input', PAGE, ...one)
    expect(exporters[0]?.metrics.find(({ name }) => name === 'shop_requests_total')).toMatchObject({ dimensions: ['service'], metrics: 2 })
  })

  test('reckons with the prices and the interval it is given', async () => {
    const { exporters } = await json('--config', pushed, '--input', PAGE, '--price-metric', '0.1', '--price-gb', '2', '--interval', '5m')
    const { bytes, estimate } = exporters[0] as EmfExplanation
    const gib = (bytes * 730 * 12) / 2 ** 30
    expect(estimate.metricsPrice).toBeCloseTo(estimate.customMetrics * 0.1)
    expect(estimate.logsGib).toBeCloseTo(gib)
    expect(estimate.totalPrice).toBeCloseTo(estimate.customMetrics * 0.1 + gib * 2)
  })
})

test('reads lines of OTLP JSON', async () => {
  const point = { timeUnixNano: String(BigInt(Date.now()) * 1_000_000n), asDouble: 4, attributes: [{ key: 'zone', value: { stringValue: 'a' } }] }
  const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'load', gauge: { dataPoints: [point] } }] }] }] }
  expect(parseMetricsJson(JSON.stringify(request)).groups).toHaveLength(1)
  const lines = file('lines.json', `${JSON.stringify(request)}\n\n${JSON.stringify(request).replace('"a"', '"b"')}\n`)
  const { exporters } = await json('--config', pushed, '--input', lines, '--exporter', 'awsemf')
  expect(exporters[0]).toMatchObject({ documents: 2, metrics: [{ namespace: 'Shop', name: 'load', dimensions: ['zone'], metrics: 2 }] })
})

describe('of a sample', () => {
  test('of a mesh: access logs become documents by the connector of the config', { timeout: 20_000 }, async () => {
    const mesh = file(
      'mesh.yaml',
      `receivers: {envoyals: {endpoint: 0.0.0.0:9000}, otlp: {protocols: {grpc: }}}
processors: {mesh: , k8s_attributes: }
connectors: {mesh_metrics: }
exporters: {awsemf: {namespace: Mesh, metric_declaration_preset: mesh}}
extensions: {k8s_metadata: {auth_type: none, api_server: "http://127.0.0.1:1"}}
service:
  extensions: [k8s_metadata]
  pipelines: {logs: {receivers: [envoyals], processors: [k8s_attributes, mesh], exporters: [mesh_metrics]}, metrics: {receivers: [mesh_metrics, otlp], exporters: [awsemf]}}
`,
    )
    const { exporters, notes } = await json('--config', mesh)
    const names = new Set(exporters[0]?.metrics.map(({ name }) => name))
    expect([...names]).toEqual(expect.arrayContaining(['istio_requests_total', 'istio_request_duration_milliseconds', 'istio_tcp_sent_bytes_total']))
    expect(exporters[0]?.estimate.customMetrics).toBeGreaterThan(20)
    expect(notes).toEqual([
      'receivers.otlp: there is no sample for it; give one with --input',
      'processors.k8s_attributes: left out, because it needs an extension that is not started here',
    ])
  })

  test.for([
    {
      profile: 'envoy',
      name: 'envoy_cluster_upstream_rq_xx',
      dimensions: ['appmesh_mesh', 'appmesh_virtual_node', 'envoy_cluster_name', 'envoy_response_code_class'],
    },
    { profile: 'none', name: 'shop.requests', dimensions: ['code', 'service'] },
  ])('of statsD with profile $profile', async ({ profile, name, dimensions }) => {
    const config = file(
      `statsd-${profile}.yaml`,
      `receivers: {statsd: {endpoint: /run/statsd.sock, transport: unixgram, profile: ${profile}}}
exporters: {awsemf: {namespace: Shop}}
service: {pipelines: {metrics: {receivers: [statsd], exporters: [awsemf]}}}
`,
    )
    const { exporters, notes } = await json('--config', config)
    expect(exporters[0]?.metrics.find((row) => row.name === name)).toMatchObject({ dimensions, metrics: 6 })
    expect(notes).toEqual([])
  })
})

describe('says what is wrong', () => {
  const plain = file(
    'plain.yaml',
    'receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\nservice: {pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}}\n',
  )
  test.for([
    { name: 'a config without such an exporter', args: ['--config', plain], code: EXIT.config, says: 'nothing to explain' },
    { name: 'an exporter that is not there', args: ['--config', pushed, '--exporter', 'awsemf/x'], code: EXIT.config, says: 'one of awsemf, awsemf/rolled' },
    { name: 'no config', args: [], code: EXIT.usage, says: 'no config given' },
    { name: 'a file that is not there', args: ['--config', pushed, '--input', join(folder, 'none')], code: EXIT.failed, says: 'cannot read' },
    { name: 'a line that is no sample', args: ['--config', pushed, '--input', file('bad.txt', 'a b c d\n')], code: EXIT.failed, says: 'exposition format' },
    { name: 'a line that is no JSON', args: ['--config', pushed, '--input', file('bad.json', '{}\n{"x"\n')], code: EXIT.failed, says: 'bad.json:2: ' },
    { name: 'a price that is none', args: ['--config', pushed, '--price-metric', 'free'], code: EXIT.usage, says: 'Expected an amount' },
    { name: 'an interval that is too short', args: ['--config', pushed, '--interval', '10ms'], code: EXIT.usage, says: 'at least one second' },
  ])('$name', async ({ args, code, says }) => {
    const result = await run(...args)
    expect(result.code).toBe(code)
    expect(result.err).toContain(says)
  })

  test('data of which no document is made', async () => {
    const { code, out } = await run('--config', pushed, '--input', file('empty.txt', '# nothing\n'))
    expect(code).toBe(EXIT.failed)
    expect(out).toContain('one flush is 0 documents of 0 bytes together')
  })
})
