import { expect, test } from 'vitest'
import type { InstrumentSpec } from '../component/telemetry.ts'
import { OwnTelemetry } from './own_telemetry.ts'
import { BLOCK_SLOTS, SlotTelemetry } from './slots.ts'

const counter: InstrumentSpec = { name: 'c', description: 'A counter.', unit: '1', type: 'counter' }
const gauge: InstrumentSpec = { name: 'g', description: 'A gauge.', unit: '1', type: 'gauge' }

test('the same name and labels are one instrument, whatever the order of the labels', () => {
  const own = new OwnTelemetry()
  own.counter(counter, { a: '1', b: '2' }).add(1)
  own.counter(counter, { b: '2', a: '1' }).add(2)
  own.counter(counter, { a: '2' }).add(4)
  expect(own.family('c')).toEqual([
    { labels: { a: '1', b: '2' }, value: 3 },
    { labels: { a: '2' }, value: 4 },
  ])
  expect(own.value('c')).toBe(7)
  expect(own.value('c', { a: '1' })).toBe(3)
})

test('what workers count is in the sums; counters stay when a worker ends, gauges go', () => {
  const own = new OwnTelemetry()
  const sources = [own.attach(), own.attach()]
  const workers = sources.map((source) => new SlotTelemetry((message) => source.receive(message)))
  own.counter(counter).add(1)
  for (const worker of workers) {
    worker.counter(counter).add(10)
    worker.counter(counter).add(10)
    worker.gauge(gauge).set(5)
  }
  expect([own.value('c'), own.value('g')]).toEqual([41, 10])
  sources[0]?.detach()
  sources[0]?.detach()
  expect([own.value('c'), own.value('g')]).toEqual([41, 5])
  workers[1]?.counter(counter).add(1)
  expect(own.value('c')).toBe(42)
})

test('a worker may have more instruments than one block of memory holds', () => {
  const own = new OwnTelemetry()
  const source = own.attach()
  const blocks: number[] = []
  const worker = new SlotTelemetry((message) => {
    if (message.type === 'block') blocks.push(message.block)
    source.receive(message)
  })
  for (let i = 0; i < BLOCK_SLOTS + 1; i++) worker.counter(counter, { i: String(i) }).add(i)
  expect(blocks).toEqual([0, 1])
  expect(own.value('c', { i: String(BLOCK_SLOTS) })).toBe(BLOCK_SLOTS)
  expect(own.family('c')).toHaveLength(BLOCK_SLOTS + 1)
})

test('an instrument of a block that was never announced is a bug', () => {
  const source = new OwnTelemetry().attach()
  expect(() => source.receive({ type: 'instrument', block: 3, slot: 0, spec: counter, labels: {} })).toThrow('BUG: instrument c in block 3')
})

test('the number of series of one instrument is bounded', () => {
  const own = new OwnTelemetry()
  for (let i = 0; i < 2010; i++) own.counter(counter, { i: String(i) }).add(1)
  expect(own.family('c')).toHaveLength(2001)
  expect(own.value('c', { otel_metric_overflow: 'true' })).toBe(10)
  expect(own.value('c')).toBe(2010)
})

test('an observed number is read when somebody looks', () => {
  const own = new OwnTelemetry()
  let value = 1
  const end = own.observe(gauge, {}, () => value)
  value = 7
  expect(own.value('g')).toBe(7)
  end()
  expect(own.value('g')).toBe(0)
})
