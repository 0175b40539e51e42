import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { AWS_SESSION_PROPERTIES, checkAwsSession } from '../../component/kit/aws/session_schema.ts'
import { checkQueue, QUEUE_PROPERTIES } from '../../component/kit/queue/config.ts'
import { declarationProblems } from './document/dimensions.ts'
import { descriptorProblems } from './document/metric_name.ts'
import { EMF_PROPERTIES } from './emf_schema.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...EMF_PROPERTIES,
    output_destination: {
      type: 'string',
      enum: ['cloudwatch', 'agent', 'stdout', 'file'],
      default: 'cloudwatch',
      description: 'Where documents go: the CloudWatch Logs API, a CloudWatch agent, standard output, or a file.',
    },
    agent: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'The CloudWatch agent, with `output_destination: agent`.',
      properties: {
        endpoint: {
          type: 'string',
          minLength: 1,
          default: 'tcp://127.0.0.1:25888',
          description: 'Its address, as `tcp://host:port` or `udp://host:port`. By UDP nobody knows what has arrived.',
        },
      },
    },
    file: {
      type: 'object',
      additionalProperties: false,
      description: 'The file, with `output_destination: file`.',
      required: ['path'],
      properties: {
        path: {
          type: 'string',
          format: 'path',
          minLength: 1,
          description: 'The file that lines are appended to. It is opened again when something else moves it away.',
        },
        rotation: {
          type: 'object',
          additionalProperties: false,
          default: {},
          description: 'When a new file is begun.',
          properties: {
            max_megabytes: { type: 'integer', minimum: 1, default: 100, description: 'Size in MiB that a file does not exceed.' },
            max_backups: { type: 'integer', minimum: 0, default: 5, description: 'How many old files are kept; 0 = all.' },
          },
        },
      },
    },
    create_log_group: {
      type: 'boolean',
      default: true,
      description: 'Whether missing log groups are created; otherwise they must be there. Log streams are always created.',
    },
    log_retention: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'Days that events are kept in log groups that are created here, as CloudWatch offers them; 0 = for ever.',
    },
    tags: {
      type: 'object',
      additionalProperties: { type: 'string' },
      default: {},
      description: 'Tags of log groups that are created here; at most 50.',
    },
    num_workers: { type: 'integer', minimum: 1, maximum: 100, default: 8, description: 'Most requests to CloudWatch Logs at the same time.' },
    ...AWS_SESSION_PROPERTIES,
    ...QUEUE_PROPERTIES,
    timeout: { ...QUEUE_PROPERTIES.timeout, default: '60s' },
  },
} as const

export type AwsEmfConfig = FromSchema<typeof schema>

/** The settings and the checks across them. Names are the Collector's where it has them; README.md lists what differs. */
export const config = configSchema(schema, (checked) => [
  ...checkFormat(checked),
  ...checkNames(checked),
  ...declarationProblems(checked),
  ...descriptorProblems(checked),
  ...checkDestination(checked),
  ...checkLogGroup(checked),
  ...checkAwsSession(checked),
  ...checkQueue(checked),
])

function checkFormat(checked: AwsEmfConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (checked.version !== '1') {
    const hint = 'remove version; CloudWatch reads version 1, the `_aws` block, wherever it read version 0'
    problems.push({ path: ['version'], problem: 'not a version that is written', expected: "'1'", found: checked.version, hint })
  }
  for (const key of ['eks_fargate_container_insights_enabled', 'enhanced_container_insights'] as const) {
    if (!checked[key]) continue
    const hint = 'Container Insights needs its own receiver, which is not here; remove it'
    problems.push({ path: [key], problem: 'not supported', expected: 'false', found: 'true', hint })
  }
  if (checked.storage_resolution !== 60 && checked.storage_resolution !== 1) {
    problems.push({ path: ['storage_resolution'], problem: 'not a resolution of CloudWatch', expected: '60 or 1', found: String(checked.storage_resolution) })
  }
  return problems
}

