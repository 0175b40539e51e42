import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { authSchema } from '../../component/kit/auth.ts'
import { grpcServerProperties } from '../../component/kit/grpc_server.ts'
import { httpServerProperties } from '../../component/kit/http_server.ts'
import { checkTlsServer } from '../../component/kit/tls.ts'
import { parseEndpoint } from '../../lib/endpoint.ts'
import type { Transport } from './messages.ts'

const MIB = 1 << 20

const includeMetadata = {
  type: 'boolean',
  default: false,
  description: 'Whether the headers of a request go into the pipeline with its data (`from_context: metadata.NAME`).',
} as const

const urlPath = (signal: string) => ({ type: 'string', pattern: '^/', default: `/v1/${signal}`, description: `Path that ${signal} are posted to.` }) as const

const grpcSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'OTLP over gRPC. On when the key is there, also without a value.',
  properties: {
    endpoint: {
      type: 'string',
      default: 'localhost:4317',
      description: 'Where clients connect: host:port (port 0 lets the system choose), or the path of a socket with transport unix.',
    },
    ...grpcServerProperties,
    read_buffer_size: { type: 'integer', minimum: 0, default: 524_288, description: 'Read and not needed: Node.js sizes its buffers by itself.' },
    write_buffer_size: { type: 'integer', minimum: 0, default: 32_768, description: 'Read and not needed: Node.js sizes its buffers by itself.' },
    include_metadata: includeMetadata,
    auth: authSchema,
  },
} as const

/** Content encodings that can be undone; `deflate` and `zlib` are both zlib's format. The empty one is no encoding. */
export const ENCODINGS = ['', 'gzip', 'zstd', 'zlib', 'deflate'] as const
export type Encoding = (typeof ENCODINGS)[number]

const httpSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'OTLP over HTTP, protobuf and JSON. On when the key is there, also without a value.',
  properties: {
    endpoint: {
      type: 'string',
      format: 'endpoint',
      default: 'localhost:4318',
      description: 'Where clients connect; port 0 lets the system choose.',
    },
    transport: { type: 'string', enum: ['tcp'], default: 'tcp', description: 'Always tcp; by gRPC a unix socket can be had, too.' },
    ...httpServerProperties,
    max_request_body_size: {
      type: 'integer',
      minimum: 0,
      maximum: 1024 * MIB,
      default: 20 * MIB,
      description: 'Largest body that is accepted, in bytes, before and after decompression; 0 = the default.',
    },
    compression_algorithms: {
      type: 'array',
      items: { type: 'string', enum: ENCODINGS },
      default: ENCODINGS,
      description: 'Content encodings that are accepted; the empty one is a body without compression.',
    },
    cors: {
      type: 'object',
      additionalProperties: false,
      description: 'Lets scripts of other origins send from browsers.',
      properties: {
        allowed_origins: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          default: [],
          description: 'Origins such as https://shop.example; * stands for anything. Empty = none.',
        },
        allowed_headers: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          default: [],
          description: 'Headers they may send beside Accept, Content-Type, Origin and X-Requested-With; * stands for all.',
        },
        exposed_headers: { type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: 'Headers of answers they may read.' },
        max_age: { type: 'integer', minimum: 0, default: 0, description: 'How long browsers may remember the permission, in seconds; 0 = as they like.' },
      },
    },
    include_metadata: includeMetadata,
    auth: authSchema,
    traces_url_path: urlPath('traces'),
    metrics_url_path: urlPath('metrics'),
    logs_url_path: urlPath('logs'),
  },
} as const

export const otlpConfig = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    required: ['protocols'],
    properties: {
      protocols: {
        type: 'object',
        additionalProperties: false,
        description: 'What to listen for.',
        properties: { grpc: grpcSchema, http: httpSchema },
      },
      pending: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Requests that are being read or wait for the pipeline, per ingest worker. What comes beyond is told to come again.',
        properties: {
          requests_max: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 1024, description: 'Most requests at a time.' },
          bytes_max: { type: 'integer', minimum: 65_536, default: 64 * MIB, description: 'Most bytes of requests at a time, decompressed where they are.' },
          retry_after: { type: 'string', format: 'duration', default: '1s', description: 'When clients shall come again.' },
        },
      },
    },
  },
  (config): FieldProblem[] => [...checkProtocols(config), ...checkGrpc(config), ...checkHttp(config), ...checkPending(config)],
)

