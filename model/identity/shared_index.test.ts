import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endpointOf, podOf, serviceOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { READER_PODS, READER_TIME_MS, type ReaderReport, readerIp } from '../../test/fakes/identity_reader_worker.ts'
import type { IdentityHandles } from './handles.ts'
import { SharedIdentityIndex } from './shared_index.ts'
import { IdentityStore } from './store.ts'

const NOW = READER_TIME_MS
const OPTIONS = {
  lookups: ['address', 'service_address', 'pod_uid', 'container', 'pod_name', 'host', 'endpoints'] as const,
  memoryMibMax: 4,
  rememberGoneMs: 60_000,
  clockSkewMs: 5000,
  isClusterWide: false,
}

function storeAndIndex(): { store: IdentityStore; index: SharedIdentityIndex } {
  const store = new IdentityStore(OPTIONS)
  const index = new SharedIdentityIndex()
  index.attach(store.handles)
  return { store, index }
}

/** Asks everything that can be asked. */
function askEverything(index: SharedIdentityIndex): unknown[] {
  return [
    index.version,
    index.changedMs,
    index.isSynced,
    index.byAddress('10.0.0.1', 80, NOW),
    index.byAddress('2001:db8::1', 0, NOW),
    index.serviceByAddress('10.96.0.1', 80, NOW),
    index.podByUid(uuidOf(1)),
    index.podByContainer('ab'.repeat(32)),
    index.podByName('shop', 'reviews'),
    index.serviceByHost('reviews.shop.svc.cluster.local'),
    index.service('shop', 'reviews'),
    index.servicesOf('10.0.0.1', 80),
    index.node('node-a'),
    index.namespace('shop'),
  ]
}

test('an index without memory knows nothing', () => {
  const answers = askEverything(new SharedIdentityIndex())
  expect(answers).toEqual([0, 0, false, ...Array.from({ length: 8 }, () => undefined), [], undefined, undefined])
})

test('look-ups are counted by kind', () => {
  const { store, index } = storeAndIndex()
  store.put('pods', 'shop/a', [podOf()], NOW)
  askEverything(index)
  index.podByUid(uuidOf(1))
  expect(index.counts.address).toEqual({ hits: 1, misses: 1 })
  expect(index.counts.pod_uid).toEqual({ hits: 2, misses: 0 })
  expect(index.counts.endpoints).toEqual({ hits: 0, misses: 1 })
})

test('state of the store is seen', () => {
  const { store, index } = storeAndIndex()
  expect([index.isSynced, index.isClusterWide, index.changedMs]).toEqual([false, false, 0])
  store.setSynced(true)
  store.put('pods', 'shop/a', [podOf()], NOW)
  store.publish(NOW)
  expect([index.isSynced, index.changedMs]).toEqual([true, NOW])
  store.setSynced(false)
  expect(index.isSynced).toBe(false)
})

