import { describe, expect, test } from 'vitest'
import { associationsOf, connectionAddress, identifiersOf } from './association.ts'
import { configOf, type GivenConfig, resourceOf } from './testing.ts'

const attribute = (name: string): GivenConfig => ({ from: 'resource_attribute', name })
const associations = (...lists: readonly (readonly GivenConfig[])[]): GivenConfig => ({ pod_association: lists.map((sources) => ({ sources })) })

test('the defaults are the Collector’s, and the name of the pod at the end', () => {
  expect(associationsOf(configOf()).map(({ label, lookup, isSenderAddress }) => [label, lookup, isSenderAddress])).toEqual([
    ['resource_attribute/k8s.pod.ip', 'address', true],
    ['resource_attribute/ip', 'address', true],
    ['connection', 'address', true],
    ['resource_attribute/host.name', 'address', true],
    ['resource_attribute/k8s.pod.name+resource_attribute/k8s.namespace.name', 'pod_name', false],
  ])
})

test.for([
  { sources: [{ from: 'connection' }], lookup: 'address', label: 'connection' },
  { sources: [attribute('k8s.pod.ip')], lookup: 'address', label: 'resource_attribute/k8s.pod.ip' },
  { sources: [{ from: 'connection' }, attribute('k8s.pod.uid')], lookup: 'pod_uid', label: 'connection+resource_attribute/k8s.pod.uid' },
  { sources: [attribute('container.id')], lookup: 'container', label: 'resource_attribute/container.id' },
  {
    sources: [attribute('k8s.pod.name'), attribute('k8s.namespace.name')],
    lookup: 'pod_name',
    label: 'resource_attribute/k8s.pod.name+resource_attribute/k8s.namespace.name',
  },
])('$label is looked up by $lookup', ({ sources, lookup, label }) => {
  expect(associationsOf(configOf(associations(sources)))).toMatchObject([{ lookup, label }])
})

describe('what identifies a resource', () => {
  const both = associationsOf(configOf(associations([attribute('k8s.pod.uid'), { from: 'connection' }], [attribute('host.name')], [attribute('container.id')])))

  test.for([
    { name: 'is nothing without values', attributes: {}, connection: '10.0.0.1', found: [] },
    { name: 'needs a value for every source', attributes: { 'k8s.pod.uid': 'u' }, connection: '', found: [] },
    {
      name: 'is all that is complete',
      attributes: { 'k8s.pod.uid': 'u', 'host.name': '::ffff:10.0.0.2' },
      connection: '10.0.0.1',
      found: [['u', '10.0.0.1'], ['10.0.0.2']],
    },
    { name: 'is no host’s name', attributes: { 'host.name': 'web-1' }, connection: '', found: [] },
    { name: 'is a container id without its runtime', attributes: { 'container.id': 'containerd://ABCDEF012345' }, connection: '', found: [['abcdef012345']] },
    { name: 'is no number', attributes: { 'container.id': 7 }, connection: '', found: [] },
  ])('$name', ({ attributes, connection, found }) => {
    expect(identifiersOf(both, resourceOf(attributes).attributes, connection).map(({ values }) => values)).toEqual(found)
  })
})

test.for([
  { peer: '10.0.0.1:40112', address: '10.0.0.1' },
  { peer: '[fd00:0::1]:40112', address: 'fd00::1' },
  { peer: '[::ffff:10.0.0.1]:40112', address: '10.0.0.1' },
  { peer: 'fd00::1', address: 'fd00::1' },
  { peer: 'unix', address: '' },
  { peer: '', address: '' },
])('the address of $peer is $address', ({ peer, address }) => {
  expect(connectionAddress(peer)).toBe(address)
})
