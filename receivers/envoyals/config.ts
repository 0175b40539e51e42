import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { grpcServerProperties } from '../../component/kit/grpc_server.ts'
import { checkTlsServer } from '../../component/kit/tls.ts'
import { parseEndpoint } from '../../lib/endpoint.ts'

const MIB = 1024 * 1024

export const envoyAlsConfig = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      endpoint: {
        type: 'string',
        default: 'localhost:19001',
        description: 'Where Envoys connect: host:port (port 0 lets the system choose), or the path of a socket with transport unix.',
      },
      ...grpcServerProperties,
      max_stream_age: {
        type: 'string',
        format: 'duration',
        default: '0s',
        description:
          'Ends a stream of this age, give or take a tenth, with OK, and reads on until its Envoy has closed it, so that Envoys spread over new replicas without a loss. 0s = never.',
      },
      queue_bytes_max: {
        type: 'integer',
        minimum: 65_536,
        default: 32 * MIB,
        description: 'Most bytes of messages that wait to be decoded, per ingest worker. When they are reached the oldest messages are dropped and counted.',
      },
    },
  },
  (config) => {
    const problems: FieldProblem[] = [...checkTlsServer(config.tls, ['tls'])]
    if (config.transport === 'tcp' && parseEndpoint(config.endpoint) === undefined)
      problems.push({
        path: ['endpoint'],
        problem: 'not an address',
        expected: 'host:port, such as localhost:19001 or 0.0.0.0:19001',
        found: config.endpoint,
        hint: config.endpoint.includes('/') ? 'a path needs transport: unix' : 'add a colon and the port',
      })
    if (config.queue_bytes_max < config.max_recv_msg_size_mib * MIB)
      problems.push({
        path: ['queue_bytes_max'],
        problem: 'smaller than one message may be',
        expected: `at least max_recv_msg_size_mib, ${config.max_recv_msg_size_mib * MIB} bytes`,
        found: String(config.queue_bytes_max),
      })
    return problems
  },
)

export type EnvoyAlsConfig = ConfigOf<typeof envoyAlsConfig>
