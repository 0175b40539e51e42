import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { authSchema } from '../../component/kit/auth.ts'
import { checkHeaders } from '../../component/kit/otlp_export/headers.ts'
import { checkQueue, QUEUE_PROPERTIES } from '../../component/kit/queue/config.ts'
import { checkTlsClient, tlsClientSchema } from '../../component/kit/tls_client.ts'
import { targetOf } from './target.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['endpoint'],
  properties: {
    endpoint: {
      type: 'string',
      minLength: 1,
      description: 'Address of the server: `host:port`, also with `http://` (plain text), `https://` or `dns:///` before it, or `unix:/path`.',
    },
    tls: tlsClientSchema,
    compression: { type: 'string', enum: ['gzip', 'none'], default: 'gzip', description: 'How requests are compressed.' },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string', secret: true },
      default: {},
      description: 'Metadata to send with every request, such as an API key.',
    },
    auth: authSchema,
    keepalive: {
      type: 'object',
      additionalProperties: false,
      description: 'Pings that find out whether the connection still lives; none without this block.',
      properties: {
        time: { type: 'string', format: 'duration', default: '10s', description: 'How long a connection is silent before it is pinged.' },
        timeout: { type: 'string', format: 'duration', default: '10s', description: 'How long the answer to a ping may take.' },
        permit_without_stream: { type: 'boolean', default: false, description: 'Whether connections without a request are pinged, too.' },
      },
    },
    balancer_name: {
      type: 'string',
      enum: ['round_robin', 'pick_first'],
      default: 'round_robin',
      description: 'How requests are spread over the addresses of a name.',
    },
    wait_for_ready: { type: 'boolean', default: false, description: 'Whether an attempt waits for a connection, up to `timeout`, instead of failing at once.' },
    read_buffer_size: { type: 'integer', minimum: 0, default: 0, description: 'Read and not needed: Node.js sizes its buffers by itself.' },
    write_buffer_size: { type: 'integer', minimum: 0, default: 524_288, description: 'Read and not needed: Node.js sizes its buffers by itself.' },
    authority: { type: 'string', minLength: 1, description: 'The `:authority` of requests, instead of the endpoint.' },
    ...QUEUE_PROPERTIES,
  },
} as const

export type OtlpGrpcConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names and defaults are the Collector's. */
export const config = configSchema(schema, (checked) => [
  ...checkEndpoint(checked),
  ...checkTlsClient(checked.tls, ['tls']),
  ...checkHeaders(checked.headers),
  ...checkQueue(checked),
])

function checkEndpoint({ endpoint, tls }: OtlpGrpcConfig): FieldProblem[] {
  const target = targetOf(endpoint, tls.insecure)
  if (target !== undefined) return []
  return [
    {
      path: ['endpoint'],
      problem: 'not an address',
      expected: 'host:port, http://host:port, https://host:port, dns:///host:port or unix:/path',
      found: endpoint,
      hint: endpoint.includes('/v1/') ? 'paths belong to otlp_http' : 'the port of OTLP over gRPC is usually 4317',
    },
  ]
}
