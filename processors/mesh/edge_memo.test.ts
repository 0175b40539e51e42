import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogs, ADDRESS_LENGTH_BITS } from '../../model/access_logs.ts'
import { EdgeMemo, MISS, TOO_OLD } from './edge_memo.ts'
import { Optional } from './row_facts.ts'
import { BatchBuilder, originOf } from './testing.ts'
import { TupleTable } from './tuple_table.ts'

const EVER = { fromMs: 0, untilMs: Number.POSITIVE_INFINITY }
const CLUSTER = 'outbound|9080||ratings.shop.svc.cluster.local'

/** One row that names the called side by this address, which nobody has interned yet, as from the straight decoder. */
function rowTo(strings: ByteInterner, upstream: string): AccessLogs {
  const { logs } = new BatchBuilder(strings)
  const batch = new BatchBuilder(strings).batch(originOf({ id: 'x' }), [{ cluster: CLUSTER, upstream }])
  logs.upstreamCluster[0] = batch.upstreamCluster[0] as number
  logs.upstreamRemoteKind[0] = batch.upstreamRemoteKind[0] as number
  logs.upstreamRemotePort[0] = batch.upstreamRemotePort[0] as number
  const ip = upstream.slice(0, upstream.lastIndexOf(':'))
  logs.message = Buffer.from(`....${ip}....`)
  logs.upstreamRemote[0] = ip === '' ? 0 : ~((4 << ADDRESS_LENGTH_BITS) | Buffer.byteLength(ip))
  logs.startSeconds[0] = 1_700_000_000
  logs.length = 1
  return logs
}

describe('the memo of edges', () => {
  test.for(['1.1', '1.1.1.1', '10.0.0.1', '10.244.10.100', '255.255.255.255', 'fd00:10:244:1::12', '2001:db8:85a3:8d3:1319:8a2e:370:7348'])(
    'knows the address %s again, read from the message or interned',
    (ip) => {
      const strings = new ByteInterner()
      const memo = new EdgeMemo(100)
      const seen = rowTo(strings, `${ip}:80`)
      // The analysis has interned what it looked at.
      seen.address(seen.upstreamRemote, 0)
      memo.keep(seen, 0, { local: 1, shape: 0, bits: Optional.upstreamRemote }, 7, EVER)
      expect(memo.find(rowTo(strings, `${ip}:80`), 0, 1, 0)).toBe(7)
      expect(memo.find(seen, 0, 1, 0)).toBe(7)
      expect(memo.find(rowTo(strings, `${ip}:81`), 0, 1, 0)).toBe(MISS)
      expect(memo.find(rowTo(strings, `${ip}0:80`), 0, 1, 0)).toBe(MISS)
      expect(memo.find(rowTo(strings, `0${ip.slice(1)}:80`), 0, 1, 0)).toBe(MISS)
      expect(memo.find(rowTo(strings, ':80'), 0, 1, 0)).toBe(MISS)
      expect(memo.find(seen, 0, 2, 0)).toBe(MISS)
    },
  )

  test('answers for the time that an answer holds', () => {
    const memo = new EdgeMemo(100)
    const logs = rowTo(new ByteInterner(), '10.0.0.1:80')
    memo.keep(logs, 0, { local: 1, shape: 0, bits: Optional.upstreamRemote }, 7, { fromMs: 1_700_000_000_000, untilMs: 1_700_000_060_000 })
    const found = [1_699_999_999, 1_700_000_000, 1_700_000_059, 1_700_000_060].map((seconds) => {
      logs.startSeconds[0] = seconds
      return memo.find(logs, 0, 1, 0)
    })
    expect(found).toEqual([TOO_OLD, 7, 7, MISS])
  })

  test('goes by more columns once an answer depended on them', () => {
    const memo = new EdgeMemo(100)
    const strings = new ByteInterner()
    const [one, other] = [rowTo(strings, '10.0.0.1:80'), rowTo(strings, '10.0.0.2:80')]
    memo.keep(one, 0, { local: 1, shape: 0, bits: Optional.upstreamRemote }, 7, EVER)
    memo.keep(other, 0, { local: 1, shape: 0, bits: Optional.upstreamRemote | Optional.authority | Optional.downstreamRemote }, 8, EVER)
    expect([memo.find(one, 0, 1, 0), memo.find(other, 0, 1, 0)]).toEqual([MISS, 8])
    other.authority[0] = 5
    expect(memo.find(other, 0, 1, 0)).toBe(MISS)
  })

  test('forgets everything at its limit', () => {
    const memo = new EdgeMemo(1000)
    const strings = new ByteInterner()
    const keep = (i: number): void =>
      memo.keep(rowTo(strings, `10.0.${i >> 8}.${i & 255}:80`), 0, { local: 1, shape: 0, bits: Optional.upstreamRemote }, i, EVER)
    for (let i = 0; i < 999; i++) keep(i)
    expect(memo.find(rowTo(strings, '10.0.3.230:80'), 0, 1, 0)).toBe(998)
    keep(999)
    expect([memo.size, memo.find(rowTo(strings, '10.0.3.230:80'), 0, 1, 0), memo.find(rowTo(strings, '10.0.3.231:80'), 0, 1, 0)]).toEqual([2, MISS, 999])
  })
})

test('a table of tuples does what a map does', () => {
  const word = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
  const tuple = fc.array(word, { minLength: 3, maxLength: 8 }).map((words) => [words.length, ...words].slice(0, 8))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(tuple, fc.integer({ min: 0, max: 1e9 }), fc.double({ noNaN: true })), { minLength: 300, maxLength: 700, size: 'max' }),
      (entries) => {
        const table = new TupleTable(8)
        const map = new Map<string, readonly [number, number]>()
        let wrong = 0
        for (const [key, value, time] of entries) {
          const words = Int32Array.from([...key, 99])
          const known = map.get(key.join())
          const row = table.find(words, key.length)
          if (row < 0 ? known !== undefined : table.value(row, 1) !== known?.[0] || table.time(row, 0) !== known[1]) wrong++
          if (known !== undefined) continue
          const added = table.add(words, key.length)
          if (table.value(added, 0) !== 0 || table.time(added, 1) !== 0) wrong++
          table.setValue(added, 1, value)
          table.setTime(added, 0, time)
          map.set(key.join(), [value, time])
        }
        expect([wrong, table.size]).toEqual([0, map.size])
      },
    ),
    { numRuns: 10 },
  )
})
