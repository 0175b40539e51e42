import { expect, test } from 'vitest'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { config } from './config.ts'
import { Detection, type Surroundings } from './detection.ts'
import { detections } from './telemetry.ts'
import { FakeMetadata, fakeMachine, INSTANCE } from './testing.ts'

/** A detection with fakes around it, a follower of it, and ways to wait for what it does. */
function detectionOf(settings: object, env: Surroundings['env'] = {}) {
  const fakes = fakeSettings('processor', 'resourcedetection')
  const detection = new Detection(fakes, checkedConfig(config, settings), { env, machine: fakeMachine() })
  const waiting: (() => void)[] = []
  const follower = { onDetected: () => waiting.splice(0).forEach((wake) => wake()) }
  const round = () => new Promise<void>((resolve) => waiting.push(resolve))
  const attributes = () => Object.fromEntries(detection.attributes.keys.map((key, i) => [key, detection.attributes.values[i]]))
  const count = (detector: string, outcome: string) => fakes.telemetry.value(detections.name, { processor: 'resourcedetection', detector, outcome })
  return { detection, follower, round, attributes, count, ...fakes }
}

test('the first detector that finds an attribute counts, and switches are heeded', async () => {
  await using metadata = await FakeMetadata.listen(INSTANCE)
  const { detection, follower, attributes, count, log } = detectionOf(
    {
      detectors: ['env', 'ec2', 'system'],
      ec2: { endpoint: metadata.endpoint, resource_attributes: { 'host.name': { enabled: false }, 'host.image.id': { enabled: false } } },
      system: { hostname_sources: ['os'], resource_attributes: { 'host.arch': { enabled: true } } },
    },
    { OTEL_RESOURCE_ATTRIBUTES: 'cloud.region=moon,service.namespace=shop' },
  )
  await detection.follow(follower)
  expect(attributes()).toEqual({
    'cloud.region': 'moon',
    'service.namespace': 'shop',
    'cloud.provider': 'aws',
    'cloud.platform': 'aws_ec2',
    'cloud.account.id': '123456789012',
    'cloud.availability_zone': 'eu-central-1a',
    'host.id': 'i-0abc',
    'host.type': 'm7g.large',
    'host.name': 'box',
    'os.type': 'linux',
    'host.arch': 'amd64',
  })
  expect(metadata.questions.map(({ question }) => question)).not.toContain('GET /latest/meta-data/hostname')
  expect([count('env', 'ok'), count('ec2', 'ok'), count('system', 'ok'), detection.problems]).toEqual([1, 1, 1, []])
  expect(log.lines.map(({ message }) => message)).toEqual(['resource detected'])
  detection.leave(follower)
})

test('a service that does not answer holds nobody up for longer than the timeout', async () => {
  await using metadata = await FakeMetadata.listen({ 'PUT /latest/api/token': null })
  const { detection, follower, attributes, clock, count, log } = detectionOf(
    { detectors: ['ec2', 'env'], timeout: '2s', ec2: { endpoint: metadata.endpoint } },
    { OTEL_RESOURCE_ATTRIBUTES: 'a=1' },
  )
  const asked = metadata.asked()
  const first = detection.follow(follower)
  await asked
  clock.advance(2000)
  await first
  expect(attributes()).toEqual({ a: '1' })
  expect(detection.problems).toEqual([expect.stringMatching(/^ec2: no instance metadata: .*: no answer in time/)])
  expect([count('ec2', 'failed'), count('env', 'ok')]).toEqual([1, 1])
  expect(log.lines[0]).toMatchObject({ level: 'warn', message: 'resource detector failed', fields: { detector: 'ec2' } })
  detection.leave(follower)
  expect(clock.pendingTimers).toBe(0)
})

test('a detector that says nothing of its own when the time is over is told all the same', async () => {
  const fakes = fakeSettings('processor', 'resourcedetection')
  const machine = fakeMachine({ readText: () => new Promise(() => {}) })
  const given = { detectors: ['system'], system: { hostname_sources: ['os'], resource_attributes: { 'host.id': { enabled: true } } } }
  const detection = new Detection(fakes, checkedConfig(config, given), { env: {}, machine })
  const follower = { onDetected: () => {} }
  const first = detection.follow(follower)
  fakes.clock.advance(5000)
  await first
  expect(detection.problems).toEqual(['system: no answer within 5000 ms'])
  detection.leave(follower)
})