export type OtlpConfig = ConfigOf<typeof otlpConfig>
export type GrpcConfig = NonNullable<OtlpConfig['protocols']['grpc']>
export type HttpConfig = NonNullable<OtlpConfig['protocols']['http']>

/** The protocols that are on, as the transport they are in metrics. */
export function transportsOf({ protocols: { grpc, http } }: OtlpConfig): readonly Transport[] {
  return [...(grpc === undefined ? [] : (['grpc'] as const)), ...(http === undefined ? [] : (['http'] as const))]
}

/** Largest message by gRPC, in bytes. */
export function grpcBytesMax({ max_recv_msg_size_mib: mib }: GrpcConfig): number {
  return mib * MIB
}

/** Largest body by HTTP, in bytes. */
export function httpBytesMax({ max_request_body_size: bytes }: HttpConfig): number {
  return bytes === 0 ? 20 * MIB : bytes
}

function checkProtocols({ protocols: { grpc, http } }: OtlpConfig): FieldProblem[] {
  if (grpc === undefined && http === undefined)
    return [{ path: ['protocols'], problem: 'no protocol', expected: 'grpc, http or both', hint: 'write grpc: with nothing after it for all defaults' }]
  if (grpc === undefined || http === undefined || grpc.endpoint !== http.endpoint) return []
  // A real port would be found taken; with port 0 the workers could not tell the two ports apart.
  return [{ path: ['protocols', 'http', 'endpoint'], problem: 'the same as of grpc', expected: 'an address of its own', found: http.endpoint }]
}

function checkGrpc({ protocols: { grpc } }: OtlpConfig): FieldProblem[] {
  if (grpc === undefined) return []
  const path = ['protocols', 'grpc']
  const problems = [...checkTlsServer(grpc.tls, [...path, 'tls'])]
  if (grpc.transport === 'tcp' && parseEndpoint(grpc.endpoint) === undefined)
    problems.push({
      path: [...path, 'endpoint'],
      problem: 'not an address',
      expected: 'host:port, such as localhost:4317 or 0.0.0.0:4317',
      found: grpc.endpoint,
      hint: grpc.endpoint.includes('/') ? 'a path needs transport: unix' : 'add a colon and the port',
    })
  return problems
}

function checkHttp({ protocols: { http } }: OtlpConfig): FieldProblem[] {
  if (http === undefined) return []
  const path = ['protocols', 'http']
  const problems = [...checkTlsServer(http.tls, [...path, 'tls'])]
  const seen = new Map<string, string>()
  for (const key of ['traces_url_path', 'metrics_url_path', 'logs_url_path'] as const) {
    const other = seen.get(http[key])
    if (other !== undefined) problems.push({ path: [...path, key], problem: `the same as ${other}`, expected: 'a path of its own', found: http[key] })
    seen.set(http[key], key)
  }
  return problems
}

function checkPending({ protocols: { grpc, http }, pending }: OtlpConfig): FieldProblem[] {
  const limits = [
    ...(grpc === undefined ? [] : [{ name: 'protocols.grpc.max_recv_msg_size_mib', bytes: grpcBytesMax(grpc) }]),
    ...(http === undefined ? [] : [{ name: 'protocols.http.max_request_body_size', bytes: httpBytesMax(http) }]),
  ]
  const tooLarge = limits.filter(({ bytes }) => bytes > pending.bytes_max)
  return tooLarge.map(({ name, bytes }) => ({
    path: ['pending', 'bytes_max'],
    problem: 'smaller than one request may be',
    expected: `at least ${name}, ${bytes} bytes`,
    found: String(pending.bytes_max),
  }))
}
