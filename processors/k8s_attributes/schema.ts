import type { FromSchema, ObjectSchema } from '../../component/config_schema.ts'
import { DEFAULT_METADATA } from './metadata.ts'

const text = (description: string) => ({ type: 'string', minLength: 1, description }) as const

/** A label or annotation that becomes an attribute. */
const fieldRules = (what: 'label' | 'annotation') =>
  ({
    type: 'array',
    default: [],
    description: `Which ${what}s become attributes, and under which name.`,
    items: {
      type: 'object',
      additionalProperties: false,
      properties: {
        tag_name: text(
          `Name of the attribute; absent = k8s.<pod|namespace|node>.${what}s.<key>. With groups in key_regex it may use what they matched, as $$1, $\${1} or $\${name} (each $ is doubled in YAML).`,
        ),
        key: text(`The ${what}'s key. Either key or key_regex.`),
        key_regex: text(`A regular expression that matches the whole key; every ${what} with such a key becomes an attribute.`),
        from: { type: 'string', enum: ['pod', 'namespace', 'node'], default: 'pod', description: `Whose ${what} it is.` },
      },
    },
  }) as const

const filterRules = <const Op extends string>(what: 'field' | 'label', ops: readonly Op[], keys: string) =>
  ({
    type: 'array',
    default: [],
    description: `Conditions on ${what}s of the pod; all must hold.`,
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: text(keys),
        value: { type: 'string', default: '', description: `What the ${what} is compared with.` },
        op: { type: 'string', enum: ops, default: 'equals', description: `How the ${what} is compared. not-equals also holds where the ${what} is absent.` },
      },
    },
  }) as const

/** The settings; `config.ts` adds the checks across them. */
export const schema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    auth_type: {
      type: 'string',
      enum: ['serviceAccount', 'kubeConfig', 'none'],
      description: 'How to log in to the API server. It is asked by the extension k8s_metadata, whose own setting applies if this one is absent.',
    },
    context: text('Context of the kubeconfig; only with auth_type kubeConfig.'),
    passthrough: {
      type: 'boolean',
      default: false,
      description: 'Only puts the address of the sender on what it sends (k8s.pod.ip), for a gateway that adds the rest. Needs no Kubernetes API.',
    },
    extract: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'What of a pod becomes resource attributes.',
      properties: {
        metadata: {
          type: 'array',
          items: { type: 'string' },
          default: DEFAULT_METADATA,
          description: 'Names of the attributes to add; see the table in the README.',
        },
        labels: fieldRules('label'),
        annotations: fieldRules('annotation'),
        otel_annotations: {
          type: 'boolean',
          default: false,
          description:
            'Whether a pod annotation resource.opentelemetry.io/x becomes the attribute x. It outdoes everything else but what the resource has already.',
        },
        deployment_name_from_replicaset: {
          type: 'boolean',
          default: false,
          description:
            'Whether a ReplicaSet whose pods lack the label pod-template-hash belongs to a Deployment if its name ends like one. ReplicaSets are not watched either way.',
        },
      },
    },
    filter: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Pods that do not fit are taken for unknown. It does not limit what is watched: that is set in the extension k8s_metadata.',
      properties: {
        node: text('Name of the node that the pod must run on.'),
        node_from_env_var: text('Environment variable that holds the name of the node; it goes before node.'),
        namespace: {
          oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string', minLength: 1 } }],
          default: '',
          description: 'Namespace of the pod, or a list of them; empty = all.',
        },
        fields: filterRules(
          'field',
          ['equals', 'not-equals'],
          'metadata.name, metadata.namespace, spec.nodeName, spec.serviceAccountName, spec.hostNetwork or status.podIP.',
        ),
        labels: filterRules('label', ['equals', 'not-equals', 'exists', 'does-not-exist'], 'Key of a label of the pod.'),
      },
    },
    pod_association: {
      type: 'array',
      default: [],
      description:
        'How the pod of a resource is found; the first association that leads to a pod counts. Absent = k8s.pod.ip, ip, the connection, host.name if it is an address, then k8s.pod.name with k8s.namespace.name.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['sources'],
        properties: {
          sources: {
            type: 'array',
            minItems: 1,
            maxItems: 4,
            description: 'What must all lead to the same pod.',
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['from'],
              properties: {
                from: {
                  type: 'string',
                  enum: ['connection', 'resource_attribute'],
                  description: 'connection = the address that the batch came from; resource_attribute = an attribute of the resource.',
                },
                name: text('Name of the attribute, for resource_attribute.'),
              },
            },
          },
        },
      },
    },
    exclude: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Pods of which nothing is added, beside those with the annotation opentelemetry.io/k8s-processor/ignore: "true".',
      properties: {
        pods: {
          type: 'array',
          default: [{ name: 'jaeger-agent' }, { name: 'jaeger-collector' }],
          description: 'Names of pods.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['name'],
            properties: { name: text('A regular expression that matches some part of the name.') },
          },
        },
      },
    },
    wait_for_metadata: {
      type: 'boolean',
      default: false,
      description: 'Whether the start waits until all pods are known. When the time is over it goes on without.',
    },
    wait_for_metadata_timeout: { type: 'string', format: 'duration', default: '10s', description: 'Longest time to wait.' },
  },
} as const satisfies ObjectSchema

export type K8sAttributesConfig = FromSchema<typeof schema>
