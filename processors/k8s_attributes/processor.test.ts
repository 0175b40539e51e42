import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs, type StreamOrigin } from '../../model/access_logs.ts'
import type { Resource } from '../../model/attributes.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { SeriesMetrics } from '../../model/metrics.ts'
import { newSpan, type Traces } from '../../model/traces.ts'
import { CollectingConsumer, RefusingConsumer } from '../../test/fakes/consumers.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import type { FakeSettings } from '../../test/fakes/settings.ts'
import { LogAttributes, MetricAttributes, SpanAttributes } from './processor.ts'
import { configOf, containerOf, type GivenConfig, namespaceOf, nodeOf, podOf, recordOf, resourceOf, settingsWith } from './testing.ts'

const NOW = Date.UTC(2026, 0, 2)

const POD = podOf({
  name: 'productpage-v1-6b746f74dc-bcdfg',
  namespace: 'bookinfo',
  ips: ['10.244.1.11'],
  labels: { app: 'productpage' },
  workload: { kind: 'Deployment', name: 'productpage-v1', isInferred: false },
  containers: [containerOf({ name: 'productpage', image: 'docker.io/istio/productpage:1.20.1' }), containerOf({ name: 'istio-proxy', id: 'f'.repeat(64) })],
})

const NODE_ID = `sidecar~10.244.1.11~${POD.name}.bookinfo~bookinfo.svc.cluster.local`

const CLAIMED = { 'k8s.namespace.name': 'bookinfo', 'k8s.pod.name': POD.name, 'k8s.pod.ip': '10.244.1.11' }
const KNOWN = {
  ...CLAIMED,
  'k8s.pod.uid': POD.uid,
  'k8s.pod.start_time': '2026-01-01T00:00:00Z',
  'k8s.deployment.name': 'productpage-v1',
  'k8s.node.name': 'node1',
}

let origins = 0

function originOf(fields: Partial<StreamOrigin> = {}): StreamOrigin {
  return {
    id: ++origins,
    node: new Uint8Array(0),
    nodeId: NODE_ID,
    nodeCluster: '',
    logName: 'http',
    peer: '10.244.1.11:40112',
    apiVersion: 'v3',
    ...fields,
  }
}

/** The processor for access logs, and the resource that it gives to a message of a stream. */
class LogsHarness {
  readonly settings: FakeSettings
  readonly next = new CollectingConsumer<AccessLogs>()
  readonly #logs = new AccessLogs(new ByteInterner())
  readonly #processor: LogAttributes

  constructor(index: FakeIdentityIndex | undefined, given: GivenConfig = {}) {
    this.settings = settingsWith(index)
    this.#processor = new LogAttributes(this.settings, configOf(given), this.next)
  }

  send(origin: StreamOrigin, options: { readonly timeMs?: number; readonly resource?: Resource } = {}): Resource {
    this.#logs.origin = origin
    this.#logs.receivedMs = options.timeMs ?? NOW
    this.#logs.resource = options.resource
    void this.#processor.consume(this.#logs)
    const { resource } = this.#logs
    if (resource === undefined) throw new Error('no resource')
    return resource
  }

  attributes(origin: StreamOrigin): Readonly<Record<string, unknown>> {
    return recordOf(this.send(origin).attributes)
  }

  count(labels: Readonly<Record<string, string>>): number {
    return this.settings.telemetry.value('meshscope_k8s_attributes_resources', { processor: 'k8s_attributes', signal: 'logs', ...labels })
  }

  get builds(): number {
    return this.settings.telemetry.value('meshscope_k8s_attributes_builds')
  }
}

