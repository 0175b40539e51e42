/** Python's DogStatsD and StatsD clients, as applications use them: totals come out as they went in. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../child.ts'
import { suite } from '../suite.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'
import { readPage } from './scrape.ts'

const SCRIPT = join(import.meta.dirname, 'clients.py')
const ROUNDS = 50

suite('real StatsD clients', ['statsd-clients'], (paths) => {
  let daemon: StatsdDaemon

  beforeAll(async () => {
    daemon = await startStatsdDaemon({ receivers: { dogstatsd: { dialect: 'dogstatsd', is_monotonic_counter: false }, udp: {}, tcp: { transport: 'tcp' } } })
    const ports = ['dogstatsd', 'udp', 'tcp'].map((name) => String(daemon.ports[name]))
    const { code, output } = await run({ name: 'clients', file: paths['statsd-clients'], args: [SCRIPT, ...ports] }, 30_000)
    expect(output).toBe('')
    expect(code).toBe(0)
  })

  afterAll(async () => {
    await daemon?.stop()
  })

  const page = async (receiver: string): Promise<Record<string, number>> =>
    Object.fromEntries([...readPage(await daemon.scrape(receiver)).series].filter(([key]) => !/_bucket\{|^shop_block_sum/.test(key)))

  test("Datadog's client: every kind of metric, with its tags", async () => {
    // Seven metrics a round, a timed block, an event and a service check.
    const lines = 7 * ROUNDS + 3
    expect(await daemon.ledger('dogstatsd', lines)).toEqual({ received: lines, accepted: lines, rejected: 0, kernelDropped: 0 })
    const env = 'env="prod"'
    expect(await page('dogstatsd')).toEqual({
      // The client makes `_` of the `|` in a tag.
      [`shop_orders{${env},kind="a_b"}`]: 2 * ROUNDS,
      [`shop_stock{${env}}`]: -ROUNDS,
      [`shop_depth{${env}}`]: ROUNDS - 1,
      [`shop_size_count{${env}}`]: ROUNDS,
      [`shop_size_sum{${env}}`]: 10 * ROUNDS,
      [`shop_spread_count{${env}}`]: ROUNDS,
      [`shop_spread_sum{${env}}`]: 0.25 * ROUNDS,
      [`shop_render_count{${env}}`]: ROUNDS,
      [`shop_render_sum{${env}}`]: 20 * ROUNDS,
      [`shop_users{${env}}`]: 7,
      [`shop_block_count{${env}}`]: 1,
    })
  })

  test.for(['udp', 'tcp'])("Python's plain client over %s", async (receiver) => {
    const ledger = await daemon.ledger(receiver, 5 * ROUNDS)
    expect(ledger).toEqual({ received: 5 * ROUNDS, accepted: 5 * ROUNDS, rejected: 0, kernelDropped: 0 })
    expect(await page(receiver)).toEqual({
      'plain_hits_total{}': 3 * ROUNDS,
      'plain_level{}': 6,
      'plain_members{}': 9,
      'plain_took_count{}': ROUNDS,
      'plain_took_sum{}': 12.5 * ROUNDS,
    })
  })
})
