import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProtobufWriter } from '../lib/protobuf/writer.ts'
import { proxyResource } from './proxy_resource.ts'

/** The bytes of a Node with this id and these texts in its metadata. */
function node(id: string, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const writer = new ProtobufWriter()
  writer.string(1, id)
  writer.message(3, () => {
    for (const [key, text] of Object.entries(metadata)) {
      writer.message(1, () => void writer.string(1, key).message(2, () => void writer.string(3, text)))
    }
  })
  return writer.finish()
}

function attributesOf(bytes: Uint8Array, nodeId = ''): Record<string, unknown> {
  const { keys, values } = proxyResource({ node: bytes, nodeId }).attributes
  return Object.fromEntries(keys.map((key, i) => [key, values[i]]))
}

const ID = 'sidecar~10.244.1.11~productpage-v1-6b746f74dc-bcdfg.bookinfo~bookinfo.svc.cluster.local'

test.for([
  {
    name: 'reads the node id of a sidecar',
    bytes: node(ID),
    attributes: { 'k8s.namespace.name': 'bookinfo', 'k8s.pod.name': 'productpage-v1-6b746f74dc-bcdfg', 'k8s.pod.ip': '10.244.1.11' },
  },
  {
    name: 'prefers what the node metadata says',
    bytes: node('router~0.0.0.0~gateway.edge~edge.svc.cluster.local', {
      NAME: 'gateway-1',
      NAMESPACE: 'gateways',
      INSTANCE_IPS: '10.244.1.12,fd00::12',
      NODE_NAME: 'node-1',
    }),
    attributes: { 'k8s.namespace.name': 'gateways', 'k8s.pod.name': 'gateway-1', 'k8s.pod.ip': '10.244.1.12', 'k8s.node.name': 'node-1' },
  },
  {
    name: 'takes a name without a dot for the pod',
    bytes: node('sidecar~fd00::1~standalone~local'),
    attributes: { 'k8s.pod.name': 'standalone', 'k8s.pod.ip': 'fd00::1' },
  },
  { name: 'knows nothing of other Envoys', bytes: node('envoy-1', { NAMESPACE: 'default' }), attributes: {} },
])('$name', ({ bytes, attributes }) => {
  expect(attributesOf(bytes)).toEqual(attributes)
})

test('falls back to the id that the stream gave', () => {
  expect(attributesOf(new Uint8Array(0), ID)['k8s.pod.name']).toBe('productpage-v1-6b746f74dc-bcdfg')
})

test('never throws on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, nodeId) => {
      expect(proxyResource({ node: bytes, nodeId }).attributes.keys.every((key) => key.startsWith('k8s.'))).toBe(true)
    }),
  )
})
