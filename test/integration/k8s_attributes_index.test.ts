import { expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs, type StreamOrigin } from '../../model/access_logs.ts'
import type { Resource } from '../../model/attributes.ts'
import type { Pod } from '../../model/identity/objects.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import { IdentityStore } from '../../model/identity/store.ts'
import { needsOf } from '../../processors/k8s_attributes/needs.ts'
import { LogAttributes } from '../../processors/k8s_attributes/processor.ts'
import { configOf, containerOf, type GivenConfig, namespaceOf, nodeOf, podOf, recordOf } from '../../processors/k8s_attributes/testing.ts'
import { CollectingConsumer } from '../fakes/consumers.ts'
import { type FakeSettings, fakeSettings } from '../fakes/settings.ts'

const START = Date.UTC(2026, 0, 2)
const CONFIG: GivenConfig = {
  extract: {
    metadata: ['k8s.pod.uid', 'k8s.deployment.name', 'k8s.node.uid', 'container.image.tag'],
    labels: [
      { tag_name: 'team', key: 'team' },
      { tag_name: 'stage', key: 'stage', from: 'namespace' },
    ],
  },
}

/** The processor before the shared memory that a store writes, as in an ingest worker. */
class Harness {
  readonly store: IdentityStore
  readonly settings: FakeSettings
  readonly #index = new SharedIdentityIndex()
  readonly #processor: LogAttributes
  readonly #logs = new AccessLogs(new ByteInterner())
  #nowMs = START

  constructor(given: GivenConfig = CONFIG) {
    const config = configOf(given)
    const { lookups } = needsOf(config)
    this.store = new IdentityStore({ lookups, memoryMibMax: 16, rememberGoneMs: 60_000, clockSkewMs: 1000, isClusterWide: true })
    this.#index.attach(this.store.handles)
    this.settings = { ...fakeSettings('processor', 'k8s_attributes'), shared: () => this.#index }
    this.#processor = new LogAttributes(this.settings, config, new CollectingConsumer())
  }

  put(...pods: readonly Pod[]): void {
    for (const pod of pods) this.store.put('pods', `${pod.namespace}/${pod.name}`, [pod], this.#nowMs)
    this.publish()
  }

  publish(): void {
    const handles = this.store.publish(this.#nowMs)
    if (handles !== undefined) this.#index.attach(handles)
  }

  /** Lets time pass, then sends a message of the stream. */
  send(origin: StreamOrigin, afterMs = 1000): Resource | undefined {
    this.#nowMs += afterMs
    this.#logs.origin = origin
    this.#logs.resource = undefined
    this.#logs.receivedMs = this.#nowMs
    void this.#processor.consume(this.#logs)
    return this.#logs.resource
  }

  get builds(): number {
    return this.settings.telemetry.value('meshscope_k8s_attributes_builds')
  }
}

function streamFrom(peer: string, nodeId = ''): StreamOrigin {
  return { id: 1, node: new Uint8Array(0), nodeId, nodeCluster: '', logName: 'http', peer, apiVersion: 'v3' }
}

test('finds pods, nodes and namespaces in the shared index', () => {
  const harness = new Harness()
  harness.store.put('namespaces', 'ns1', [namespaceOf({ labels: { stage: 'demo' } })], START)
  harness.store.put('nodes', 'node1', [nodeOf()], START)
  harness.put(podOf({ labels: { team: 'core' }, containers: [containerOf()] }))
  const resource = harness.send(streamFrom('1.1.1.1:40000'))
  expect(recordOf(resource?.attributes ?? podless())).toEqual({
    'k8s.pod.uid': 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    'k8s.deployment.name': 'auth-service',
    team: 'core',
    'container.image.tag': '1.2.3',
    stage: 'demo',
    'k8s.node.uid': 'node-uid',
  })
})

test('keeps the resource of a stream while other pods come and go', () => {
  const harness = new Harness()
  harness.put(podOf())
  const origin = streamFrom('1.1.1.1:40000')
  const resource = harness.send(origin)
  for (let i = 0; i < 50; i++) {
    harness.put(podOf({ uid: `u${i}`, name: `p${i}`, ips: [`10.0.0.${i}`] }))
    expect(harness.send(origin)).toBe(resource)
  }
  expect(harness.builds).toBe(1)
})

test('sees a pod appear, change and go', () => {
  const harness = new Harness()
  const origin = streamFrom('1.1.1.1:40000')
  const uid = (afterMs?: number): unknown => harness.send(origin, afterMs)?.attributes.get('k8s.pod.uid')
  expect(uid()).toBeUndefined()
  const pod = podOf({ startedMs: START })
  harness.put(pod)
  const first = harness.send(origin)
  expect(first?.attributes.get('team')).toBeUndefined()
  harness.put({ ...pod, labels: { team: 'core' } })
  const second = harness.send(origin)
  expect(second?.attributes.get('team')).toBe('core')
  expect(second).not.toBe(first)
  harness.store.remove('pods', `${pod.namespace}/${pod.name}`, START + 5000)
  harness.publish()
  expect(harness.send(origin)).toBe(second)
  harness.store.sweep(START + 200_000)
  harness.publish()
  expect(uid(200_000)).toBeUndefined()
})

test('follows an address to the pod that has it next', () => {
  const harness = new Harness()
  const origin = streamFrom('1.1.1.1:40000')
  const old = podOf({ uid: 'old', name: 'old', startedMs: START - 10_000 })
  harness.put(old)
  expect(harness.send(origin)?.attributes.get('k8s.pod.uid')).toBe('old')
  harness.put({ ...old, endedMs: START + 2000 }, podOf({ uid: 'new', name: 'new', createdMs: START + 3000, startedMs: START + 4000 }))
  expect(harness.send(origin, 5000)?.attributes.get('k8s.pod.uid')).toBe('new')
})

test('finds a pod on the host’s network by its name, though its address is the node’s', () => {
  const harness = new Harness()
  harness.store.put('nodes', 'node1', [nodeOf()], START)
  harness.put(podOf({ uid: 'gateway', name: 'gateway', isHostNetwork: true, ips: ['10.0.0.1'] }))
  expect(harness.send(streamFrom('10.0.0.1:4', 'router~10.0.0.1~gateway.ns1~ns1.svc.cluster.local'))?.attributes.get('k8s.pod.uid')).toBe('gateway')
})

function podless(): Resource['attributes'] {
  throw new Error('no resource')
}
