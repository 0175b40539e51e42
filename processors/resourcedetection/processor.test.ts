import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import type { Traces } from '../../model/traces.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import { config } from './config.ts'
import { Detection } from './detection.ts'
import { resourceDetectionProcessor } from './factory.ts'
import { ResourceDetection } from './processor.ts'
import { sharedDetection } from './shared_detection.ts'
import { fakeMachine } from './testing.ts'

const SCOPE = { name: '', version: '' }

/** A started processor with the environment `OTEL_RESOURCE_ATTRIBUTES`, which the test may change. */
async function started<T extends Logs | Metrics | Traces>(attributes: string, settings: object = {}) {
  const checked = checkedConfig(config, settings)
  const env: Record<string, string> = { OTEL_RESOURCE_ATTRIBUTES: attributes }
  const fakes = fakeSettings('processor', 'resourcedetection')
  const detection = new Detection(fakes, checked, { env, machine: fakeMachine() })
  const next = new CollectingConsumer<T>()
  const processor = new ResourceDetection<T>({ detection, config: checked }, next)
  const host = new FakeHost()
  await processor.start(host)
  return { processor, next, host, env, detection, clock: fakes.clock }
}

function tracesOf(...resources: { attributes: AttributeSet; schemaUrl?: string }[]): Traces {
  return { groups: resources.map((resource) => ({ resource, scope: SCOPE, spans: [] })) }
}

test.for([
  { override: true, cart: 'detected' },
  { override: false, cart: 'own' },
])('with override: $override an attribute that is there becomes $cart', async ({ override, cart }) => {
  const { processor, next } = await started<Traces>('host.name=detected,os.type=linux', { override })
  const resource = { attributes: AttributeSet.of({ 'host.name': 'own', a: 1 }), schemaUrl: 'https://x' }
  const complete = { attributes: AttributeSet.of({ 'host.name': cart, 'os.type': 'linux' }) }
  await processor.consume(tracesOf(resource, resource, complete))
  const [first, second, third] = next.batches[0]?.groups ?? []
  expect(first?.resource).toEqual({ attributes: AttributeSet.of({ 'host.name': cart, a: 1, 'os.type': 'linux' }), schemaUrl: 'https://x' })
  expect(second?.resource).toBe(first?.resource)
  expect(third?.resource).toBe(complete)
})

test('records and series get the attributes; series keep one resource from batch to batch', async () => {
  const records = await started<Logs>('a=1')
  const attributes = AttributeSet.empty
  await records.processor.consume({ groups: [{ resource: { attributes }, scope: SCOPE, records: [newLogRecord({})] }] })
  expect(records.next.batches[0]).toMatchObject({ groups: [{ resource: { attributes: AttributeSet.of({ a: '1' }) } }] })

  const series = await started<Metrics>('a=1')
  const points = familyPoints(metricFamily('calls'), [{ attributes: {}, values: [1] }])
  for (let i = 0; i < 2; i++) await series.processor.consume(metricsOf(points, points))
  const resources = (series.next.batches as SeriesMetrics[]).flatMap(({ families }) => families.map(({ resource }) => resource))
  expect([resources.length, new Set(resources).size, resources[0]?.attributes.get('a')]).toEqual([4, 1, '1'])
  expect(points.resource.attributes.size).toBe(0)
})

test('access logs get them on the resource of their proxy, the same until something else is detected', async () => {
  const { processor, next, env, detection, clock } = await started<Logs>('a=1', { refresh_interval: '1m' })
  const logs = new AccessLogs(new ByteInterner())
  const nodeId = 'sidecar~10.0.0.1~cart-1.shop~x'
  logs.origin = { id: 1, node: new Uint8Array(), nodeId, nodeCluster: '', logName: '', peer: '10.0.0.1:5', apiVersion: 'v3' } as const
  const resource = async () => {
    logs.resource = undefined
    await processor.consume(logs)
    return (next.batches.at(-1) as AccessLogs).resource
  }
  const first = await resource()
  expect(await resource()).toBe(first)
  expect(['k8s.pod.name', 'a'].map((key) => first?.attributes.get(key))).toEqual(['cart-1', '1'])
  env['OTEL_RESOURCE_ATTRIBUTES'] = 'a=2'
  const again = new Promise<void>((resolve) => void detection.follow({ onDetected: resolve }))
  clock.advance(60_000)
  await again
  expect((await resource())?.attributes.get('a')).toBe('2')
})

test('batches pass as they are when nothing is detected', async () => {
  const { processor, next } = await started<Traces>('')
  const batch = tracesOf({ attributes: AttributeSet.of({ a: 1 }) })
  const [group] = batch.groups
  const resource = group?.resource
  await processor.consume(batch)
  expect(next.batches[0]).toBe(batch)
  expect(next.batches[0]?.groups[0]?.resource).toBe(resource)
})

