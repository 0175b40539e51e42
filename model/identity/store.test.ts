import { describe, expect, test } from 'vitest'
import { endpointOf, nodeOf, podOf, serviceOf, uuidOf, workloadEntryOf } from '../../test/fakes/identity_objects.ts'
import type { IdentityLookup, IdentityResource } from './index.ts'
import type { IdentityObject } from './objects.ts'
import { SharedIdentityIndex } from './shared_index.ts'
import { IdentityStore } from './store.ts'

const ALL: readonly IdentityLookup[] = ['address', 'service_address', 'pod_uid', 'container', 'pod_name', 'host', 'endpoints']
const OPTIONS = { lookups: ALL, memoryMibMax: 4, rememberGoneMs: 60_000, clockSkewMs: 5000, isClusterWide: true }
const OPEN = Number.POSITIVE_INFINITY
const NOW = 1_800_000_000_000

/** A store with a reader that sees everything at once. */
class Pair {
  readonly store = new IdentityStore(OPTIONS)
  readonly index = new SharedIdentityIndex()
  now = NOW

  constructor() {
    this.index.attach(this.store.handles)
  }

  put(source: IdentityResource, key: string, ...objects: readonly IdentityObject[]): boolean {
    const isChanged = this.store.put(source, key, objects, this.now)
    this.publish()
    return isChanged
  }

  /** Puts what was there before anybody looked. */
  list(source: IdentityResource, entries: Readonly<Record<string, readonly IdentityObject[]>>): number {
    this.store.beginList(source)
    for (const [key, objects] of Object.entries(entries)) this.store.put(source, key, objects, this.now)
    const gone = this.store.endList(source, this.now)
    this.publish()
    return gone
  }

  remove(source: IdentityResource, key: string, uid?: string): boolean {
    const isChanged = this.store.remove(source, key, this.now, uid)
    this.publish()
    return isChanged
  }

  publish(): void {
    const handles = this.store.publish(this.now)
    if (handles !== undefined) this.index.attach(handles)
  }

  /** What an address was: kind and name, or undefined. */
  at(ip: string, timeMs: number, port = 0): string | undefined {
    const value = this.index.byAddress(ip, port, timeMs)?.value
    if (value === undefined) return undefined
    return value.kind === 'endpoint' ? `endpoint ${value.service}/${value.pod}` : `${value.kind} ${value.name}`
  }
}

