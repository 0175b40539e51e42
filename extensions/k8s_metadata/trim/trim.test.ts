import { assert as check, constantFrom, dictionary, jsonValue, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apiObject, meshPod, needing } from '../testing.ts'
import type { ApiObject } from '../watch/sink.ts'
import { Trimmer } from './trimmer.ts'
import { WantedTexts } from './wanted_texts.ts'

const NOW = Date.UTC(2026, 5, 1)
const refused: string[] = []

function trimmer(more: Parameters<typeof needing>[0] = {}): Trimmer {
  refused.length = 0
  return new Trimmer({ needs: needing(more), clusterDomain: 'cluster.local', refuse: (refusal) => void refused.push(refusal) })
}

describe('a pod', () => {
  test('of 14 KB is trimmed to what is wanted of it', () => {
    const pod = meshPod(0x10203)
    expect(JSON.stringify(pod).length).toBeGreaterThan(13_000)
    expect(trimmer({ podLabels: [{ key: 'app' }], podAnnotations: [{ pattern: 'prometheus\\.io/.*' }], containers: true }).pod(pod, NOW)).toEqual({
      kind: 'pod',
      uid: `uid-${pod.metadata.name}`,
      namespace: 'shop',
      name: pod.metadata.name,
      node: 'node-1',
      serviceAccount: 'cart',
      isHostNetwork: false,
      ips: ['10.9.2.3'],
      ports: [],
      workload: { kind: 'Deployment', name: 'cart', isInferred: false },
      replicaSet: 'cart-7d9f8c6b5d',
      job: '',
      containers: [
        { name: 'cart', id: expect.stringMatching(/^[0-9a-f]{64}$/), image: 'registry.example.com/cart:1.2.3' },
        { name: 'istio-proxy', id: expect.stringMatching(/^[0-9a-f]{64}$/), image: 'registry.example.com/istio-proxy:1.2.3' },
        { name: 'istio-init', id: '', image: 'registry.example.com/istio-init:1.2.3' },
      ],
      labels: { app: 'cart' },
      annotations: { 'prometheus.io/scrape': 'true' },
      createdMs: Date.UTC(2026, 0, 1),
      startedMs: Date.UTC(2026, 0, 1, 0, 0, 1),
      terminatingMs: 0,
      endedMs: 0,
    })
  })

  test('has all its addresses, normalised, and one that is none is counted', () => {
    const podIPs = [{ ip: '10.0.0.1' }, { ip: '2001:DB8:0:0::1' }, { ip: '::ffff:10.0.0.2' }, { ip: '10.0.0.1' }, { ip: '10.0.0.300' }]
    expect(trimmer().pod(meshPod(1, { status: { podIPs } }), NOW).ips).toEqual(['10.0.0.1', '2001:db8::1', '10.0.0.2'])
    expect(refused).toEqual(['bad_address'])
    expect(trimmer().pod(meshPod(1, { status: { podIPs: undefined, podIP: '10.0.0.9' } }), NOW).ips).toEqual(['10.0.0.9'])
    expect(trimmer().pod(meshPod(1, { status: { podIPs: undefined, podIP: undefined } }), NOW).ips).toEqual([])
    expect(refused).toEqual([])
  })

  test('of the host network has the ports of all its containers', () => {
    const spec = { hostNetwork: true, initContainers: [{ name: 'proxy', restartPolicy: 'Always', ports: [{ containerPort: 15_090 }, { containerPort: 99 }] }] }
    const pod = trimmer().pod(meshPod(1, { spec }), NOW)
    expect({ isHostNetwork: pod.isHostNetwork, ports: pod.ports }).toEqual({ isHostNetwork: true, ports: [99, 8080, 15_090] })
  })

  test('that terminates does so since it was told to', () => {
    const metadata = { deletionTimestamp: '2026-01-01T01:00:30Z', deletionGracePeriodSeconds: 30 }
    expect(trimmer().pod(meshPod(1, { metadata }), NOW).terminatingMs).toBe(Date.UTC(2026, 0, 1, 1))
  })

  test.for([
    {
      name: 'with its last container',
      status: {
        phase: 'Succeeded',
        containerStatuses: [
          { name: 'a', state: { terminated: { finishedAt: '2026-01-02T00:00:00Z' } } },
          { name: 'b', state: { terminated: { finishedAt: '2026-01-01T00:00:00Z' } } },
        ],
      },
      ended: Date.UTC(2026, 0, 2),
    },
    {
      name: 'when it was no longer ready',
      status: { phase: 'Failed', containerStatuses: [], conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-03T00:00:00Z' }] },
      ended: Date.UTC(2026, 0, 3),
    },
    { name: 'now, when it does not say', status: { phase: 'Failed', containerStatuses: null }, ended: NOW },
    { name: 'not while it runs', status: { phase: 'Running' }, ended: 0 },
  ])('ends $name', ({ status, ended }) => {
    expect(trimmer().pod(meshPod(1, { status }), NOW).endedMs).toBe(ended)
  })

  test('tells the addresses of its node', () => {
    expect(trimmer().hostAddresses(meshPod(1))).toEqual(['192.168.0.1'])
    expect(trimmer().hostAddresses(meshPod(1, { status: { hostIPs: undefined } }))).toEqual(['192.168.0.1'])
  })
})

test('a node has its addresses, not its names', () => {
  const node = apiObject('node-1', {
    metadata: { namespace: '', labels: { 'topology.kubernetes.io/zone': 'a', other: 'x' } },
    status: {
      addresses: [
        { type: 'InternalIP', address: '192.168.0.1' },
        { type: 'ExternalIP', address: '203.0.113.7' },
        { type: 'Hostname', address: 'node-1' },
      ],
    },
  })
  expect(trimmer({ nodeLabels: [{ key: 'topology.kubernetes.io/zone' }] }).objects('nodes', node)).toEqual([
    {
      kind: 'node',
      uid: 'uid-node-1',
      name: 'node-1',
      ips: ['192.168.0.1', '203.0.113.7'],
      labels: { 'topology.kubernetes.io/zone': 'a' },
      annotations: {},
    },
  ])
  expect(refused).toEqual([])
})

test('a namespace has what is wanted of its texts', () => {
  const object = apiObject('shop', { metadata: { namespace: '', labels: { team: 'a', x: 'y' }, annotations: { owner: 'b', z: 'y' } } })
  expect(trimmer({ namespaceLabels: [{ key: 'team' }], namespaceAnnotations: [{ key: 'owner' }] }).objects('namespaces', object)).toEqual([
    { kind: 'namespace', uid: 'uid-shop', name: 'shop', labels: { team: 'a' }, annotations: { owner: 'b' } },
  ])
})

describe('a Service', () => {
  const plain = { kind: 'service', uid: 'uid-cart', namespace: 'shop', name: 'cart', source: 'service', hosts: ['cart.shop.svc.cluster.local'], labels: {} }

  test('has every address that leads to it', () => {
    const object = apiObject('cart', {
      spec: {
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1', 'fd00::1'],
        externalIPs: ['198.51.100.1'],
        ports: [{ port: 443 }, { port: 80 }, { port: 80, protocol: 'UDP' }, { port: 'http' }],
      },
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }, { hostname: 'lb.example.com' }] } },
    })
    expect(trimmer().objects('services', object)).toEqual([
      { ...plain, addresses: ['10.96.0.1', 'fd00::1', '198.51.100.1', '203.0.113.1'], ports: [80, 443], isHeadless: false },
    ])
    expect(refused).toEqual([])
  })

  test('without an address is headless', () => {
    const object = apiObject('cart', { spec: { clusterIP: 'None', clusterIPs: ['None'], ports: [{ port: 80 }] } })
    expect(trimmer().objects('services', object)).toEqual([{ ...plain, addresses: [], ports: [80], isHeadless: true }])
  })

  test('of a name outside is not headless', () => {
    const object = apiObject('cart', { spec: { type: 'ExternalName', externalName: 'example.com' } })
    expect(trimmer().objects('services', object)).toEqual([{ ...plain, addresses: [], ports: [], isHeadless: false }])
  })
})

