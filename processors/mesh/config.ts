import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { durationMs } from '../../lib/duration.ts'
import { compileNaming, type NamingConfig } from './naming/rules.ts'

export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    default: {},
    properties: {
      edges_max: {
        type: 'integer',
        minimum: 100,
        maximum: 10_000_000,
        default: 50_000,
        description:
          'Most distinct edges (who called whom) kept in each ingest worker. Beyond it all are forgotten and learnt anew, which costs time but loses no data.',
      },
      host_header: {
        type: 'string',
        enum: ['auto', 'always', 'never'],
        default: 'auto',
        description:
          'When the Host header may name the called service, if neither the cluster nor an address does. auto: in sidecars for outgoing calls, in gateways when a route matched, for incoming calls when it names the called workload itself.',
      },
      listener_logs: {
        type: 'string',
        enum: ['auto', 'count', 'ignore'],
        default: 'auto',
        description:
          'What to make of entries without a type that have a cluster. auto: count them unless the proxy is known to type the entries of its other logs, as Envoy does from 1.28 on; such entries then come from an access log of the listener and repeat connections. count: always count them. ignore: never.',
      },
      infrastructure_clusters: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        default: [],
        description:
          'More clusters that carry traffic of the mesh itself and are not services, beside the built-in ones such as xds-grpc; * stands for any text. Name the cluster that leads to this collector here if the proxies log it.',
      },
      trust_domain: {
        type: 'string',
        default: '',
        description:
          "If set, principals that the log cannot say are derived from service accounts, as spiffe://<trust_domain>/ns/<namespace>/sa/<account>: of a reporting Istio proxy, and of an upstream that the identity index knows. Empty leaves them unknown, as in Istio's own metrics over plain text.",
      },
      kubernetes: {
        type: 'string',
        enum: ['auto', 'always', 'never'],
        default: 'auto',
        description:
          'Whether the identity index (extension k8s_metadata) names sides that the log does not. auto: if the config has that extension or another component needs it. always: the extension is created if it is not configured. never: the log alone counts.',
      },
      cluster_name: {
        type: 'string',
        default: '',
        description:
          'The cluster whose pods the identity index knows, as proxies call it (CLUSTER_ID). Sides found in the index get this cluster, and entries of proxies in other clusters are not looked up, as clusters may use the same addresses. Empty: every proxy is taken to be in the cluster of the index, and sides found get the cluster of the reporting proxy.',
      },
      naming: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: "How sides are named, in SkyWalking's languages; what is left out is named as Istio does.",
        properties: {
          service: {
            type: 'string',
            default: '',
            description:
              'Template of the canonical service, as SkyWalking’s K8S_SERVICE_NAME_RULE or the serviceName of its metadata-service-mapping.yaml, such as $${LABELS."service.istio.io/canonical-name",SERVICE}.$${NAMESPACE} (written with $$ in a config file).',
          },
          service_entry: {
            type: 'string',
            default: '',
            description:
              'The same for hosts of an Istio ServiceEntry, as SkyWalking’s ISTIO_SERVICE_NAME_RULE, such as $${serviceEntry.metadata.name}.$${serviceEntry.metadata.namespace}.',
          },
          instance: { type: 'string', default: '', description: 'Template of the name of a pod, as the serviceInstanceName of metadata-service-mapping.yaml.' },
          rules_file: {
            type: 'string',
            format: 'path',
            default: '',
            description:
              'A metadata-service-mapping.yaml of SkyWalking, read as it is when the daemon starts; the templates above win over those in it. Empty: none.',
          },
        },
      },
      resolve_delay: {
        type: 'string',
        format: 'duration',
        default: '0s',
        description:
          'How long entries wait for the identity index to learn an address that it does not know yet: a pod’s first requests may be logged before the API server tells of the pod. Afterwards they go on as they are. 0s does not wait. Only with the identity index.',
      },
      held_entries_max: {
        type: 'integer',
        minimum: 1,
        maximum: 1_000_000,
        default: 4096,
        description: 'Most entries that wait in each ingest worker (see resolve_delay), at about 2 KiB each. Beyond it the oldest go on at once.',
      },
    },
  },
  checkMesh,
)

const DELAY_MS_MAX = 60_000

function checkMesh(checked: { readonly naming: NamingConfig; readonly resolve_delay: string }): readonly FieldProblem[] {
  const problems = [...compileNaming(checked.naming).problems]
  const delayMs = durationMs(checked.resolve_delay)
  if (delayMs < 0 || delayMs > DELAY_MS_MAX) {
    problems.push({ path: ['resolve_delay'], problem: 'out of range', expected: 'a duration from 0s to 60s', found: checked.resolve_delay })
  }
  return problems
}

export type MeshConfig = ConfigOf<typeof config>
