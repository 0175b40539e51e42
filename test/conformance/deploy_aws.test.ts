/** What deploy/aws and docs/from-cloudwatch-agent.md give to users of AWS is good, and fits together. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { EXIT } from '../../cmd/meshscope/exit_codes.ts'
import { loadConfig } from '../../config/load.ts'
import { EXAMPLE_KEY } from '../fakes/cloudwatch_logs/credential_book.ts'
import { FakeCloudWatchLogs } from '../fakes/cloudwatch_logs/server.ts'
import { ServiceRun, until } from '../fakes/service_run.ts'
import { sendUdp } from '../fakes/statsd_run.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const AWS = join(REPOSITORY, 'deploy/aws')
const CAPTURE = join(REPOSITORY, '../shared/data/envoy-capture/dogstatsd-datagrams.bin')

const textOf = (name: string): string => readFileSync(join(AWS, name), 'utf8')

interface TaskDefinition {
  readonly containerDefinitions: readonly {
    readonly name: string
    readonly command?: readonly string[]
    readonly environment?: readonly { readonly name: string; readonly value: string }[]
    readonly dependsOn?: readonly { readonly containerName: string; readonly condition: string }[]
  }[]
}

interface Dashboard {
  readonly widgets: readonly {
    readonly x: number
    readonly width: number
    readonly properties: { readonly metrics?: readonly (readonly { readonly expression: string; readonly id: string }[])[] }
  }[]
}

interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: string }[]
}

async function validate(source: string): Promise<{ readonly code: number; readonly said: string }> {
  let said = ''
  const io = { out: () => {}, err: (text: string) => void (said += text), env: {}, hasColour: false }
  return { code: await runCli(['validate', '--config', source], { registry, io }), said }
}

const task = JSON.parse(textOf('task-definition.json')) as TaskDefinition
const container = (name: string): TaskDefinition['containerDefinitions'][number] => {
  const found = task.containerDefinitions.find((one) => one.name === name)
  if (found === undefined) throw new Error(`the task has no container ${name}`)
  return found
}

describe('the task definition', () => {
  test('has the config that stands beside it, and reads it', async () => {
    const { environment, command } = container('meshscope')
    expect(environment?.find(({ name }) => name === 'MESHSCOPE_CONFIG')?.value).toBe(textOf('meshscope.yaml'))
    expect(command).toEqual(['run', '--config', 'env:MESHSCOPE_CONFIG'])
    expect(await validate(join(AWS, 'meshscope.yaml'))).toEqual({ code: EXIT.ok, said: '' })
  })

  test("has Envoy's part that stands beside it, which sends where the receiver listens", () => {
    const { command = [], dependsOn } = container('envoy')
    expect(command[command.indexOf('--config-yaml') + 1]).toBe(textOf('envoy-stats.yaml'))
    expect(dependsOn).toEqual([{ containerName: 'meshscope', condition: 'START' }])
    const stats = parse(textOf('envoy-stats.yaml')) as {
      readonly stats_sinks: readonly {
        readonly typed_config: { readonly address: { readonly socket_address: { readonly address: string; readonly port_value: number } } }
      }[]
    }
    const address = stats.stats_sinks[0]?.typed_config.address.socket_address
    const { receivers } = parse(textOf('meshscope.yaml')) as { readonly receivers: { readonly statsd: { readonly endpoint: string } } }
    expect(`${address?.address}:${address?.port_value}`).toBe(receivers.statsd.endpoint)
  })
})

test('the dashboard has no widget beyond its 24 columns, and no id twice', () => {
  const { widgets } = JSON.parse(textOf('dashboard.json')) as Dashboard
  for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24)
  for (const { properties } of widgets) {
    const ids = (properties.metrics ?? []).flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9_]*$/)
  }
})

const blocks = [...readFileSync(join(REPOSITORY, 'docs/from-cloudwatch-agent.md'), 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)

test.for(blocks.map((text, i) => ({ number: i + 1, text })))('block $number of docs/from-cloudwatch-agent.md is good', async ({ text }) => {
  expect(await validate(`yaml:${text}`)).toEqual({ code: EXIT.ok, said: '' })
})

describe.skipIf(!existsSync(CAPTURE))('the stats of a real Envoy, by the config of deploy/aws', () => {
  let fake: FakeCloudWatchLogs

  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', EXAMPLE_KEY.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', EXAMPLE_KEY.secretAccessKey)
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'aws.ecs.cluster.name=production,aws.ecs.task.id=0af1')
    fake = await FakeCloudWatchLogs.start()
    const overrides = [
      'receivers.statsd.endpoint=127.0.0.1:0',
      'extensions.health_check.endpoint=127.0.0.1:0',
      'processors.resourcedetection.detectors=[env]',
      `exporters.awsemf.endpoint=${fake.url}`,
      'exporters.awsemf.region=us-east-1',
    ]
    const { spec, problems } = loadConfig({ sources: [join(AWS, 'meshscope.yaml')], overrides, registry, env: {} })
    if (spec === undefined) throw new Error(JSON.stringify(problems))
    const run = new ServiceRun(registry, new URL('../../cmd/meshscope/ingest_worker.ts', import.meta.url))
    try {
      await run.service.start(spec)
      const packets = taggedPackets()
      await sendUdp(run.port('receivers.statsd'), packets)
      const lines = packets.reduce((sum, packet) => sum + packet.split('\n').filter((line) => line !== '').length, 0)
      await until('all lines have arrived', () => run.telemetry.value('meshscope_statsd_received_lines') >= lines)
    } finally {
      await run.stop(20_000)
    }
  })

  afterAll(async () => {
    vi.unstubAllEnvs()
    await fake?.stop()
  })

  /** As the same Envoy would have sent them with the `stats_tags` of envoy-stats.yaml. */
  function taggedPackets(): string[] {
    const bytes = readFileSync(CAPTURE)
    const packets: string[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32LE(at)
      const lines = bytes.toString('latin1', at + 4, end).split('\n')
      packets.push(lines.map((line) => (line === '' ? '' : `${line}${line.includes('|#') ? ',' : '|#'}appmesh.mesh:apps,appmesh.virtual_node:shop`)).join('\n'))
      at = end
    }
    return packets
  }

  test('are right documents in the log group of the cluster and the stream of the task', () => {
    expect(fake.emfProblems).toEqual([])
    expect(fake.store.streams().map(({ group, stream }) => `${group} ${stream}`)).toEqual(['/meshscope/ecs/production 0af1'])
    expect(fake.store.groups.get('/meshscope/ecs/production')).toMatchObject({ retentionDays: 7 })
  })

  test('have every metric of the dashboard', () => {
    const found = new Set(fake.metrics().data.map(({ namespace, name, dimensions }) => [namespace, ...Object.keys(dimensions).sort(), name].join(' ')))
    const { widgets } = JSON.parse(textOf('dashboard.json')) as Dashboard
    const searches = widgets.flatMap(({ properties }) => (properties.metrics ?? []).flat().map(({ expression }) => expression))
    expect(searches.length).toBeGreaterThan(8)
    const wanted = searches.map((expression) => {
      const [, schema = '', name] = /^SEARCH\('\{([^}]*)\} MetricName="([^"]+)"', '[\w.]+', \d+\)$/.exec(expression) ?? []
      const [namespace, ...dimensions] = schema.split(',').map((part) => part.replaceAll('"', ''))
      return [namespace, ...dimensions.sort(), name].join(' ')
    })
    expect(wanted.filter((one) => !found.has(one))).toEqual([])
  })

  test('have percentiles where the dashboard shows them', () => {
    const metrics = fake.metrics()
    const times = metrics.data.find(({ name }) => name === 'envoy_cluster_upstream_rq_time')
    expect(times).toMatchObject({ unit: 'Milliseconds', hasValues: true })
    expect(metrics.statistics({ name: 'envoy_cluster_upstream_rq_time', dimensions: times?.dimensions ?? {} })?.percentile(99)).toBeGreaterThan(0)
  })

  test('need no right beyond those of the policy', () => {
    const policy = JSON.parse(textOf('iam-policy.json')) as Policy
    const allowed = policy.Statement.flatMap(({ Action }) => Action)
    const called = [...new Set(fake.calls.map(({ operation }) => `logs:${operation}`))]
    expect(called.filter((action) => !allowed.includes(action))).toEqual([])
    expect(called).toContain('logs:PutLogEvents')
    for (const { Resource } of policy.Statement) expect(Resource).toBe('arn:aws:logs:*:*:log-group:/meshscope/ecs/*')
  })
})
