import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { authSchema } from '../../component/kit/auth.ts'
import { isHttpUrl } from '../../component/kit/http_sender.ts'
import { checkHeaders } from '../../component/kit/otlp_export/headers.ts'
import { checkQueue, QUEUE_PROPERTIES } from '../../component/kit/queue/config.ts'
import { checkTlsClient, tlsClientSchema } from '../../component/kit/tls_client.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['endpoint'],
  properties: {
    endpoint: { type: 'string', minLength: 1, description: 'URL that takes spans, such as `http://zipkin:9411/api/v2/spans`; used as it is.' },
    format: { type: 'string', enum: ['json'], default: 'json', description: "Encoding of the spans: Zipkin's JSON, version 2." },
    default_service_name: { type: 'string', minLength: 1, default: '<missing service name>', description: 'Service name of spans whose resource has none.' },
    compression: { type: 'string', enum: ['gzip', 'none'], default: 'none', description: 'How requests are compressed.' },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string', secret: true },
      default: {},
      description: 'Headers to send with every request, such as an API key.',
    },
    tls: tlsClientSchema,
    auth: authSchema,
    ...QUEUE_PROPERTIES,
  },
} as const

export type ZipkinConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names and defaults are the Collector's. */
export const config = configSchema(schema, (checked) => [
  ...checkEndpoint(checked),
  ...checkTlsClient(checked.tls, ['tls']),
  ...checkHeaders(checked.headers),
  ...checkQueue(checked),
])

function checkEndpoint({ endpoint: found }: ZipkinConfig): FieldProblem[] {
  if (isHttpUrl(found)) return []
  return [{ path: ['endpoint'], problem: 'not a URL', expected: 'http://host:port/path or https://host:port/path', found, hint: `http://${found}` }]
}
