import { expect, test } from 'vitest'
import { ByteInterner } from '../lib/intern.ts'
import { ProtobufWriter } from '../lib/protobuf/writer.ts'
import { type AccessLogTimes, readTimes, requestOverheadNs, responseOverheadNs, serverLatencyNs, upstreamLatencyNs } from './access_log_times.ts'
import { AccessLogs, EntryKind } from './access_logs.ts'

const TIMES = {
  lastRx: 80_000,
  firstUpstreamTx: 900_000,
  lastUpstreamTx: 950_000,
  firstUpstreamRx: 1_010_000_000,
  lastUpstreamRx: 1_010_500_000,
  firstDownstreamTx: 1_010_200_000,
  lastDownstreamTx: 1_010_600_000,
  duration: 1_010_900_000,
}

function times(changes: Partial<typeof TIMES>): readonly number[] {
  const all = { ...TIMES, ...changes }
  const logs = new AccessLogs(new ByteInterner())
  logs.duration[0] = all.duration
  logs.lastDownstreamTx[0] = all.lastDownstreamTx
  const read: AccessLogTimes = all
  return [serverLatencyNs(logs, 0), upstreamLatencyNs(read), requestOverheadNs(read), responseOverheadNs(read)]
}

test('reads the times of an entry from its bytes', () => {
  const writer = new ProtobufWriter()
  const names = ['lastRx', 'firstUpstreamTx', 'lastUpstreamTx', 'firstUpstreamRx', 'lastUpstreamRx', 'firstDownstreamTx'] as const
  writer.message(1, () => {
    for (const [i, name] of names.entries()) {
      writer.message(6 + i, () => {
        writer.varint(1, Math.floor(TIMES[name] / 1e9))
        writer.varint(2, TIMES[name] % 1e9)
      })
    }
  })
  const logs = new AccessLogs(new ByteInterner())
  logs.message = writer.finish()
  logs.kind[0] = EntryKind.http
  logs.entryEnd[0] = logs.message.length
  const { duration: _, ...expected } = TIMES
  expect(readTimes(logs, 0)).toEqual({ ...expected, lastDownstreamTx: Number.NaN })
})

test('reads the lower bits of nanoseconds that are longer than an int32', () => {
  const writer = new ProtobufWriter()
  // -357,075,345 in its lower 32 bits; a 64-bit number that is not the same.
  const nanos = BigInt.asUintN(32, -357_075_345n) | (0x7f0000ffn << 32n)
  writer.message(1, () => void writer.message(6, () => void writer.varint(1, 16_384).varint(2, nanos)))
  const logs = new AccessLogs(new ByteInterner())
  logs.message = writer.finish()
  logs.entryEnd[0] = logs.message.length
  expect(readTimes(logs, 0).lastRx).toBe(16_383_642_924_655)
})

test.for([
  { name: 'all times', changes: {}, expected: [1_010_900_000, 1_009_600_000, 820_000, 200_000] },
  { name: 'no duration', changes: { duration: Number.NaN }, expected: [1_010_600_000, 1_009_600_000, 820_000, 200_000] },
  { name: 'a streamed request', changes: { lastRx: 950_000 }, expected: [1_010_900_000, 1_009_600_000, Number.NaN, 200_000] },
  {
    name: 'no upstream',
    changes: { firstUpstreamTx: Number.NaN, firstUpstreamRx: Number.NaN, lastUpstreamRx: Number.NaN },
    expected: [1_010_900_000, Number.NaN, Number.NaN, Number.NaN],
  },
  { name: 'no time at all', changes: { duration: Number.NaN, lastDownstreamTx: Number.NaN }, expected: [Number.NaN, 1_009_600_000, 820_000, 200_000] },
  { name: 'a negative duration', changes: { duration: -1 }, expected: [Number.NaN, 1_009_600_000, 820_000, 200_000] },
])('computes latencies from $name', ({ changes, expected }) => {
  expect(times(changes)).toEqual(expected)
})
