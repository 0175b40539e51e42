import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFlatNode } from './flat_node.ts'
import { decodePeer, decodeText, ownerName } from './peer.ts'
import { anyBytes, anyStruct, anyText, anyWrapped, flatNode } from './testing.ts'

const NODE = {
  name: 'reviews-v3-x',
  namespace: 'shop',
  owner: 'kubernetes://apis/apps/v1/namespaces/shop/deployments/reviews-v3',
  workload: 'reviews-v3',
  cluster: 'Kubernetes',
}
const LABELS = { app: 'reviews', version: 'v3', 'service.istio.io/canonical-name': 'reviews', 'service.istio.io/canonical-revision': 'v3' }
const REVIEWS = {
  workload: 'reviews-v3',
  namespace: 'shop',
  service: 'reviews',
  revision: 'v3',
  app: 'reviews',
  version: 'v3',
  cluster: 'Kubernetes',
  principal: '',
  pod: 'reviews-v3-x',
  addressClass: '',
}

test('reads a peer from a FlatBuffer', () => {
  expect(decodePeer(anyWrapped(flatNode(NODE, LABELS)))).toEqual({ ...REVIEWS, evidence: 'peer_flatbuffer' })
})

test('a peer may say its app and version in the labels of Kubernetes, which win', () => {
  const labels = { ...LABELS, 'app.kubernetes.io/name': 'shop-reviews', 'app.kubernetes.io/version': '3.0' }
  expect(decodePeer(anyWrapped(flatNode({ ...NODE, workload: '' }, labels)))).toMatchObject({ workload: 'reviews-v3', app: 'shop-reviews', version: '3.0' })
})

test('reads a peer from a Struct', () => {
  const struct = {
    workload: 'reviews-v3',
    namespace: 'shop',
    service: 'reviews',
    revision: 'v3',
    app: 'reviews',
    version: 'v3',
    cluster: 'Kubernetes',
    name: 'reviews-v3-x',
  }
  const identity = 'spiffe://cluster.local/ns/shop/sa/reviews'
  expect(decodePeer(anyStruct({ ...struct, type: 'deployment', identity }))).toEqual({ ...REVIEWS, principal: identity, evidence: 'peer_struct' })
})

test('reads a peer from metadata as it travels in headers', () => {
  const metadata = { WORKLOAD_NAME: 'reviews-v3', NAMESPACE: 'shop', NAME: 'reviews-v3-x', CLUSTER_ID: 'Kubernetes', LABELS }
  expect(decodePeer(anyStruct(metadata))).toEqual({ ...REVIEWS, evidence: 'peer_struct' })
})

test('reads a peer from text: JSON, or the fields of endpoint metadata', () => {
  expect(decodePeer(anyText('{"workload":"reviews-v3","namespace":"shop"}'))).toMatchObject({ workload: 'reviews-v3', namespace: 'shop' })
  expect(decodePeer(anyText('reviews-v3;shop;reviews;v3;Kubernetes'))).toMatchObject({
    workload: 'reviews-v3',
    service: 'reviews',
    revision: 'v3',
    cluster: 'Kubernetes',
  })
})

test.for([
  { name: 'an empty Any', bytes: new Uint8Array(0) },
  { name: 'another type', bytes: anyBytes('google.protobuf.BoolValue', Uint8Array.of(8, 1)) },
  { name: 'an empty Struct', bytes: anyStruct({}) },
  { name: 'a Struct without a name', bytes: anyStruct({ type: 'pod', cluster: 'Kubernetes' }) },
  { name: 'values of the wrong type', bytes: anyStruct({ workload: 7, namespace: { a: 1 }, service: ['x'] }) },
  { name: 'a peer id that is unknown', bytes: anyWrapped(Buffer.from('unknown')) },
  { name: 'an empty FlatBuffer', bytes: anyWrapped(new Uint8Array(0)) },
  { name: 'a text that is neither', bytes: anyText('unknown') },
  { name: 'broken JSON', bytes: anyText('{"workload":') },
  { name: 'JSON that is no object', bytes: anyText('{}') },
])('finds nobody in $name', ({ bytes }) => {
  expect(decodePeer(bytes)).toBeUndefined()
})

test('reads the text of a principal and nothing else', () => {
  expect(decodeText(anyText('spiffe://td/ns/a/sa/b'))).toBe('spiffe://td/ns/a/sa/b')
  expect(decodeText(anyStruct({ a: 'b' }))).toBe('')
})

test('takes the name of an owner from its last part', () => {
  expect([ownerName(NODE.owner), ownerName('something else'), ownerName('')]).toEqual(['reviews-v3', '', ''])
})

test('never throws on mutated FlatBuffers, and reads no byte outside them', () => {
  const whole = flatNode(NODE, LABELS)
  const mutation = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(mutation, fc.nat(whole.length), (changes, length) => {
      const bytes = whole.slice(0, length)
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      const node = decodeFlatNode(bytes)
      // Text can come from anywhere in the buffer, but there is no more of it than the buffer holds (invalid bytes become 3).
      if (node !== undefined) expect(node.name.length + node.namespace.length).toBeLessThanOrEqual(2 * bytes.length)
    }),
    { numRuns: 5000 },
  )
})

test('never throws on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const forms = [bytes, anyWrapped(bytes), anyBytes('google.protobuf.Struct', bytes), anyBytes('google.protobuf.StringValue', bytes)]
      for (const form of forms) expect(['object', 'undefined']).toContain(typeof decodePeer(form))
    }),
    { numRuns: 3000 },
  )
})

const vectorsPath = fileURLToPath(new URL('../../../shared/data/synthetic/peer-any-vectors.json', import.meta.url))

test.skipIf(!existsSync(vectorsPath))('reads the vectors made with the official libraries', () => {
  const vectors = JSON.parse(readFileSync(vectorsPath, 'utf8')) as Record<
    'legacy_wasm_peer' | 'legacy_wasm_peer_id' | 'modern_peer',
    { readonly type_url: string; readonly value_base64: string }
  >
  const any = ({ type_url, value_base64 }: { readonly type_url: string; readonly value_base64: string }): Uint8Array =>
    anyBytes(type_url.slice(type_url.indexOf('/') + 1), Buffer.from(value_base64, 'base64'))
  const reviews = { workload: 'reviews-v3', namespace: 'bookinfo', service: 'reviews', revision: 'v3', app: 'reviews', version: 'v3', cluster: 'Kubernetes' }
  const pod = 'reviews-v3-6f8b6c7d9-abcde'
  expect(decodePeer(any(vectors.legacy_wasm_peer))).toEqual({ ...reviews, principal: '', pod, evidence: 'peer_flatbuffer', addressClass: '' })
  const principal = 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews'
  expect(decodePeer(any(vectors.modern_peer))).toEqual({ ...reviews, principal, pod, evidence: 'peer_struct', addressClass: '' })
  expect(decodePeer(any(vectors.legacy_wasm_peer_id))).toBeUndefined()
})
