import type { Attributes, Detect, DetectorContext } from './detector.ts'
import { NotHereError, textIn } from './detector.ts'
import { askJson, urlBelow } from './metadata_http.ts'

/**
 * Detector `ecs`: the own task, from the task metadata endpoint, version 4 or 3
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html).
 */
export function detectEcs(config: { readonly endpoint?: string | undefined }): Detect {
  return async (context) => {
    const endpoint = config.endpoint ?? endpointOf(context.env)
    const [task, own] = await Promise.allSettled([
      askJson(urlBelow(endpoint, '/task'), { signal: context.signal }),
      wantsLogs(context) ? askJson(urlBelow(endpoint, ''), { signal: context.signal }) : undefined,
    ])
    if (task.status === 'rejected') throw task.reason
    const arn = textIn(task.value, 'TaskARN')
    if (arn === undefined) throw new Error(`${urlBelow(endpoint, '/task').href}: expected an object with TaskARN`)
    const attributes = taskAttributes(task.value, arn)
    if (own.status === 'rejected') return { attributes, problem: (own.reason as Error).message }
    return { attributes: { ...attributes, ...logAttributes(task.value, { arn, ownId: textIn(own.value, 'DockerId') }) } }
  }
}

function endpointOf(env: DetectorContext['env']): string {
  const endpoint = (env['ECS_CONTAINER_METADATA_URI_V4'] || env['ECS_CONTAINER_METADATA_URI'] || '').trim()
  if (endpoint === '') throw new NotHereError('not in Amazon ECS: ECS_CONTAINER_METADATA_URI_V4 is not set', { isFinal: true })
  if (!URL.canParse(endpoint)) throw new Error(`ECS_CONTAINER_METADATA_URI_V4 is ${JSON.stringify(endpoint)}, which is no address`)
  return endpoint
}

function wantsLogs({ wants }: DetectorContext): boolean {
  return ['aws.log.group.names', 'aws.log.group.arns', 'aws.log.stream.names', 'aws.log.stream.arns'].some(wants)
}

/** An ARN's first parts: `arn:partition:service:region:account:resource`. */
function arnParts(arn: string): { readonly partition: string; readonly region: string; readonly account: string; readonly resource: string } {
  const [, partition = '', , region = '', account = '', ...resource] = arn.split(':')
  return { partition, region, account, resource: resource.join(':') }
}

function taskAttributes(task: unknown, arn: string): Attributes {
  const { partition, region, account, resource } = arnParts(arn)
  const cluster = textIn(task, 'Cluster')
  const launchType = textIn(task, 'LaunchType')?.toLowerCase()
  return {
    'cloud.provider': 'aws',
    'cloud.platform': 'aws_ecs',
    'cloud.account.id': account || undefined,
    'cloud.region': region || undefined,
    'cloud.availability_zone': textIn(task, 'AvailabilityZone'),
    'aws.ecs.task.arn': arn,
    'aws.ecs.task.id': resource.split('/').at(-1) || undefined,
    'aws.ecs.task.family': textIn(task, 'Family'),
    'aws.ecs.task.revision': textIn(task, 'Revision'),
    // The endpoint gives the short name or the ARN, depending on the platform.
    'aws.ecs.cluster.arn': cluster === undefined || cluster.includes(':') ? cluster : `arn:${partition}:ecs:${region}:${account}:cluster/${cluster}`,
    'aws.ecs.launchtype': launchType === 'ec2' || launchType === 'fargate' ? launchType : undefined,
  }
}

/** Groups and streams of CloudWatch Logs that the other running containers of the task write to. */
function logAttributes(task: unknown, { arn, ownId }: { readonly arn: string; readonly ownId: string | undefined }): Attributes {
  const { partition, account } = arnParts(arn)
  const containers = (task as { Containers?: unknown }).Containers
  const logs = (Array.isArray(containers) ? containers : []).flatMap((container: unknown) => {
    const isOther = textIn(container, 'Type') === 'NORMAL' && textIn(container, 'KnownStatus') === 'RUNNING' && textIn(container, 'DockerId') !== ownId
    if (!isOther || textIn(container, 'LogDriver') !== 'awslogs') return []
    const options = (container as { LogOptions?: unknown }).LogOptions
    const [group, stream, region] = [textIn(options, 'awslogs-group'), textIn(options, 'awslogs-stream'), textIn(options, 'awslogs-region')]
    if (group === undefined || stream === undefined) return []
    const groupArn = `arn:${partition}:logs:${region ?? ''}:${account}:log-group:${group}`
    return [{ group, stream, groupArn, streamArn: `${groupArn}:log-stream:${stream}` }]
  })
  if (logs.length === 0) return {}
  return {
    'aws.log.group.names': logs.map(({ group }) => group),
    'aws.log.group.arns': logs.map(({ groupArn }) => groupArn),
    'aws.log.stream.names': logs.map(({ stream }) => stream),
    'aws.log.stream.arns': logs.map(({ streamArn }) => streamArn),
  }
}
