import { parentPort, workerData } from 'node:worker_threads'
import { SharedStatStore } from '../../receivers/statsd/aggregate/shared_store.ts'
import { AGGREGATIONS, seriesSpec } from '../../receivers/statsd/aggregate/testing.ts'

/**
 * Entry of a thread that writes `rounds` times to a counter, an exponential and an explicit histogram, a gauge by deltas
 * and a set, all of `series` label values, posts the messages of its store to its parent, then 'done', and ends.
 */
const { rounds, series, sweepEvery } = workerData as { rounds: number; series: number; sweepEvery: number }
const port = parentPort
if (port === null) throw new Error('BUG: not started as a worker thread')

const store = new SharedStatStore({ seriesMax: 10_000, setIntervalMs: 3_600_000, send: (message) => port.postMessage(message) })
const member = new TextEncoder().encode('0000')
for (let n = 0; n < rounds; n++) {
  const labels = { i: `${n % series}` }
  // Rows with a time to live of 1 ms, long ago: the store starts over, as after a quiet hour.
  if (n > 0 && n % sweepEvery === 0) {
    for (let i = 0; i < 500; i++) store.add(store.open(seriesSpec('short', AGGREGATIONS.counter, { i: `${i}` }, 1)), 1, 1)
    store.sweep(Date.now())
  }
  const nowMs = Date.now()
  store.add(store.open(seriesSpec('count', AGGREGATIONS.counter, labels)), 1, nowMs)
  store.observe(store.open(seriesSpec('time', AGGREGATIONS.exponential, labels)), 1 + (n % 1000), 1, nowMs)
  store.observe(store.open(seriesSpec('size', AGGREGATIONS.explicit, labels)), n % 200, 1, nowMs)
  store.shift(store.open(seriesSpec('level', AGGREGATIONS.gauge, labels)), n % 3 === 2 ? -1 : 1, nowMs)
  member[3] = 48 + (n % 10)
  store.member(store.open(seriesSpec('users', AGGREGATIONS.set, labels)), member, 0, 4, nowMs)
}
store.close()
