import type { Endpoint, KubeNode, Pod, Service, WorkloadEntry } from '../../model/identity/objects.ts'

const NO_WORKLOAD = { kind: '', name: '', isInferred: false }

/** A UUID that is made of a number. */
export function uuidOf(number: number): string {
  return `${number.toString(16).padStart(8, '0')}-0000-4000-8000-${(number * 7919).toString(16).padStart(12, '0')}`
}

/** A running pod of a Deployment. */
export function podOf(fields: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    uid: uuidOf(1),
    namespace: 'shop',
    name: 'reviews-6d5f8b7c9d-abcde',
    node: 'node-a',
    serviceAccount: 'reviews',
    isHostNetwork: false,
    ips: ['10.0.0.1'],
    ports: [],
    workload: { kind: 'Deployment', name: 'reviews', isInferred: false },
    replicaSet: 'reviews-6d5f8b7c9d',
    job: '',
    containers: [],
    labels: { app: 'reviews', version: 'v1' },
    annotations: {},
    createdMs: 0,
    startedMs: 1000,
    terminatingMs: 0,
    endedMs: 0,
    ...fields,
  }
}

export function endpointOf(fields: Partial<Endpoint> = {}): Endpoint {
  return {
    kind: 'endpoint',
    namespace: 'shop',
    service: 'reviews',
    ip: '10.0.0.1',
    ports: [9080],
    pod: '',
    podUid: '',
    node: '',
    zone: '',
    workload: NO_WORKLOAD,
    labels: {},
    ...fields,
  }
}

export function serviceOf(fields: Partial<Service> = {}): Service {
  return {
    kind: 'service',
    uid: uuidOf(2),
    namespace: 'shop',
    name: 'reviews',
    source: 'service',
    hosts: ['reviews.shop.svc.cluster.local'],
    addresses: ['10.96.0.1'],
    ports: [9080],
    isHeadless: false,
    labels: {},
    ...fields,
  }
}

export function nodeOf(fields: Partial<KubeNode> = {}): KubeNode {
  return { kind: 'node', uid: uuidOf(3), name: 'node-a', ips: ['192.168.0.1'], labels: {}, annotations: {}, ...fields }
}

export function workloadEntryOf(fields: Partial<WorkloadEntry> = {}): WorkloadEntry {
  return {
    kind: 'workload_entry',
    uid: uuidOf(4),
    namespace: 'vms',
    name: 'vm-1',
    ip: '10.9.0.1',
    serviceAccount: '',
    workload: NO_WORKLOAD,
    labels: {},
    ...fields,
  }
}