describe('access logs', () => {
  test('get what the proxy says of itself, and what is known of its pod', () => {
    const harness = new LogsHarness(new FakeIdentityIndex().add(POD))
    expect(harness.attributes(originOf())).toEqual(KNOWN)
    expect(harness.count({ source: 'resource_attribute/k8s.pod.ip', outcome: 'associated' })).toBe(1)
    expect(harness.next.batches).toHaveLength(1)
  })

  test.for<{ name: string; origin: Partial<StreamOrigin>; given?: GivenConfig; attributes: Readonly<Record<string, unknown>> }>([
    {
      name: 'whose proxy says nothing are found by their connection',
      origin: { nodeId: '' },
      given: { extract: { metadata: Object.keys(KNOWN) } },
      attributes: KNOWN,
    },
    {
      name: 'of unknown proxies keep what these say',
      origin: { nodeId: 'sidecar~10.9.9.9~gone.bookinfo~x', peer: '10.9.9.9:1' },
      attributes: { 'k8s.namespace.name': 'bookinfo', 'k8s.pod.name': 'gone', 'k8s.pod.ip': '10.9.9.9' },
    },
    { name: 'of strangers have an empty resource', origin: { nodeId: '', peer: 'unix' }, attributes: {} },
    {
      name: 'carry labels of pod, namespace and node',
      origin: {},
      given: {
        extract: {
          metadata: ['k8s.node.uid', 'k8s.cluster.uid', 'service.namespace'],
          labels: [
            { tag_name: 'app', key: 'app' },
            { key: 'stage', from: 'namespace' },
            { tag_name: '$1', key_regex: 'topology.kubernetes.io/(.*)', from: 'node' },
          ],
          annotations: [
            { key: 'owner', from: 'namespace' },
            { key: 'rack', from: 'node' },
          ],
        },
      },
      attributes: {
        ...CLAIMED,
        app: 'productpage',
        'k8s.namespace.labels.stage': 'demo',
        'k8s.namespace.annotations.owner': 'core',
        zone: 'a',
        'k8s.node.annotations.rack': 'r1',
        'k8s.node.uid': 'node-uid',
        'k8s.cluster.uid': 'kube-system-uid',
        'service.namespace': 'bookinfo',
      },
    },
    {
      name: 'carry the labels of the namespace that an unknown proxy names',
      origin: { nodeId: 'sidecar~10.9.9.9~gone.bookinfo~x', peer: '10.9.9.9:1' },
      given: { extract: { metadata: ['service.namespace'], labels: [{ tag_name: 'stage', key: 'stage', from: 'namespace' }] } },
      attributes: {
        'k8s.namespace.name': 'bookinfo',
        'k8s.pod.name': 'gone',
        'k8s.pod.ip': '10.9.9.9',
        stage: 'demo',
        'service.namespace': 'bookinfo',
      },
    },
  ])('$name', ({ origin, given = {}, attributes }) => {
    const index = new FakeIdentityIndex()
      .add(POD)
      .add(namespaceOf({ name: 'bookinfo', labels: { stage: 'demo' }, annotations: { owner: 'core' } }))
      .add(namespaceOf({ name: 'kube-system', uid: 'kube-system-uid' }))
      .add(nodeOf({ labels: { 'topology.kubernetes.io/zone': 'a' }, annotations: { rack: 'r1' } }))
    expect(new LogsHarness(index, given).attributes(originOf(origin))).toEqual(attributes)
  })

  test('of one stream keep one resource, made once', () => {
    const index = new FakeIdentityIndex().add(POD)
    const harness = new LogsHarness(index)
    const origin = originOf()
    const resource = harness.send(origin)
    for (let i = 0; i < 100; i++) expect(harness.send(origin, { timeMs: NOW + i })).toBe(resource)
    expect(harness.builds).toBe(1)
    expect(harness.count({ outcome: 'associated' })).toBe(101)
  })

  test('keep their resource when the index changes and their attributes do not', () => {
    const index = new FakeIdentityIndex().add(POD)
    const harness = new LogsHarness(index)
    const origin = originOf()
    const resource = harness.send(origin)
    index.add(podOf({ uid: 'other', ips: ['10.244.9.9'] }))
    expect(harness.send(origin)).toBe(resource)
    expect(harness.builds).toBe(1)
    index.add({ ...POD })
    expect(harness.send(origin)).toBe(resource)
    expect(harness.builds).toBe(2)
  })

  test('get another resource when their attributes change', () => {
    const index = new FakeIdentityIndex()
    const harness = new LogsHarness(index)
    const origin = originOf()
    const before = harness.send(origin)
    expect(recordOf(before.attributes)).toEqual(CLAIMED)
    index.add(POD)
    expect(recordOf(harness.send(origin).attributes)).toEqual(KNOWN)
    expect(recordOf(before.attributes)).toEqual(CLAIMED)
    expect(harness.count({ outcome: 'not_found' })).toBe(1)
    expect(harness.count({ outcome: 'associated' })).toBe(1)
  })

  test('follow an address to its next owner without a change of the index', () => {
    const later = podOf({ uid: 'later', ips: POD.ips })
    const index = new FakeIdentityIndex().add(POD, 0, NOW + 10).add(later, NOW + 10)
    const harness = new LogsHarness(index)
    const origin = originOf({ nodeId: '' })
    expect(harness.send(origin, { timeMs: NOW }).attributes.get('k8s.pod.uid')).toBe(POD.uid)
    expect(harness.send(origin, { timeMs: NOW + 10 }).attributes.get('k8s.pod.uid')).toBe('later')
  })

  test('are looked up again as long as nothing is known, and made only once', () => {
    const harness = new LogsHarness(new FakeIdentityIndex())
    const origin = originOf()
    const resource = harness.send(origin)
    expect(harness.send(origin)).toBe(resource)
    expect(harness.builds).toBe(1)
  })

  test('that have a resource already keep its attributes', () => {
    const harness = new LogsHarness(new FakeIdentityIndex().add(POD))
    const given = resourceOf({ 'k8s.pod.ip': '10.244.1.11', 'k8s.node.name': 'as-sent', 'k8s.pod.uid': '', 'k8s.deployment.name': 7 })
    const origin = originOf({ peer: 'unix' })
    const resource = harness.send(origin, { resource: given })
    expect(recordOf(resource.attributes)).toMatchObject({
      'k8s.node.name': 'as-sent',
      'k8s.pod.uid': POD.uid,
      'k8s.deployment.name': 7,
      'k8s.pod.name': POD.name,
    })
    expect(harness.send(origin, { resource: given })).toBe(resource)
  })

  test('pass two processors with different options', () => {
    const index = new FakeIdentityIndex().add(POD)
    const second = new LogsHarness(index, { extract: { metadata: [], labels: [{ tag_name: 'app', key: 'app' }] } })
    const first = new LogsHarness(index)
    const origin = originOf()
    expect(recordOf(second.send(origin, { resource: first.send(origin) }).attributes)).toEqual({ ...KNOWN, app: 'productpage' })
  })

  test('are refused when the next component refuses them', () => {
    const refusing = new RefusingConsumer<AccessLogs>(new Error('no'))
    const processor = new LogAttributes(settingsWith(undefined), configOf(), refusing)
    const logs = new AccessLogs(new ByteInterner())
    logs.origin = originOf()
    expect(() => processor.consume(logs)).toThrow('no')
  })

  test('go on without an index', () => {
    const harness = new LogsHarness(undefined)
    expect(harness.attributes(originOf())).toEqual(CLAIMED)
    expect(harness.count({ outcome: 'not_found' })).toBe(1)
  })
})

