import { expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { detected, FakeMetadata, INSTANCE } from '../testing.ts'
import { detectEc2, detectEks } from './ec2.ts'
import { detectEcs } from './ecs.ts'

const INSTANCE_FOUND = {
  'cloud.account.id': '123456789012',
  'cloud.region': 'eu-central-1',
  'cloud.availability_zone': 'eu-central-1a',
  'host.id': 'i-0abc',
  'host.image.id': 'ami-1',
  'host.type': 'm7g.large',
  'host.name': 'ip-10-0-0-7.ec2.internal',
}

test('ec2 gets a token by PUT and shows it with every question', async () => {
  await using metadata = await FakeMetadata.listen(INSTANCE)
  const found = await detected('ec2', detectEc2({ tags: ['^team$'] }), { env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: `${metadata.endpoint}/` } })
  expect(found).toEqual({ attributes: { 'cloud.provider': 'aws', 'cloud.platform': 'aws_ec2', ...INSTANCE_FOUND, 'ec2.tag.team': 'mesh' } })
  expect(metadata.questions[0]).toEqual({ question: 'PUT /latest/api/token', token: undefined })
  expect(
    metadata.questions
      .slice(1)
      .map(({ question }) => question)
      .sort(),
  ).toEqual([
    'GET /latest/dynamic/instance-identity/document',
    'GET /latest/meta-data/hostname',
    'GET /latest/meta-data/tags/instance',
    'GET /latest/meta-data/tags/instance/team',
  ])
  expect(new Set(metadata.questions.slice(1).map(({ token }) => token))).toEqual(new Set(['secret-token']))
})

test('an instance that does not allow tags in its metadata is found without them', async () => {
  await using metadata = await FakeMetadata.listen({ ...INSTANCE, 'GET /latest/meta-data/tags/instance': 404 })
  const { attributes, problem } = await detected('ec2', detectEc2({ endpoint: metadata.endpoint, tags: ['.'] }))
  expect(attributes).toMatchObject(INSTANCE_FOUND)
  expect(problem).toContain('InstanceMetadataTags=enabled')
})

const TOKEN = 'PUT /latest/api/token'
const DOCUMENT = 'GET /latest/dynamic/instance-identity/document'

test.for([
  { name: 'a token that is refused', answers: { [TOKEN]: 403 }, message: /api\/token: answered with status 403$/ },
  { name: 'an empty token', answers: { [TOKEN]: '' }, message: /without a token$/ },
  { name: 'a token that would be two headers', answers: { [TOKEN]: 'a\r\nb: c' }, message: /without a token$/ },
  { name: 'a document that is not there', answers: { [DOCUMENT]: 404 }, message: /expected an identity document with instanceId$/ },
  { name: 'a document that is no JSON', answers: { [DOCUMENT]: '<html>' }, message: /expected an identity document/ },
  { name: 'a redirect', answers: { [DOCUMENT]: 302 }, message: /answered with status 302$/ },
  { name: 'an answer without end', answers: { [DOCUMENT]: 'x'.repeat(2 << 20) }, message: /more than 1048576 bytes/ },
])('ec2 tells of $name', async ({ answers, message }) => {
  await using metadata = await FakeMetadata.listen({ ...INSTANCE, ...answers })
  await expect(detected('ec2', detectEc2({ endpoint: metadata.endpoint, tags: [] }))).rejects.toThrow(message)
})

test('ec2 tells of a service that does not answer, and what may be the cause in a pod', async () => {
  await using metadata = await FakeMetadata.listen({ [TOKEN]: null })
  const abort = new AbortController()
  const asked = metadata.asked()
  const found = detected('ec2', detectEc2({ endpoint: metadata.endpoint, tags: [] }), { signal: abort.signal })
  await asked
  abort.abort()
  await expect(found).rejects.toThrow(/api\/token: no answer in time; in a pod .*HttpPutResponseHopLimit/)
})

