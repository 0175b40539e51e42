import { expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import type { Traces } from '../../model/traces.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { config, type ResourceConfig } from './config.ts'
import { ResourceActions } from './processor.ts'

const CONFIG: ResourceConfig = { attributes: [{ action: 'upsert', key: 'env', value: 'test' }] }
const SCOPE = { name: '', version: '' }

test('groups that share a resource still do afterwards, and the sender can be named', () => {
  const next = new CollectingConsumer<Traces>()
  const processor = new ResourceActions<Traces>({ attributes: [{ action: 'insert', key: 'from', from_context: 'client.address' }] }, next)
  const resource = { attributes: AttributeSet.empty, schemaUrl: 'https://x' }
  for (const address of ['one', 'two']) {
    void processor.consume({ groups: [resource, resource].map((same) => ({ resource: same, scope: SCOPE, spans: [] })), client: { address } })
  }
  const [first, second] = next.batches.map(({ groups }) => groups)
  expect(first?.[0]?.resource).toBe(first?.[1]?.resource)
  expect(first?.[0]?.resource).toEqual({ attributes: AttributeSet.of({ from: 'one' }), schemaUrl: 'https://x' })
  expect(second?.[0]?.resource.attributes.get('from')).toBe('two')
})

test('access logs get the resource of their proxy, the same from batch to batch', () => {
  const next = new CollectingConsumer<Logs>()
  const processor = new ResourceActions<Logs>(CONFIG, next)
  const logs = new AccessLogs(new ByteInterner())
  const origin = {
    id: 1,
    node: new Uint8Array(),
    nodeId: 'sidecar~10.0.0.1~cart-1.shop~x',
    nodeCluster: '',
    logName: '',
    peer: '10.0.0.1:5',
    apiVersion: 'v3',
  } as const
  logs.origin = origin
  void processor.consume(logs)
  const first = logs.resource
  logs.resource = undefined
  void processor.consume(logs)
  expect(logs.resource).toBe(first)
  expect([first?.attributes.get('k8s.pod.name'), first?.attributes.get('env')]).toEqual(['cart-1', 'test'])
})

test('series keep their producer and share one changed resource', () => {
  const next = new CollectingConsumer<Metrics>()
  const processor = new ResourceActions<Metrics>(CONFIG, next)
  const points = familyPoints(metricFamily('calls'), [{ attributes: {}, values: [1] }])
  for (let i = 0; i < 2; i++) void processor.consume(metricsOf(points, points))
  const [first, second] = (next.batches as SeriesMetrics[]).map(({ families }) => families.map(({ resource }) => resource))
  expect(first?.[0]?.attributes.get('env')).toBe('test')
  expect(new Set([...(first ?? []), ...(second ?? [])]).size).toBe(1)
})

test('a problem of an action is told at its place', () => {
  expect(config.check?.({ attributes: [{ action: 'insert', key: 'a' }] }).map(({ path }) => path)).toEqual([['attributes', 0]])
})
