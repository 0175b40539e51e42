/** The reader of embedded metrics knows every rule of the format, and makes of documents the metrics that CloudWatch makes. */
import { describe, expect, test } from 'vitest'
import { CloudWatchMetrics } from '../fakes/emf_reader.ts'

const TIME = Date.UTC(2026, 0, 15, 12)

interface Change {
  readonly root?: object
  readonly directive?: object
  readonly metric?: object
  readonly timestamp?: unknown
}

function document({ root = {}, directive = {}, metric = {}, timestamp = TIME }: Change = {}): string {
  const Metrics = [{ Name: 'latency', Unit: 'Milliseconds', ...metric }]
  const _aws = { Timestamp: timestamp, CloudWatchMetrics: [{ Namespace: 'mesh', Dimensions: [['service']], Metrics, ...directive }] }
  return JSON.stringify({ _aws, service: 'shop', latency: 5, ...root })
}

function read(...documents: readonly string[]): CloudWatchMetrics {
  const metrics = new CloudWatchMetrics()
  for (const text of documents) metrics.add(text, { place: 'd' })
  return metrics
}

const histogram = (Values: readonly number[], Counts: readonly number[], more: object = {}): object => ({
  Values,
  Counts,
  Min: Math.min(...Values),
  Max: Math.max(...Values),
  Count: Counts.reduce((sum, count) => sum + count, 0),
  Sum: Values.reduce((sum, value, i) => sum + value * (Counts[i] as number), 0),
  ...more,
})
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`)
const many = (count: number): Record<string, string> => Object.fromEntries(names(count).map((name) => [name, 'x']))

test.for([
  { name: 'a number', change: {}, samples: 1, sum: 5 },
  { name: 'an array', change: { root: { latency: [1, 2, 3] } }, samples: 3, sum: 6 },
  { name: 'a statistic set', change: { root: { latency: { Min: 1, Max: 3, Sum: 6, Count: 4 } } }, samples: 4, sum: 6 },
  { name: 'values with counts', change: { root: { latency: histogram([1, 2], [3, 4]) } }, samples: 7, sum: 11 },
  { name: '30 dimensions', change: { root: many(30), directive: { Dimensions: [names(30)] } }, samples: 1, sum: 5 },
  { name: 'no dimensions', change: { directive: { Dimensions: [[]] } }, samples: 1, sum: 5 },
  { name: 'high resolution', change: { metric: { StorageResolution: 1 } }, samples: 1, sum: 5 },
  { name: 'members that nobody asks for', change: { root: { note: { deep: [1] } } }, samples: 1, sum: 5 },
])('reads $name', ({ change, samples, sum }) => {
  const metrics = read(document(change))
  expect(metrics.problems).toEqual([])
  expect(metrics.statistics({ namespace: 'mesh', name: 'latency' })).toMatchObject({ sampleCount: samples, sum })
})

test.for([
  { name: 'text that is not JSON', text: '{"_aws":{}}[Truncated...]', says: 'is not JSON' },
  { name: 'a line break', text: `${document()}\n`, says: 'line break' },
  { name: 'a member twice', text: document().replace('"latency":5', '"latency":5,"latency":6'), says: '"latency" twice' },
  { name: 'time in seconds with a fraction', text: document({ timestamp: 1.5 }), says: 'Timestamp is 1.5' },
  { name: 'time as text', text: document({ timestamp: '1' }), says: 'Timestamp is "1"' },
  { name: 'a namespace of AWS', text: document({ directive: { Namespace: 'AWS/Mesh' } }), says: 'Namespace' },
  { name: 'a namespace with a bracket', text: document({ directive: { Namespace: 'a(b)' } }), says: 'Namespace' },
  { name: 'no dimension sets', text: document({ directive: { Dimensions: [] } }), says: 'Dimensions is not' },
  { name: '31 dimensions', text: document({ root: many(31), directive: { Dimensions: [names(31)] } }), says: '31 dimensions' },
  { name: 'a dimension that is a number', text: document({ root: { service: 1 } }), says: 'service is 1' },
  { name: 'a dimension that is absent', text: document({ directive: { Dimensions: [['other']] } }), says: 'other is absent' },
  { name: 'an empty dimension', text: document({ root: { service: ' ' } }), says: 'service is " "' },
  { name: 'a dimension of 1,025 characters', text: document({ root: { service: 'x'.repeat(1025) } }), says: '1 to 1024' },
  { name: 'a dimension that is not ASCII', text: document({ root: { service: 'café' } }), says: 'printable ASCII' },
  { name: 'a dimension key with a colon first', text: document({ root: { ':a': 'x' }, directive: { Dimensions: [[':a']] } }), says: 'the key ":a"' },
  { name: 'a dimension set twice', text: document({ directive: { Dimensions: [['service'], ['service']] } }), says: 'counted twice' },
  { name: 'a metric without a value', text: document({ metric: { Name: 'other' } }), says: 'other" is absent' },
  { name: 'a value that is null, such as NaN', text: document({ root: { latency: Number.NaN } }), says: 'is null' },
  { name: 'a value that is too large', text: document({ root: { latency: 1e300 } }), says: 'not a number' },
  { name: 'a unit in UCUM', text: document({ metric: { Unit: 'ms' } }), says: 'Unit is "ms"' },
  { name: 'a resolution of 10', text: document({ metric: { StorageResolution: 10 } }), says: 'StorageResolution' },
  { name: '101 values', text: document({ root: { latency: names(101).map((_, i) => i) } }), says: 'array of 101' },
  {
    name: '101 buckets',
    text: document({
      root: {
        latency: histogram(
          names(101).map((_, i) => i),
          names(101).map(() => 1),
        ),
      },
    }),
    says: 'one length from 1 to 100',
  },
  { name: 'a count of 0', text: document({ root: { latency: histogram([1, 2], [1, 0]) } }), says: 'counts above 0' },
  { name: 'a value outside of Min and Max', text: document({ root: { latency: histogram([1, 2], [1, 1], { Max: 1.5 }) } }), says: 'between Min 1 and Max 1.5' },
  { name: 'a Count that is wrong', text: document({ root: { latency: histogram([1, 2], [1, 1], { Count: 3 }) } }), says: 'add up to 2' },
])('finds $name', ({ text, says }) => {
  const { problems } = read(text)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(says)
})

test('finds the 101st metric of a document, in however many directives', () => {
  const metrics = (from: number, to: number): object[] =>
    names(to)
      .slice(from)
      .map((Name) => ({ Name }))
  const directives = [
    { Namespace: 'mesh', Dimensions: [['service']], Metrics: metrics(0, 60) },
    { Namespace: 'mesh', Dimensions: [['service']], Metrics: metrics(60, 101) },
  ]
  const values = Object.fromEntries(names(101).map((name) => [name, 1]))
  expect(read(JSON.stringify({ _aws: { Timestamp: TIME, CloudWatchMetrics: directives }, service: 'a', ...values })).problems).toEqual([
    'd: 101 metrics in one document, not at most 100',
  ])
})

test('takes an event without _aws for a log event that makes no metrics', () => {
  expect(read('{"latency":5}')).toMatchObject({ data: [], problems: [] })
})

describe('metrics', () => {
  test('are one for each dimension set and value', () => {
    const sets = { directive: { Dimensions: [['service'], [], ['zone', 'service']] }, root: { zone: 'a' } }
    const metrics = read(document(sets), document(sets), document({ root: { service: 'cart' } }))
    expect(metrics.identities()).toEqual(['mesh latency', 'mesh latency service=cart', 'mesh latency service=shop', 'mesh latency service=shop zone=a'])
    expect(metrics.statistics({ name: 'latency', dimensions: { service: 'shop' } })).toMatchObject({ sampleCount: 2, sum: 10, min: 5, max: 5, average: 5 })
    expect(metrics.statistics({ name: 'latency', dimensions: { service: 'none' } })).toBeUndefined()
  })

  test('are found by their time', () => {
    const metrics = read(document(), document({ timestamp: TIME + 60_000 }))
    expect(metrics.statistics({ name: 'latency', fromMs: TIME, untilMs: TIME + 60_000 })).toMatchObject({ sampleCount: 1 })
  })

  test('have percentiles of all their values, over several documents', () => {
    const first = names(100).map((_, i) => i + 1)
    const parts = [
      document({
        root: {
          latency: histogram(
            first,
            first.map(() => 2),
          ),
        },
      }),
      document({ root: { latency: 1000 } }),
    ]
    const found = read(...parts).statistics({ name: 'latency' })
    expect([0, 50, 99, 100].map((percent) => found?.percentile(percent))).toEqual([1, 51, 100, 1000])
  })

  test.for([
    { name: 'a statistic set', root: { latency: { Min: 1, Max: 3, Sum: 6, Count: 4 } } },
    { name: 'a value below 0', root: { latency: [-1, 5] } },
  ])('have no percentiles once there is $name', ({ root }) => {
    expect(read(document(), document({ root })).statistics({ name: 'latency' })?.percentile(50)).toBeUndefined()
  })
})

test('agrees with what the library of AWS writes', async () => {
  const { MetricsContext } = (await import(
    'aws-embedded-metrics/lib/logger/MetricsContext.js'
  )) as typeof import('aws-embedded-metrics/lib/logger/MetricsContext.js')
  const { LogSerializer } = (await import(
    'aws-embedded-metrics/lib/serializers/LogSerializer.js'
  )) as typeof import('aws-embedded-metrics/lib/serializers/LogSerializer.js')
  const context = MetricsContext.empty()
  context.setNamespace('mesh')
  context.setTimestamp(Date.now())
  context.setDimensions([{ service: 'shop' }, { service: 'shop', zone: 'a' }], false)
  for (const name of names(120)) context.putMetric(name, 1, 'Count')
  for (let i = 1; i <= 250; i++) context.putMetric('latency', i, 'Milliseconds', 1)
  const metrics = read(...new LogSerializer().serialize(context))
  expect(metrics.problems).toEqual([])
  expect(metrics.identities()).toHaveLength(121 * 2)
  expect(metrics.statistics({ name: 'latency', dimensions: { service: 'shop' } })).toMatchObject({ sampleCount: 250, sum: 31_375, min: 1, max: 250 })
})
