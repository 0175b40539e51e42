import { createSocket } from 'node:dgram'
import { expect, test } from 'vitest'
import { KernelDrops, ownUdpSockets, parseUdpTable } from './kernel_drops.ts'

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  341: 0100007F:1FBD 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 12345 2 0000000000000000 17
  342: 00000000000000000000000000000000:1FBD 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12346 2 0000000000000000 0
  nonsense
`

test('reads the tables of the kernel', () => {
  expect(parseUdpTable(TABLE)).toEqual([
    { inode: 12345, port: 8125, queuedBytes: 0x300, drops: 17 },
    { inode: 12346, port: 8125, queuedBytes: 0, drops: 0 },
  ])
  expect(parseUdpTable('')).toEqual([])
})

test('adds up drops over sockets and over their ends', () => {
  const drops = new KernelDrops()
  drops.take([{ inode: 1, drops: 3 }])
  drops.take([
    { inode: 1, drops: 5 },
    { inode: 2, drops: 1 },
  ])
  // The first is gone; what was said of it last comes late and again.
  drops.take([{ inode: 2, drops: 2 }])
  drops.take([{ inode: 1, drops: 5 }])
  expect(drops.total).toBe(7)
  expect([...drops.known]).toEqual([1, 2])
})

test.runIf(process.platform === 'linux')('finds the sockets of this process on a port', async () => {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()))
  const { port } = socket.address()
  expect(ownUdpSockets(port)).toEqual([{ inode: expect.any(Number) as number, port, queuedBytes: 0, drops: 0 }])
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  expect(ownUdpSockets(port)).toEqual([])
})