describe('passthrough', () => {
  const asksNothing = (): unknown => {
    throw new Error('asked for the index')
  }

  test.for<{ name: string; given?: GivenConfig; origin: Partial<StreamOrigin>; attributes: Readonly<Record<string, unknown>>; outcome: string }>([
    { name: 'puts the sender’s address on', origin: { nodeId: '' }, attributes: { 'k8s.pod.ip': '10.244.1.11' }, outcome: 'passthrough' },
    { name: 'has no address for unix sockets', origin: { nodeId: '', peer: 'unix' }, attributes: {}, outcome: 'no_identifier' },
    {
      name: 'needs an association with the connection',
      given: { pod_association: [{ sources: [{ from: 'resource_attribute', name: 'k8s.pod.uid' }] }] },
      origin: { nodeId: '' },
      attributes: {},
      outcome: 'no_identifier',
    },
  ])('$name', ({ given = {}, origin, attributes, outcome }) => {
    const settings = { ...settingsWith(undefined), shared: asksNothing }
    const next = new CollectingConsumer<AccessLogs>()
    const processor = new LogAttributes(settings, configOf({ passthrough: true, ...given }), next)
    const logs = new AccessLogs(new ByteInterner())
    logs.origin = originOf(origin)
    void processor.consume(logs)
    expect(recordOf(logs.resource?.attributes ?? resourceOf().attributes)).toEqual(attributes)
    expect(settings.telemetry.value('meshscope_k8s_attributes_resources', { outcome })).toBe(1)
  })
})

