import { describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import { newSpan } from '../../model/traces.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type MemoryLimiterConfig } from './config.ts'
import { ITEMS_OF } from './items.ts'
import { limitsOf } from './limits.ts'
import { MemoryLimiter } from './processor.ts'

const MIB = 1024 * 1024
const DEFAULTS: MemoryLimiterConfig = {
  check_interval: '1s',
  limit_mib: 0,
  limit_percentage: 0,
  spike_limit_mib: 0,
  spike_limit_percentage: 0,
  min_gc_interval_when_soft_limited: '10s',
  min_gc_interval_when_hard_limited: '1s',
}
const HEAD = { resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } }
const LOGS: Logs = { groups: [{ ...HEAD, records: [newLogRecord({}), newLogRecord({})] }] }

test.each([
  [{ limit_mib: 100 }, { hard: 100, soft: 80 }],
  [
    { limit_mib: 100, spike_limit_mib: 30 },
    { hard: 100, soft: 70 },
  ],
  [{ limit_percentage: 50 }, { hard: 500, soft: 400 }],
  [
    { limit_percentage: 80, spike_limit_percentage: 25 },
    { hard: 800, soft: 550 },
  ],
  [
    { limit_mib: 100, limit_percentage: 80 },
    { hard: 100, soft: 80 },
  ],
])('%j of 1000 MiB is %j', (given, { hard, soft }) => {
  expect(limitsOf({ ...DEFAULTS, ...given }, 1000 * MIB)).toEqual({ hard: hard * MIB, soft: soft * MIB })
})

describe('with a limit of 100 MiB', () => {
  function started(residentMib: number) {
    const settings = fakeSettings('processor', 'memory_limiter')
    const next = new CollectingConsumer<Logs>()
    const memory = { residentMib, collections: 0, afterCollection: undefined as number | undefined }
    const system = {
      residentBytes: () => memory.residentMib * MIB,
      availableBytes: () => 1000 * MIB,
      collect: () => {
        memory.collections++
        memory.residentMib = memory.afterCollection ?? memory.residentMib
      },
    }
    const limiter = new MemoryLimiter(settings, { ...DEFAULTS, limit_mib: 100 }, { next, signal: 'logs', itemsOf: ITEMS_OF.logs, system })
    const host = new FakeHost()
    limiter.start(host)
    const counted = (outcome: string): number => settings.telemetry.value(`otelcol_processor_memory_limiter_${outcome}_log_records`)
    return { settings, next, memory, limiter, host, counted }
  }

  test('data passes below the soft limit, is refused above it, and passes again', () => {
    const { settings, next, memory, limiter, host, counted } = started(79)
    void limiter.consume(LOGS)
    expect(next.batches).toEqual([LOGS])
    memory.residentMib = 81
    settings.clock.advance(1000)
    expect(() => limiter.consume(LOGS)).toThrow(RefusedError)
    expect([counted('accepted'), counted('refused')]).toEqual([2, 2])
    expect(host.statuses.at(-1)).toMatchObject({ kind: 'recoverable_error', staysReady: true })
    memory.residentMib = 60
    settings.clock.advance(1000)
    void limiter.consume(LOGS)
    expect(next.batches).toHaveLength(2)
    expect(host.statuses.at(-1)).toEqual({ kind: 'ok' })
    expect(settings.log.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
  })

  test('garbage is collected rarely above the soft limit and often above the hard one', () => {
    const { settings, memory } = started(90)
    expect(memory.collections).toBe(1)
    settings.clock.advance(9000)
    expect(memory.collections).toBe(1)
    settings.clock.advance(1000)
    expect(memory.collections).toBe(2)
    memory.residentMib = 101
    settings.clock.advance(3000)
    expect(memory.collections).toBe(5)
    expect(settings.telemetry.value('meshscope_processor_memory_limiter_collections', { limit: 'hard' })).toBe(3)
  })

  test('nothing is refused when a collection makes room', () => {
    const { settings, memory, limiter, next } = started(10)
    memory.residentMib = 101
    memory.afterCollection = 20
    settings.clock.advance(1000)
    void limiter.consume(LOGS)
    expect(next.batches).toHaveLength(1)
  })

  test('nothing is measured any more after the end', () => {
    const { settings, memory, limiter, next } = started(10)
    limiter.shutdown()
    memory.residentMib = 200
    settings.clock.advance(5000)
    void limiter.consume(LOGS)
    expect(next.batches).toHaveLength(1)
  })
})

test('items are records, points and spans', () => {
  expect(ITEMS_OF.logs(LOGS)).toBe(2)
  expect(ITEMS_OF.metrics(metricsOf(familyPoints(metricFamily('calls'), [{ attributes: {}, values: [1] }])))).toBe(1)
  expect(ITEMS_OF.traces({ groups: [{ ...HEAD, spans: [newSpan({})] }] })).toBe(1)
})

test.each([
  [{}, ['']],
  [{ limit_mib: 10, check_interval: '0s' }, ['check_interval']],
  [{ limit_mib: 10, spike_limit_mib: 10 }, ['spike_limit_mib']],
  [{ limit_percentage: 50, spike_limit_percentage: 60 }, ['spike_limit_percentage']],
  [{ limit_percentage: 50 }, []],
])('%j has problems at %j', (given, paths) => {
  expect(config.check?.({ ...DEFAULTS, ...given }).map(({ path }) => path.join('.'))).toEqual(paths)
})
