import { describe, expect, test } from 'vitest'
import { LogTargets } from './log_targets.ts'
import { emfConfig } from './testing.ts'

function found(given: object, attributes: Readonly<Record<string, string>>) {
  const { pair, missing } = new LogTargets(emfConfig(given)).find('Mesh', (key) => attributes[key])
  return { ...pair.target, missing: missing.map(({ placeholder }) => placeholder) }
}

describe('a log group and stream', () => {
  test.for([
    { name: 'without placeholders are as they are', group: '/g', stream: 's', attributes: {}, wanted: ['/g', 's'] },
    {
      name: 'have attributes of their own names',
      group: '/{zone}',
      stream: '{service.name}',
      attributes: { zone: 'a', 'service.name': 'cart' },
      wanted: ['/a', 'cart'],
    },
    {
      name: 'have what the Collector takes',
      group: '/{ClusterName}',
      stream: '{TaskId}',
      attributes: { 'aws.ecs.cluster.name': 'c', 'aws.ecs.task.id': 't' },
      wanted: ['/c', 't'],
    },
    {
      name: 'have what Kubernetes calls it',
      group: '/{ClusterName}',
      stream: '{PodName}',
      attributes: { 'k8s.cluster.name': 'c', 'k8s.pod.name': 'p' },
      wanted: ['/c', 'p'],
    },
    {
      name: 'have the last part of a name of a resource',
      group: '/{ClusterName}',
      stream: '{TaskId}',
      attributes: { 'aws.ecs.cluster.arn': 'arn:aws:ecs:eu-west-1:1:cluster/shop', 'aws.ecs.task.arn': 'arn:aws:ecs:eu-west-1:1:task/shop/0f3' },
      wanted: ['/shop', '0f3'],
    },
    { name: 'have no characters that CloudWatch refuses', group: '/{a}', stream: '{a}', attributes: { a: 'x y:*' }, wanted: ['/x_y__', 'x y__'] },
  ])('$name', ({ group, stream, attributes, wanted }) => {
    expect(found({ log_group_name: group, log_stream_name: stream }, attributes)).toEqual({ logGroup: wanted[0], logStream: wanted[1], missing: [] })
  })

  test('have the default for an attribute that is missing, which is told', () => {
    const given = { log_group_name: '/{ClusterName}', log_stream_name: '{PodName}', placeholder_default: 'none' }
    expect(found(given, { pod: 'p' })).toEqual({ logGroup: '/none', logStream: 'p', missing: ['ClusterName'] })
  })

  test('are named by the namespace and the process without settings', () => {
    const { logGroup, logStream } = found({}, {})
    expect([logGroup, logStream]).toEqual(['/metrics/Mesh', expect.stringMatching(/^otel-stream-[0-9a-f-]{36}$/)])
  })
})

test('there are at most so many pairs in a batch, and the least recently used one makes room', () => {
  const targets = new LogTargets(emfConfig({ log_group_name: '/g', log_stream_name: '{pod}', log_streams_max: 2 }))
  const pair = (pod: string) => targets.find('Mesh', () => pod).pair
  const used = (...pods: string[]): string[] => {
    targets.beginBatch()
    return pods.map((pod) => targets.use(pair(pod)).target.logStream)
  }
  expect(used('a', 'b', 'c')).toEqual(['a', 'b', 'unknown'])
  expect(used('a', 'c')).toEqual(['a', 'c'])
  expect(used('c', 'b', 'a')).toEqual(['c', 'b', 'unknown'])
  targets.beginBatch()
  expect(targets.use(pair('c'))).toEqual({ target: { logGroup: '/g', logStream: 'c' }, isCrowded: false })
})