describe('an EndpointSlice', () => {
  const slice = (more: object): ApiObject =>
    apiObject('cart-abc', {
      metadata: { labels: { 'kubernetes.io/service-name': 'cart' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }, { name: 'all' }],
      endpoints: [],
      ...more,
    })

  test('has an endpoint for every address, ready or not', () => {
    const endpoints = [
      {
        addresses: ['10.0.0.1', '10.0.0.2'],
        conditions: { ready: true },
        nodeName: 'node-2',
        zone: 'a',
        targetRef: { kind: 'Pod', name: 'cart-7d9f8c6b5d-x2bcz', namespace: 'shop', uid: 'p' },
      },
      { addresses: ['10.0.0.3'], conditions: { ready: false, serving: false, terminating: true } },
    ]
    const shared = { kind: 'endpoint', namespace: 'shop', service: 'cart', ports: [8080], labels: {} }
    const first = {
      ...shared,
      pod: 'cart-7d9f8c6b5d-x2bcz',
      podUid: 'p',
      node: 'node-2',
      zone: 'a',
      workload: { kind: 'Deployment', name: 'cart', isInferred: true },
    }
    expect(trimmer().objects('endpointslices', slice({ endpoints }))).toEqual([
      { ...first, ip: '10.0.0.1' },
      { ...first, ip: '10.0.0.2' },
      { ...shared, ip: '10.0.0.3', pod: '', podUid: '', node: '', zone: '', workload: { kind: '', name: '', isInferred: false } },
    ])
  })

  test('of names has none, and one of an unknown type is counted', () => {
    expect(trimmer().objects('endpointslices', slice({ addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] }))).toEqual([])
    expect(refused).toEqual([])
    expect(trimmer().objects('endpointslices', slice({ addressType: 'IPX' }))).toEqual([])
    expect(refused).toEqual(['bad_address_type'])
  })
})

