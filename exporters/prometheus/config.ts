import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { httpServerProperties } from '../../component/kit/http_server.ts'
import { checkTlsServer, type TlsServerConfig } from '../../component/kit/tls.ts'
import { durationMs } from '../../lib/duration.ts'
import { parseEndpoint } from '../../lib/endpoint.ts'

const STRATEGIES = ['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes', 'NoUTF8EscapingWithSuffixes', 'NoTranslation'] as const

/** Options and defaults of the Collector's `prometheus` exporter, and `series_max`, `created_samples`. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    required: ['endpoint'],
    properties: {
      endpoint: {
        type: 'string',
        format: 'endpoint',
        description: 'Address to serve metrics on, such as `localhost:8889`; `0.0.0.0:8889` for all interfaces.',
      },
      path: { type: 'string', pattern: '^/', default: '/metrics', description: 'Path of the metrics.' },
      namespace: { type: 'string', default: '', description: 'Put before every metric name, with an underscore between.' },
      const_labels: { type: 'object', additionalProperties: { type: 'string' }, default: {}, description: 'Labels to add to every series.' },
      send_timestamps: { type: 'boolean', default: false, description: 'Whether samples carry the time of their point.' },
      metric_expiration: {
        type: 'string',
        format: 'duration',
        default: '5m',
        description: 'How long a series is exposed after its last change; 0s = until its producer ends it.',
      },
      enable_open_metrics: {
        type: 'boolean',
        default: true,
        description: 'Whether clients that ask for OpenMetrics 1.0 get it (with exemplars); all others get text format 0.0.4.',
      },
      created_samples: { type: 'boolean', default: true, description: 'Whether OpenMetrics has a `_created` sample beside each counter and histogram.' },
      add_metric_suffixes: { type: 'boolean', default: true, description: 'Whether names get unit and type suffixes. `translation_strategy` overrules it.' },
      translation_strategy: {
        type: 'string',
        enum: STRATEGIES,
        description: 'How names are translated. Supported: `UnderscoreEscapingWithSuffixes` and `UnderscoreEscapingWithoutSuffixes`.',
      },
      resource_to_telemetry_conversion: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Turns all resource attributes into labels.',
        properties: {
          enabled: { type: 'boolean', default: false, description: 'Whether resource attributes become labels of every series.' },
          exclude_service_attributes: {
            type: 'boolean',
            default: false,
            description: 'Leaves out `service.name`, `service.namespace` and `service.instance.id`, which are in `job` and `instance` already.',
          },
        },
      },
      resource_constant_labels: {
        type: 'object',
        additionalProperties: false,
        description: 'Turns some resource attributes into labels.',
        properties: {
          included: {
            type: 'array',
            items: { type: 'string' },
            default: ['*'],
            description: 'Attribute keys to take; `*` and `?` stand for any characters and any one.',
          },
          excluded: { type: 'array', items: { type: 'string' }, default: [], description: 'Attribute keys to leave out even so.' },
        },
      },
      without_scope_info: { type: 'boolean', default: false, description: 'Leaves out the labels `otel_scope_*`.' },
      series_max: {
        type: 'integer',
        minimum: 1,
        default: 200_000,
        description: 'Most series exposed (a histogram is one). What is over goes into one series per metric with `otel_metric_overflow="true"`.',
      },
      ...httpServerProperties,
    },
  },
  check,
)

export type PrometheusConfig = ConfigOf<typeof config>

function check(checked: {
  readonly endpoint: string
  readonly metric_expiration: string
  readonly translation_strategy?: string
  readonly tls?: TlsServerConfig
}): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (parseEndpoint(checked.endpoint) === undefined) {
    problems.push({ path: ['endpoint'], problem: 'not an address', expected: 'host:port, such as localhost:8889', found: checked.endpoint })
  }
  if (durationMs(checked.metric_expiration) < 0) {
    problems.push({ path: ['metric_expiration'], problem: 'negative duration', expected: '0s or more', found: checked.metric_expiration })
  }
  if (checked.translation_strategy === 'NoUTF8EscapingWithSuffixes' || checked.translation_strategy === 'NoTranslation') {
    problems.push({
      path: ['translation_strategy'],
      problem: 'not supported: names are always translated to letters, digits and underscores',
      expected: 'UnderscoreEscapingWithSuffixes or UnderscoreEscapingWithoutSuffixes',
      found: checked.translation_strategy,
      hint: 'leave translation_strategy out for the default',
    })
  }
  return [...problems, ...checkTlsServer(checked.tls, ['tls'])]
}
