import { createSocket } from 'node:dgram'
import { afterEach, expect, test } from 'vitest'
import { FakeHost, type FakeSettings, fakeSettings } from '../../../test/fakes/settings.ts'
import { sendUdp } from '../../../test/fakes/statsd_run.ts'
import { plainAddress, UdpListener, type UdpOptions } from './udp.ts'

interface Opened {
  readonly listener: UdpListener
  readonly settings: FakeSettings
  readonly host: FakeHost
  readonly packets: string[]
  readonly granted: { bytes: number; sockets: number }[]
  readonly arrived: (count: number) => Promise<void>
}

const listeners: UdpListener[] = []
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close(AbortSignal.timeout(1000))))
})

async function opened(options: Partial<UdpOptions>): Promise<Opened> {
  const settings = fakeSettings('receiver', 'statsd')
  const host = new FakeHost()
  const packets: string[] = []
  const granted: { bytes: number; sockets: number }[] = []
  let tell = (): void => {}
  const sink = {
    packet: (bytes: Uint8Array, sender: string): void => {
      packets.push(`${sender} ${new TextDecoder().decode(bytes)}`)
      tell()
    },
    tooLong: () => {},
    fault: () => {},
  }
  const connections = { open: () => {}, opened: () => {}, ended: () => {} }
  const listener = new UdpListener(
    { endpoint: '127.0.0.1:0', transport: 'udp', recvBufferBytes: 0, ...options },
    { log: settings.log, clock: settings.clock, sink, connections },
    (one) => granted.push({ ...one }),
  )
  listeners.push(listener)
  await listener.start(host)
  const arrived = async (count: number): Promise<void> => {
    while (packets.length < count) await new Promise<void>((resolve) => (tell = resolve))
  }
  return { listener, settings, host, packets, granted, arrived }
}

test('listens on both addresses of localhost, on one port', async () => {
  const { listener, host, granted } = await opened({ endpoint: 'localhost:0' })
  const hosts = listener.addresses.map((address) => address.host)
  expect(hosts[0]).toBe('127.0.0.1')
  expect(new Set(listener.addresses.map(({ port }) => port)).size).toBe(1)
  expect(host.listeners).toHaveLength(hosts.length)
  expect(granted).toEqual([{ bytes: expect.any(Number) as number, sockets: hosts.length }])
})

test('takes IPv4 on the one socket for all addresses, and says who sent as IPv4', async () => {
  const { listener, packets, arrived } = await opened({ endpoint: ':0' })
  expect(listener.addresses).toHaveLength(1)
  await sendUdp(listener.addresses[0]?.port ?? 0, ['a:1|c'])
  await arrived(1)
  expect(packets).toEqual(['127.0.0.1 a:1|c'])
})

test('warns when the kernel grants less than was asked for, with the way out', async () => {
  const { settings, granted } = await opened({ recvBufferBytes: 1 << 30 })
  expect(granted[0]?.bytes).toBeLessThan(1 << 30)
  expect(settings.log.lines).toEqual([
    {
      level: 'warn',
      fields: { wanted: 1 << 30, granted: granted[0]?.bytes, hint: `sysctl -w net.core.rmem_max=${1 << 30}` },
      message: 'receive buffer is smaller than recv_buffer_bytes: bursts that do not fit are lost in the kernel',
    },
  ])
})

test('says when the address is taken, or is not of this machine', async () => {
  const other = createSocket('udp4')
  await new Promise<void>((resolve) => other.bind(0, '127.0.0.1', () => resolve()))
  await expect(opened({ endpoint: `127.0.0.1:${other.address().port}` })).rejects.toThrow(/cannot listen on udp 127\.0\.0\.1:\d+: address in use/)
  await new Promise<void>((resolve) => other.close(() => resolve()))
  await expect(opened({ endpoint: '203.0.113.1:0' })).rejects.toThrow(/cannot listen on udp 203\.0\.113\.1:0: this machine does not have that address/)
})

test('hands on what the kernel holds before it closes, and is closed twice without harm', async () => {
  const { listener, packets } = await opened({})
  let calls = 0
  await sendUdp(listener.addresses[0]?.port ?? 0, ['a:1|c', 'b:1|c', 'c:1|c'])
  await listener.close(AbortSignal.timeout(1000), () => calls++)
  await listener.close(AbortSignal.timeout(1000), () => calls++)
  expect(packets.map((packet) => packet.split(' ')[1])).toEqual(['a:1|c', 'b:1|c', 'c:1|c'])
  expect(calls).toBe(1)
})

test('addresses of IPv4 in IPv6 are IPv4', () => {
  expect(['::ffff:10.0.0.1', '10.0.0.1', '::1', '::ffff:abcd'].map(plainAddress)).toEqual(['10.0.0.1', '10.0.0.1', '::1', '::ffff:abcd'])
})
