import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { didYouMean } from '../../lib/did_you_mean.ts'
import { durationMs } from '../../lib/duration.ts'
import { re2Pattern } from '../../lib/re2.ts'
import { type AttributeSwitches, DETECTOR_ATTRIBUTES } from './attributes.ts'

const SWITCHES = {
  type: 'object',
  default: {},
  description: 'Attributes to put on resources or not, by their names; the README has the table of them.',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['enabled'],
    properties: { enabled: { type: 'boolean', description: 'Whether the attribute is put on resources.' } },
  },
} as const

const IMDS_ENDPOINT = {
  type: 'string',
  minLength: 1,
  description:
    'Address of the instance metadata service, such as http://169.254.169.254, which is the default; the environment variable AWS_EC2_METADATA_SERVICE_ENDPOINT changes that, too.',
} as const

const K8S_NODE = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    node_from_env_var: {
      type: 'string',
      minLength: 1,
      default: 'K8S_NODE_NAME',
      description: 'Environment variable with the name of the node that the pod is on (`fieldPath: spec.nodeName`).',
    },
    uid_from_env_var: {
      type: 'string',
      minLength: 1,
      default: 'K8S_NODE_UID',
      description: 'Environment variable with the uid of that node. Kubernetes gives no pod the uid of its node; left out when not set.',
    },
    resource_attributes: SWITCHES,
  },
} as const

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    detectors: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', enum: ['env', 'system', 'k8snode', 'k8s_api', 'ecs', 'ec2', 'eks'] },
      default: ['env'],
      description: 'Who is asked. Of an attribute that several find, the value of the first in the list is taken. `k8s_api` is another name of `k8snode`.',
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'How long all detectors together may take, at the start and every time they are asked again; the start waits no longer.',
    },
    override: { type: 'boolean', default: true, description: 'Whether what is detected replaces attributes that a resource has already.' },
    refresh_interval: {
      type: 'string',
      format: 'duration',
      default: '0s',
      description: 'How often everything is detected again; 0s = once. Detectors that failed are asked again in any case.',
    },
    fail_on_missing_metadata: {
      type: 'boolean',
      default: false,
      description: 'Whether a detector that finds nothing keeps the daemon from starting. Without it data flows without the attributes.',
    },
    system: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Detector `system`: this machine.',
      properties: {
        hostname_sources: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { type: 'string', enum: ['dns', 'os', 'cname', 'lookup'] },
          default: ['dns', 'os'],
          description:
            'Where `host.name` comes from, the first that answers: `dns` (full name from the hosts file or DNS), `os` (name of the machine), `cname` (of that name), `lookup` (name of its address).',
        },
        resource_attributes: SWITCHES,
      },
    },
    k8snode: { ...K8S_NODE, description: 'Detector `k8snode`: the node of the own pod, from the environment.' },
    k8s_api: { ...K8S_NODE, description: 'The same as `k8snode`, for the detector `k8s_api`.' },
    ecs: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Detector `ecs`: the own task in Amazon ECS.',
      properties: {
        endpoint: {
          type: 'string',
          minLength: 1,
          description: 'Address of the task metadata; without it what ECS says in ECS_CONTAINER_METADATA_URI_V4 or ECS_CONTAINER_METADATA_URI.',
        },
        resource_attributes: SWITCHES,
      },
    },
    ec2: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Detector `ec2`: the EC2 instance, from its metadata service (IMDSv2).',
      properties: {
        endpoint: IMDS_ENDPOINT,
        tags: {
          type: 'array',
          items: { type: 'string' },
          default: [],
          description: 'Regular expressions (RE2); tags of the instance whose keys match become `ec2.tag.<key>`. The instance must allow tags in its metadata.',
        },
        tags_from_imds: { type: 'boolean', default: true, description: 'Where tags come from; only true is supported.' },
        resource_attributes: SWITCHES,
      },
    },
    eks: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Detector `eks`: the cluster in Amazon EKS and the node that the own pod is on.',
      properties: {
        endpoint: IMDS_ENDPOINT,
        cluster_name_from_env_var: {
          type: 'string',
          minLength: 1,
          default: 'K8S_CLUSTER_NAME',
          description: 'Environment variable with the name of the cluster; when it is not set, the tags of the instance are asked.',
        },
        resource_attributes: SWITCHES,
      },
    },
  },
} as const

export type ResourceDetectionConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names are the Collector's, but for `endpoint` and `…_from_env_var` of other than nodes. */
export const config = configSchema(schema, (checked) => [
  ...durationProblems(checked),
  ...(['system', 'k8snode', 'k8s_api', 'ecs', 'ec2', 'eks'] as const).flatMap((name) => switchProblems(name, checked[name].resource_attributes)),
  ...(['ecs', 'ec2', 'eks'] as const).flatMap((name) => endpointProblems(name, checked[name].endpoint)),
  ...tagProblems(checked.ec2),
])

function durationProblems({ timeout, refresh_interval: interval }: ResourceDetectionConfig): FieldProblem[] {
  return [
    ...(durationMs(timeout) > 0 ? [] : [{ path: ['timeout'], problem: 'not a time', expected: 'more than 0s', found: timeout, hint: 'the default is 5s' }]),
    ...(durationMs(interval) >= 0 ? [] : [{ path: ['refresh_interval'], problem: 'below zero', expected: '0s or more', found: interval }]),
  ]
}

function switchProblems(name: keyof typeof DETECTOR_ATTRIBUTES, switches: AttributeSwitches): FieldProblem[] {
  const known = Object.keys(DETECTOR_ATTRIBUTES[name])
  return Object.keys(switches)
    .filter((attribute) => !known.includes(attribute))
    .map((attribute) => {
      const similar = didYouMean(attribute, known)
      const problem = { path: [name, 'resource_attributes', attribute], problem: 'this detector has no such attribute', expected: `one of ${known.join(', ')}` }
      return similar === undefined ? problem : { ...problem, hint: `did you mean ${similar}?` }
    })
}

function endpointProblems(name: string, endpoint: string | undefined): FieldProblem[] {
  if (endpoint === undefined || (URL.canParse(endpoint) && new URL(endpoint).protocol === 'http:')) return []
  return [{ path: [name, 'endpoint'], problem: 'not an address of HTTP', expected: 'such as http://169.254.169.254', found: endpoint }]
}

function tagProblems({ tags, tags_from_imds: fromImds }: ResourceDetectionConfig['ec2']): FieldProblem[] {
  const problems: FieldProblem[] = tags.flatMap((pattern, i) => {
    try {
      re2Pattern(pattern)
      return []
    } catch (error) {
      return [{ path: ['ec2', 'tags', i], problem: (error as Error).message, expected: 'a regular expression (RE2)', found: pattern }]
    }
  })
  if (!fromImds) {
    const hint = 'allow tags in the metadata of the instance (InstanceMetadataTags=enabled); no permission is needed then'
    problems.push({ path: ['ec2', 'tags_from_imds'], problem: 'not supported', expected: 'true: tags from the instance metadata', found: 'false', hint })
  }
  return problems
}
