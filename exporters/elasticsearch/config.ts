import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { authSchema } from '../../component/kit/auth.ts'
import { isHttpUrl } from '../../component/kit/http_sender.ts'
import { checkHeaders } from '../../component/kit/otlp_export/headers.ts'
import { checkQueue, QUEUE_PROPERTIES } from '../../component/kit/queue/config.ts'
import { checkTlsClient, tlsClientSchema } from '../../component/kit/tls_client.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    endpoint: { type: 'string', minLength: 1, description: 'URL of the server, such as `https://elasticsearch:9200`.' },
    endpoints: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: [],
      description: 'URLs of several servers of one cluster, instead of `endpoint`; they take turns, also after a failure.',
    },
    logs_index: {
      type: 'string',
      minLength: 1,
      description: 'Index or data stream for log records; without it a data stream that is named by `data_stream.dataset` and `data_stream.namespace`.',
    },
    traces_index: { type: 'string', minLength: 1, description: 'Index or data stream for spans; without it a data stream, as for log records.' },
    pipeline: { type: 'string', minLength: 1, description: 'Ingest pipeline that documents go through.' },
    mapping: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'What documents look like.',
      properties: {
        mode: {
          type: 'string',
          enum: ['otel', 'ecs'],
          default: 'otel',
          description: 'Fields as OpenTelemetry names and nests them, or those of the Elastic Common Schema.',
        },
      },
    },
    setup: {
      type: 'string',
      enum: ['none', 'template'],
      default: 'none',
      description:
        'Whether index templates for the data streams of mode `otel` are installed before the first request; for OpenSearch, as Elasticsearch has them.',
    },
    user: { type: 'string', minLength: 1, description: 'User name, with `password`.' },
    password: { type: 'string', secret: true, description: 'Password of `user`.' },
    api_key: { type: 'string', secret: true, description: 'API key in its encoded form, instead of `user`.' },
    compression: { type: 'string', enum: ['gzip', 'none'], default: 'gzip', description: 'How requests are compressed.' },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string', secret: true },
      default: {},
      description: 'Headers to send with every request.',
    },
    tls: tlsClientSchema,
    auth: authSchema,
    ...QUEUE_PROPERTIES,
    timeout: { ...QUEUE_PROPERTIES.timeout, default: '90s' },
  },
} as const

export type ElasticsearchConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names and defaults are the Collector's where it has them. */
export const config = configSchema(schema, (checked) => [
  ...checkEndpoints(checked),
  ...checkProof(checked),
  ...checkSetup(checked),
  ...checkTlsClient(checked.tls, ['tls']),
  ...checkHeaders(checked.headers),
  ...checkQueue(checked),
])

/** The servers, with or without a path, but without a slash at the end. */
export function endpointsOf({ endpoint, endpoints }: ElasticsearchConfig): readonly string[] {
  return (endpoint === undefined ? endpoints : [endpoint]).map((url) => url.replace(/\/+$/, ''))
}

function checkEndpoints({ endpoint, endpoints }: ElasticsearchConfig): FieldProblem[] {
  const hint = 'endpoint: https://localhost:9200'
  if (endpoint === undefined && endpoints.length === 0) return [{ path: [], problem: 'no endpoint', expected: 'endpoint or endpoints', hint }]
  if (endpoint !== undefined && endpoints.length > 0)
    return [{ path: ['endpoints'], problem: 'given together with endpoint', expected: 'one of endpoint and endpoints', hint: 'remove one of them' }]
  const given = endpoint === undefined ? endpoints.map((url, index) => ({ path: ['endpoints', String(index)], url })) : [{ path: ['endpoint'], url: endpoint }]
  return given
    .filter(({ url }) => !isHttpUrl(url))
    .map(({ path, url }) => ({ path, problem: 'not a URL', expected: 'http://host:port or https://host:port', found: url, hint: `https://${url}` }))
}

function checkProof({ user, password, api_key: key, auth }: ElasticsearchConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if ((user === undefined) !== (password === undefined)) {
    const [given, missing] = user === undefined ? ['password', 'user'] : ['user', 'password']
    problems.push({ path: [given], problem: `given without ${missing}`, expected: 'user and password, or neither' })
  }
  const ways = Object.entries({ user, api_key: key, auth }).filter(([, value]) => value !== undefined)
  const [, second] = ways
  if (second !== undefined)
    problems.push({ path: [second[0]], problem: `given together with ${ways[0]?.[0]}`, expected: 'one of user, api_key and auth', hint: 'remove one of them' })
  return problems
}

function checkSetup({ setup, mapping, logs_index: logs, traces_index: traces }: ElasticsearchConfig): FieldProblem[] {
  if (setup === 'none') return []
  const path = ['setup']
  if (mapping.mode !== 'otel')
    return [{ path, problem: 'no template for this mapping.mode', expected: 'setup: template with mapping.mode otel', found: mapping.mode }]
  if (logs !== undefined && traces !== undefined)
    return [{ path, problem: 'the templates are for data streams that are not used', expected: 'no logs_index or no traces_index', hint: 'remove setup' }]
  return []
}