test('ec2 waits a second for a service that nobody has promised', async () => {
  await using metadata = await FakeMetadata.listen({ [TOKEN]: null })
  const clock = new FakeClock()
  const asked = metadata.asked()
  const found = detected('ec2', detectEc2({ usualEndpoint: metadata.endpoint, tags: [] }), { clock })
  await asked
  clock.advance(1000)
  await expect(found).rejects.toMatchObject({ name: 'NotHereError', isFinal: false, message: expect.stringContaining('HttpPutResponseHopLimit') as string })
  expect(clock.pendingTimers).toBe(0)
})

test.for([
  { name: 'nothing', endpoint: 'http://127.0.0.1:1', isFinal: false },
  { name: 'the service of another cloud', endpoint: undefined, isFinal: true },
])('ec2 is not here where the usual address has $name', async ({ endpoint, isFinal }) => {
  await using metadata = await FakeMetadata.listen({ [TOKEN]: 404 })
  const found = detected('ec2', detectEc2({ usualEndpoint: endpoint ?? metadata.endpoint, tags: [] }))
  await expect(found).rejects.toMatchObject({ name: 'NotHereError', isFinal })
})

test.for([
  { env: { AWS_EC2_METADATA_DISABLED: 'true' }, message: /switched off by AWS_EC2_METADATA_DISABLED/ },
  { env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'localhost' }, message: /"localhost", which is no address/ },
  { env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' }, message: /ECONNREFUSED/ },
])('ec2 with $env has no metadata', async ({ env, message }) => {
  await expect(detected('ec2', detectEc2({ tags: [] }), { env })).rejects.toThrow(message)
})

const IN_KUBERNETES = { KUBERNETES_SERVICE_HOST: '10.96.0.1' }
const EKS = { cluster_name_from_env_var: 'K8S_CLUSTER_NAME' }

test('eks asks nobody for what it says by default', async () => {
  expect(await detected('eks', detectEks(EKS), { env: IN_KUBERNETES })).toEqual({ attributes: { 'cloud.provider': 'aws', 'cloud.platform': 'aws_eks' } })
  await expect(detected('eks', detectEks(EKS))).rejects.toThrow('not in Kubernetes')
})

test.for([
  { name: 'the environment', env: { K8S_CLUSTER_NAME: 'given' }, answers: {}, cluster: 'given' },
  { name: 'the tag of a node group', env: {}, answers: {}, cluster: 'prod' },
  { name: 'the tag of Kubernetes', env: {}, answers: { 'GET /latest/meta-data/tags/instance': 'a\nkubernetes.io/cluster/own' }, cluster: 'own' },
  { name: 'nowhere', env: {}, answers: { 'GET /latest/meta-data/tags/instance': 404 }, cluster: undefined },
])('eks finds the name of the cluster in $name', async ({ env, answers, cluster }) => {
  await using metadata = await FakeMetadata.listen({ ...INSTANCE, ...answers })
  const found = await detected('eks', detectEks({ ...EKS, endpoint: metadata.endpoint }), {
    env: { ...IN_KUBERNETES, ...env },
    wanted: ['k8s.cluster.name', 'host.id'],
  })
  expect([found.attributes['k8s.cluster.name'], found.attributes['host.id']]).toEqual([cluster, 'i-0abc'])
  expect(found.problem).toEqual(cluster === undefined ? expect.stringContaining('K8S_CLUSTER_NAME is not set') : undefined)
})

test('eks says what it knows without metadata of the instance', async () => {
  const found = await detected('eks', detectEks({ ...EKS, endpoint: 'http://127.0.0.1:1' }), { env: IN_KUBERNETES, wanted: ['host.id'] })
  expect(found.attributes).toMatchObject({ 'cloud.platform': 'aws_eks' })
  expect(found.problem).toContain('ECONNREFUSED')
})

const TASK_ARN = 'arn:aws-cn:ecs:cn-north-1:123456789012:task/mesh/158d1c8083dd49d6b527399fd6414f5c'

