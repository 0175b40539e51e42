/** The same metrics and the same settings into the Go Collector's awsemf and into ours make the same metrics in CloudWatch; what differs is listed. */
import { expect, test } from 'vitest'
import { CloudWatchMetrics, identityOf } from '../../fakes/emf_reader.ts'
import { freePort } from '../../free_port.ts'
import { Child, temporaryFolder } from '../child.ts'
import { type CollectorConfig, startCollector } from '../collector.ts'
import { runConfig } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'

const START = Date.now() - 60_000
/** The last batch ends with a gauge of this name: when it has come out, all has. */
const LAST = 'last'

const nanoseconds = (ms: number): string => `${ms}000000`
const attributes = (pairs: Readonly<Record<string, string | number>>): object[] =>
  Object.entries(pairs).map(([key, value]) => ({ key, value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) } }))

/** One of three batches, a second apart; counts grow from one to the next. */
function batch(number: number): object {
  const timeUnixNano = nanoseconds(START + number * 1000)
  const point = (labels: Readonly<Record<string, string | number>>, more: object): object => ({
    attributes: attributes(labels),
    startTimeUnixNano: nanoseconds(START),
    timeUnixNano,
    ...more,
  })
  const services = ['cart', 'payments'] as const
  const each = (more: (at: number) => object): object[] => services.map((service, at) => point({ service, code: 200 + at }, more(at)))
  const metrics = [
    { name: 'queue_length', unit: '1', gauge: { dataPoints: each((at) => ({ asInt: String(10 * number + at) })) } },
    { name: 'load', unit: 's', gauge: { dataPoints: each((at) => ({ asDouble: number / 4 + at })) } },
    { name: 'sent', unit: 'By', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: each((at) => ({ asInt: String(100 + at) })) } },
    {
      name: 'requests',
      unit: '',
      sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: each((at) => ({ asInt: String((number + 1) * (5 + at)) })) },
    },
    {
      name: 'wait',
      unit: 'ms',
      histogram: {
        aggregationTemporality: 1,
        dataPoints: each(() => ({ count: '6', sum: 60, min: 1, max: 30, explicitBounds: [5, 10, 20], bucketCounts: ['1', '2', '2', '1'] })),
      },
    },
    {
      name: 'time',
      unit: 'us',
      exponentialHistogram: {
        aggregationTemporality: 1,
        dataPoints: each(() => ({
          count: '7',
          sum: 80,
          min: 1.5,
          max: 30,
          scale: 3,
          zeroCount: '0',
          positive: { offset: 4, bucketCounts: ['3', '0', '2', '1', '1'] },
        })),
      },
    },
    ...(number === 2 ? [{ name: LAST, gauge: { dataPoints: [point({}, { asInt: '1' })] } }] : []),
  ]
  const resource = { attributes: attributes({ 'service.name': 'shop', 'service.namespace': 'demo' }) }
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: 'meter' }, metrics }] }] }
}

/** Settings of both. */
const CASES = [
  { name: 'no more than a region', settings: {} },
  {
    name: 'roll-up and attributes of the resource',
    settings: { dimension_rollup_option: 'ZeroAndSingleDimensionRollup', resource_to_telemetry_conversion: { enabled: true } },
  },
  {
    name: 'declarations and descriptors',
    settings: {
      metric_declarations: [
        {
          dimensions: [['service'], ['service', 'code']],
          metric_name_selectors: ['^requests$', 'wait'],
          label_matchers: [{ label_names: ['service', 'code'], regex: '^cart;2' }],
        },
        { dimensions: [[], ['absent']], metric_name_selectors: ['queue', 'last'] },
      ],
      metric_descriptors: [{ metric_name: 'requests', unit: 'Count', overwrite: true }],
    },
  },
  {
    name: 'the first value of a counter',
    settings: { namespace: 'Whole', retain_initial_value_of_delta_metric: true, dimension_rollup_option: 'SingleDimensionRollupOnly' },
  },
] as const

/** What each documents says of a metric at a time, without how values stand in it. */
function rows(metrics: CloudWatchMetrics): string[] {
  return metrics.data.map((datum) => {
    const { timestampMs, unit, sampleCount, sum, min, max } = datum
    return `${identityOf(datum)} @${timestampMs - START} ${unit}: ${sampleCount} of ${[sum, min, max].map((value) => Number(value.toPrecision(9))).join(' ')}`
  })
}

suite('the same metrics in both', ['otelcol'], (paths) => {
  /** Sends three batches to a program that writes documents to standard output, and reads these. */
  async function documentsOf(child: Child, port: number): Promise<CloudWatchMetrics> {
    for (const number of [0, 1, 2]) {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`http://127.0.0.1:${port}/v1/metrics`, { method: 'POST', headers, body: JSON.stringify(batch(number)) })
      expect(response.status).toBe(200)
    }
    const lines = await settled(
      () => Promise.resolve(child.stdout.split('\n').filter((line) => line.startsWith('{'))),
      (found) => found.some((line) => line.includes(`"${LAST}":1`)),
    )
    const metrics = new CloudWatchMetrics()
    // The Collector writes metrics without a unit so, and CloudWatch takes it for none.
    for (const line of lines) metrics.add(line.replaceAll('"Unit":""', '"Unit":"None"'))
    return metrics
  }

  const pipelines = { metrics: { receivers: ['otlp'], exporters: ['awsemf'] } }
  const receiverOn = (port: number): CollectorConfig['receivers'] => ({ otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } })

  async function theirs(settings: object): Promise<CloudWatchMetrics> {
    const port = await freePort()
    const awsemf = { region: 'us-east-1', output_destination: 'stdout', dimension_rollup_option: 'NoDimensionRollup', ...settings }
    const config = { receivers: receiverOn(port), exporters: { awsemf }, service: { pipelines } }
    const collector = await startCollector({ binary: paths.otelcol, config, env: { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' } })
    try {
      return await documentsOf(collector.child, port)
    } finally {
      await collector.stop()
    }
  }

  async function ours(settings: object): Promise<CloudWatchMetrics> {
    const folder = temporaryFolder('emf-collector')
    const [port, health] = [await freePort(), await freePort()]
    const awsemf = { region: 'us-east-1', output_destination: 'stdout', histogram_format: 'statistics', ...settings }
    const config = {
      receivers: receiverOn(port),
      exporters: { awsemf },
      extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
      service: { extensions: ['health_check'], workers: { threads: 0 }, telemetry: { metrics: { level: 'none' } }, pipelines },
    }
    const { child, stop } = await runConfig(config, { folder, health })
    try {
      return await documentsOf(child, port)
    } finally {
      await stop()
    }
  }

  test.for(CASES)('with $name', async ({ settings }) => {
    const [mine, other] = [await ours(settings), await theirs(settings)]
    expect(mine.problems).toEqual([])
    expect(rows(mine).sort()).toEqual(rows(other).sort())
  })
})
