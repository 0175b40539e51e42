import { configSchema, type FieldProblem, type FromSchema, type ObjectSchema } from '../component/config_schema.ts'
import type { ServiceSpec } from '../component/spec.ts'

const ids = (description: string) => ({ type: 'array', items: { type: 'string' }, description }) as const

const onlyTrue = (description: string) => ({ type: 'boolean', description: `${description} Always so; only \`true\` is accepted.` }) as const

const serviceSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    extensions: ids('Extensions to run, in start order.'),
    pipelines: {
      type: 'object',
      description: 'The pipelines: `logs`, `metrics` or `traces`, with a `/name` where there are several.',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        description: 'One pipeline.',
        properties: {
          receivers: ids('Where the data comes from: receivers, and connectors fed by other pipelines.'),
          processors: ids('What happens to the data, in this order; none when left out.'),
          exporters: ids('Where the data goes: exporters, and connectors that feed other pipelines.'),
        },
      },
    },
    telemetry: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: "The daemon's own logs and metrics.",
      properties: {
        logs: {
          type: 'object',
          additionalProperties: false,
          default: {},
          description: "The daemon's own log, on standard error.",
          properties: {
            level: { type: 'string', enum: ['debug', 'info', 'warn', 'error'], default: 'info', description: 'Least level that is logged.' },
            encoding: { type: 'string', enum: ['console', 'json'], default: 'console', description: '`console` for people, `json` for machines.' },
          },
        },
        metrics: {
          type: 'object',
          additionalProperties: false,
          default: {},
          description: "The daemon's own metrics.",
          properties: {
            level: {
              type: 'string',
              enum: ['none', 'basic', 'normal', 'detailed'],
              default: 'normal',
              description: '`none` closes the endpoint; the others serve all metrics.',
            },
            address: {
              type: 'string',
              format: 'endpoint',
              description: 'Where the metrics are served for Prometheus; `localhost:8888` unless given here or by `readers`.',
            },
            readers: {
              type: 'array',
              maxItems: 1,
              description: "The Collector's form of `address`: one pull reader with a Prometheus exporter.",
              items: {
                type: 'object',
                additionalProperties: false,
                required: ['pull'],
                description: 'One reader.',
                properties: {
                  pull: {
                    type: 'object',
                    additionalProperties: false,
                    required: ['exporter'],
                    description: 'A reader that is asked for its metrics.',
                    properties: {
                      exporter: {
                        type: 'object',
                        additionalProperties: false,
                        required: ['prometheus'],
                        description: 'How the metrics are served.',
                        properties: {
                          prometheus: {
                            type: 'object',
                            additionalProperties: false,
                            description: 'The Prometheus endpoint.',
                            properties: {
                              host: { type: 'string', default: 'localhost', description: 'Address to listen on.' },
                              port: { type: 'integer', minimum: 0, maximum: 65_535, default: 8888, description: 'Port to listen on.' },
                              without_scope_info: onlyTrue('Names are served without the scope.'),
                              without_type_suffix: onlyTrue('Names are served without `_total`.'),
                              without_units: onlyTrue('Names are served without a unit suffix.'),
                            },
                          },
                        },
                      },
                    },
                  },
                },
              },
            },
          },
        },
        resource: {
          type: 'object',
          additionalProperties: { type: 'string', description: 'Value of the attribute.' },
          default: {},
          description: 'Attributes of the daemon itself, added to its own metrics, such as `service.instance.id`.',
        },
      },
    },
    workers: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'The threads that take data in.',
      properties: {
        threads: {
          oneOf: [
            { type: 'string', enum: ['auto'] },
            { type: 'integer', minimum: 0, maximum: 256 },
          ],
          default: 'auto',
          description: 'Number of ingest worker threads; `auto` goes by the number of cores, 0 runs everything on the main thread.',
        },
        heap_mib_max: { type: 'integer', minimum: 0, maximum: 65_536, default: 0, description: "Limit of each worker's heap in MiB; 0 leaves it to Node.js." },
      },
    },
    drain_timeout: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'How long a stop may take to hand on what is in flight before it is forced.',
    },
  },
} as const satisfies ObjectSchema

type ServiceConfig = FromSchema<typeof serviceSchema>

/** Switches of the Collector that are always on here; writing them is allowed, so that its configs load. */
const ALWAYS_ON = ['without_scope_info', 'without_type_suffix', 'without_units'] as const

/** The `service` section: which components run, how the process watches itself, and its threads. */
export const serviceConfig = configSchema(serviceSchema, checkService)

function checkService({ telemetry, drain_timeout }: ServiceConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  const { address, readers } = telemetry.metrics
  if (address !== undefined && (readers?.length ?? 0) > 0) {
    problems.push({
      path: ['telemetry', 'metrics', 'address'],
      problem: 'address given twice',
      expected: 'either address or readers',
      hint: 'remove one of the two',
    })
  }
  const prometheus = readers?.[0]?.pull.exporter.prometheus
  for (const key of ALWAYS_ON) {
    if (prometheus?.[key] === false) {
      problems.push({
        path: [...READER_PATH, key],
        problem: 'not supported',
        expected: 'true',
        found: 'false',
        hint: 'remove it; the daemon serves its metrics under their plain names',
      })
    }
  }
  if (drain_timeout.startsWith('-'))
    problems.push({ path: ['drain_timeout'], problem: 'too small', expected: 'a duration of at least 0s', found: drain_timeout })
  return problems
}

const READER_PATH = ['telemetry', 'metrics', 'readers', 0, 'pull', 'exporter', 'prometheus'] as const
const METRICS_ADDRESS_DEFAULT = 'localhost:8888'

/** The checked section as the graph needs it, every default in place. */
export function serviceSpec(checked: unknown): ServiceSpec {
  const { telemetry, workers, drain_timeout } = checked as ServiceConfig
  const reader = telemetry.metrics.readers?.[0]?.pull.exporter.prometheus
  const host = reader?.host.includes(':') === true ? `[${reader.host}]` : reader?.host
  const address = telemetry.metrics.address ?? (reader === undefined ? METRICS_ADDRESS_DEFAULT : `${host}:${reader.port}`)
  return {
    telemetry: { logs: telemetry.logs, metrics: { level: telemetry.metrics.level, address }, resource: telemetry.resource },
    workers,
    drain_timeout,
  }
}

/** Where the own-metrics address stands in the section, for problems with it. */
export function metricsAddressPath(checked: unknown): readonly (string | number)[] {
  const { readers } = (checked as ServiceConfig).telemetry.metrics
  return readers?.[0] === undefined ? ['telemetry', 'metrics', 'address'] : [...READER_PATH, 'port']
}