describe('every object', () => {
  test.for<{ name: string; source: IdentityResource; object: IdentityObject; get: (index: SharedIdentityIndex) => unknown }>([
    {
      name: 'pod',
      source: 'pods',
      object: podOf({
        ips: ['10.0.0.1', '2001:db8::1'],
        annotations: { Grüße: 'aus Köln', 日本: '語' },
        containers: [
          { name: 'app', id: 'ab'.repeat(32), image: 'registry/app:1' },
          { name: 'new', id: '', image: 'registry/new:1' },
        ],
        createdMs: 1_700_000_000_123,
        startedMs: 1_700_000_001_456,
        terminatingMs: 1_700_000_900_000,
        job: 'job-1',
      }),
      get: (index) => index.podByUid(uuidOf(1)),
    },
    { name: 'pod with a uid of its own', source: 'pods', object: podOf({ uid: 'not-a-UUID' }), get: (index) => index.podByUid('not-a-UUID') },
    {
      name: 'host-network pod',
      source: 'pods',
      object: podOf({ isHostNetwork: true, ports: [53, 8080] }),
      get: (index) => index.byAddress('10.0.0.1', 53, NOW)?.value,
    },
    {
      name: 'endpoint',
      source: 'endpointslices',
      object: endpointOf({
        pod: 'a',
        podUid: uuidOf(7),
        node: 'n',
        zone: 'z',
        workload: { kind: 'Deployment', name: 'a', isInferred: true },
        labels: { a: '1' },
      }),
      get: (index) => index.byAddress('10.0.0.1', 0, NOW)?.value,
    },
    {
      name: 'node',
      source: 'nodes',
      object: nodeOf({ ips: ['192.168.0.1', 'fd00::1'], labels: { zone: 'a' }, annotations: { b: '' } }),
      get: (index) => index.node('node-a'),
    },
    {
      name: 'service',
      source: 'services',
      object: serviceOf({ addresses: ['10.96.0.1', 'fd00::2'], labels: { a: 'b' }, isHeadless: true }),
      get: (index) => index.service('shop', 'reviews'),
    },
    {
      name: 'service entry',
      source: 'serviceentries',
      object: serviceOf({ source: 'service_entry', hosts: ['*.example.com', 'one.example.org'], addresses: ['240.240.0.0/24'] }),
      get: (index) => index.serviceByHost('one.example.org'),
    },
    {
      name: 'namespace',
      source: 'namespaces',
      object: { kind: 'namespace', uid: uuidOf(9), name: 'shop', labels: { x: 'y' }, annotations: { z: 'ä' } },
      get: (index) => index.namespace('shop'),
    },
    {
      name: 'workload entry',
      source: 'workloadentries',
      object: workloadEntryOf({ serviceAccount: 'vm', workload: { kind: 'WorkloadGroup', name: 'vm', isInferred: false } }),
      get: (index) => index.byAddress('10.9.0.1', 0, NOW)?.value,
    },
  ])('$name comes back as it was put', ({ source, object, get }) => {
    const pair = new Pair()
    expect(pair.put(source, 'shop/one', object)).toBe(true)
    expect(get(pair.index)).toEqual(object)
  })

  test('that is put again as it was changes nothing', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ labels: { a: '1', b: '2' } }))
    const { journalBytes } = pair.store.stats
    expect(pair.index.podByUid(uuidOf(1))?.name).toBeDefined()
    const { version } = pair.index
    expect(pair.put('pods', 'shop/a', podOf({ labels: { b: '2', a: '1' } }))).toBe(false)
    expect(pair.store.stats.journalBytes).toBe(journalBytes)
    expect(pair.index.version).toBe(version)
  })

  test('is counted by its kind', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf())
    pair.put('endpointslices', 'shop/s', endpointOf(), endpointOf({ ip: '10.0.0.2' }))
    expect(pair.store.stats.objects).toMatchObject({ pod: 1, endpoint: 2 })
    pair.put('endpointslices', 'shop/s', endpointOf({ ip: '10.0.0.2' }))
    pair.remove('pods', 'shop/a')
    expect(pair.store.stats.objects).toMatchObject({ pod: 0, endpoint: 1 })
  })
})

