/** The npm package hot-shots, which most Node.js applications send DogStatsD with: totals come out as they went in. */
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { callbackify } from 'node:util'
import { type ClientOptions, StatsD } from 'hot-shots'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UnixDatagramSocket } from '../../../receivers/statsd/listen/unix_datagram_socket.ts'
import { temporaryFolder } from '../child.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'
import { readPage } from './scrape.ts'

const ROUNDS = 50
/** A round's metrics, and what is sent once. */
const LINES = 10 * ROUNDS + 4
const STAMP = new Date('2026-11-23T06:00:00Z')

describe('the npm client hot-shots', () => {
  const folder = temporaryFolder('hot-shots')
  const socketPath = join(folder.path, 'dsd.sock')
  let daemon: StatsdDaemon

  beforeAll(async () => {
    const unix = { transport: 'unixgram', endpoint: socketPath }
    daemon = await startStatsdDaemon({ receivers: { udp: {}, packed: {}, tcp: { transport: 'tcp' }, unix } })
  })

  afterAll(async () => {
    await daemon?.stop()
    folder.remove()
  })

  const port = (name: string): { readonly host: string; readonly port: number } => ({ host: '127.0.0.1', port: daemon.ports[name] ?? 0 })
  // Its own `uds` protocol needs native code that is built for one version of Node.js; its packets are these.
  const datagrams = (): Writable => {
    const socket = new UnixDatagramSocket({ data: () => {}, error: () => {} })
    const send = callbackify(async (packet: Buffer) => await socket.send(packet, socketPath))
    return new Writable({
      write: (packet: Buffer, _, done) => send(packet, done),
      destroy: (error, done) => {
        socket.close()
        done(error)
      },
    })
  }

  test.for<{ receiver: string; name: string; options: () => ClientOptions }>([
    { receiver: 'udp', name: 'UDP, a line a packet', options: () => ({ protocol: 'udp', ...port('udp') }) },
    { receiver: 'packed', name: 'UDP, packets of 1,432 bytes', options: () => ({ protocol: 'udp', maxBufferSize: 1432, ...port('packed') }) },
    { receiver: 'tcp', name: 'TCP', options: () => ({ protocol: 'tcp', ...port('tcp') }) },
    { receiver: 'unix', name: 'unix datagrams', options: () => ({ protocol: 'stream', stream: datagrams(), maxBufferSize: 8192 }) },
  ])('every kind of metric over $name', async ({ receiver, options }) => {
    await sendAll(options())
    expect(await daemon.ledger(receiver, LINES)).toEqual({ received: LINES, accepted: LINES, rejected: 0, kernelDropped: 0 })
    const { series } = readPage(await daemon.scrape(receiver))
    const kept = [...series].filter(([key]) => !key.includes('_bucket{') && !key.startsWith('shop_block_sum{'))
    expect(Object.fromEntries(kept)).toEqual(EXPECTED)
  })
})

const EXPECTED = {
  'shop_orders_total{env="prod",kind="a_b"}': 3 * ROUNDS,
  'shop_returns_total{env="prod"}': ROUNDS,
  'shop_stamped_total{env="prod"}': 2 * ROUNDS,
  'shop_depth{env="prod"}': ROUNDS - 1,
  'shop_level{}': 5 + 2 * ROUNDS,
  'shop_size_count{env="prod"}': ROUNDS,
  'shop_size_sum{env="prod"}': 10 * ROUNDS,
  'shop_spread_count{env="prod"}': ROUNDS,
  'shop_spread_sum{env="prod"}': 0.25 * ROUNDS,
  'shop_render_count{env="prod"}': ROUNDS,
  'shop_render_sum{env="prod"}': 20 * ROUNDS,
  'shop_users{env="prod"}': 7,
  'shop_block_count{env="prod"}': 1,
}

/** `LINES` lines, all of them on their way when it resolves. */
async function sendAll(options: ClientOptions): Promise<void> {
  const errors: Error[] = []
  const plain = new StatsD({ ...options, prefix: 'shop.', originDetection: false, errorHandler: (error) => void errors.push(error) })
  const client = plain.childClient({ globalTags: { env: 'prod' } })
  // A sign makes a change of a gauge only where no tags say that it comes from DogStatsD.
  plain.gauge('level', 5)
  for (let i = 0; i < ROUNDS; i++) {
    client.increment('orders', 3, { kind: 'a|b' })
    client.increment('returns')
    client.increment('stamped', 2, { timestamp: STAMP })
    client.gauge('depth', i, { cardinality: 'low' })
    plain.gaugeDelta('level', i % 2 === 0 ? 5 : -1)
    client.histogram('size', 10)
    client.distribution('spread', 0.25)
    client.timing('render', 20)
    client.set('users', i % 7)
    client.unique('users', `${i % 7}`)
  }
  await client.asyncTimer(async () => {}, 'block')()
  client.event('deployed', 'version 2\nof the shop', { alert_type: 'success', date_happened: STAMP })
  client.check('shop.up', client.CHECKS.OK, { message: 'all is well' })
  // Over TCP it hands on whether the socket had an error, as a boolean.
  await new Promise<void>((resolve, reject) => plain.close((error) => (error instanceof Error ? reject(error) : resolve())))
  expect(errors).toEqual([])
}
