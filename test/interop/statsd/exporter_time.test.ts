/** What the real statsd_exporter and ours make of many values, and of time: quantiles, what summaries forget, series that end. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendStream } from '../../fakes/statsd_run.ts'
import { temporaryFolder } from '../child.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'
import { type StatsdExporter, startStatsdExporter } from './exporter.ts'
import { readPage } from './scrape.ts'

const QUANTILES = [
  { quantile: 0.25, error: 0.02 },
  { quantile: 0.5, error: 0.02 },
  { quantile: 0.9, error: 0.01 },
  { quantile: 0.99, error: 0.001 },
] as const
/** Ours are of exponential histograms of 160 buckets: with values from 1 to 400 a bucket is 4.4 % wide. */
const BUCKET_WIDTH = 0.05

const MAPPING = `
defaults: { observer_type: summary, summary_options: { quantiles: ${JSON.stringify(QUANTILES)}, max_age: 10m, age_buckets: 5 } }
mappings:
- { match: "brief.*", name: "brief_$1", summary_options: { quantiles: ${JSON.stringify(QUANTILES)}, max_age: 2s, age_buckets: 2 } }
- { match: "short.lived.*", name: "short_lived_$1", ttl: 1s }
`

const COUNT = 2000
/** Values from 1 to 400, more small ones than large ones, each another; in no order. */
const VALUES = Array.from({ length: COUNT }, (_, i) => Math.exp((6 * ((i * 7919) % COUNT)) / COUNT))
const SORTED = VALUES.toSorted((a, b) => a - b)

suite('time and the real statsd_exporter', ['statsd_exporter'], (paths) => {
  const folder = temporaryFolder('mapping')
  let exporter: StatsdExporter
  let daemon: StatsdDaemon
  let sent = 0

  beforeAll(async () => {
    const file = join(folder.path, 'mapping.yml')
    writeFileSync(file, MAPPING)
    exporter = await startStatsdExporter(paths.statsd_exporter, MAPPING)
    daemon = await startStatsdDaemon({ receivers: { tcp: { dialect: 'statsd_exporter', mapping_file: file, transport: 'tcp' } } })
  })

  afterAll(async () => {
    await exporter?.stop()
    await daemon?.stop()
    folder.remove()
  })

  /** Sends to both and returns when both have applied it. */
  async function send(lines: readonly string[]): Promise<void> {
    const all = lines.map((line) => `${line}\n`)
    sent += all.length
    await sendStream({ port: exporter.tcpPort, host: '127.0.0.1' }, all)
    await sendStream({ port: daemon.ports['tcp'] ?? 0, host: '127.0.0.1' }, all)
    expect(await daemon.ledger('tcp', sent)).toMatchObject({ received: sent, rejected: 0 })
    await exporter.settled(sent)
  }

  type Pages = readonly [theirs: ReadonlyMap<string, number>, ours: ReadonlyMap<string, number>]
  const pages = async (): Promise<Pages> => [readPage(await exporter.scrape()).series, readPage(await daemon.scrape('tcp')).series]
  /** The values of a series on both pages, once they are as wanted or do not become so. */
  const bothOnce = async (key: string, isWanted: (value: number | undefined) => boolean): Promise<(number | undefined)[]> =>
    await settled(
      async () => (await pages()).map((page) => page.get(key)),
      (values) => values.every(isWanted),
      15_000,
    )

  test.for([
    { name: 'one by one', key: 'whole', line: (value: number) => `whole:${value}|h` },
    { name: 'sampled, so that each counts twice', key: 'sampled', line: (value: number) => `sampled:${value}|h|@0.5` },
    { name: 'with a tag', key: 'tagged', labels: 'env="prod"', line: (value: number) => `tagged:${value}|d|#env:prod` },
  ])('quantiles of values that come $name are those of the values', async ({ key, labels, line }) => {
    await send(VALUES.map(line))
    for (const page of await pages()) {
      expect(page.get(`${key}_count{${labels ?? ''}}`)).toBe(key === 'sampled' ? 2 * COUNT : COUNT)
    }
    const [theirs, ours] = await pages()
    for (const { quantile, error } of QUANTILES) {
      const series = `${key}{${[...(labels === undefined ? [] : [labels]), `quantile="${quantile}"`].join(',')}}`
      const exact = valueAt(quantile)
      // Theirs is a little more off than it was asked to be: 2.05 points of a rank where 2 were allowed.
      expect(theirs.get(series), `${series} there`).toSatisfy(isBetween(valueAt(quantile - 1.5 * error), valueAt(quantile + 1.5 * error)))
      expect(ours.get(series), `${series} here`).toSatisfy(isBetween(exact * (1 - BUCKET_WIDTH), exact * (1 + BUCKET_WIDTH)))
    }
  })

  test('a summary forgets after its max_age, and keeps count and sum', async () => {
    await send(['brief.one:7|h', 'brief.one:9|h'])
    const series = 'brief_one{quantile="0.5"}'
    expect(await bothOnce(series, (value) => Number.isNaN(value))).toEqual([Number.NaN, Number.NaN])
    for (const page of await pages()) expect([page.get('brief_one_count{}'), page.get('brief_one_sum{}')]).toEqual([2, 16])
  })

  test('a series ends after its ttl, counts from nothing when it comes back, and others stay', async () => {
    await send(['short.lived.hits:3|c', 'short.lived.depth:5|g', 'stays:1|c'])
    for (const series of ['short_lived_hits{}', 'short_lived_depth{}']) {
      expect(await bothOnce(series, (value) => value === undefined)).toEqual([undefined, undefined])
    }
    expect((await pages()).map((page) => page.get('stays{}'))).toEqual([1, 1])
    await send(['short.lived.hits:4|c', 'short.lived.depth:+2|g'])
    expect(await bothOnce('short_lived_hits{}', (value) => value === 4)).toEqual([4, 4])
    expect((await pages()).map((page) => page.get('short_lived_depth{}'))).toEqual([2, 2])
  })
})

function valueAt(rank: number): number {
  return SORTED[Math.min(COUNT - 1, Math.max(0, Math.floor(rank * COUNT)))] as number
}

function isBetween(low: number, high: number): (value: number | undefined) => boolean {
  return (value) => value !== undefined && value >= low && value <= high
}