describe('the version', () => {
  test.for<{ name: string; ask: (index: SharedIdentityIndex) => unknown; grows: boolean }>([
    { name: 'not when nothing was asked', ask: () => undefined, grows: false },
    { name: 'not when something else was asked', ask: (index) => index.byAddress('10.0.0.2', 0, NOW), grows: false },
    { name: 'when its address was asked for and not found', ask: (index) => index.byAddress('10.0.0.1', 0, NOW), grows: true },
    { name: 'when its name was asked for and not found', ask: (index) => index.podByName('shop', 'reviews-6d5f8b7c9d-abcde'), grows: true },
    { name: 'not when a service at its address was asked for', ask: (index) => index.serviceByAddress('10.0.0.1', 0, NOW), grows: false },
  ])('grows with a new pod $name', ({ ask, grows }) => {
    const { store, index } = storeAndIndex()
    const { version } = index
    ask(index)
    store.put('pods', 'shop/a', [podOf()], NOW)
    store.publish(NOW)
    expect(index.version).toBe(grows ? version + 1 : version)
    expect(index.version).toBe(grows ? version + 1 : version)
  })

  test('grows when what was found has changed, and once only', () => {
    const { store, index } = storeAndIndex()
    store.put('pods', 'shop/a', [podOf()], NOW)
    store.publish(NOW)
    index.podByUid(uuidOf(1))
    const { version } = index
    store.put('pods', 'shop/a', [podOf({ labels: {} })], NOW)
    store.publish(NOW)
    expect(index.version).toBe(version + 1)
    store.put('pods', 'shop/a', [podOf()], NOW)
    store.publish(NOW)
    expect(index.version).toBe(version + 1)
  })

  test('grows when an answer was seen to change before the change was published', () => {
    const { store, index } = storeAndIndex()
    const { version } = index
    expect(index.byAddress('10.0.0.1', 0, NOW)).toBeUndefined()
    store.put('pods', 'shop/a', [podOf()], NOW)
    expect(index.byAddress('10.0.0.1', 0, NOW)).toBeDefined()
    expect(index.version).toBe(version + 1)
  })

  test.for([
    { name: 'a block around the address', address: '10.96.0.0/16', hosts: [] },
    { name: 'a wildcard above the host', address: '', hosts: ['*.shop.svc.cluster.local'] },
  ])('grows with $name', ({ address, hosts }) => {
    const { store, index } = storeAndIndex()
    const { version } = index
    expect(index.serviceByAddress('10.96.0.1', 9080, NOW) ?? index.serviceByHost('reviews.shop.svc.cluster.local')).toBeUndefined()
    store.put('serviceentries', 'shop/a', [serviceOf({ source: 'service_entry', addresses: [address], hosts })], NOW)
    store.publish(NOW)
    expect(index.version).toBe(version + 1)
    expect(index.serviceByAddress('10.96.0.1', 9080, NOW)?.value ?? index.serviceByHost('reviews.shop.svc.cluster.local')).toBeDefined()
  })

  test('grows when more is asked than can be kept apart', () => {
    const { index } = storeAndIndex()
    const { version } = index
    for (let i = 0; i <= 1 << 17; i++) index.byAddress(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0, NOW)
    expect(index.version).toBe(version + 1)
  })
})

describe('memory that moves', () => {
  test('of another store replaces what was known', () => {
    const { store, index } = storeAndIndex()
    store.put('pods', 'shop/a', [podOf()], NOW)
    index.podByUid(uuidOf(1))
    const { version } = index
    const restarted = new IdentityStore(OPTIONS)
    restarted.put('pods', 'shop/a', [podOf({ labels: { new: 'yes' } })], NOW)
    index.attach(restarted.handles)
    expect(index.version).toBe(version + 1)
    expect(index.podByUid(uuidOf(1))?.labels).toEqual({ new: 'yes' })
  })

  test('of an older generation is left aside; the newer one changes the version only if it changes an answer', () => {
    const { store, index } = storeAndIndex()
    const old = store.handles
    index.byAddress('10.0.0.1', 0, NOW)
    index.byAddress('10.3.0.1', 0, NOW)
    const { version } = index
    for (let i = 2; i < 1000; i++) store.put('pods', `shop/${i}`, [podOf({ name: `${i}`, uid: uuidOf(i), ips: [`10.1.${i >> 8}.${i & 255}`] })], NOW)
    const handles = store.publish(NOW) as IdentityHandles
    expect(handles.generation).toBeGreaterThan(old.generation)
    index.attach(handles)
    index.attach(old)
    expect(index.version).toBe(version)
    expect(index.byAddress('10.1.0.7', 0, NOW)).toBeDefined()
    store.put('pods', 'shop/a', [podOf()], NOW)
    store.publish(NOW)
    expect(index.version).toBe(version + 1)
  })

  test('is still read, as it was, until the new one arrives; and what has changed meanwhile is noticed then', () => {
    const { store, index } = storeAndIndex()
    store.put('pods', 'shop/a', [podOf()], NOW)
    expect(index.byAddress('10.0.0.1', 0, NOW)).toBeDefined()
    const { version } = index
    for (let i = 2; i < 1000; i++) store.put('pods', `shop/${i}`, [podOf({ name: `${i}`, uid: uuidOf(i), ips: [`10.1.${i >> 8}.${i & 255}`] })], NOW)
    store.remove('pods', 'shop/a', NOW)
    const handles = store.publish(NOW) as IdentityHandles
    expect(index.version).toBe(version)
    expect(index.byAddress('10.0.0.1', 0, NOW)).toMatchObject({ untilMs: Number.POSITIVE_INFINITY })
    index.attach(handles)
    expect(index.version).toBe(version + 1)
    expect(index.byAddress('10.0.0.1', 0, NOW - 1)).toMatchObject({ untilMs: NOW })
  })
})