test('detectors in places that they are not for are quiet, and are not asked again', async () => {
  const { detection, follower, attributes, clock, count, log } = detectionOf(
    { detectors: ['ecs', 'eks', 'ec2', 'env'] },
    { OTEL_RESOURCE_ATTRIBUTES: 'a=1', AWS_EC2_METADATA_DISABLED: 'true' },
  )
  await detection.follow(follower)
  expect(attributes()).toEqual({ a: '1' })
  expect(detection.problems).toEqual([])
  expect(detection.missing).toEqual([
    'ecs: not in Amazon ECS: ECS_CONTAINER_METADATA_URI_V4 is not set',
    'eks: not in Kubernetes: KUBERNETES_SERVICE_HOST is not set',
    'ec2: switched off by AWS_EC2_METADATA_DISABLED',
  ])
  expect(['ecs', 'eks', 'ec2'].map((detector) => [count(detector, 'not_here'), count(detector, 'failed')])).toEqual([
    [1, 0],
    [1, 0],
    [1, 0],
  ])
  expect(log.lines.map(({ level, fields }) => `${level} ${fields['detector'] as string | undefined}`)).toEqual([
    'info ecs',
    'info eks',
    'info ec2',
    'info undefined',
  ])
  expect(clock.pendingTimers).toBe(0)
})

test('what failed is asked again, later each time, until it answers; the same failure is one warning', async () => {
  const env: Record<string, string> = {}
  const { detection, follower, round, attributes, clock, count, log } = detectionOf({ detectors: ['k8snode'] }, env)
  await detection.follow(follower)
  for (const delayMs of [10_000, 20_000]) {
    clock.advance(delayMs - 1)
    const next = round()
    clock.advance(1)
    await next
  }
  env['K8S_NODE_NAME'] = 'n1'
  const next = round()
  clock.advance(40_000)
  await next
  expect([attributes(), detection.problems, count('k8snode', 'failed'), count('k8snode', 'ok')]).toEqual([{ 'k8s.node.name': 'n1' }, [], 3, 1])
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'warn resource detector failed',
    'debug resource detector failed',
    'debug resource detector failed',
    'info resource detector finds everything again',
    'info resource detected',
  ])
  expect(clock.pendingTimers).toBe(0)
})

test('what was known stays when a service is gone, and changes when it says something else', async () => {
  const env: Record<string, string> = { K8S_NODE_NAME: 'n1', OTEL_RESOURCE_ATTRIBUTES: 'a=1' }
  const { detection, follower, round, attributes, clock } = detectionOf({ detectors: ['k8snode', 'env'], refresh_interval: '5s' }, env)
  await detection.follow(follower)
  const known = detection.attributes
  const refreshed = async () => {
    const next = round()
    clock.advance(5000)
    await next
  }
  await refreshed()
  expect(detection.attributes).toBe(known)
  delete env['K8S_NODE_NAME']
  env['OTEL_RESOURCE_ATTRIBUTES'] = 'b=2'
  await refreshed()
  expect([attributes(), detection.problems.length]).toEqual([{ 'k8s.node.name': 'n1', b: '2' }, 1])
  env['OTEL_RESOURCE_ATTRIBUTES'] = 'c=3,oops'
  await refreshed()
  expect(attributes()).toEqual({ 'k8s.node.name': 'n1', b: '2', c: '3' })
  detection.leave(follower)
  expect(clock.pendingTimers).toBe(0)
})

test('followers share one detection, which ends with the last of them and may begin anew', async () => {
  await using metadata = await FakeMetadata.listen({ 'PUT /latest/api/token': null })
  const { detection, clock, count } = detectionOf({ detectors: ['ec2'], ec2: { endpoint: metadata.endpoint } })
  const followers = [new FakeFollower(), new FakeFollower()]
  const asked = metadata.asked()
  const rounds = followers.map((follower) => detection.follow(follower))
  await asked
  detection.leave(followers[0] as FakeFollower)
  expect(clock.pendingTimers).toBe(1)
  detection.leave(followers[1] as FakeFollower)
  await Promise.all(rounds)
  expect([clock.pendingTimers, metadata.questions.length, count('ec2', 'failed')]).toEqual([0, 1, 0])
  const again = metadata.asked()
  const anew = detection.follow(followers[0] as FakeFollower)
  await again
  detection.leave(followers[0] as FakeFollower)
  await anew
  expect(followers.map(({ told }) => told)).toEqual([0, 0])
})

class FakeFollower {
  told = 0

  onDetected(): void {
    this.told++
  }
}