describe('an address', () => {
  test('is found in any form, dual stack', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ ips: ['10.0.0.1', '2001:db8::1'] }))
    const forms = ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '2001:0DB8:0::0:1']
    expect(forms.map((ip) => pair.at(ip, NOW))).toEqual(forms.map(() => 'pod reviews-6d5f8b7c9d-abcde'))
    expect(pair.at('10.0.0.2', NOW)).toBeUndefined()
    expect(pair.at('not an address', NOW)).toBeUndefined()
  })

  test('that is reused belongs to whoever had it then', () => {
    const pair = new Pair()
    pair.list('pods', { 'shop/a': [podOf({ name: 'a', startedMs: NOW - 100_000 })] })
    pair.now = NOW + 10_000
    pair.put('pods', 'shop/b', podOf({ name: 'b', uid: uuidOf(2), startedMs: NOW + 8000 }))
    pair.now = NOW + 12_000
    pair.remove('pods', 'shop/a', uuidOf(1))
    expect(pair.at('10.0.0.1', NOW + 7999)).toBe('pod a')
    expect(pair.at('10.0.0.1', NOW + 8000)).toBe('pod b')
    expect(pair.index.byAddress('10.0.0.1', 0, NOW)).toMatchObject({ fromMs: NOW - 100_000, untilMs: NOW + 8000 })
    expect(pair.index.byAddress('10.0.0.1', 0, NOW + 9000)).toMatchObject({ fromMs: NOW + 8000, untilMs: OPEN })
  })

  test('of a pod that is gone is remembered for a while, and then forgotten', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ startedMs: NOW }))
    pair.now = NOW + 20_000
    expect(pair.remove('pods', 'shop/a')).toBe(true)
    expect(pair.index.byAddress('10.0.0.1', 0, NOW + 30_000)).toMatchObject({ fromMs: NOW + 20_000, untilMs: NOW + 80_000 })
    expect(pair.at('10.0.0.1', NOW + 79_999)).toBeDefined()
    expect(pair.at('10.0.0.1', NOW + 80_000)).toBeUndefined()
    expect(pair.index.podByUid(uuidOf(1))?.name).toBeDefined()
    const { version } = pair.index
    pair.store.sweep(NOW + 79_999)
    pair.publish()
    expect(pair.index.version).toBe(version)
    pair.store.sweep(NOW + 80_000)
    pair.publish()
    expect(pair.index.version).toBe(version + 1)
    expect(pair.at('10.0.0.1', NOW + 10_000)).toBeUndefined()
    expect(pair.index.podByUid(uuidOf(1))).toBeUndefined()
    expect(pair.store.stats.bindings).toBe(0)
  })

  test('of a pod that has ended is free, though the pod is still there', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ startedMs: NOW }))
    pair.put('pods', 'shop/a', podOf({ startedMs: NOW, endedMs: NOW + 5000 }))
    expect(pair.index.byAddress('10.0.0.1', 0, NOW + 1)).toMatchObject({ untilMs: NOW + 5000 })
    expect(pair.at('10.0.0.1', NOW + 65_000)).toBeUndefined()
    pair.now = NOW + 100_000
    pair.store.sweep(pair.now)
    pair.publish()
    expect(pair.at('10.0.0.1', NOW + 1)).toBeUndefined()
    expect(pair.index.podByUid(uuidOf(1))).toBeDefined()
  })

  test('goes to a pod that is not terminating before one that is, whichever began last', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/old', podOf({ name: 'old', startedMs: NOW + 3000, terminatingMs: NOW + 10_000 }))
    pair.put('pods', 'shop/new', podOf({ name: 'new', uid: uuidOf(2), startedMs: NOW + 2000 }))
    expect(pair.at('10.0.0.1', NOW + 9999)).toBe('pod old')
    expect(pair.at('10.0.0.1', NOW + 10_000)).toBe('pod new')
    expect(pair.index.byAddress('10.0.0.1', 0, NOW + 5000)).toMatchObject({ fromMs: NOW + 3000, untilMs: NOW + 10_000 })
  })

  test('of a terminating pod stays its own while nobody else claims it', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ startedMs: NOW, terminatingMs: NOW + 1000 }))
    expect(pair.index.byAddress('10.0.0.1', 0, NOW + 2000)).toMatchObject({ fromMs: NOW, untilMs: OPEN })
  })

  test.for([
    { name: 'when it was created, if later than first seen', createdMs: NOW - 1000, from: NOW - 1000 },
    { name: 'first seen less the clock skew, if created before', createdMs: NOW - 100_000, from: NOW - 5000 },
    { name: 'first seen less the clock skew, if it does not say', createdMs: 0, from: NOW - 5000 },
  ])('of a pod that does not say when it started counts from $name', ({ createdMs, from }) => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ createdMs, startedMs: 0 }))
    pair.now += 30_000
    pair.put('pods', 'shop/a', podOf({ createdMs, startedMs: 0, labels: { a: 'new' } }))
    expect(pair.index.byAddress('10.0.0.1', 0, NOW)).toMatchObject({ fromMs: from, untilMs: OPEN })
  })

  test('is tolerant of clocks that differ: what begins soon is meant', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ startedMs: NOW }))
    expect(pair.index.byAddress('10.0.0.1', 0, NOW - 5000)).toMatchObject({ fromMs: NOW - 5000, untilMs: NOW })
    expect(pair.at('10.0.0.1', NOW - 5001)).toBeUndefined()
  })

  test('remembers three of those that are gone', () => {
    const pair = new Pair()
    for (let i = 0; i < 5; i++) {
      pair.now = NOW + i * 1000
      pair.put('pods', `shop/${i}`, podOf({ name: `p${i}`, uid: uuidOf(i), startedMs: pair.now }))
      pair.now += 500
      pair.remove('pods', `shop/${i}`)
    }
    const names = [0, 1, 2, 3, 4].map((i) => pair.at('10.0.0.1', NOW + i * 1000 + 100))
    // Where the first two were, the third begins within the clock skew.
    expect(names).toEqual(['pod p2', 'pod p2', 'pod p2', 'pod p3', 'pod p4'])
  })

  test('of a pod recreated under its name goes over to the new uid', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/db-0', podOf({ name: 'db-0', startedMs: NOW }))
    pair.now = NOW + 60_000
    pair.put('pods', 'shop/db-0', podOf({ name: 'db-0', uid: uuidOf(2), ips: ['10.0.0.9'], createdMs: NOW + 50_000, startedMs: NOW + 51_000 }))
    expect(pair.remove('pods', 'shop/db-0', uuidOf(1))).toBe(false)
    expect(pair.index.byAddress('10.0.0.1', 0, NOW + 1)).toMatchObject({ untilMs: NOW + 50_000 })
    expect(pair.at('10.0.0.9', pair.now)).toBe('pod db-0')
    expect(pair.index.podByName('shop', 'db-0')?.uid).toBe(uuidOf(2))
    expect(pair.index.podByUid(uuidOf(1))?.ips).toEqual(['10.0.0.1'])
    expect(pair.remove('pods', 'shop/db-0', uuidOf(2))).toBe(true)
  })

  test('prefers pods to workload entries to endpoints', () => {
    const pair = new Pair()
    pair.list('endpointslices', { 'shop/s': [endpointOf({ pod: 'a' })] })
    expect(pair.at('10.0.0.1', NOW)).toBe('endpoint reviews/a')
    pair.list('workloadentries', { 'shop/w': [workloadEntryOf({ ip: '10.0.0.1' })] })
    expect(pair.at('10.0.0.1', NOW)).toBe('workload_entry vm-1')
    pair.list('pods', { 'shop/a': [podOf({ name: 'a', startedMs: NOW - 1000 })] })
    expect(pair.at('10.0.0.1', NOW)).toBe('pod a')
    expect(pair.at('10.0.0.1', NOW - 2000)).toBe('workload_entry vm-1')
    expect(pair.index.byAddress('10.0.0.1', 0, NOW)).toMatchObject({ fromMs: NOW - 1000, untilMs: OPEN })
  })

  test('of a pod and of its endpoint that ended together is remembered as the pod', () => {
    const pair = new Pair()
    pair.list('endpointslices', { 'shop/s': [endpointOf({ pod: 'a' })] })
    pair.list('pods', { 'shop/a': [podOf({ name: 'a' })] })
    pair.remove('pods', 'shop/a')
    pair.now += 1500
    pair.put('endpointslices', 'shop/s')
    expect(pair.at('10.0.0.1', NOW + 10_000)).toBe('pod a')
  })
})

