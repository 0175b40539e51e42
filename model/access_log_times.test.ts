import { expect, test } from 'vitest'
import { ByteInterner } from '../lib/intern.ts'
import { requestOverheadNs, responseOverheadNs, serverLatencyNs, upstreamLatencyNs } from './access_log_times.ts'
import { AccessLogs } from './access_logs.ts'

const TIMES = {
  lastRx: 80_000,
  firstUpstreamTx: 900_000,
  firstUpstreamRx: 1_010_000_000,
  lastUpstreamRx: 1_010_500_000,
  firstDownstreamTx: 1_010_200_000,
  lastDownstreamTx: 1_010_600_000,
  duration: 1_010_900_000,
}

function times(changes: Partial<typeof TIMES>): readonly number[] {
  const logs = new AccessLogs(new ByteInterner())
  for (const [column, ns] of Object.entries({ ...TIMES, ...changes })) logs[column as keyof typeof TIMES][0] = ns
  return [serverLatencyNs(logs, 0), upstreamLatencyNs(logs, 0), requestOverheadNs(logs, 0), responseOverheadNs(logs, 0)]
}

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
