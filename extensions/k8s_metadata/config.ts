import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { httpServerProperties } from '../../component/kit/http_server.ts'
import { checkTlsServer } from '../../component/kit/tls.ts'
import { durationMs } from '../../lib/duration.ts'

const WHEN = ['auto', 'always', 'never'] as const

/** When a resource is watched that not everybody needs. */
function when(what: string) {
  return { type: 'string', enum: WHEN, default: 'auto', description: `Whether ${what} are watched; auto = when a component needs them.` } as const
}

/** Settings of the extension; `auth_type`, `context`, `node_from_env_var` and `wait_for_metadata…` are the Collector's. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      auth_type: {
        type: 'string',
        enum: ['serviceAccount', 'kubeConfig', 'none'],
        default: 'serviceAccount',
        description: 'How to get at the API server: as the service account of the own pod, as a kubeconfig file says, or without credentials at api_server.',
      },
      context: { type: 'string', default: '', description: 'Context of the kubeconfig; empty = its current one.' },
      kubeconfig: { type: 'string', format: 'path', default: '', description: 'Path of the kubeconfig; empty = KUBECONFIG, else ~/.kube/config.' },
      api_server: {
        type: 'string',
        default: '',
        description: 'URL of the API server for auth_type none, such as http://localhost:8001 of kubectl proxy; empty = that of the own cluster.',
      },
      scope: {
        type: 'string',
        enum: ['node', 'cluster', 'namespaces'],
        default: 'node',
        description: 'Which pods are watched: those of the own node, all of the cluster, or those of some namespaces.',
      },
      namespaces: {
        type: 'array',
        items: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
        default: [],
        uniqueItems: true,
        description: 'The namespaces to watch, for scope namespaces; all namespaced resources are watched in these only.',
      },
      node: { type: 'string', default: '', description: 'Name of the own node; empty = the value of node_from_env_var.' },
      node_from_env_var: {
        type: 'string',
        minLength: 1,
        default: 'K8S_NODE_NAME',
        description: 'Environment variable with the name of the own node, set from spec.nodeName by the downward API.',
      },
      resources: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'What is watched besides pods.',
        properties: {
          services: when('Services'),
          endpoint_slices: when('EndpointSlices'),
          nodes: when('nodes (the own one with scope node, else all)'),
          namespaces: when('Namespaces'),
          istio: when('ServiceEntries and WorkloadEntries of Istio, where the cluster has them,'),
        },
      },
      exact_owners: {
        type: 'boolean',
        default: false,
        description: 'Watches the metadata of ReplicaSets and Jobs to know the owners of pods for certain, instead of by naming rules.',
      },
      cluster_domain: { type: 'string', minLength: 1, default: 'cluster.local', description: 'DNS domain of the cluster, in which Services have their names.' },
      wait_for_metadata: {
        type: 'boolean',
        default: false,
        description: 'Whether the start of the daemon waits for the first complete lists; it goes on without them after wait_for_metadata_timeout.',
      },
      wait_for_metadata_timeout: { type: 'string', format: 'duration', default: '10s', description: 'Longest time that the start waits.' },
      start_jitter: {
        type: 'string',
        format: 'duration',
        default: '1s',
        description: 'Longest random delay before the first list, so that daemons of many nodes do not all ask at once.',
      },
      remember_gone: {
        type: 'string',
        format: 'duration',
        default: '60s',
        description: 'How long an address is still known as that of its last owner, for entries that come late.',
      },
      clock_skew: {
        type: 'string',
        format: 'duration',
        default: '5s',
        description: 'How much the clocks of nodes may differ: an entry this much older than a pod is still taken to be of that pod.',
      },
      memory_mib_max: {
        type: 'integer',
        minimum: 8,
        default: 256,
        description: 'Most memory of the index, shared by all threads; objects beyond it are refused and counted.',
      },
      endpoint: {
        type: 'string',
        format: 'endpoint',
        default: 'localhost:13134',
        description: 'Address that answers meshscope explain; port 0 lets the system choose.',
      },
      ...httpServerProperties,
    },
  },
  (checked): FieldProblem[] => [...checkAccess(checked), ...checkScope(checked), ...checkTimes(checked), ...checkTlsServer(checked.tls, ['tls'])],
)

export type K8sMetadataConfig = ConfigOf<typeof config>

function checkAccess({ auth_type: authType, api_server: apiServer, context, kubeconfig }: K8sMetadataConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (authType === 'none' && apiServer !== '' && !isHttpUrl(apiServer))
    problems.push({
      path: ['api_server'],
      problem: 'not a URL',
      expected: 'a URL that begins with http:// or https://',
      found: apiServer,
      hint: 'http://localhost:8001 is where kubectl proxy listens',
    })
  if (authType !== 'none' && apiServer !== '')
    problems.push({
      path: ['api_server'],
      problem: `not used with auth_type ${authType}`,
      expected: 'auth_type none, or no api_server',
      hint: 'the service account and the kubeconfig name their own API server',
    })
  for (const [key, value] of Object.entries({ context, kubeconfig })) {
    if (value !== '' && authType !== 'kubeConfig')
      problems.push({ path: [key], problem: `not used with auth_type ${authType}`, expected: 'auth_type kubeConfig', hint: 'set auth_type: kubeConfig' })
  }
  return problems
}

function checkScope({ scope, namespaces }: K8sMetadataConfig): FieldProblem[] {
  if (scope === 'namespaces' && namespaces.length === 0)
    return [{ path: ['namespaces'], problem: 'empty', expected: 'at least one namespace', hint: 'name the namespaces to watch, or set another scope' }]
  if (scope !== 'namespaces' && namespaces.length > 0)
    return [{ path: ['namespaces'], problem: `not used with scope ${scope}`, expected: 'scope namespaces', hint: 'set scope: namespaces' }]
  return []
}

function checkTimes(checked: K8sMetadataConfig): FieldProblem[] {
  return (['wait_for_metadata_timeout', 'start_jitter', 'remember_gone', 'clock_skew'] as const)
    .filter((key) => durationMs(checked[key]) < 0)
    .map((key) => ({ path: [key], problem: 'negative', expected: 'a duration of 0s or more', found: checked[key] }))
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