describe("a node's address", () => {
  const nodeAndPods = (): Pair => {
    const pair = new Pair()
    pair.list('nodes', { 'node-a': [nodeOf()] })
    pair.list('pods', {
      'kube-system/dns': [podOf({ name: 'dns', isHostNetwork: true, ips: ['192.168.0.1'], ports: [53], startedMs: NOW - 1000 })],
      'kube-system/cni': [podOf({ name: 'cni', uid: uuidOf(2), isHostNetwork: true, ips: ['192.168.0.1'], ports: [], startedMs: NOW })],
    })
    pair.list('endpointslices', { 'kube-system/proxy': [endpointOf({ service: 'proxy', ip: '192.168.0.1', ports: [10_256], pod: 'proxy-x' })] })
    return pair
  }

  test.for([
    { port: 0, is: 'node node-a' },
    { port: 53, is: 'pod dns' },
    { port: 54, is: 'node node-a' },
    { port: 10_256, is: 'endpoint proxy/proxy-x' },
  ])('with port $port is $is', ({ port, is }) => {
    const pair = nodeAndPods()
    expect([pair.at('192.168.0.1', NOW, port), pair.at('192.168.0.1', NOW, port)]).toEqual([is, is])
  })

  test('never becomes a pod, with the node unknown', () => {
    const pair = nodeAndPods()
    pair.remove('nodes', 'node-a')
    expect(pair.at('192.168.0.1', NOW + 200_000)).toBeUndefined()
    expect(pair.at('192.168.0.1', NOW + 200_000, 40_000)).toBeUndefined()
    expect(pair.at('192.168.0.1', NOW + 200_000, 53)).toBe('pod dns')
  })
})

