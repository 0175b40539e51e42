/**
 * Definitions of the custom resources that the chart makes, written by hand as far as it uses them: names and types of
 * https://prometheus-operator.dev/docs/api-reference/api/ (PodMonitor, ServiceMonitor, PrometheusRule),
 * https://istio.io/latest/docs/reference/config/telemetry/ and https://istio.io/latest/docs/reference/config/networking/destination-rule/.
 * A field that is not among these is refused by an API server with strict validation.
 */
import type { Manifest } from '../../../scripts/manifests/chart.ts'

interface Schema {
  readonly type?: string
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly 'x-kubernetes-int-or-string'?: boolean
}

const text: Schema = { type: 'string' }
const texts: Schema = { type: 'object', additionalProperties: text }
const bool: Schema = { type: 'boolean' }
const count: Schema = { type: 'integer' }
/** Prometheus' durations. */
const duration: Schema = {
  type: 'string',
  pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$',
}

function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) }
}

function list(items: Schema): Schema {
  return { type: 'array', items }
}

const relabeling = object({
  sourceLabels: list({ type: 'string', pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$' }),
  separator: text,
  targetLabel: text,
  regex: text,
  modulus: count,
  replacement: text,
  action: {
    type: 'string',
    enum: ['replace', 'keep', 'drop', 'hashmod', 'labelmap', 'labeldrop', 'labelkeep', 'lowercase', 'uppercase', 'keepequal', 'dropequal'],
  },
})

const endpoint = object({
  port: text,
  path: text,
  scheme: text,
  interval: duration,
  scrapeTimeout: duration,
  honorLabels: bool,
  honorTimestamps: bool,
  relabelings: list(relabeling),
  metricRelabelings: list(relabeling),
})

const monitor = {
  jobLabel: text,
  selector: object({ matchLabels: texts }),
  namespaceSelector: object({ any: bool, matchNames: list(text) }),
  sampleLimit: count,
}

const rule = object(
  {
    record: text,
    alert: text,
    expr: { 'x-kubernetes-int-or-string': true },
    for: duration,
    keep_firing_for: duration,
    labels: texts,
    annotations: texts,
  },
  ['expr'],
)

const group = object({ name: text, interval: duration, limit: count, labels: texts, rules: list(rule) }, ['name'])

const telemetry = object({
  selector: object({ matchLabels: texts }),
  accessLogging: list(object({ providers: list(object({ name: text }, ['name'])), filter: object({ expression: text }), disabled: bool })),
})

const destinationRule = object(
  {
    host: text,
    trafficPolicy: object({ tls: object({ mode: { type: 'string', enum: ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'] } }, ['mode']) }),
  },
  ['host'],
)

/** CustomResourceDefinitions to create. */
export const CRDS: readonly Manifest[] = [
  definition('monitoring.coreos.com', 'PodMonitor', object({ ...monitor, podMetricsEndpoints: list(endpoint) }, ['selector'])),
  definition('monitoring.coreos.com', 'ServiceMonitor', object({ ...monitor, endpoints: list(endpoint) }, ['endpoints', 'selector'])),
  definition('monitoring.coreos.com', 'PrometheusRule', object({ groups: list(group) })),
  definition('telemetry.istio.io', 'Telemetry', telemetry),
  definition('networking.istio.io', 'DestinationRule', destinationRule),
]

function definition(groupName: string, kind: string, spec: Schema): Manifest {
  const plural = pluralOf(kind)
  const schema = object({ apiVersion: text, kind: text, metadata: { type: 'object' }, spec }, ['spec'])
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    // Groups that end in k8s.io would need an approval; these do not.
    metadata: { name: `${plural}.${groupName}` },
    spec: {
      group: groupName,
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  }
}

/** A kind as it stands in URLs. */
export function pluralOf(kind: string): string {
  const name = kind.toLowerCase()
  if (name === 'telemetry') return 'telemetries'
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`
}
