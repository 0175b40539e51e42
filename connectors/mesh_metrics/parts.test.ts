import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TraceForm } from '../../model/access_logs.ts'
import { readTraceIds } from '../../model/trace_ids.ts'
import { Buckets } from './buckets.ts'
import { config } from './config.ts'
import { labelValue } from './label_values.ts'
import { planOf } from './plan.ts'
import { FakeEdges, fakeLogs, testConfig } from './testing.ts'
import { TupleMemo } from './tuple_memo.ts'

describe('buckets', () => {
  test('finds the same bucket as a search from the first bound', () => {
    const bounds = fc.uniqueArray(fc.oneof(fc.double({ min: 0, max: 1e7, noNaN: true }), fc.integer({ min: 0, max: 4_000_000 })), {
      minLength: 1,
      maxLength: 40,
    })
    const value = fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.integer({ min: 0, max: 4_000_000 }), fc.constant(Number.MAX_SAFE_INTEGER))
    fc.assert(
      fc.property(bounds, fc.array(value), (unsorted, values) => {
        const sorted = unsorted.sort((a, b) => a - b)
        const buckets = new Buckets(sorted)
        for (const each of [...values, ...sorted]) {
          const first = sorted.findIndex((bound) => each <= bound)
          expect(buckets.indexOf(each)).toBe(first < 0 ? sorted.length : first)
        }
      }),
    )
  })
})

describe('the memo', () => {
  test('does what a map does', () => {
    const word = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer())
    const tuple = fc.tuple(word, word, word, word, word)
    fc.assert(
      fc.property(fc.array(fc.tuple(tuple, fc.nat()), { maxLength: 200 }), (entries) => {
        const memo = new TupleMemo(100_000)
        const map = new Map<string, number>()
        for (const [key, value] of entries) {
          const known = map.get(key.join())
          expect(memo.find(...key)).toBe(known ?? -1)
          if (known !== undefined) continue
          memo.add(...key, value)
          map.set(key.join(), value)
        }
        expect(memo.size).toBe(map.size)
      }),
    )
  })

  test('grows, and forgets everything at its limit', () => {
    const memo = new TupleMemo(5000)
    for (let i = 0; i < 5000; i++) memo.add(i, 0, 0, 0, 0, i)
    for (let i = 0; i < 5000; i++) expect(memo.find(i, 0, 0, 0, 0)).toBe(i)
    memo.add(5000, 0, 0, 0, 0, 1)
    expect([memo.size, memo.find(0, 0, 0, 0, 0), memo.find(5000, 0, 0, 0, 0)]).toEqual([1, -1, 1])
  })
})

describe('label values', () => {
  test.for([
    { text: 'short', max: 16, expected: 'short' },
    { text: 'a'.repeat(20), max: 16, expected: 'a'.repeat(16) },
    { text: `${'a'.repeat(15)}é`, max: 16, expected: 'a'.repeat(15) },
    { text: `${'a'.repeat(13)}😀`, max: 16, expected: 'a'.repeat(13) },
    { text: `${'a'.repeat(12)}😀`, max: 16, expected: `${'a'.repeat(12)}😀` },
    { text: 'a\u0000b', max: 16, expected: 'a\uFFFDb' },
  ])('$text within $max bytes is $expected', ({ text, max, expected }) => {
    expect(labelValue(text, max)).toBe(expected)
  })

  test('never exceed the limit and never end within a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 16, max: 40 }), (text, max) => {
        const value = labelValue(text, max)
        expect(Buffer.byteLength(value)).toBeLessThanOrEqual(max)
        expect(text.replaceAll('\u0000', '\uFFFD').startsWith(value)).toBe(true)
      }),
    )
  })
})

