import { describe, expect, test } from 'vitest'
import type { MetricFamily } from '../metrics.ts'
import { seriesLayout } from './layout.ts'
import { Control, OVERFLOW_ROW, SeriesShard, type ShardBuffers } from './shard.ts'

const requests: MetricFamily = { name: 'requests', description: '', unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', bounds: [] }
const duration: MetricFamily = { ...requests, name: 'duration', type: 'histogram', isMonotonic: false, bounds: [1, 10] }
const layout = seriesLayout(['from', 'to'], [requests, duration])

function shardWith(rowsMax = 100, textBytesMax = 10_000) {
  const published: ShardBuffers[] = []
  return { shard: new SeriesShard(layout, { rowsMax, textBytesMax }, (buffers) => published.push(buffers)), published }
}

function labelsOf(buffers: ShardBuffers, row: number): string[] {
  return layout.labels.map((_, i) => {
    const text = buffers.labels[row * layout.labels.length + i] as number
    const start = text === 0 ? 0 : (buffers.textEnds[text - 1] as number)
    return Buffer.from(buffers.textBytes.subarray(start, buffers.textEnds[text])).toString()
  })
}

describe('seriesLayout', () => {
  test('puts the values of all families side by side', () => {
    expect({ offsets: layout.offsets, stride: layout.stride }).toEqual({ offsets: [0, 1], stride: 5 })
  })
})

describe('SeriesShard', () => {
  test('gives one row per label tuple and writes its labels to shared memory', () => {
    const { shard, published } = shardWith()
    const row = shard.rowOf(['gateway', 'productpage'])
    expect(shard.rowOf(['gateway', 'productpage'])).toBe(row)
    expect(shard.rowOf(['productpage', 'gateway'])).not.toBe(row)
    const buffers = published[0] as ShardBuffers
    expect(buffers.control[Control.rows]).toBe(3)
    expect(labelsOf(buffers, row)).toEqual(['gateway', 'productpage'])
    expect(buffers.values.buffer).toBeInstanceOf(SharedArrayBuffer)
  })

  test('marks a row as busy between begin and end', () => {
    const { shard, published } = shardWith()
    const row = shard.rowOf(['a', 'b'])
    const { sequence, updatedMs } = published[0] as ShardBuffers
    shard.begin(row)
    expect((sequence[row] as number) & 1).toBe(1)
    shard.end(row, 77)
    expect([(sequence[row] as number) & 1, updatedMs[row]]).toEqual([0, 77])
  })

  test.for([
    { name: 'rows', rowsMax: 3, textBytesMax: 1000 },
    { name: 'label bytes', rowsMax: 100, textBytesMax: 4 },
  ])('answers with the overflow row when the limit of $name is reached', ({ rowsMax, textBytesMax }) => {
    const { shard } = shardWith(rowsMax, textBytesMax)
    const first = [shard.rowOf(['a', 'b']), shard.rowOf(['c', 'd'])]
    expect(first).toEqual([1, 2])
    expect(shard.rowOf(['e', 'f'])).toBe(OVERFLOW_ROW)
    expect(shard.rowOf(['a', 'b'])).toBe(1)
  })

  test('starts over in fresh buffers when enough rows are idle, and closes the old ones', () => {
    const { shard, published } = shardWith()
    for (const to of ['b', 'c', 'd', 'e']) {
      const row = shard.rowOf(['a', to])
      shard.begin(row)
      shard.end(row, to === 'b' ? 1000 : 9000)
    }
    expect(shard.sweep(10_000, 9500)).toBe(false)
    expect(shard.sweep(10_000, 5000)).toBe(true)
    expect(published).toHaveLength(2)
    expect([published[0]?.control[Control.closed], published[1]?.control[Control.closed]]).toEqual([1, 0])
    expect({ epoch: shard.epoch, rows: shard.rows }).toEqual({ epoch: 1, rows: 1 })
    expect(shard.values).toBe(published[1]?.values)
  })

  test('keeps an exemplar per row', () => {
    const { shard, published } = shardWith()
    const row = shard.rowOf(['a', 'b'])
    const ids = Uint8Array.from({ length: 24 }, (_, n) => n)
    shard.setExemplar(row, 12, 5000, ids)
    expect(shard.exemplarMs(row)).toBe(5000)
    expect([...(published[0] as ShardBuffers).traceIds.subarray(row * 24, row * 24 + 24)]).toEqual([...ids])
  })
})
