import { parentPort, workerData } from 'node:worker_threads'
import type { SeriesLayout } from '../../model/series/layout.ts'
import { SeriesShard } from '../../model/series/shard.ts'

/**
 * Entry of a thread that counts `counts` observations over `rows` label pairs into a shard of a layout with a counter
 * and a histogram of two bounds, posts every set of buffers to its parent, and ends.
 */
const { layout, counts, rows, sweepEvery } = workerData as { layout: SeriesLayout; counts: number; rows: number; sweepEvery: number }
const port = parentPort
if (port === null) throw new Error('BUG: not started as a worker thread')

const shard = new SeriesShard(layout, { rowsMax: rows + 1, textBytesMax: 1 << 16 }, (buffers) => port.postMessage(buffers))
for (let n = 0; n < counts; n++) {
  // A time far ahead of the clock makes every row idle: the shard starts over, as after a quiet hour.
  if (n > 0 && n % sweepEvery === 0) shard.sweep(Number.MAX_SAFE_INTEGER, 1)
  const row = shard.rowOf([`a${n % rows}`, 'b'])
  const at = shard.offset(row)
  const bucket = at + 1 + (n % 3)
  shard.begin(row)
  shard.values[at] = (shard.values[at] as number) + 1
  shard.values[bucket] = (shard.values[bucket] as number) + 1
  shard.values[at + 4] = (shard.values[at + 4] as number) + n
  shard.end(row, Date.now())
}
shard.close()
