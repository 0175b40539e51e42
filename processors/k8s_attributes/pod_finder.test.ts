import { expect, test } from 'vitest'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { associationsOf, identifiersOf } from './association.ts'
import { PodAttributes } from './pod_attributes.ts'
import { PodFilter } from './pod_filter.ts'
import { PodFinder } from './pod_finder.ts'
import { CONTAINER_ID, configOf, containerOf, type GivenConfig, nodeOf, podOf, resourceOf } from './testing.ts'

const OLD = podOf({ uid: 'old', name: 'old', ips: ['10.1.0.1'] })
const NEW = podOf({ uid: 'new', name: 'new', ips: ['10.1.0.1', 'fd00::1'], labels: { team: 'core' }, containers: [containerOf()] })
const AGENT = podOf({ uid: 'agent', name: 'jaeger-agent-1', ips: ['10.1.0.2'] })
const HOST = podOf({ uid: 'host', name: 'host', isHostNetwork: true, ips: ['10.0.0.1'], ports: [9100] })

const index = new FakeIdentityIndex()
  .add(OLD, 0, 1000)
  .add(NEW, 1000)
  .add(AGENT)
  .add(HOST)
  .add(nodeOf({ ips: ['10.0.0.1'] }))

const attribute = (name: string): GivenConfig => ({ from: 'resource_attribute', name })
const CONNECTION: GivenConfig = { from: 'connection' }

interface Case {
  readonly name: string
  readonly associations?: readonly (readonly GivenConfig[])[]
  readonly given?: GivenConfig
  readonly attributes?: Readonly<Record<string, string>>
  readonly connection?: string
  readonly timeMs?: number
  readonly pod?: string
  readonly outcome: string
  readonly source?: string
}

function find({ associations = [], given = {}, attributes = {}, connection = '', timeMs = 2000 }: Case): PodFinder {
  const config = configOf({ pod_association: associations.map((sources) => ({ sources })), ...given })
  const finder = new PodFinder({ index, filter: new PodFilter(config), attributes: new PodAttributes(config), clusterUid: () => '' })
  finder.find(identifiersOf(associationsOf(config), resourceOf(attributes).attributes, connection), timeMs)
  return finder
}