test('what cannot be found is a status that keeps the process ready, and ends', async () => {
  const { processor, host, env, detection, clock } = await started<Traces>('a=1', { detectors: ['env', 'k8snode'] })
  expect(host.statuses).toEqual([
    { kind: 'recoverable_error', staysReady: true, error: expect.stringMatching(/^not all of the resource is detected: k8snode: .*K8S_NODE_NAME is not set/) },
  ])
  env['K8S_NODE_NAME'] = 'n1'
  const again = new Promise<void>((resolve) => void detection.follow({ onDetected: resolve }))
  clock.advance(10_000)
  await again
  expect(host.statuses.slice(1)).toEqual([{ kind: 'ok' }])
  processor.shutdown()
})

test('with fail_on_missing_metadata the start fails, and leaves nothing behind', async () => {
  const checked = checkedConfig(config, { detectors: ['ecs'], fail_on_missing_metadata: true })
  const fakes = fakeSettings('processor', 'resourcedetection')
  const detection = new Detection(fakes, checked, { env: {}, machine: fakeMachine() })
  const processor = new ResourceDetection<Traces>({ detection, config: checked }, new CollectingConsumer())
  await expect(processor.start(new FakeHost())).rejects.toThrow(/^cannot detect the resource: ecs: not in Amazon ECS.*; fail_on_missing_metadata: false/)
  expect(fakes.clock.pendingTimers).toBe(0)
})

test('processors of one config share what they detect', () => {
  const [one, other] = [checkedConfig(config, {}), checkedConfig(config, {})]
  const settings = fakeSettings('processor', 'resourcedetection')
  expect(sharedDetection(settings, one)).toBe(sharedDetection(settings, one))
  expect(sharedDetection(settings, other)).not.toBe(sharedDetection(settings, one))
})

test('a processor that the factory makes reads the environment of this process', async () => {
  const next = new CollectingConsumer<Traces>()
  const given = { detectors: ['k8snode'], k8snode: { node_from_env_var: 'PATH' } }
  const processor = resourceDetectionProcessor.create.traces?.(fakeSettings('processor', 'resourcedetection'), checkedConfig(config, given), next)
  await processor?.start?.(new FakeHost())
  await processor?.consume(tracesOf({ attributes: AttributeSet.empty }))
  expect(next.batches[0]?.groups[0]?.resource.attributes.get('k8s.node.name')).toBe(process.env['PATH'])
  await processor?.shutdown?.({ signal: AbortSignal.abort() })
})

describe('the settings', () => {
  test('of the example of the README are good', () => {
    const text = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8'))?.[1] ?? ''
    const { processors } = parse(text) as { processors: { resourcedetection: object } }
    const checked = checkedConfig(config, processors.resourcedetection)
    expect(checked).toMatchObject({ detectors: ['env', 'eks', 'ec2'], ec2: { tags: ['^team$'], tags_from_imds: true }, refresh_interval: '0s' })
    expect(config.check?.(checked)).toEqual([])
  })

  test.for([
    { given: { timeout: '0s' }, path: ['timeout'], problem: 'not a time' },
    { given: { refresh_interval: '-1s' }, path: ['refresh_interval'], problem: 'below zero' },
    { given: { ec2: { endpoint: 'https://127.0.0.1' } }, path: ['ec2', 'endpoint'], problem: 'not an address of HTTP' },
    { given: { ecs: { endpoint: '127.0.0.1' } }, path: ['ecs', 'endpoint'], problem: 'not an address of HTTP' },
    { given: { ec2: { tags: ['a', '('] } }, path: ['ec2', 'tags', 1], problem: 'missing closing )' },
    { given: { ec2: { tags_from_imds: false } }, path: ['ec2', 'tags_from_imds'], problem: 'not supported' },
    {
      given: { system: { resource_attributes: { 'host.nam': { enabled: true } } } },
      path: ['system', 'resource_attributes', 'host.nam'],
      problem: 'this detector has no such attribute',
    },
  ])('$given have a problem', ({ given, path, problem }) => {
    const problems = config.check?.(withDefaults(given))
    expect(problems).toEqual([expect.objectContaining({ path, problem: expect.stringContaining(problem) })])
  })
})

/** Defaults under what is given, one section deep, without the check that is tested here. */
function withDefaults(given: object): ReturnType<typeof checkedConfig<Parameters<NonNullable<typeof config.check>>[0]>> {
  const defaults = checkedConfig(config, {})
  const sections = Object.entries(given).map(([key, value]: [string, unknown]) => {
    const under = (defaults as Readonly<Record<string, unknown>>)[key]
    return [key, typeof value === 'object' ? { ...(under as object), ...(value as object) } : value]
  })
  return { ...defaults, ...(Object.fromEntries(sections) as object) }
}
