import { expect, test } from 'vitest'
import type { Pod } from '../../model/identity/objects.ts'
import { PodFilter } from './pod_filter.ts'
import { configOf, type GivenConfig, podOf } from './testing.ts'

const ENV = { KUBE_NODE_NAME: 'node2' }

test.for<{ name: string; filter: GivenConfig; pod?: Partial<Pod>; admits: boolean }>([
  { name: 'admits all without conditions', filter: {}, admits: true },
  { name: 'compares the node', filter: { node: 'node1' }, admits: true },
  { name: 'refuses other nodes', filter: { node: 'node2' }, admits: false },
  { name: 'prefers the node from the environment', filter: { node: 'node1', node_from_env_var: 'KUBE_NODE_NAME' }, admits: false },
  { name: 'compares the namespace', filter: { namespace: 'ns1' }, admits: true },
  { name: 'knows several namespaces', filter: { namespace: ['ns0', 'ns1'] }, admits: true },
  { name: 'refuses other namespaces', filter: { namespace: ['ns0', 'ns2'] }, admits: false },
  { name: 'compares fields', filter: { fields: [{ key: 'metadata.name', value: 'auth-service-66f5996c7c-xyz34' }] }, admits: true },
  { name: 'compares whether the network is the host’s', filter: { fields: [{ key: 'spec.hostNetwork', value: 'false' }] }, admits: true },
  { name: 'refuses fields that are equal', filter: { fields: [{ key: 'spec.nodeName', value: 'node1', op: 'not-equals' }] }, admits: false },
  { name: 'compares labels', filter: { labels: [{ key: 'app', value: 'auth' }] }, admits: true },
  { name: 'refuses other values of labels', filter: { labels: [{ key: 'app', value: 'shop' }] }, admits: false },
  { name: 'refuses pods without the label', filter: { labels: [{ key: 'team', value: '' }] }, admits: false },
  { name: 'admits other values for not-equals', filter: { labels: [{ key: 'app', value: 'shop', op: 'not-equals' }] }, admits: true },
  { name: 'admits absence for not-equals', filter: { labels: [{ key: 'team', value: 'core', op: 'not-equals' }] }, admits: true },
  { name: 'sees that a label exists', filter: { labels: [{ key: 'app', op: 'exists' }] }, admits: true },
  { name: 'sees that a label does not exist', filter: { labels: [{ key: 'app', op: 'does-not-exist' }] }, admits: false },
  { name: 'is not fooled by inherited names', filter: { labels: [{ key: 'constructor', op: 'exists' }] }, admits: false },
  { name: 'wants all conditions', filter: { namespace: 'ns1', labels: [{ key: 'app', value: 'auth' }], node: 'node9' }, admits: false },
])('$name', ({ filter, pod = {}, admits }) => {
  expect(new PodFilter(configOf({ filter }), ENV).admits(podOf({ labels: { app: 'auth' }, ...pod }))).toBe(admits)
})

test.for<{ name: string; exclude?: GivenConfig; pod: Partial<Pod>; excludes: boolean }>([
  { name: 'leaves jaeger out by default', pod: { name: 'my-jaeger-agent-7x2bq' }, excludes: true },
  { name: 'leaves nothing else out', pod: {}, excludes: false },
  { name: 'goes by the config', exclude: { pods: [{ name: '^auth-' }] }, pod: {}, excludes: true },
  { name: 'can exclude nothing', exclude: { pods: [] }, pod: { name: 'jaeger-agent' }, excludes: false },
  { name: 'obeys the annotation', pod: { annotations: { 'opentelemetry.io/k8s-processor/ignore': ' True ' } }, excludes: true },
  { name: 'obeys only its true', pod: { annotations: { 'opentelemetry.io/k8s-processor/ignore': 'yes' } }, excludes: false },
])('$name', ({ exclude, pod, excludes }) => {
  expect(new PodFilter(configOf(exclude === undefined ? {} : { exclude }), ENV).excludes(podOf(pod))).toBe(excludes)
})