test.for<Case>([
  { name: 'finds who has the address now', connection: '10.1.0.1', pod: 'new', outcome: 'associated', source: 'connection' },
  { name: 'finds who had the address then', connection: '10.1.0.1', timeMs: 999, pod: 'old', outcome: 'associated', source: 'connection' },
  { name: 'finds a pod by its second address', connection: 'fd00::1', pod: 'new', outcome: 'associated' },
  { name: 'prefers the address that the resource tells', attributes: { 'k8s.pod.ip': '10.1.0.1' }, connection: '10.1.0.2', pod: 'new', outcome: 'associated' },
  { name: 'takes no node for a pod', connection: '10.0.0.1', outcome: 'not_found', source: 'connection' },
  {
    name: 'finds a host-network pod by its name',
    attributes: { 'k8s.pod.ip': '10.0.0.1', 'k8s.pod.name': 'host', 'k8s.namespace.name': 'ns1' },
    pod: 'host',
    outcome: 'associated',
    source: 'resource_attribute/k8s.pod.name+resource_attribute/k8s.namespace.name',
  },
  { name: 'has nothing to go by', outcome: 'no_identifier' },
  { name: 'finds nothing for an unknown address', connection: '10.9.9.9', outcome: 'not_found', source: 'connection' },
  { name: 'leaves excluded pods out', connection: '10.1.0.2', outcome: 'excluded', source: 'connection' },
  {
    name: 'stops at an excluded pod',
    associations: [[CONNECTION], [attribute('k8s.pod.uid')]],
    attributes: { 'k8s.pod.uid': 'new' },
    connection: '10.1.0.2',
    outcome: 'excluded',
  },
  { name: 'takes filtered pods for unknown', connection: '10.1.0.1', given: { filter: { node: 'other' } }, outcome: 'filtered', source: 'connection' },
  {
    name: 'tries the next association after one without a pod',
    associations: [[attribute('k8s.pod.uid')], [CONNECTION]],
    attributes: { 'k8s.pod.uid': 'unknown' },
    connection: '10.1.0.1',
    pod: 'new',
    outcome: 'associated',
    source: 'connection',
  },
  {
    name: 'tries the next association after a filtered pod',
    associations: [[attribute('k8s.pod.uid')], [CONNECTION]],
    given: { filter: { labels: [{ key: 'team', op: 'exists' }] } },
    attributes: { 'k8s.pod.uid': 'old' },
    connection: '10.1.0.1',
    pod: 'new',
    outcome: 'associated',
    source: 'connection',
  },
  { name: 'finds a pod by its uid', associations: [[attribute('k8s.pod.uid')]], attributes: { 'k8s.pod.uid': 'old' }, pod: 'old', outcome: 'associated' },
  {
    name: 'finds a pod by a container',
    associations: [[attribute('container.id')]],
    attributes: { 'container.id': CONTAINER_ID },
    pod: 'new',
    outcome: 'associated',
  },
  {
    name: 'looks up no container id that is too short',
    associations: [[attribute('container.id')]],
    attributes: { 'container.id': CONTAINER_ID.slice(0, 4) },
    outcome: 'not_found',
  },
  {
    name: 'wants all sources of an association to lead to the pod',
    associations: [[CONNECTION, attribute('k8s.pod.uid')]],
    attributes: { 'k8s.pod.uid': 'agent' },
    connection: '10.1.0.1',
    outcome: 'not_found',
  },
  {
    name: 'finds a pod by sources that agree',
    associations: [[CONNECTION, attribute('k8s.pod.uid'), attribute('k8s.namespace.name'), attribute('container.id')]],
    attributes: { 'k8s.pod.uid': 'new', 'k8s.namespace.name': 'ns1', 'container.id': CONTAINER_ID },
    connection: '10.1.0.1',
    pod: 'new',
    outcome: 'associated',
  },
  {
    name: 'compares attributes that are extracted',
    associations: [[CONNECTION, attribute('team')]],
    given: { extract: { labels: [{ tag_name: 'team', key: 'team' }] } },
    attributes: { team: 'other' },
    connection: '10.1.0.1',
    outcome: 'not_found',
  },
  {
    name: 'accepts attributes that are extracted',
    associations: [[CONNECTION, attribute('team')]],
    given: { extract: { labels: [{ tag_name: 'team', key: 'team' }] } },
    attributes: { team: 'core' },
    connection: '10.1.0.1',
    pod: 'new',
    outcome: 'associated',
  },
])('$name', (given) => {
  const { pod, outcome, identifier } = find(given)
  expect({ pod: pod?.uid, outcome }).toEqual({ pod: given.pod, outcome: given.outcome })
  if (given.source !== undefined) expect(identifier?.association.label).toBe(given.source)
})

test.for<Case & { readonly fromMs: number; readonly untilMs: number }>([
  { name: 'an address, as long as its owner has it', connection: '10.1.0.1', timeMs: 5, outcome: 'associated', fromMs: 0, untilMs: 1000 },
  { name: 'no answer, for no time', connection: '10.9.9.9', outcome: 'not_found', fromMs: Number.POSITIVE_INFINITY, untilMs: Number.NEGATIVE_INFINITY },
  {
    name: 'a uid, always',
    associations: [[attribute('k8s.pod.uid')]],
    attributes: { 'k8s.pod.uid': 'old' },
    outcome: 'associated',
    fromMs: Number.NEGATIVE_INFINITY,
    untilMs: Number.POSITIVE_INFINITY,
  },
])('holds for $name', ({ fromMs, untilMs, ...given }) => {
  expect(find(given)).toMatchObject({ fromMs, untilMs })
})