describe('a list', () => {
  test('removes what it does not hold, and only that', () => {
    const pair = new Pair()
    pair.list('pods', { 'shop/a': [podOf({ name: 'a' })], 'shop/b': [podOf({ name: 'b', uid: uuidOf(2), ips: ['10.0.0.2'] })] })
    pair.put('services', 'shop/a', serviceOf())
    pair.now += 1000
    expect(pair.list('pods', { 'shop/b': [podOf({ name: 'b', uid: uuidOf(2), ips: ['10.0.0.2'] })] })).toBe(1)
    expect(pair.index.byAddress('10.0.0.1', 0, NOW)).toMatchObject({ untilMs: pair.now })
    expect(pair.index.byAddress('10.0.0.2', 0, NOW)).toMatchObject({ untilMs: OPEN })
    expect(pair.index.service('shop', 'reviews')).toBeDefined()
  })

  test('that begins again forgets nothing of what its second run holds', () => {
    const pair = new Pair()
    pair.store.beginList('pods')
    pair.put('pods', 'shop/a', podOf())
    pair.put('pods', 'shop/b', podOf({ name: 'b', uid: uuidOf(2) }))
    expect(pair.list('pods', { 'shop/a': [podOf()] })).toBe(1)
    expect(pair.store.stats.objects.pod).toBe(1)
  })

  test('that is the first knows what was there before; what comes later counts from then', () => {
    const pair = new Pair()
    pair.list('endpointslices', { 'shop/s': [endpointOf()] })
    pair.put('endpointslices', 'shop/t', endpointOf({ ip: '10.0.0.2' }))
    expect(pair.index.byAddress('10.0.0.1', 0, NOW)).toMatchObject({ fromMs: 0 })
    expect(pair.index.byAddress('10.0.0.2', 0, NOW)).toMatchObject({ fromMs: NOW })
  })
})

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
    const pair = new Pair()
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
    const pair = new Pair()
    pair.put('services', 'shop/reviews', serviceOf())
    pair.put('serviceentries', 'shop/wild', serviceOf({ source: 'service_entry', name: 'wild', hosts: ['*.example.com'] }))
    pair.put('serviceentries', 'shop/longer', serviceOf({ source: 'service_entry', name: 'longer', hosts: ['*.b.Example.com'] }))
    expect(pair.index.serviceByHost(host)?.name).toBe(is)
  })

  test('of Kubernetes comes before a ServiceEntry of the same host, which comes back when it is gone', () => {
    const pair = new Pair()
    pair.put('serviceentries', 'a/a', serviceOf({ source: 'service_entry', namespace: 'a', name: 'a' }))
    pair.put('services', 'shop/reviews', serviceOf())
    expect(pair.index.serviceByHost('reviews.shop.svc.cluster.local')?.source).toBe('service')
    pair.remove('services', 'shop/reviews')
    expect(pair.index.serviceByHost('reviews.shop.svc.cluster.local')?.source).toBe('service_entry')
  })

  test('leads to an address: same port, then the name of the workload, then a virtual address, then by name', () => {
    const pair = new Pair()
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
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf({ name: 'a', containers: [{ name: 'x', id, image: '' }] }))
    pair.put('pods', 'shop/b', podOf({ name: 'b', uid: uuidOf(2), containers: [{ name: 'x', id: other, image: '' }] }))
    expect(pair.index.podByContainer(ask)?.name).toBe(is)
  })
})

