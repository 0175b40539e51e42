import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, test } from 'vitest'
import { ownUdpSockets } from '../../receivers/statsd/listen/kernel_drops.ts'
import { sendLines, until } from '../fakes/service_run.ts'
import { StatsdRun, type StatsdRunOptions, sendUdp } from '../fakes/statsd_run.ts'

const runs: StatsdRun[] = []
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()))
})
async function started(options: StatsdRunOptions): Promise<StatsdRun> {
  const run = new StatsdRun()
  runs.push(run)
  await run.start(options)
  return run
}

/** The sockets of this process on the receiver's port. */
const socketsOf = (run: StatsdRun): number => ownUdpSockets(run.port())?.length ?? 0

/** Sends packets from sockets of their own, so that the kernel shares them out. */
async function sendFromMany(run: StatsdRun, senders: number, packet: string): Promise<void> {
  await Promise.all(Array.from({ length: senders }, () => sendUdp(run.port(), [packet])))
}

describe.skipIf(process.platform !== 'linux')('workers that read datagrams', () => {
  test('are one when it can bear the load', async () => {
    const run = await started({ threads: 2 })
    await sendFromMany(run, 24, 'hits:1|c')
    await run.received(24)
    await run.page()
    expect([socketsOf(run), run.value('readers')]).toEqual([1, 1])
  })

  test.for([
    { readers: 0, threads: 3, expected: 3 },
    { readers: 2, threads: 3, expected: 2 },
    { readers: 2, threads: 1, expected: 1 },
    { readers: 1, threads: 0, expected: 1 },
  ])('are as many as the config says: $readers of $threads', async ({ readers, threads, expected }) => {
    const run = await started({ threads, receiver: { readers } })
    await until('the number is told', () => run.value('readers') === expected)
    expect(socketsOf(run)).toBe(expected)
    await sendFromMany(run, 48, 'hits:1|c\nhits:2|c')
    await run.received(96)
    expect(await run.page()).toEqual(['hits_total 144'])
  })

  test('become more when the kernel has no room for what comes, and together count what one counted', async () => {
    const run = await started({ threads: 2, receiver: { recv_buffer_bytes: 4096 } })
    const socket = createSocket('udp4')
    let sent = 0
    await until('another one reads', async () => {
      for (let i = 0; i < 200; i++) {
        socket.send('hits:1|c', run.port(), '127.0.0.1')
        sent++
      }
      await new Promise<void>((resolve) => setImmediate(resolve))
      return run.value('readers') === 2
    })
    await until('both have a socket', () => socketsOf(run) === 2)
    await new Promise<void>((resolve) => socket.close(() => resolve()))
    await until('all are counted', async () => {
      await run.page()
      return run.value('packets') + run.value('kernel_dropped_packets') === sent
    })
    expect(run.value('kernel_dropped_packets')).toBeGreaterThan(0)
    await sendFromMany(run, 48, 'hits:1|c')
    await until('those of many senders are, too', async () => {
      await run.page()
      return run.value('packets') + run.value('kernel_dropped_packets') === sent + 48
    })
    expect(await run.page()).toEqual([`hits_total ${run.value('packets')}`])
  })

  test('are replaced when they die', async () => {
    const more = { receivers: { fake_counted_lines: {} }, exporters: { fake_collect: {} } }
    const pipelines = { 'metrics/fake': { receivers: ['fake_counted_lines'], exporters: ['fake_collect'] } }
    const run = await started({ threads: 2, more, pipelines })
    await sendFromMany(run, 4, 'hits:1|c')
    await run.received(4)
    const isReplaced = (): boolean => run.run.records.some(({ fields }) => fields['reason'] === 'reader_gone' && fields['worker'] === 1)
    await until('the other one takes its place', async () => {
      await sendLines(run.run.port('receivers.fake_counted_lines'), [{ do: 'throw 0' }])
      return isReplaced()
    })
    await until('both read', () => run.value('readers') === 2 && socketsOf(run) === 2)
    await sendFromMany(run, 24, 'hits:1|c')
    await run.received(28)
    expect(await run.page()).toEqual(['hits_total 28'])
  })

  test('close what they have opened when the receiver is exchanged, whether they read or not', async () => {
    const run = await started({ threads: 3, receiver: { readers: 2 } })
    const port = run.port()
    await run.reload({ threads: 3, receiver: { readers: 1 } })
    await until('the sockets are the new ones', () => socketsOf(run) === 1 && run.value('readers') === 1)
    expect(run.port()).toBe(port)
    await sendFromMany(run, 12, 'hits:1|c')
    await until('they are counted', async () => (await run.page()).includes('hits_total 12'))
    expect(await run.stop()).toEqual([])
    expect(ownUdpSockets(port)).toEqual([])
  })
})
