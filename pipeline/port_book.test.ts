import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { PortBook, probeAddress } from './port_book.ts'

test('keeps chosen ports for configured port 0 only, and forgets components that are gone', () => {
  const book = new PortBook()
  book.add({ address: 'receivers.a', configured: 'localhost:0', host: '127.0.0.1', port: 4001 })
  book.add({ address: 'receivers.a', configured: 'localhost:0', host: '::1', port: 4001 })
  book.add({ address: 'receivers.b', configured: '127.0.0.1:80', host: '127.0.0.1', port: 80 })
  expect(book.all()).toEqual({ 'receivers.a localhost:0': 4001 })
  expect(book.listeners()).toHaveLength(3)
  book.keepOnly(new Set(['receivers.b']))
  expect(book.all()).toEqual({})
  expect(book.listeners().map(({ address }) => address)).toEqual(['receivers.b'])
})

test('finds that another process listens, also when that one shares its port', async () => {
  const tcp = createServer().listen({ port: 0, host: '127.0.0.1', reusePort: true })
  await once(tcp, 'listening')
  const udp = createSocket({ type: 'udp4', reusePort: true }).bind(0, '127.0.0.1')
  await once(udp, 'listening')
  const addresses = [
    { network: 'tcp', address: `localhost:${(tcp.address() as { port: number }).port}`, path: [] },
    { network: 'udp', address: `127.0.0.1:${udp.address().port}`, path: [] },
  ] as const
  for (const listen of addresses) {
    await expect(probeAddress('receivers.a', listen)).rejects.toThrow(
      `receivers.a: cannot listen on ${listen.network} ${listen.address}: address in use; stop the other listener or change endpoint`,
    )
  }
  tcp.close()
  udp.close()
  await Promise.all([once(tcp, 'close'), once(udp, 'close')])
  for (const listen of addresses) await expect(probeAddress('receivers.a', listen)).resolves.toBeUndefined()
})

test('has nothing to say about port 0, unix sockets and texts that are no address', async () => {
  for (const address of ['localhost:0', 'nonsense']) await expect(probeAddress('a', { network: 'tcp', address, path: [] })).resolves.toBeUndefined()
  await expect(probeAddress('a', { network: 'unix', address: '/nowhere', path: [] })).resolves.toBeUndefined()
})