function checkNames({ log_group_name: group, log_stream_name: stream, namespace }: AwsEmfConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  // The placeholders are looked at by whoever fills them in.
  const plain = (name: string): string => name.replace(/\{[^{}]*\}/g, 'x')
  if (group !== undefined && !/^(?!aws\/)[A-Za-z0-9_\-/.#]{1,512}$/.test(plain(group))) {
    const expected = '1 to 512 of letters, digits and _ - / . #, not beginning with aws/'
    problems.push({ path: ['log_group_name'], problem: 'not the name of a log group', expected, found: group })
  }
  if (stream !== undefined && !/^[^:*]{1,512}$/.test(plain(stream))) {
    problems.push({ path: ['log_stream_name'], problem: 'not the name of a log stream', expected: '1 to 512 characters without : and *', found: stream })
  }
  if (namespace !== undefined && !/^(?!AWS\/)[A-Za-z0-9 .\-_/#:]{1,255}$/.test(namespace)) {
    const expected = '1 to 255 of letters, digits, blanks and . - _ / # :, not beginning with AWS/'
    problems.push({ path: ['namespace'], problem: 'not a namespace', expected, found: namespace })
  }
  return problems
}

function checkDestination({ output_destination: destination, agent, file }: AwsEmfConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (destination === 'file' && file === undefined) {
    problems.push({
      path: ['output_destination'],
      problem: 'no file',
      expected: 'file.path with output_destination: file',
      found: 'file',
      hint: 'file: {path: …}',
    })
  }
  if (agentAddress(agent.endpoint) === undefined) {
    const expected = 'tcp://host:port or udp://host:port'
    problems.push({ path: ['agent', 'endpoint'], problem: 'not an address', expected, found: agent.endpoint, hint: 'tcp://127.0.0.1:25888' })
  }
  return problems
}

/** Days that CloudWatch Logs can keep events: PutRetentionPolicy of its API reference. */
const RETENTION_DAYS: readonly number[] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

function checkLogGroup({ log_retention: days, tags, create_log_group: creates }: AwsEmfConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (days !== 0 && !RETENTION_DAYS.includes(days)) {
    const nearest = RETENTION_DAYS.find((one) => one > days) ?? RETENTION_DAYS.at(-1)
    const expected = `0, or one of ${RETENTION_DAYS.join(', ')}`
    problems.push({ path: ['log_retention'], problem: 'not a retention of CloudWatch Logs', expected, found: String(days), hint: `set ${nearest}` })
  }
  if (Object.keys(tags).length > 50)
    problems.push({ path: ['tags'], problem: 'too many tags', expected: 'at most 50', found: String(Object.keys(tags).length) })
  for (const [key, value] of Object.entries(tags)) {
    if (key.length >= 1 && key.length <= 128 && value.length <= 256 && !key.startsWith('aws:')) continue
    const expected = 'a key of 1 to 128 characters, not beginning with aws:, and a value of at most 256'
    problems.push({ path: ['tags', key], problem: 'not a tag', expected, found: `${key}: ${value}` })
  }
  if (!creates && (days !== 0 || Object.keys(tags).length > 0)) {
    const path = [days !== 0 ? 'log_retention' : 'tags']
    const hint = 'set create_log_group: true, or remove it'
    problems.push({ path, problem: 'without effect', expected: 'create_log_group: true', found: 'false', hint })
  }
  return problems
}

/** The parts of `agent.endpoint`; undefined when it is none. */
export function agentAddress(endpoint: string): { readonly transport: 'tcp' | 'udp'; readonly host: string; readonly port: number } | undefined {
  const [, transport, ipv6, name, digits] = /^(tcp|udp):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})\/?$/.exec(endpoint) ?? []
  const host = ipv6 ?? name
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  return { transport: transport as 'tcp' | 'udp', host, port }
}