describe('the memory', () => {
  test('moves when it holds more garbage than anything else, and answers stay', () => {
    const pair = new Pair()
    const generations = new Set<number>()
    for (let i = 0; i < 8000; i++) {
      pair.now = NOW + i
      pair.put('pods', 'shop/a', podOf({ labels: { round: `${i}` } }))
      pair.put('pods', `shop/p${i % 50}`, podOf({ name: `p${i % 50}`, uid: uuidOf(1000 + (i % 50)), ips: [`10.1.0.${i % 50}`], labels: { round: `${i}` } }))
      generations.add(pair.store.stats.generation)
    }
    expect(generations.size).toBeGreaterThan(1)
    expect(pair.store.stats.journalBytes).toBeLessThan(1_000_000)
    expect(pair.index.podByUid(uuidOf(1))?.labels).toEqual({ round: '7999' })
    expect(pair.index.byAddress('10.1.0.7', 0, NOW)?.value).toMatchObject({ name: 'p7', labels: { round: '7957' } })
    expect(pair.remove('pods', 'shop/p7')).toBe(true)
    expect(pair.index.byAddress('10.1.0.7', 0, NOW)).toMatchObject({ untilMs: pair.now })
  })

  test('that moves leaves the version of readers as it is', () => {
    const pair = new Pair()
    pair.put('pods', 'shop/a', podOf())
    pair.at('10.0.0.1', NOW)
    pair.at('10.0.0.2', NOW)
    const { version } = pair.index
    for (let i = 0; i < 5000; i++) pair.put('pods', `shop/x${i}`, podOf({ name: `x${i}`, uid: uuidOf(1000 + i), ips: [`10.2.${i >> 8}.${i & 255}`] }))
    expect(pair.store.stats.generation).toBeGreaterThan(3)
    expect(pair.index.version).toBe(version)
    expect(pair.at('10.2.0.7', NOW)).toBe('pod x7')
  })

  test('that is full refuses what is new, and counts it', () => {
    const store = new IdentityStore({ ...OPTIONS, memoryMibMax: 1 })
    const put = (i: number): boolean =>
      store.put('pods', `shop/${i}`, [podOf({ name: `${i}`, uid: uuidOf(i), ips: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`] })], NOW)
    const accepted = Array.from({ length: 10_000 }, (_, i) => put(i)).filter(Boolean).length
    expect(accepted).toBeGreaterThan(2000)
    expect(store.stats).toMatchObject({ refused: 10_000 - accepted, objects: { pod: accepted } })
    expect(store.stats.journalBytes + store.stats.tableBytes).toBeLessThan(1.1 * 2 ** 20)
    store.beginList('pods')
    expect(store.endList('pods', NOW)).toBe(accepted)
    store.sweep(NOW + 60_000)
    store.publish(NOW + 60_000)
    expect(put(1)).toBe(true)
    expect(store.stats.journalBytes).toBeLessThan(10_000)
  })
})

test('an address is explained with every claim to it', () => {
  const pair = new Pair()
  pair.list('endpointslices', { 'shop/s': [endpointOf({ pod: 'a' })] })
  pair.put('pods', 'shop/old', podOf({ name: 'old', startedMs: NOW - 100_000 }))
  pair.remove('pods', 'shop/old')
  pair.put('pods', 'shop/a', podOf({ name: 'a', uid: uuidOf(2), startedMs: NOW + 1000 }))
  pair.store.setSynced(true)
  const explained = pair.store.explain('::ffff:10.0.0.1', NOW + 2000)
  expect(explained).toMatchObject({ isSynced: true, isClusterWide: true, leadsHere: ['shop/reviews'] })
  expect(explained.owners.map(({ object, source, isWinner, why }) => [object.kind, source, isWinner, why])).toEqual([
    ['pod', 'pods', true, 'had it at that time'],
    ['pod', 'pods', false, 'had ended 2000 ms before'],
    ['endpoint', 'endpointslices', false, 'another kind of object is preferred'],
  ])
  pair.put('services', 'shop/v', serviceOf({ addresses: ['10.0.0.0/8'] }))
  expect(pair.store.explain('10.0.0.1', NOW + 2000, 9080).services).toMatchObject([{ isWinner: true, source: 'services' }])
  expect(pair.store.explain('nonsense', NOW)).toMatchObject({ owners: [], services: [] })
})