describe('Istio’s entries', () => {
  test('a ServiceEntry is a service of its hosts and addresses, with endpoints', () => {
    const object = apiObject('payments', {
      spec: {
        hosts: ['*.Pay.example.com', 'pay.example.com', 'pay.example.com'],
        addresses: ['10.1.0.0/16', '10.2.0.1/32', '10.2.0.2', 'nonsense'],
        ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
        endpoints: [
          { address: '192.0.2.1', ports: { tls: 8443 }, labels: { app: 'pay' } },
          { address: '2001:db8::5' },
          { address: 'pay-1.example.com' },
          { address: 'unix:///run/pay.sock' },
        ],
      },
      status: { addresses: [{ value: '240.240.0.1', host: 'pay.example.com' }] },
    })
    const endpoint = { kind: 'endpoint', namespace: 'shop', service: 'payments', pod: '', podUid: '', node: '', zone: '' }
    const workload = { kind: '', name: '', isInferred: false }
    expect(trimmer({ podLabels: [{ key: 'app' }] }).objects('serviceentries', object)).toEqual([
      {
        kind: 'service',
        uid: 'uid-payments',
        namespace: 'shop',
        name: 'payments',
        source: 'service_entry',
        hosts: ['*.pay.example.com', 'pay.example.com'],
        addresses: ['10.1.0.0/16', '10.2.0.1', '10.2.0.2', '240.240.0.1'],
        ports: [443],
        isHeadless: false,
        labels: {},
      },
      { ...endpoint, ip: '192.0.2.1', ports: [8443], workload, labels: { app: 'pay' } },
      { ...endpoint, ip: '2001:db8::5', ports: [443], workload, labels: {} },
    ])
    expect(refused).toEqual(['bad_address'])
  })

  test('a ServiceEntry without a host is counted', () => {
    expect(trimmer().objects('serviceentries', apiObject('x', { spec: { hosts: [''] } }))).toEqual([])
    expect(refused).toEqual(['no_host'])
  })

  test('a WorkloadEntry is a workload at an address', () => {
    const object = apiObject('vm-1', {
      metadata: { ownerReferences: [{ kind: 'WorkloadGroup', name: 'vm', uid: 'g', controller: true }] },
      spec: { address: '192.0.2.9', serviceAccount: 'vm', labels: { app: 'vm' } },
    })
    expect(trimmer({ podLabels: [{ key: 'app' }] }).objects('workloadentries', object)).toEqual([
      {
        kind: 'workload_entry',
        uid: 'uid-vm-1',
        namespace: 'shop',
        name: 'vm-1',
        ip: '192.0.2.9',
        serviceAccount: 'vm',
        workload: { kind: 'WorkloadGroup', name: 'vm', isInferred: false },
        labels: { app: 'vm' },
      },
    ])
    expect(trimmer().objects('workloadentries', apiObject('vm-2', { spec: { address: 'vm.example.com' } }))).toEqual([])
  })
})

describe('wanted texts', () => {
  test('are picked by key and by whole pattern, in a fixed order', () => {
    const wanted = new WantedTexts([{ key: 'b' }, { key: 'a' }, { pattern: 'x.*' }, { pattern: '[0-9]+' }])
    expect(Object.entries(wanted.pick({ xy: '1', b: '2', ax: '3', '10': '4', a: 5 }))).toEqual([
      ['10', '4'],
      ['b', '2'],
      ['xy', '1'],
    ])
    expect(new WantedTexts([{ key: 'toString' }, { key: '__proto__' }]).pick({ a: '1' })).toEqual({})
    expect(new WantedTexts([]).pick({ a: '1' })).toEqual({})
  })

  test('a pattern that is none is told at once', () => {
    expect(() => new WantedTexts([{ pattern: '(' }])).toThrow(SyntaxError)
  })
})

test('nothing throws, whatever an object looks like', () => {
  const fields = ['status', 'spec', 'addressType', 'endpoints', 'ports', 'x']
  const known = constantFrom('podIPs', 'ip', 'hosts', 'addresses', 'endpoints', 'containers', 'ownerReferences', 'labels', 'clusterIPs', 'phase', 'conditions')
  const value = dictionary(known, jsonValue())
  const all = trimmer({ podLabels: [{ pattern: '.*' }], containers: true })
  check(
    property(dictionary(constantFrom(...fields), value), value, (body, metadata) => {
      const object = apiObject('x', { ...body, metadata: { ...metadata } })
      expect(all.pod(object, NOW).name).toBe('x')
      all.hostAddresses(object)
      for (const resource of ['nodes', 'namespaces', 'services', 'endpointslices', 'serviceentries', 'workloadentries'] as const)
        expect(Array.isArray(all.objects(resource, object))).toBe(true)
    }),
    { numRuns: 150 },
  )
})
