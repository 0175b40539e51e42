import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { DogStatsdSender } from './dogstatsd.ts'
import { HttpCallFacts, type HttpCallSite } from './http_call_site.ts'

function site(direction: 'inbound' | 'outbound', code: number): HttpCallSite {
  return { call: { direction, reporter: { workload: { name: 'productpage-v1' } }, service: { name: 'reviews' }, outcome: { code } } } as HttpCallSite
}

test('sends counts and times of calls, each once, in datagrams that fit', async () => {
  const receiver = createSocket('udp4')
  receiver.bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  const packets: string[] = []
  const lines = (): string[] => packets.flatMap((packet) => packet.split('\n'))
  const complete = new Promise<void>((resolve) => {
    receiver.on('message', (packet) => {
      packets.push(packet.toString())
      if (lines().some((line) => line.startsWith('bookinfo.requests:1|'))) resolve()
    })
  })
  const sender = new DogStatsdSender(`127.0.0.1:${receiver.address().port}`)
  const facts = new HttpCallFacts()
  facts.durationUs = 12_340
  for (let i = 0; i < 500; i++) sender.http(site('outbound', 200), facts)
  sender.http(site('inbound', 200), facts)
  sender.http(site('outbound', 503), facts)
  await sender.flush()
  await sender.flush()
  await complete
  expect(sender.requests).toBe(501)
  expect(lines()).toContain('bookinfo.requests:500|c|#service:reviews,workload:productpage-v1,code:200')
  const times = lines().filter((line) => line.startsWith('bookinfo.request_time:') && line.endsWith('code:200'))
  expect(times.flatMap((line) => line.split('|')[0]?.split(':').slice(1)).length).toBe(500)
  expect(times[0]).toMatch(/^bookinfo\.request_time:12\.3:12\.3/)
  for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(1432)
  sender.close()
  receiver.close()
})

test('says what is wrong with an address', () => {
  expect(() => new DogStatsdSender('nowhere')).toThrow(/not an address for DogStatsD: nowhere/)
})