describe('metrics', () => {
  const calls = metricFamily('calls')
  const points = [{ attributes: { code: '200' }, values: [3], exemplar: { value: 1, timeMs: 1, traceId: 'a', spanId: '' } }]

  function consume(metrics: SeriesMetrics, given: GivenConfig = {}, index = new FakeIdentityIndex().add(POD)) {
    const settings = settingsWith(index)
    const next = new CollectingConsumer<SeriesMetrics>()
    const processor = new MetricAttributes(settings, configOf(given), next)
    return { settings, next, run: () => void processor.consume(metrics) }
  }

  test('get the attributes of the pod that their resource names, and stay as they are otherwise', () => {
    const one = familyPoints(calls, points, { resource: { 'k8s.pod.ip': '10.244.1.11' } })
    const batch = metricsOf(one, { ...one, family: metricFamily('errors') })
    const { next, run, settings } = consume(batch)
    run()
    run()
    const [first, second] = next.batches.map(({ families }) => families)
    expect(recordOf(first?.[0]?.resource.attributes ?? resourceOf().attributes)).toEqual(KNOWN)
    expect(first?.[1]?.resource).toBe(first?.[0]?.resource)
    expect(second?.[0]?.resource).toBe(first?.[0]?.resource)
    expect({ ...first?.[0], resource: one.resource }).toEqual(one)
    expect(one.resource.attributes.size).toBe(1)
    expect(settings.telemetry.value('meshscope_k8s_attributes_resources', { signal: 'metrics', outcome: 'associated' })).toBe(2)
    expect(settings.telemetry.value('meshscope_k8s_attributes_builds')).toBe(1)
  })

  test('are found by the peer that sent them, one resource for each peer', () => {
    const shared = familyPoints(calls, points)
    const other = podOf({ uid: 'other', ips: ['10.244.1.12'] })
    const index = new FakeIdentityIndex().add(POD).add(other)
    const next = new CollectingConsumer<SeriesMetrics>()
    const processor = new MetricAttributes(settingsWith(index), configOf(), next)
    for (const peer of ['10.244.1.11:5', '10.244.1.12:5', '10.244.1.11:6']) void processor.consume({ ...metricsOf(shared), client: { address: peer } })
    const resources = next.batches.map(({ families }) => families[0]?.resource)
    expect(resources.map((resource) => resource?.attributes.get('k8s.pod.uid'))).toEqual([POD.uid, 'other', POD.uid])
    expect(resources[2]).toBe(resources[0])
  })

  test('are passed on with the same objects when nothing is known', () => {
    const batch = metricsOf(familyPoints(calls, points))
    const { next, run, settings } = consume(batch)
    run()
    expect(next.batches[0]?.families[0]).toBe(batch.families[0])
    expect(settings.telemetry.value('meshscope_k8s_attributes_resources', { source: 'none', outcome: 'no_identifier' })).toBe(1)
  })

  test('are looked up at their own time', () => {
    const late = familyPoints(calls, points, { resource: { 'k8s.pod.ip': '10.244.1.11' }, timeMs: NOW - 1 })
    const index = new FakeIdentityIndex().add(POD, 0, NOW).add(podOf({ uid: 'next', ips: POD.ips }), NOW)
    const { next, run } = consume(metricsOf(late), {}, index)
    run()
    expect(next.batches[0]?.families[0]?.resource.attributes.get('k8s.pod.uid')).toBe(POD.uid)
  })
})

