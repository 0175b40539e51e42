import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SampleType } from '../sample.ts'
import { PlainNaming, type TimerHistogramMapping } from './plain_naming.ts'

/** Short texts with what breaks things in them; fast-check's own of all characters take seconds to set up. */
const anyText = fc
  .array(fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 4 }), fc.constantFrom('é', '😀', '\ud800', '\0', '.', '__', '$1', '\u2028')), { maxLength: 6 })
  .map((parts) => parts.join(''))

const EXPONENTIAL = { kind: 'exponential', bucketsMax: 160 }

test('names and tags stay as they are', () => {
  const tags = [
    ['b.c', 'ü'],
    ['a', undefined],
    ['b.c', 'x:y'],
    ['', 'none'],
  ] as const
  expect(new PlainNaming().resolve({ name: 'shop.cart|add', type: SampleType.counter, tags })).toEqual({
    name: 'shop.cart|add',
    help: '',
    unit: '',
    isExactName: false,
    aggregation: { kind: 'counter', isMonotonic: true },
    labels: [
      ['a', ''],
      ['b.c', 'x:y'],
    ],
    ttlMs: 0,
    scale: 1,
  })
})

test.for([
  { type: SampleType.counter, label: 'counter' },
  { type: SampleType.gauge, label: 'gauge' },
  { type: SampleType.timer, label: 'timing' },
  { type: SampleType.histogram, label: 'histogram' },
  { type: SampleType.distribution, label: 'distribution' },
  { type: SampleType.set, label: 'set' },
])('the type is a label when asked for: $label', ({ type, label }) => {
  expect(new PlainNaming({ hasTypeLabel: true }).resolve({ name: 'x', type, tags: [] })).toMatchObject({ labels: [['metric_type', label]] })
})

test.for<{ name: string; timers: readonly TimerHistogramMapping[]; type: SampleType; is: object }>([
  { name: 'an exponential histogram by default', timers: [], type: SampleType.timer, is: EXPONENTIAL },
  {
    name: 'an exponential histogram of the size given',
    timers: [{ statsd_type: 'timing', observer_type: 'histogram', histogram: { max_size: 50 } }],
    type: SampleType.timer,
    is: { kind: 'exponential', bucketsMax: 50 },
  },
  {
    name: 'explicit buckets where the pattern fits',
    timers: [
      {
        statsd_type: 'histogram',
        observer_type: 'histogram',
        histogram: {
          explicit_buckets: [
            { matcher_pattern: '^foo', buckets: [9] },
            { matcher_pattern: 'req', buckets: [1, 2] },
          ],
        },
      },
    ],
    type: SampleType.histogram,
    is: { kind: 'explicit', bounds: [1, 2] },
  },
  {
    name: 'exponential where no pattern fits',
    timers: [{ statsd_type: 'histogram', observer_type: 'histogram', histogram: { explicit_buckets: [{ matcher_pattern: '^foo', buckets: [9] }] } }],
    type: SampleType.histogram,
    is: EXPONENTIAL,
  },
  {
    name: 'a summary of the percentiles given',
    timers: [{ statsd_type: 'distribution', observer_type: 'summary', summary: { percentiles: [95, 50] } }],
    type: SampleType.distribution,
    is: { kind: 'summary', quantiles: [0.5, 0.95] },
  },
  {
    name: "a summary of the Collector's percentiles",
    timers: [{ statsd_type: 'timer', observer_type: 'summary' }],
    type: SampleType.timer,
    is: { kind: 'summary', quantiles: [0, 0.1, 0.5, 0.9, 0.95, 1] },
  },
  { name: 'a gauge', timers: [{ statsd_type: 'timer', observer_type: 'gauge' }], type: SampleType.timer, is: { kind: 'gauge' } },
  { name: 'what is said of its own type only', timers: [{ statsd_type: 'timer', observer_type: 'gauge' }], type: SampleType.histogram, is: EXPONENTIAL },
])('a timer, histogram or distribution is $name', ({ timers, type, is }) => {
  expect(new PlainNaming({ timers }).resolve({ name: 'http.requests', type, tags: [] })).toMatchObject({ aggregation: is })
})

test('a type that is disabled is dropped', () => {
  const naming = new PlainNaming({ timers: [{ statsd_type: 'timer', observer_type: 'disabled' }] })
  expect(naming.resolve({ name: 'x', type: SampleType.timer, tags: [] })).toEqual({ dropped: 'mapping_drop' })
  expect(naming.resolve({ name: 'x', type: SampleType.histogram, tags: [] })).toMatchObject({ name: 'x' })
})

test('counters may go down, and sets are sets', () => {
  const naming = new PlainNaming({ areCountersMonotonic: false, ttlMs: 7 })
  expect(naming.resolve({ name: 'x', type: SampleType.counter, tags: [] })).toMatchObject({ aggregation: { kind: 'counter', isMonotonic: false }, ttlMs: 7 })
  expect(naming.resolve({ name: 'x', type: SampleType.set, tags: [] })).toMatchObject({ aggregation: { kind: 'set' } })
})

test('no name makes it throw, and only the empty one is refused', () => {
  fc.assert(
    fc.property(anyText, (name) => {
      const result = new PlainNaming().resolve({ name, type: SampleType.gauge, tags: [[name, name]] })
      expect('dropped' in result).toBe(name === '')
    }),
  )
})
