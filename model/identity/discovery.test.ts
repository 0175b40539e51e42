import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { podOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { discoveryOf, discoveryTexts } from './discovery.ts'
import type { PodDiscovery } from './objects.ts'
import { SharedIdentityIndex } from './shared_index.ts'
import { IdentityStore } from './store.ts'

const text = fc.string({ maxLength: 8 })
const anyDiscovery: fc.Arbitrary<PodDiscovery> = fc.record(
  {
    phase: text,
    ready: text,
    hostIp: text,
    controllerKind: text,
    controllerName: text,
    ports: fc.array(fc.record({ container: text, name: text, port: fc.integer({ min: 0, max: 65_535 }), protocol: text }, { noNullPrototype: true }), {
      maxLength: 4,
    }),
    initContainers: fc.array(text, { maxLength: 3 }),
  },
  { noNullPrototype: true },
)

test('what discovery wants comes back as it was', () => {
  fc.assert(fc.property(anyDiscovery, (discovery) => isDeepStrictEqual(discoveryOf(discoveryTexts(discovery)), discovery)))
})

test('any texts give something', () => {
  fc.assert(fc.property(fc.array(fc.string()), (texts) => Array.isArray(discoveryOf(texts).ports)))
})

test('an index lists the pods that are there now, with what discovery wants of them', () => {
  const store = new IdentityStore({ lookups: ['pod_uid'], memoryMibMax: 4, rememberGoneMs: 60_000, clockSkewMs: 0, isClusterWide: true })
  const index = new SharedIdentityIndex()
  expect(index.pods()).toEqual([])
  index.attach(store.handles)
  const [discovery] = fc.sample(anyDiscovery, 1)
  const pods = [1, 2, 3].map((i) =>
    podOf({ uid: uuidOf(i), name: `pod-${i}`, ips: [`10.0.0.${i}`], ...(i === 1 ? { discovery: discovery as PodDiscovery } : {}) }),
  )
  for (const pod of pods) store.put('pods', `shop/${pod.name}`, [pod], 1000)
  const ended = { ...(pods[1] as (typeof pods)[0]), endedMs: 2000 }
  store.put('pods', 'shop/pod-2', [ended], 2000)
  store.put('pods', 'shop/pod-3', [], 2000)
  const found = index.pods().toSorted((a, b) => (a.name < b.name ? -1 : 1))
  expect(found).toEqual([pods[0], ended])
})
