import type { Signal } from '../../../component/signal.ts'

/** OTLP JSON: one batch of each signal with every kind of value that statements meet. */

const value = (given: unknown): object => {
  if (typeof given === 'string') return { stringValue: given }
  if (typeof given === 'boolean') return { boolValue: given }
  if (typeof given === 'bigint') return { intValue: String(given) }
  if (typeof given === 'number') return { doubleValue: given }
  if (given === null) return {}
  if (given instanceof Uint8Array) return { bytesValue: Buffer.from(given).toString('base64') }
  if (Array.isArray(given)) return { arrayValue: { values: given.map(value) } }
  return { kvlistValue: { values: attributes(given as Readonly<Record<string, unknown>>) } }
}

function attributes(entries: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(entries).map(([key, entry]) => ({ key, value: value(entry) }))
}

const resource = (name: string): object => ({ attributes: attributes({ 'service.name': name, 'k8s.namespace.name': 'shop-eu', replicas: 3n }) })
const scope = { name: 'lib', version: '1.2', attributes: attributes({ stable: true }) }

const RECORDS = [
  {
    timeUnixNano: '1700000000123456789',
    observedTimeUnixNano: '1700000001000000000',
    severityNumber: 9,
    severityText: 'INFO',
    body: value('GET /account/1234/list/99 password=secret done'),
    attributes: attributes({
      'http.method': 'GET',
      'http.status': 200n,
      ratio: 0.75,
      ok: true,
      none: null,
      bytes: Uint8Array.of(1, 254),
      list: ['a', 2n, 2.5, false],
      nested: { user: { id: 7n, name: 'Éva Ünal' }, tags: ['x', 'y'] },
      'user.password': 'hunter2',
      url: '/user/12/list/34',
      long: 'äöüß — a text that is longer than some limit',
      number: '42',
      json: '{"a":{"b":[1,true,null,"x"]},"c":1.5}',
    }),
    traceId: '0102030405060708090a0b0c0d0e0f10',
    spanId: '0102030405060708',
    flags: 1,
  },
  {
    timeUnixNano: '1700000000000000000',
    severityNumber: 17,
    severityText: 'ERROR',
    body: value({ level: 'error', user: { id: 9n }, items: ['p', 'q'] }),
    attributes: attributes({ 'http.status': 503n, url: '/healthz' }),
  },
  { severityNumber: 0, body: value(5n), attributes: [], droppedAttributesCount: 2, eventName: 'tick' },
  { timeUnixNano: '1', severityNumber: 13, body: value(['l', 1n]), attributes: attributes({ a: '', b: '$1', ratio: -0.5 }) },
]

const SPANS = [
  {
    traceId: '0102030405060708090a0b0c0d0e0f10',
    spanId: '0102030405060708',
    name: 'GET /account/77',
    kind: 2,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000002500000000',
    attributes: attributes({ 'http.route': '/account/{id}', 'http.status': 500n, 'process.command_line': 'run password=abc --x' }),
    events: [
      { timeUnixNano: '1700000001000000000', name: 'grpc.message', attributes: attributes({ size: 12n, secret: 'x' }) },
      { timeUnixNano: '1700000002000000000', name: 'retry', attributes: attributes({ n: 1n }) },
    ],
    status: { code: 2, message: 'late' },
  },
  {
    traceId: '0102030405060708090a0b0c0d0e0f10',
    spanId: '0202030405060708',
    parentSpanId: '0102030405060708',
    traceState: 'a=b',
    name: 'db',
    kind: 3,
    startTimeUnixNano: '1700000000100000000',
    endTimeUnixNano: '1700000000200000000',
    attributes: attributes({ 'db.system': 'sql', rows: 3n }),
    status: {},
  },
]

const point = (given: Readonly<Record<string, unknown>>, more: object): object => ({
  attributes: attributes(given),
  startTimeUnixNano: '1700000000000000000',
  timeUnixNano: '1700000060000000000',
  ...more,
})
const METRICS = [
  {
    name: 'kube_requests_total',
    description: 'Requests.',
    unit: '1',
    sum: {
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: [
        point({ path: '/a', pod: 'p1' }, { asInt: '5' }),
        point({ path: '/healthz', pod: 'p2' }, { asInt: '70' }),
        point({ path: '/b' }, { asDouble: 1.5 }),
      ],
    },
  },
  { name: 'temperature', unit: 'C', gauge: { dataPoints: [point({ room: 'a' }, { asDouble: 21.5 }), point({ room: 'b' }, { asDouble: -3 })] } },
  {
    name: 'latency',
    unit: 's',
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [point({ path: '/a' }, { count: '6', sum: 2.5, bucketCounts: ['1', '2', '3'], explicitBounds: [0.1, 1], min: 0.01, max: 1.5 })],
    },
  },
  {
    name: 'size',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [point({ path: '/a' }, { count: '4', sum: 9, scale: 2, zeroCount: '1', positive: { offset: -1, bucketCounts: ['1', '2'] }, negative: {} })],
    },
  },
  { name: 'quantiles', summary: { dataPoints: [point({ path: '/a' }, { count: '3', sum: 6, quantileValues: [{ quantile: 0.5, value: 2 }] })] } },
]

const batch = (signal: Signal, items: readonly object[]): object => {
  const [outer, inner, list] = (
    {
      logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
      traces: ['resourceSpans', 'scopeSpans', 'spans'],
      metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
    } as const
  )[signal]
  const group = (name: string, members: readonly object[]): object => ({
    resource: resource(name),
    [inner]: [
      { scope, [list]: members },
      { scope: { name: 'other' }, [list]: members.slice(0, 1) },
    ],
  })
  return { [outer]: [group('cart', items), group('web', items.slice(1, 2))] }
}

/** The batches, as texts of OTLP JSON. */
export const DATA: Readonly<Record<Signal, string>> = {
  logs: JSON.stringify(batch('logs', RECORDS)),
  traces: JSON.stringify(batch('traces', SPANS)),
  metrics: JSON.stringify(batch('metrics', METRICS)),
}
