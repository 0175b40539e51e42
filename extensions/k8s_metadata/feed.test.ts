import { expect, test } from 'vitest'
import type { IdentityNeeds } from '../../model/identity/index.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import { IdentityStore } from '../../model/identity/store.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import type { K8sMetadataConfig } from './config.ts'
import { IdentityFeed } from './feed.ts'
import { apiObject, checked, meshPod, needing } from './testing.ts'
import type { ResourceSink } from './watch/sink.ts'
import { planWatches } from './watches.ts'

/** A store that fails for one object, as a fault of the program would make it. */
class PickyStore extends IdentityStore {
  override put(...args: Parameters<IdentityStore['put']>): boolean {
    if (args[1].includes('poison')) throw new Error('BUG: poisoned')
    return super.put(...args)
  }
}

function openFeed(needs: Partial<IdentityNeeds>, set: Partial<K8sMetadataConfig> = {}) {
  const clock = new FakeClock(Date.UTC(2026, 5, 1))
  const all = needing({ lookups: ['address', 'pod_uid', 'pod_name'], resources: ['pods'], ...needs })
  const store = new PickyStore({ lookups: all.lookups, memoryMibMax: 8, rememberGoneMs: 60_000, clockSkewMs: 5000, isClusterWide: true })
  const watches = planWatches(checked({ scope: 'cluster', ...set }), all, 'node-1')
  const feed = new IdentityFeed({ store, watches, needs: all, clusterDomain: 'cluster.local', now: () => clock.now() })
  const index = new SharedIdentityIndex()
  index.attach(store.handles)
  const sinks = watches.map((watch) => feed.sinkFor(watch))
  const publish = (): void => {
    const handles = store.publish(clock.now())
    if (handles !== undefined) index.attach(handles)
  }
  return { clock, store, feed, index, sinks, publish }
}

function list(sink: ResourceSink | undefined, ...objects: readonly Parameters<ResourceSink['put']>[0][]): void {
  sink?.listing()
  for (const object of objects) sink?.put(object)
  sink?.listed()
}

test('one object that cannot be dealt with is counted and told, and does no harm to the others', () => {
  const { feed, sinks, index, publish } = openFeed({})
  list(sinks[0], meshPod(1), apiObject('poison'), meshPod(2))
  publish()
  expect(feed.refused.failed).toBe(1)
  expect(feed.lastFailure).toBe('pods shop/poison: BUG: poisoned')
  expect([1, 2].map((number) => index.podByUid(meshPod(number).metadata.uid) !== undefined)).toEqual([true, true])
  expect(feed.isSynced).toBe(true)
})

test('the index is complete when every list has been', () => {
  const { feed, sinks, index, publish } = openFeed({ resources: ['pods', 'services'] })
  sinks[0]?.listing()
  sinks[0]?.listing()
  sinks[0]?.listed()
  publish()
  expect([feed.isSynced, index.isSynced]).toEqual([false, false])
  list(sinks[1])
  publish()
  expect([feed.isSynced, index.isSynced]).toEqual([true, true])
})

test('a list that breaks off and begins again removes only what none of both had', () => {
  const { sinks, index, publish, clock } = openFeed({}, { scope: 'namespaces', namespaces: ['shop', 'bank'] })
  const [shop] = sinks
  list(shop, meshPod(1), meshPod(2), meshPod(3))
  shop?.listing()
  shop?.put(meshPod(2))
  shop?.listing()
  shop?.put(meshPod(2))
  shop?.put(meshPod(4))
  publish()
  const known = () => [1, 2, 3, 4].filter((number) => index.byAddress(`10.8.0.${number}`, 0, clock.now()) !== undefined)
  expect(known()).toEqual([1, 2, 3, 4])
  shop?.gone(meshPod(3))
  shop?.listed()
  clock.advance(120_000)
  publish()
  expect(known()).toEqual([2, 4])
})

test('nodes are known by their pods where they are not watched, until a list has none of them', () => {
  const { sinks, index, publish, clock } = openFeed({})
  const elsewhere = { spec: { nodeName: 'node-2' }, status: { hostIP: '192.168.0.2', hostIPs: [{ ip: '192.168.0.2' }, { ip: 'fd00::2' }] } }
  list(sinks[0], meshPod(1), meshPod(2, elsewhere))
  publish()
  const nodeAt = (ip: string) => index.byAddress(ip, 0, clock.now())?.value
  expect([nodeAt('192.168.0.1'), nodeAt('fd00::2')]).toMatchObject([
    { kind: 'node', name: 'node-1' },
    { kind: 'node', name: 'node-2' },
  ])
  list(sinks[0], meshPod(1))
  clock.advance(120_000)
  publish()
  expect([nodeAt('192.168.0.1')?.kind, nodeAt('fd00::2')]).toEqual(['node', undefined])
})

test('a pod that is gone is no longer waited for when its owner comes', () => {
  const { sinks, index, publish, feed } = openFeed({ lookups: ['pod_uid'] }, { exact_owners: true })
  const [replicaSets, jobs, pods] = sinks
  list(jobs)
  list(pods, meshPod(1), meshPod(2))
  expect(feed.waitingPods).toBe(2)
  pods?.gone(meshPod(1))
  list(
    replicaSets,
    apiObject('cart-7d9f8c6b5d', { metadata: { uid: 'uid-rs', ownerReferences: [{ kind: 'Deployment', name: 'basket', uid: 'd', controller: true }] } }),
  )
  publish()
  expect(feed.waitingPods).toBe(0)
  expect(index.podByUid(meshPod(1).metadata.uid)?.workload.name).not.toBe('basket')
  expect(index.podByUid(meshPod(2).metadata.uid)?.workload).toEqual({ kind: 'Deployment', name: 'basket', isInferred: false })
})

test('with exact owners a pod has the uids of its owner and of what controls that, which take a few bytes', () => {
  const owned = { ownerReferences: [{ kind: 'Deployment', name: 'cart', uid: '11111111-2222-3333-4444-555555555555', controller: true }] }
  const replicaSet = apiObject('cart-7d9f8c6b5d', { metadata: { uid: 'uid-rs', ...owned } })
  const [bytes, detailed] = [false, true].map((details) => {
    const { sinks, index, store, publish } = openFeed({ details }, { exact_owners: true })
    list(sinks[0], replicaSet)
    list(sinks[1])
    list(sinks[2], ...Array.from({ length: 1000 }, (_, i) => meshPod(i)))
    publish()
    const uids = { ownerUid: 'uid-rs', workloadUid: owned.ownerReferences[0]?.uid, hostname: '' }
    expect(index.podByUid(meshPod(999).metadata.uid)?.details).toEqual(details ? uids : undefined)
    return store.stats.journalBytes / 1000
  })
  expect((detailed ?? 0) - (bytes ?? 0)).toBeLessThan(8)
  expect(detailed).toBeLessThan(400)
})
