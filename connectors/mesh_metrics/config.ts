import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { parseDuration } from '../../lib/duration.ts'
import { HTTP_LABELS } from './istio_labels.ts'
import { OTEL_LABELS } from './otel_labels.ts'

const toggle = (description: string) =>
  ({
    type: 'object',
    additionalProperties: false,
    default: {},
    description,
    properties: { enabled: { type: 'boolean', default: true, description: 'Whether the metric is produced.' } },
  }) as const

/** Config of the `mesh_metrics` connector. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      semantic: {
        type: 'string',
        enum: ['istio', 'otel'],
        default: 'istio',
        description: 'Names and labels of the metrics: those of Istio proxies, or the OpenTelemetry semantic conventions.',
      },
      metric_prefix: {
        type: 'string',
        pattern: '^[a-zA-Z_:][a-zA-Z0-9_:]*$',
        default: 'istio_',
        description: 'Prefix of the metric names with `semantic: istio`. Change it where the proxies themselves are scraped too, or every call counts twice.',
      },
      metrics: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Switches single metrics off.',
        properties: {
          requests: toggle('`istio_requests_total`. With `semantic: otel` requests are the count of the duration histogram.'),
          request_duration: toggle(
            '`istio_request_duration_milliseconds`, or `http.server.request.duration`, `http.client.request.duration`, `rpc.server.call.duration`, `rpc.client.call.duration`.',
          ),
          request_bytes: toggle('`istio_request_bytes`, or `http.server.request.body.size` and `http.client.request.body.size`.'),
          response_bytes: toggle('`istio_response_bytes`, or `http.server.response.body.size` and `http.client.response.body.size`.'),
          request_messages: toggle('`istio_request_messages_total`, gRPC messages sent by clients. Not with `semantic: otel`.'),
          response_messages: toggle('`istio_response_messages_total`, gRPC messages sent by servers. Not with `semantic: otel`.'),
          tcp_connections_opened: toggle('`istio_tcp_connections_opened_total`, or `mesh.tcp.connections.opened`.'),
          tcp_connections_closed: toggle('`istio_tcp_connections_closed_total`, or `mesh.tcp.connections.closed`.'),
          tcp_sent_bytes: toggle('`istio_tcp_sent_bytes_total`, or `mesh.tcp.sent`.'),
          tcp_received_bytes: toggle('`istio_tcp_received_bytes_total`, or `mesh.tcp.received`.'),
          build: toggle('`istio_build`, one series for each version of the proxies seen. Not with `semantic: otel`.'),
        },
      },
      labels: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Which labels the series carry.',
        properties: {
          exclude: {
            type: 'array',
            items: { type: 'string', description: 'Name of a label.' },
            uniqueItems: true,
            default: [],
            description: 'Labels to leave out, to have fewer series. `reporter` (`mesh.reporter`) must stay, or both sides of a call would be added up.',
          },
        },
      },
      histogram: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Bounds of the histograms.',
        properties: {
          duration_buckets: {
            type: 'array',
            items: { type: 'number', minimum: 0, description: 'Upper bound of a bucket.' },
            minItems: 1,
            maxItems: 64,
            description:
              "Upper bounds of duration histograms, ascending, in the metric's unit (ms with `semantic: istio`, s with `otel`). Default: the standard's.",
          },
          size_buckets: {
            type: 'array',
            items: { type: 'number', minimum: 0, description: 'Upper bound of a bucket.' },
            minItems: 1,
            maxItems: 64,
            description: "Upper bounds of size histograms, ascending, in bytes. Default: the standard's.",
          },
        },
      },
      exemplars: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Sample traces on duration histograms, for entries that carry a trace id.',
        properties: { enabled: { type: 'boolean', default: true, description: 'Whether to keep one trace per series and second.' } },
      },
      series_max: {
        type: 'integer',
        minimum: 1,
        maximum: 1_000_000,
        default: 20_000,
        description:
          'Most label tuples of each group of metrics (requests, messages, TCP). What is beyond goes to one series with `otel_metric_overflow="true"`.',
      },
      label_value_length_max: {
        type: 'integer',
        minimum: 16,
        maximum: 4096,
        default: 256,
        description: 'Most bytes of a label value; longer ones are cut at the end of a character.',
      },
      metrics_expiration: {
        type: 'string',
        format: 'duration',
        default: '1h',
        description: 'A series that has not changed for this long ends; it starts again from 0 when it comes back. `0` keeps series for ever.',
      },
      metrics_flush_interval: {
        type: 'string',
        format: 'duration',
        default: '15s',
        description: 'How often all series are handed to the exporters. Exporters that are scraped get fresh values whenever they ask.',
      },
      tcp_state_max: {
        type: 'integer',
        minimum: 1,
        maximum: 4_194_304,
        default: 65_536,
        description: 'Most open TCP connections whose counters are remembered by each ingest worker. The others are counted when they end.',
      },
      tcp_state_expiration: {
        type: 'string',
        format: 'duration',
        default: '24h',
        description: 'An open TCP connection without a log entry for this long is forgotten.',
      },
    },
  },
  (checked) => [
    ...ascending(checked.histogram.duration_buckets, 'duration_buckets'),
    ...ascending(checked.histogram.size_buckets, 'size_buckets'),
    ...excludable(checked.semantic, checked.labels.exclude),
    ...prefixFits(checked.semantic, checked.metric_prefix),
    ...notNegative(checked.metrics_expiration, 'metrics_expiration'),
    ...positive(checked.metrics_flush_interval, 'metrics_flush_interval'),
    ...positive(checked.tcp_state_expiration, 'tcp_state_expiration'),
  ],
)

export type MeshMetricsConfig = ConfigOf<typeof config>

function ascending(bounds: readonly number[] | undefined, key: string): FieldProblem[] {
  const at = bounds?.findIndex((bound, i) => i > 0 && bound <= (bounds[i - 1] as number)) ?? -1
  if (bounds === undefined || at < 0) return []
  return [{ path: ['histogram', key, at], problem: 'bounds are not ascending', expected: `a number above ${bounds[at - 1]}`, found: String(bounds[at]) }]
}

function excludable(semantic: 'istio' | 'otel', exclude: readonly string[]): FieldProblem[] {
  const labels = semantic === 'istio' ? HTTP_LABELS : OTEL_LABELS
  const needed = semantic === 'istio' ? 'reporter' : 'mesh.reporter'
  return exclude.flatMap((label, i): FieldProblem[] => {
    const path = ['labels', 'exclude', i]
    if (label === needed)
      return [{ path, problem: 'label cannot be left out', found: label, hint: 'without it the observations of both sides of a call would be added up' }]
    if (labels.includes(label)) return []
    return [{ path, problem: 'unknown label', expected: `one of ${labels.filter((name) => name !== needed).join(', ')}`, found: label }]
  })
}

function prefixFits(semantic: 'istio' | 'otel', prefix: string): FieldProblem[] {
  if (semantic === 'istio' || prefix === 'istio_') return []
  return [
    { path: ['metric_prefix'], problem: 'has no effect', found: prefix, hint: 'use it with semantic: istio, or set namespace in the prometheus exporter' },
  ]
}

function notNegative(text: string, key: string): FieldProblem[] {
  return (parseDuration(text) ?? 0) < 0 ? [{ path: [key], problem: 'duration is negative', expected: '0 or more', found: text }] : []
}

function positive(text: string, key: string): FieldProblem[] {
  return (parseDuration(text) ?? 0) <= 0 ? [{ path: [key], problem: 'duration is not positive', expected: 'more than 0', found: text }] : []
}