describe('traces', () => {
  const span = newSpan({ startTimeNs: BigInt(NOW - 5) * 1_000_000n, endTimeNs: BigInt(NOW) * 1_000_000n })

  function consume(traces: Traces, given: GivenConfig = {}, index = new FakeIdentityIndex().add(POD)): Traces {
    const next = new CollectingConsumer<Traces>()
    void new SpanAttributes(settingsWith(index), configOf(given), next).consume(traces)
    return next.batches[0] as Traces
  }

  function attributesAfter(...args: Parameters<typeof consume>): AttributeSet | undefined {
    return consume(...args).groups[0]?.resource.attributes
  }

  const scope = { name: '', version: '' }

  test('get the attributes of the container that their resource names', () => {
    const resource = resourceOf({ 'k8s.container.name': 'productpage' })
    const traces = { groups: [{ resource, scope, spans: [span] }], client: { address: '10.244.1.11:4' } }
    const given = { extract: { metadata: ['k8s.pod.name', 'container.image.name', 'container.image.tag', 'service.instance.id'] } }
    expect(recordOf(attributesAfter(traces, given) ?? AttributeSet.empty)).toEqual({
      'k8s.container.name': 'productpage',
      'k8s.pod.name': POD.name,
      'container.image.name': 'docker.io/istio/productpage',
      'container.image.tag': '1.20.1',
      'service.instance.id': `bookinfo.${POD.name}.productpage`,
    })
    expect(resource.attributes.size).toBe(1)
  })

  test('are looked up at the time of their first span', () => {
    const index = new FakeIdentityIndex().add(POD, 0, NOW + 1).add(podOf({ uid: 'next', ips: POD.ips }), NOW + 1)
    const traces = { groups: [{ resource: resourceOf({ 'k8s.pod.ip': '10.244.1.11' }), scope, spans: [span] }] }
    expect(attributesAfter(traces, {}, index)?.get('k8s.pod.uid')).toBe(POD.uid)
  })

  test('are looked up now when they do not tell their time', () => {
    const traces = { groups: [{ resource: resourceOf({ 'k8s.pod.ip': '10.244.1.11' }), scope, spans: [] }] }
    expect(attributesAfter(traces)?.get('k8s.pod.uid')).toBe(POD.uid)
  })

  test('are passed on as they are when nothing is known', () => {
    const traces = { groups: [{ resource: resourceOf({ 'service.name': 'x' }), scope, spans: [span] }] }
    expect(consume(traces)).toBe(traces)
  })
})

describe('log records', () => {
  function consume(logs: LogRecords): LogRecords {
    const next = new CollectingConsumer<Logs>()
    void new LogAttributes(settingsWith(new FakeIdentityIndex().add(POD)), configOf(), next).consume(logs)
    return next.batches[0] as LogRecords
  }

  test('get the attributes of the pod that sent them; groups that shared a resource still do', () => {
    const resource = { ...resourceOf({ 'service.name': 'x' }), schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' }
    const group = { resource, scope: { name: '', version: '' }, records: [newLogRecord({ timeNs: BigInt(NOW) * 1_000_000n })] }
    const [first, second] = consume({ groups: [group, { ...group, records: [] }], client: { address: '10.244.1.11:4' } }).groups
    expect(first?.resource.attributes.get('k8s.pod.uid')).toBe(POD.uid)
    expect(first?.resource.attributes.get('service.name')).toBe('x')
    expect(first?.resource.schemaUrl).toBe(resource.schemaUrl)
    expect(second?.resource).toBe(first?.resource)
    expect(resource.attributes.size).toBe(1)
  })
})
