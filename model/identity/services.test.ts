import { describe, expect, test } from 'vitest'
import { endpointOf, podOf, serviceOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { IDENTITY_NOW_MS, IdentityPair } from '../../test/fakes/identity_pair.ts'

const NOW = IDENTITY_NOW_MS

describe('a service', () => {
  test.for([
    { ip: '10.96.0.1', port: 9080, is: 'reviews' },
    { ip: '10.96.0.1', port: 0, is: 'reviews' },
    { ip: '10.96.0.1', port: 80, is: undefined },
    { ip: '10.97.1.2', port: 443, is: 'narrow' },
    { ip: '10.97.2.2', port: 443, is: 'wide' },
    { ip: '10.97.1.2', port: 80, is: 'wide' },
    { ip: 'fd00::5', port: 1, is: 'six' },
    { ip: 'x', port: 1, is: undefined },
  ])('at $ip:$port is $is', ({ ip, port, is }) => {
    const pair = new IdentityPair()
    const entry = { source: 'service_entry' as const }
    pair.put('services', 'shop/reviews', serviceOf())
    pair.put('serviceentries', 'shop/wide', serviceOf({ ...entry, name: 'wide', addresses: ['10.97.0.0/16'], ports: [443, 80] }))
    pair.put('serviceentries', 'shop/narrow', serviceOf({ ...entry, name: 'narrow', addresses: ['10.97.1.0/24'], ports: [443] }))
    pair.put('serviceentries', 'shop/six', serviceOf({ ...entry, name: 'six', addresses: ['fd00::/64'], ports: [] }))
    expect(pair.index.serviceByAddress(ip, port, NOW)?.value.name).toBe(is)
  })

  test.for([
    { host: 'reviews.shop.svc.cluster.local', is: 'reviews' },
    { host: 'Reviews.Shop.svc.cluster.local', is: 'reviews' },
    { host: 'reviews.shop', is: undefined },
    { host: 'a.example.com', is: 'wild' },
    { host: 'a.b.example.com', is: 'longer' },
    { host: 'example.com', is: undefined },
  ])('is found by host $host: $is', ({ host, is }) => {
    const pair = new IdentityPair()
    pair.put('services', 'shop/reviews', serviceOf())
    pair.put('serviceentries', 'shop/wild', serviceOf({ source: 'service_entry', name: 'wild', hosts: ['*.example.com'] }))
    pair.put('serviceentries', 'shop/longer', serviceOf({ source: 'service_entry', name: 'longer', hosts: ['*.b.Example.com'] }))
    expect(pair.index.serviceByHost(host)?.name).toBe(is)
  })

  test('of Kubernetes comes before a ServiceEntry of the same host, which comes back when it is gone', () => {
    const pair = new IdentityPair()
    pair.put('serviceentries', 'a/a', serviceOf({ source: 'service_entry', namespace: 'a', name: 'a' }))
    pair.put('services', 'shop/reviews', serviceOf())
    expect(pair.index.serviceByHost('reviews.shop.svc.cluster.local')?.source).toBe('service')
    pair.remove('services', 'shop/reviews')
    expect(pair.index.serviceByHost('reviews.shop.svc.cluster.local')?.source).toBe('service_entry')
  })

  test('leads to an address: same port, then the name of the workload, then a virtual address, then by name', () => {
    const pair = new IdentityPair()
    const slice = (service: string, ports: readonly number[]): void => {
      pair.put('endpointslices', `shop/${service}-x`, endpointOf({ service, ports, pod: 'reviews-1' }))
      pair.put('services', `shop/${service}`, serviceOf({ name: service, uid: uuidOf(100), isHeadless: service.endsWith('headless') }))
    }
    slice('zz', [9080])
    slice('b-headless', [9080])
    slice('a', [15_000])
    slice('reviews', [9080])
    slice('canonical', [9080])
    pair.put('endpointslices', 'shop/unknown', endpointOf({ service: 'unknown' }))
    pair.put('pods', 'shop/reviews-1', podOf({ labels: { 'service.istio.io/canonical-name': 'canonical' } }))
    const names = (port: number): string[] => pair.index.servicesOf('10.0.0.1', port).map(({ name }) => name)
    expect(names(9080)).toEqual(['canonical', 'reviews', 'zz', 'b-headless', 'a'])
    expect(names(15_000)).toEqual(['a', 'canonical', 'reviews', 'zz', 'b-headless'])
    expect(pair.index.servicesOf('10.0.0.3', 80)).toEqual([])
  })
})

describe('a container', () => {
  const id = '0123456789ab'.padEnd(64, 'c')
  const other = '0123456789ab'.padEnd(64, 'd')

  test.for([
    { ask: id, is: 'a' },
    { ask: id.slice(0, 12), is: 'a' },
    { ask: other.slice(0, 14), is: 'b' },
    { ask: id.slice(0, 11), is: undefined },
    { ask: 'f'.repeat(64), is: undefined },
    { ask: 'no container', is: undefined },
  ])('asked for as $ask is of pod $is', ({ ask, is }) => {
    const pair = new IdentityPair()
    pair.put('pods', 'shop/a', podOf({ name: 'a', containers: [{ name: 'x', id, image: '' }] }))
    pair.put('pods', 'shop/b', podOf({ name: 'b', uid: uuidOf(2), containers: [{ name: 'x', id: other, image: '' }] }))
    expect(pair.index.podByContainer(ask)?.name).toBe(is)
  })
})
