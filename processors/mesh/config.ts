import { type ConfigOf, configSchema } from '../../component/config_schema.ts'

export const config = configSchema({
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
        "If set, the principal of a reporting Istio proxy that is missing from the log is derived from its service account, as spiffe://<trust_domain>/ns/<namespace>/sa/<account>. Empty leaves it unknown, as in Istio's own metrics over plain text.",
    },
  },
})

export type MeshConfig = ConfigOf<typeof config>