function container(id: string, fields: object = {}): object {
  const logs = { 'awslogs-group': '/ecs/app', 'awslogs-region': 'cn-north-1', 'awslogs-stream': `ecs/${id}` }
  return { DockerId: id, Type: 'NORMAL', KnownStatus: 'RUNNING', LogDriver: 'awslogs', LogOptions: logs, ...fields }
}

const TASK = {
  Cluster: 'mesh',
  TaskARN: TASK_ARN,
  Family: 'shop',
  Revision: '26',
  AvailabilityZone: 'cn-north-1b',
  LaunchType: 'FARGATE',
  Containers: [
    container('self'),
    container('app'),
    container('init', { KnownStatus: 'STOPPED' }),
    container('pause', { Type: 'CNI_PAUSE' }),
    container('other', { LogDriver: 'json-file' }),
    container('odd', { LogOptions: null }),
    null,
  ],
}

test('ecs tells of the task and where the other containers log', async () => {
  await using metadata = await FakeMetadata.listen({ 'GET /v4/self/task': JSON.stringify(TASK), 'GET /v4/self': JSON.stringify(container('self')) })
  const group = 'arn:aws-cn:logs:cn-north-1:123456789012:log-group:/ecs/app'
  expect(await detected('ecs', detectEcs({}), { env: { ECS_CONTAINER_METADATA_URI_V4: `${metadata.endpoint}/v4/self` } })).toEqual({
    attributes: {
      'cloud.provider': 'aws',
      'cloud.platform': 'aws_ecs',
      'cloud.account.id': '123456789012',
      'cloud.region': 'cn-north-1',
      'cloud.availability_zone': 'cn-north-1b',
      'aws.ecs.task.arn': TASK_ARN,
      'aws.ecs.task.id': '158d1c8083dd49d6b527399fd6414f5c',
      'aws.ecs.task.family': 'shop',
      'aws.ecs.task.revision': '26',
      'aws.ecs.cluster.arn': 'arn:aws-cn:ecs:cn-north-1:123456789012:cluster/mesh',
      'aws.ecs.launchtype': 'fargate',
      'aws.log.group.names': ['/ecs/app'],
      'aws.log.group.arns': [group],
      'aws.log.stream.names': ['ecs/app'],
      'aws.log.stream.arns': [`${group}:log-stream:ecs/app`],
    },
  })
})

test('ecs does without the own container', async () => {
  await using metadata = await FakeMetadata.listen({ 'GET /task': JSON.stringify({ ...TASK, Cluster: `${TASK_ARN}:cluster`, Containers: 3 }), 'GET /': 500 })
  const { attributes, problem } = await detected('ecs', detectEcs({ endpoint: metadata.endpoint }))
  expect([attributes['aws.ecs.cluster.arn'], attributes['aws.log.group.names']]).toEqual([`${TASK_ARN}:cluster`, undefined])
  expect(problem).toContain('status 500')
})

test.for([
  { name: 'outside of ECS', env: {}, message: 'not in Amazon ECS: ECS_CONTAINER_METADATA_URI_V4 is not set' },
  { name: 'with an odd address', env: { ECS_CONTAINER_METADATA_URI_V4: 'v4' }, message: '"v4", which is no address' },
  { name: 'with a dead endpoint', env: { ECS_CONTAINER_METADATA_URI: 'http://127.0.0.1:1' }, message: 'ECONNREFUSED' },
])('ecs finds nothing $name', async ({ env, message }) => {
  await expect(detected('ecs', detectEcs({}), { env })).rejects.toThrow(message)
})

test.for([
  { name: 'JSON of something else', answer: '[]', message: 'expected an object with TaskARN' },
  { name: 'no JSON', answer: 'task', message: 'expected JSON, found "task"' },
])('ecs tells of $name', async ({ answer, message }) => {
  await using metadata = await FakeMetadata.listen({ 'GET /task': answer, 'GET /': '{}' })
  await expect(detected('ecs', detectEcs({ endpoint: metadata.endpoint }))).rejects.toThrow(message)
})
