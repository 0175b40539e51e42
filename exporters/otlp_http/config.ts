import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { authSchema } from '../../component/kit/auth.ts'
import { isHttpUrl } from '../../component/kit/http_sender.ts'
import { checkHeaders } from '../../component/kit/otlp_export/headers.ts'
import { checkQueue, QUEUE_PROPERTIES } from '../../component/kit/queue/config.ts'
import { checkTlsClient, tlsClientSchema } from '../../component/kit/tls_client.ts'
import { durationMs } from '../../lib/duration.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    endpoint: { type: 'string', minLength: 1, description: 'URL of the server; `/v1/logs`, `/v1/metrics` or `/v1/traces` is added to it.' },
    logs_endpoint: { type: 'string', minLength: 1, description: 'URL for logs, used as it is, instead of `endpoint`.' },
    metrics_endpoint: { type: 'string', minLength: 1, description: 'URL for metrics, used as it is, instead of `endpoint`.' },
    traces_endpoint: { type: 'string', minLength: 1, description: 'URL for traces, used as it is, instead of `endpoint`.' },
    encoding: { type: 'string', enum: ['proto', 'json'], default: 'proto', description: 'Protobuf or JSON.' },
    compression: { type: 'string', enum: ['gzip', 'zstd', 'deflate', 'none'], default: 'gzip', description: 'How requests are compressed.' },
    compression_params: {
      type: 'object',
      additionalProperties: false,
      description: 'How hard to compress.',
      properties: {
        level: { type: 'integer', description: 'Of gzip and deflate 1 (fast) to 9 (small), of zstd 1 to 22; without it 6 and 3.' },
      },
    },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string', secret: true },
      default: {},
      description: 'Headers to send with every request, such as an API key.',
    },
    tls: tlsClientSchema,
    auth: authSchema,
    proxy_url: {
      type: 'string',
      minLength: 1,
      secret: true,
      description: 'URL of the HTTP proxy that connections go through; variables such as HTTPS_PROXY are not looked at.',
    },
    read_buffer_size: { type: 'integer', minimum: 0, default: 0, description: 'Read and not needed: Node.js sizes its buffers by itself.' },
    write_buffer_size: { type: 'integer', minimum: 0, default: 0, description: 'Read and not needed: Node.js sizes its buffers by itself.' },
    disable_keep_alives: { type: 'boolean', default: false, description: 'Whether every request gets a connection of its own.' },
    max_conns_per_host: { type: 'integer', minimum: 0, default: 0, description: 'Most connections; 0 = as many as there are requests at a time.' },
    max_idle_conns: { type: 'integer', minimum: 0, default: 100, description: 'Most connections that are kept without a request.' },
    idle_conn_timeout: {
      type: 'string',
      format: 'duration',
      default: '90s',
      description: 'How long a connection without a request stays open; 0s = for ever.',
    },
    ...QUEUE_PROPERTIES,
    timeout: { ...QUEUE_PROPERTIES.timeout, default: '30s' },
  },
} as const

export type OtlpHttpConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names and defaults are the Collector's. */
export const config = configSchema(schema, (checked) => [
  ...checkEndpoints(checked),
  ...checkTlsClient(checked.tls, ['tls']),
  ...checkHeaders(checked.headers),
  ...checkLevel(checked),
  ...checkQueue(checked),
])

const ENDPOINTS = ['endpoint', 'logs_endpoint', 'metrics_endpoint', 'traces_endpoint'] as const

function checkEndpoints(checked: OtlpHttpConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (ENDPOINTS.every((key) => checked[key] === undefined)) {
    problems.push({
      path: [],
      problem: 'no endpoint',
      expected: 'endpoint, or logs_endpoint, metrics_endpoint and traces_endpoint',
      hint: 'endpoint: http://localhost:4318',
    })
  }
  for (const key of ENDPOINTS) {
    const found = checked[key]
    if (found === undefined || isHttpUrl(found)) continue
    problems.push({ path: [key], problem: 'not a URL', expected: 'http://host:port/path or https://host:port/path', found, hint: `http://${found}` })
  }
  // It may hold a password, so it is not shown.
  if (checked.proxy_url !== undefined && !isHttpUrl(checked.proxy_url))
    problems.push({ path: ['proxy_url'], problem: 'not a URL', expected: 'http://host:port or https://host:port' })
  if (durationMs(checked.idle_conn_timeout) < 0) {
    problems.push({ path: ['idle_conn_timeout'], problem: 'negative', expected: 'a duration of 0s or more', found: checked.idle_conn_timeout })
  }
  return problems
}

/** Highest level of each compression; the lowest is 1. */
const LEVELS_MAX = { gzip: 9, deflate: 9, zstd: 22, none: 0 } as const

function checkLevel({ compression, compression_params: params }: OtlpHttpConfig): FieldProblem[] {
  const level = params?.level
  if (level === undefined || (level >= 1 && level <= LEVELS_MAX[compression])) return []
  const path = ['compression_params', 'level']
  if (compression === 'none') return [{ path, problem: 'a level without compression', expected: 'a compression', hint: 'remove it or set compression' }]
  return [{ path, problem: `not a level of ${compression}`, expected: `1 to ${LEVELS_MAX[compression]}`, found: String(level) }]
}