test('a look-up that has been made before creates nothing new', () => {
  const { store, index } = storeAndIndex()
  store.put('pods', 'shop/a', [podOf()], NOW)
  store.put('services', 'shop/s', [serviceOf()], NOW)
  const ask = (): unknown[] => [
    index.byAddress('10.0.0.1', 1, NOW),
    index.podByUid(uuidOf(1)),
    index.serviceByAddress('10.96.0.1', 9080, NOW),
    index.serviceByHost('reviews.shop.svc.cluster.local'),
  ]
  const [first, second] = [ask(), ask()]
  expect(first).not.toContain(undefined)
  for (const [i, answer] of first.entries()) expect(second[i]).toBe(answer)
})

test('memory that makes no sense never throws', () => {
  const { store } = storeAndIndex()
  store.put('pods', 'shop/a', [podOf({ name: 'reviews', ips: ['10.0.0.1', '2001:db8::1'], containers: [{ name: 'a', id: 'ab'.repeat(32), image: 'b' }] })], NOW)
  store.put('services', 'shop/s', [serviceOf({ addresses: ['10.96.0.1', '10.0.0.0/8'], hosts: ['*.cluster.local', 'reviews.shop.svc.cluster.local'] })], NOW)
  store.put('endpointslices', 'shop/e', [endpointOf()], NOW)
  const { generation, ...handles } = store.handles
  const words = Math.ceil(store.stats.journalBytes / 4)
  const journal = handles.journal.slice(0, words * 4)
  const garbage = fc.array(fc.record({ at: fc.nat(words - 1), word: fc.oneof(fc.integer(), fc.nat(words * 2), fc.nat(20)) }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(garbage, (changes) => {
      const broken = journal.slice(0)
      for (const { at, word } of changes) new Int32Array(broken)[at] = word
      const index = new SharedIdentityIndex()
      index.attach({ ...handles, generation, journal: broken })
      expect(askEverything(index)).toHaveLength(14)
    }),
    { numRuns: 1000 },
  )
})

test('a reader in another thread sees whole objects while the store writes, moves and forgets', async () => {
  const store = new IdentityStore({ ...OPTIONS, lookups: ['address', 'pod_name'] })
  const worker = new Worker(new URL('../../test/fakes/identity_reader_worker.ts', import.meta.url))
  const message = once(worker, 'message') as Promise<[ReaderReport]>
  await once(worker, 'online')
  worker.postMessage({ handles: store.handles }, [])
  for (let round = 0; round < 15_000; round++) {
    const number = (round * 7) % READER_PODS
    const texts = { round: `${round}` }
    const pod = podOf({ name: `p${number}`, uid: uuidOf(number), ips: [readerIp(number)], startedMs: NOW - 1000, labels: texts, annotations: texts })
    if (round % 11 === 0) store.remove('pods', `shop/p${number}`, NOW + 1)
    else store.put('pods', `shop/p${number}`, [pod], NOW)
    if (round % 50 !== 0) continue
    store.sweep(round % 3000 === 0 ? NOW + 100_000 : NOW)
    const handles = store.publish(NOW)
    if (handles !== undefined) worker.postMessage({ handles }, [])
    await new Promise((resolve) => setImmediate(resolve))
  }
  worker.postMessage('stop', [])
  const [report] = await message
  expect(report.faults).toEqual([])
  expect(report.hits).toBeGreaterThan(READER_PODS)
  expect(report.generations).toBeGreaterThan(1)
  await worker.terminate()
}, 30_000)
