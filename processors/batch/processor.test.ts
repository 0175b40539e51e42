import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Consumer, PermanentError, RefusedError } from '../../component/consumer.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints, NumberPoint } from '../../model/data_points.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics } from '../../model/metrics.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { metricsOf } from '../../test/fakes/metrics.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type BatchConfig, config } from './config.ts'
import { BatchProcessor } from './processor.ts'

const DEFAULTS: BatchConfig = {
  send_batch_size: 8192,
  timeout: '200ms',
  send_batch_max_size: 0,
  metadata_keys: [],
  metadata_cardinality_limit: 1000,
  pending_batches_max: 16,
}
const HEAD = { resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } }
const NEVER = new AbortController().signal

function logs(...groups: string[][]): LogRecords {
  return { groups: groups.map((texts) => ({ ...HEAD, records: texts.map((body) => newLogRecord({ body })) })) }
}

function bodies(batch: Logs | undefined): unknown[] {
  return batch !== undefined && 'groups' in batch ? batch.groups.flatMap(({ records }) => records.map(({ body }) => body)) : []
}

function processorOf(given: Partial<BatchConfig>, next: Consumer<Logs>): { readonly processor: BatchProcessor<'logs'>; readonly settings: FakeSettings } {
  const settings = fakeSettings('processor', 'batch')
  const processor = new BatchProcessor(settings, { ...DEFAULTS, ...given }, next, 'logs')
  processor.start()
  return { processor, settings }
}

/** Lets promises that are already settled take effect. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

describe('a batch', () => {
  test('is sent when it is full, whole if there is no maximum', async () => {
    const next = new CollectingConsumer<Logs>()
    const { processor, settings } = processorOf({ send_batch_size: 3 }, next)
    void processor.consume(logs(['a', 'b']))
    expect(next.batches).toHaveLength(0)
    void processor.consume(logs(['c'], ['d', 'e']))
    await settled()
    expect(next.batches.map(bodies)).toEqual([['a', 'b', 'c', 'd', 'e']])
    expect(settings.telemetry.value('meshscope_processor_batches', { trigger: 'size' })).toBe(1)
    expect(settings.telemetry.value('meshscope_processor_batch_items')).toBe(5)
  })

  test('is cut at its maximum, in the middle of a group, and the rest waits', async () => {
    const next = new CollectingConsumer<Logs>()
    const { processor, settings } = processorOf({ send_batch_size: 2, send_batch_max_size: 2 }, next)
    void processor.consume(logs(['a'], ['b', 'c', 'd'], ['e']))
    await settled()
    expect(next.batches.map(bodies)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    settings.clock.advance(200)
    await settled()
    expect(bodies(next.batches[2])).toEqual(['e'])
    expect(settings.telemetry.value('meshscope_processor_batches', { trigger: 'timeout' })).toBe(1)
  })

  test('is sent when its first item has waited long enough, not when its last has', async () => {
    const next = new CollectingConsumer<Logs>()
    const { processor, settings } = processorOf({}, next)
    void processor.consume(logs(['a']))
    settings.clock.advance(150)
    void processor.consume(logs(['b']))
    settings.clock.advance(50)
    await settled()
    expect(next.batches.map(bodies)).toEqual([['a', 'b']])
    settings.clock.advance(1000)
    await settled()
    expect(next.batches).toHaveLength(1)
  })

  test('is sent at once with timeout 0 or size 0', async () => {
    for (const given of [{ timeout: '0s' }, { send_batch_size: 0 }]) {
      const next = new CollectingConsumer<Logs>()
      const { processor } = processorOf(given, next)
      void processor.consume(logs(['a']))
      await settled()
      expect(bodies(next.batches[0])).toEqual(['a'])
    }
  })

  test('is sent on shutdown', async () => {
    const next = new CollectingConsumer<Logs>()
    const { processor, settings } = processorOf({}, next)
    void processor.consume(logs(['a']))
    await processor.shutdown({ signal: NEVER })
    expect(bodies(next.batches[0])).toEqual(['a'])
    expect(settings.telemetry.value('meshscope_processor_batches', { trigger: 'shutdown' })).toBe(1)
  })
})

describe('a pipeline that does not take a batch', () => {
  /** Refuses as often as told, then takes. */
  class Reluctant implements Consumer<Logs> {
    readonly taken: unknown[][] = []
    refusals: number
    constructor(refusals: number) {
      this.refusals = refusals
    }
    consume(batch: Logs): void {
      if (this.refusals-- > 0) throw new RefusedError('full', { retryAfterMs: 500 })
      this.taken.push(bodies(batch))
    }
  }

  test('is offered it again, in order, and senders are held off meanwhile', async () => {
    const next = new Reluctant(2)
    const { processor, settings } = processorOf({ send_batch_size: 1, pending_batches_max: 2 }, next)
    void processor.consume(logs(['a']))
    void processor.consume(logs(['b']))
    expect(() => processor.consume(logs(['c']))).toThrow(RefusedError)
    for (let i = 0; i < 2; i++) {
      await settled()
      settings.clock.advance(500)
    }
    await settled()
    expect(next.taken).toEqual([['a'], ['b']])
    void processor.consume(logs(['c']))
    await settled()
    expect(next.taken).toEqual([['a'], ['b'], ['c']])
  })

  test('loses what it still refuses at the drain deadline, which is counted', async () => {
    const { processor, settings } = processorOf({}, new Reluctant(Number.POSITIVE_INFINITY))
    void processor.consume(logs(['a', 'b']))
    const stop = new AbortController()
    const stopped = processor.shutdown({ signal: stop.signal })
    await settled()
    stop.abort()
    await stopped
    expect(settings.telemetry.value('meshscope_processor_batch_dropped_items', { reason: 'shutdown' })).toBe(2)
  })

  test('loses what it will never take, and gets what comes after it', async () => {
    const taken: unknown[][] = []
    const { processor, settings } = processorOf(
      { send_batch_size: 1 },
      {
        consume: (batch) => {
          if (bodies(batch).includes('bad')) throw new PermanentError('bad')
          taken.push(bodies(batch))
        },
      },
    )
    void processor.consume(logs(['bad']))
    void processor.consume(logs(['good']))
    await settled()
    expect(taken).toEqual([['good']])
    expect(settings.telemetry.value('meshscope_processor_batch_dropped_items', { reason: 'rejected' })).toBe(1)
  })
})