describe('trace ids', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
  const SPAN = '00f067aa0ba902b7'

  function idsOf(form: number, value: string, span?: string): string | undefined {
    const out = new Uint8Array(24)
    const trace = span === undefined ? { form, value } : { form, value, span }
    return readTraceIds(fakeLogs(new FakeEdges(), [{ trace }]), 0, out) ? Buffer.from(out).toString('hex') : undefined
  }

  test.for([
    { name: 'traceparent', form: TraceForm.traceparent, value: `00-${TRACE}-${SPAN}-01`, expected: TRACE + SPAN },
    { name: 'traceparent of a later version', form: TraceForm.traceparent, value: `cc-${TRACE}-${SPAN}-01-more`, expected: TRACE + SPAN },
    { name: 'a tag', form: TraceForm.tag, value: TRACE, expected: `${TRACE}${'0'.repeat(16)}` },
    { name: 'a tag in capitals, with a span', form: TraceForm.tag, value: TRACE.toUpperCase(), span: SPAN, expected: TRACE + SPAN },
    { name: 'a B3 header', form: TraceForm.b3, value: TRACE, span: SPAN, expected: TRACE + SPAN },
    { name: 'a short B3 header', form: TraceForm.b3, value: SPAN, span: SPAN, expected: '0'.repeat(16) + SPAN + SPAN },
    { name: 'a single B3 header', form: TraceForm.b3, value: `${TRACE}-${SPAN}-1`, expected: TRACE + SPAN },
    { name: 'a span that is not hex', form: TraceForm.tag, value: TRACE, span: 'x'.repeat(16), expected: `${TRACE}${'0'.repeat(16)}` },
  ])('reads $name', ({ form, value, span, expected }) => {
    expect(idsOf(form, value, span)).toBe(expected)
  })

  test.for([
    { name: 'nothing', form: TraceForm.none, value: '' },
    { name: 'zeros', form: TraceForm.tag, value: '0'.repeat(32) },
    { name: 'a text', form: TraceForm.tag, value: 'not-a-trace-id' },
    { name: 'odd lengths', form: TraceForm.tag, value: TRACE.slice(1) },
    { name: 'too many digits', form: TraceForm.b3, value: `${TRACE}0` },
    { name: 'a cut traceparent', form: TraceForm.traceparent, value: `00-${TRACE}-` },
    { name: 'a traceparent with other separators', form: TraceForm.traceparent, value: `00_${TRACE}_${SPAN}_01` },
    { name: 'the B3 sampling decision alone', form: TraceForm.b3, value: '0' },
  ])('takes $name for no trace', ({ form, value }) => {
    expect(idsOf(form, value)).toBeUndefined()
  })

  test('never fails on any text', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 3, 9), fc.string(), fc.string(), (form, value, span) => {
        expect(typeof idsOf(form, value, span)).toMatch(/string|undefined/)
      }),
    )
  })
})

describe('config', () => {
  const problemsOf = (given: Parameters<typeof testConfig>[0]) =>
    (config.check?.(testConfig(given)) ?? []).map(({ path, problem }) => `${path.join('.')}: ${problem}`)

  test.for([
    { given: {}, problems: [] },
    { given: { semantic: 'otel', labels: { exclude: ['server.port'] } }, problems: [] },
    { given: { histogram: { duration_buckets: [1, 1] } }, problems: ['histogram.duration_buckets.1: bounds are not ascending'] },
    { given: { histogram: { size_buckets: [5, 2] } }, problems: ['histogram.size_buckets.1: bounds are not ascending'] },
    { given: { labels: { exclude: ['source_app', 'sorce_app'] } }, problems: ['labels.exclude.1: unknown label'] },
    { given: { labels: { exclude: ['reporter'] } }, problems: ['labels.exclude.0: label cannot be left out'] },
    { given: { semantic: 'otel', labels: { exclude: ['mesh.reporter'] } }, problems: ['labels.exclude.0: label cannot be left out'] },
    { given: { semantic: 'otel', metric_prefix: 'x_' }, problems: ['metric_prefix: has no effect'] },
    { given: { metrics_expiration: '-1s' }, problems: ['metrics_expiration: duration is negative'] },
    { given: { metrics_expiration: '0' }, problems: [] },
    { given: { metrics_flush_interval: '0s' }, problems: ['metrics_flush_interval: duration is not positive'] },
    { given: { tcp_state_expiration: '0' }, problems: ['tcp_state_expiration: duration is not positive'] },
  ] as const)('$given gives $problems', ({ given, problems }) => {
    expect(problemsOf(given)).toEqual(problems)
  })

  test('describes every key', () => {
    const undescribed: string[] = []
    const walk = (schema: { readonly description?: string; readonly properties?: object }, path: string): void => {
      if (path !== '' && (schema.description ?? '') === '') undescribed.push(path)
      for (const [key, child] of Object.entries(schema.properties ?? {})) walk(child as typeof schema, `${path}.${key}`)
    }
    walk(config.schema, '')
    expect(undescribed).toEqual([])
  })
})

describe('the plan', () => {
  test("istio's families have exact names and 20 buckets", () => {
    const families = planOf(testConfig()).groups.flatMap(({ layout }) => layout.families)
    expect(families.map(({ name }) => name)).toEqual([
      'istio_requests_total',
      'istio_request_duration_milliseconds',
      'istio_request_bytes',
      'istio_response_bytes',
      'istio_request_messages_total',
      'istio_response_messages_total',
      'istio_tcp_connections_opened_total',
      'istio_tcp_connections_closed_total',
      'istio_tcp_sent_bytes_total',
      'istio_tcp_received_bytes_total',
      'istio_build',
    ])
    expect(families.every(({ isExactName }) => isExactName)).toBe(true)
    expect(families[1]?.bounds).toHaveLength(19)
  })

  test('otel has neither messages nor builds, and exact names only where the exporter may translate them', () => {
    const plan = planOf(testConfig({ semantic: 'otel' }))
    expect([plan.messages, plan.build]).toEqual([-1, -1])
    expect(plan.groups.flatMap(({ layout }) => layout.families).some(({ isExactName }) => isExactName === true)).toBe(false)
  })

  test('everything may be switched off', () => {
    const off = { enabled: false }
    const metrics = Object.fromEntries(Object.keys(testConfig().metrics).map((key) => [key, off]))
    for (const semantic of ['istio', 'otel'] as const) expect(planOf(testConfig({ semantic, metrics })).groups).toEqual([])
  })
})