test('headers of clients tell batches apart, up to a limit', async () => {
  const next = new CollectingConsumer<Logs>()
  const { processor } = processorOf({ metadata_keys: ['X-Tenant'], metadata_cardinality_limit: 2 }, next)
  const from = (tenant: string, body: string): LogRecords => ({
    ...logs([body]),
    client: { address: '1.2.3.4:5', metadata: { 'x-tenant': [tenant], other: ['x'] } },
  })
  void processor.consume(from('one', 'a'))
  void processor.consume(from('two', 'b'))
  void processor.consume(from('one', 'c'))
  expect(() => processor.consume(from('three', 'd'))).toThrow(/more than 2 combinations/)
  await processor.shutdown({ signal: NEVER })
  expect(next.batches.map((batch) => ('groups' in batch ? [batch.client?.metadata, bodies(batch)] : []))).toEqual([
    [{ 'x-tenant': ['one'] }, ['a', 'c']],
    [{ 'x-tenant': ['two'] }, ['b']],
  ])
})

test('series of the daemon itself pass as they are', () => {
  const next = new CollectingConsumer<Metrics>()
  const processor = new BatchProcessor(fakeSettings('processor', 'batch'), DEFAULTS, next, 'metrics')
  const series = metricsOf()
  void processor.consume(series)
  expect(next.batches[0]).toBe(series)
})

test('points are cut between each other, under the head of their metric', async () => {
  const next = new CollectingConsumer<Metrics>()
  const processor = new BatchProcessor(fakeSettings('processor', 'batch'), { ...DEFAULTS, send_batch_size: 2, send_batch_max_size: 2 }, next, 'metrics')
  const point = (value: number): NumberPoint => ({ attributes: AttributeSet.empty, startTimeNs: 0n, timeNs: 1n, flags: 0, exemplars: [], value })
  const metric = (name: string, ...values: number[]) => ({ name, description: '', unit: '', type: 'gauge', points: values.map(point) }) as const
  void processor.consume({ groups: [{ ...HEAD, metrics: [metric('a', 1), metric('b', 2, 3), metric('c', 4)].map((m) => ({ ...m, points: [...m.points] })) }] })
  await processor.shutdown({ signal: NEVER })
  const seen = (next.batches as DataPoints[]).map(({ groups }) =>
    groups.flatMap(({ metrics }) => metrics.map(({ name, points }) => [name, points.map((p) => ('value' in p ? p.value : undefined))])),
  )
  expect(seen).toEqual([
    [
      ['a', [1]],
      ['b', [2]],
    ],
    [
      ['b', [3]],
      ['c', [4]],
    ],
  ])
})

test('whatever comes in goes out once, in order, in batches that are not too large', async () => {
  const sizes = fc.array(fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 4 }), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 4 }), async (batches, size, over) => {
      const next = new CollectingConsumer<Logs>()
      const { processor, settings } = processorOf({ send_batch_size: size, send_batch_max_size: size + over, pending_batches_max: 1000 }, next)
      const sent: string[] = []
      for (const groups of batches) {
        const named = groups.map((count) => Array.from({ length: count }, () => `r${sent.push('') - 1}`))
        void processor.consume(logs(...named))
        if (groups.length % 2 === 0) settings.clock.advance(100)
      }
      await processor.shutdown({ signal: NEVER })
      expect(next.batches.flatMap(bodies)).toEqual(sent.map((_, i) => `r${i}`))
      expect(next.batches.every((batch) => bodies(batch).length > 0 && bodies(batch).length <= size + over)).toBe(true)
    }),
  )
})

test('a maximum below the size and a header named twice are config problems', () => {
  const problems = config.check?.({ ...DEFAULTS, send_batch_size: 10, send_batch_max_size: 5, metadata_keys: ['a', 'A'] })
  expect(problems?.map(({ path }) => path)).toEqual([['send_batch_max_size'], ['metadata_keys', 1]])
})
