import { configSchema } from '../../component/config_schema.ts'
import { defineConnector, defineExporter, defineExtension, defineProcessor, defineReceiver, type ExtensionUse } from '../../component/factory.ts'
import type { Registry } from '../../component/spec.ts'

/** Factories for tests of the config loader only: every kind of setting and every rule, nothing that can be created. */
function notCreated(): never {
  throw new Error('BUG: the config loader creates nothing')
}

const statsd = defineReceiver({
  type: 'statsd',
  description: 'StatsD over UDP.',
  stability: { metrics: 'alpha' },
  runs: 'ingest',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: {
      endpoint: { type: 'string', format: 'endpoint', default: 'localhost:8125', description: 'Address to listen on.' },
      transport: { type: 'string', enum: ['udp', 'tcp'], default: 'udp', description: 'Kind of socket.' },
      packet_bytes_max: { type: 'integer', minimum: 1, maximum: 65_507, default: 8192, description: 'Longest packet.' },
      aggregation_interval: { type: 'string', format: 'duration', default: '60s', description: 'How often metrics are handed on.' },
      is_monotonic_counter: { type: 'boolean', default: false, description: 'Whether counters are monotonic.' },
      mappings: {
        type: 'array',
        default: [],
        description: 'Names to rewrite.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['match', 'name'],
          properties: {
            match: { type: 'string', format: 'regex', description: 'What names to rewrite.' },
            name: { type: 'string', minLength: 1, description: 'The name they get.' },
            weight: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 1, description: 'A factor.' },
          },
        },
      },
    },
  }),
  listens: ({ transport, endpoint }) => [{ network: transport, address: endpoint, path: ['endpoint'] }],
  create: notCreated,
})

const authSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Authentication.',
  required: ['authenticator'],
  properties: { authenticator: { type: 'string', description: 'Id of an extension.' } },
} as const

function useAuthenticator(auth: { readonly authenticator: string } | undefined, side: 'server' | 'client'): ExtensionUse[] {
  if (auth === undefined) return []
  return [{ extension: auth.authenticator, needs: { side }, isOptional: false, named: { as: `${side}_authenticator`, path: ['auth', 'authenticator'] } }]
}

const als = defineReceiver({
  type: 'als',
  description: 'Access logs.',
  stability: { logs: 'alpha' },
  runs: 'ingest',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: {
      endpoint: { type: 'string', format: 'endpoint', default: 'localhost:19001', description: 'Address to listen on.' },
      auth: authSchema,
    },
  }),
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  uses: ({ auth }) => useAuthenticator(auth, 'server'),
  create: notCreated,
})

const records = defineReceiver({
  type: 'records',
  description: 'Log records.',
  stability: { logs: 'alpha' },
  runs: 'main',
  config: configSchema({ type: 'object', additionalProperties: false, properties: { auth: authSchema } }),
  uses: ({ auth }) => useAuthenticator(auth, 'server'),
  create: notCreated,
  ingest: notCreated,
})

const noSettings = configSchema({ type: 'object', additionalProperties: false, properties: {} })

const useMetadata = (needs: object, isOptional: boolean): ExtensionUse => ({ extension: 'k8s_metadata', needs, isOptional })

const mesh = defineProcessor({
  type: 'mesh',
  description: 'Names both sides.',
  stability: { logs: 'alpha' },
  runs: 'ingest',
  provides: 'mesh',
  turns: 'records_into_access_logs',
  config: noSettings,
  uses: () => [useMetadata({ lookups: ['address', 'host'] }, true)],
  create: { logs: notCreated },
})

const k8sAttributes = defineProcessor({
  type: 'k8s_attributes',
  aliases: ['k8sattributes'],
  description: 'Adds attributes of pods.',
  stability: { logs: 'alpha', metrics: 'alpha' },
  runs: 'ingest',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: {
      auth_type: { type: 'string', enum: ['serviceAccount', 'kubeConfig', 'any'], default: 'any', description: 'How to get at the API server.' },
      passthrough: { type: 'boolean', default: false, description: 'Whether nothing is looked up.' },
    },
  }),
  uses: ({ passthrough, auth_type: authType }) => (passthrough ? [] : [useMetadata({ authType, lookups: ['address'] }, false)]),
  create: { logs: notCreated, metrics: notCreated },
})

const tokens = defineProcessor({
  type: 'tokens',
  description: 'Needs an extension that has no defaults.',
  stability: { logs: 'alpha' },
  runs: 'ingest',
  config: noSettings,
  uses: () => [{ extension: 'vault', needs: {}, isOptional: false }],
  create: { logs: notCreated },
})

const batch = defineProcessor({
  type: 'batch',
  description: 'Makes batches.',
  stability: { metrics: 'beta', traces: 'beta' },
  runs: 'main',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: {
      timeout: { type: 'string', format: 'duration', default: '200ms', description: 'Longest wait.' },
      send_batch_size: {
        oneOf: [
          { type: 'string', enum: ['auto'] },
          { type: 'integer', minimum: 0 },
        ],
        default: 'auto',
        description: 'Size of a batch.',
      },
      metadata_keys: { type: 'array', items: { type: 'string' }, uniqueItems: true, default: [], description: 'Keys to keep apart.' },
    },
  }),
  create: { metrics: notCreated, traces: notCreated },
})

const accessLogRecords = defineProcessor({
  type: 'access_log_records',
  description: 'Access logs to records.',
  stability: { logs: 'alpha' },
  runs: 'main',
  turns: 'access_logs_into_records',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: { body: { type: 'string', enum: ['none', 'json'], default: 'none', description: 'What is in the body.' } },
  }),
  ingest: { logs: notCreated },
  create: { logs: notCreated },
})

const transform = defineProcessor({
  type: 'transform',
  description: 'Changes records.',
  stability: { logs: 'alpha' },
  runs: 'main',
  config: noSettings,
  create: { logs: notCreated },
})

const meshMetrics = defineConnector({
  type: 'mesh_metrics',
  description: 'Logs to metrics.',
  from: 'logs',
  to: 'metrics',
  stability: 'alpha',
  needs: 'mesh',
  config: noSettings,
  ingest: notCreated,
  main: notCreated,
})

const census = defineConnector({
  type: 'census',
  description: 'Counts access logs.',
  from: 'logs',
  to: 'metrics',
  stability: 'alpha',
  config: noSettings,
  ingest: notCreated,
  main: notCreated,
})

const forward = defineConnector({
  type: 'forward',
  description: 'Metrics to metrics.',
  from: 'metrics',
  to: 'metrics',
  stability: 'alpha',
  config: noSettings,
  ingest: notCreated,
  main: notCreated,
})

const otlp = defineExporter({
  type: 'otlp_grpc',
  aliases: ['otlp'],
  description: 'OTLP over gRPC.',
  stability: { logs: 'stable', metrics: 'stable', traces: 'stable' },
  ingest: { logs: notCreated, metrics: notCreated },
  config: configSchema(
    {
      type: 'object',
      additionalProperties: false,
      required: ['endpoint'],
      properties: {
        endpoint: { type: 'string', minLength: 1, description: 'Address to send to.' },
        token: { type: 'string', secret: true, minLength: 8, description: 'Access token.' },
        headers: { type: 'object', additionalProperties: { type: 'string', secret: true }, default: {}, description: 'Headers of every request.' },
        labels: { type: 'object', additionalProperties: { type: 'string' }, default: {}, description: 'Labels.' },
        tls: {
          type: 'object',
          additionalProperties: false,
          description: 'TLS.',
          properties: {
            cert_file: { type: 'string', format: 'path', description: 'Certificate.' },
            key_file: { type: 'string', format: 'path', description: 'Key.' },
          },
        },
      },
    },
    ({ tls }) => {
      const isHalf = tls !== undefined && (tls.cert_file === undefined) !== (tls.key_file === undefined)
      return isHalf ? [{ path: ['tls', 'key_file'], problem: 'certificate without its key', expected: 'both cert_file and key_file' }] : []
    },
  ),
  main: notCreated,
})

const loki = defineExporter({
  type: 'loki',
  description: 'Takes records on the main thread.',
  stability: { logs: 'alpha' },
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: {
      auth: authSchema,
      sending_queue: {
        type: 'object',
        additionalProperties: false,
        description: 'Queue.',
        properties: { storage: { type: 'string', description: 'Id of an extension.' } },
      },
    },
  }),
  uses: ({ auth, sending_queue: queue }) => [
    ...useAuthenticator(auth, 'client'),
    ...(queue?.storage === undefined
      ? []
      : [{ extension: queue.storage, needs: {}, isOptional: false, named: { as: 'storage', path: ['sending_queue', 'storage'] } } as const]),
  ],
  main: notCreated,
})

const debug = defineExporter({
  type: 'debug',
  description: 'Prints.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  ingest: { logs: notCreated, metrics: notCreated },
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: { verbosity: { type: 'string', enum: ['basic', 'normal', 'detailed'], default: 'basic', description: 'How much.' } },
  }),
  main: notCreated,
})

const prometheus = defineExporter({
  type: 'prometheus',
  description: 'Serves metrics.',
  stability: { metrics: 'beta' },
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: { endpoint: { type: 'string', format: 'endpoint', default: 'localhost:9464', description: 'Address to listen on.' } },
  }),
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  main: notCreated,
})

const health = defineExtension({
  type: 'health_check',
  description: 'Health pages.',
  stability: 'alpha',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: { endpoint: { type: 'string', format: 'endpoint', default: 'localhost:13133', description: 'Address to listen on.' } },
  }),
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  create: notCreated,
})

const metadata = defineExtension({
  type: 'k8s_metadata',
  description: 'Kubernetes metadata.',
  stability: 'alpha',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    properties: {
      scope: { type: 'string', enum: ['node', 'cluster'], default: 'node', description: 'Which pods.' },
      endpoint: { type: 'string', format: 'endpoint', default: 'localhost:13134', description: 'Address to listen on.' },
    },
  }),
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  checkUses: (_config, uses) => {
    const authTypes = uses.map(({ needs }) => (needs as { readonly authType?: string }).authType ?? 'any')
    const first = authTypes.findIndex((authType) => authType !== 'any')
    return authTypes.flatMap((authType, use) =>
      authType === 'any' || authType === authTypes[first]
        ? []
        : [
            {
              use,
              path: ['auth_type'],
              problem: 'two ways to one API server',
              expected: `${authTypes[first]}, as of ${uses[first]?.address}`,
              found: authType,
            },
          ],
    )
  },
  create: notCreated,
  ingest: notCreated,
})

const vault = defineExtension({
  type: 'vault',
  description: 'Has no defaults.',
  stability: 'alpha',
  config: configSchema({
    type: 'object',
    additionalProperties: false,
    required: ['address'],
    properties: { address: { type: 'string', description: 'Address of the server.' } },
  }),
  create: notCreated,
  ingest: notCreated,
})

const fileStorage = defineExtension({
  type: 'file_storage',
  description: 'Storage.',
  stability: 'alpha',
  provides: ['storage'],
  config: noSettings,
  create: notCreated,
})

const basicauth = defineExtension({
  type: 'basicauth',
  aliases: ['basic_auth'],
  description: 'Passwords.',
  stability: 'alpha',
  provides: ['server_authenticator', 'client_authenticator'],
  config: noSettings,
  create: notCreated,
  ingest: notCreated,
})

const sigv4auth = defineExtension({
  type: 'sigv4auth',
  description: 'Signs.',
  stability: 'alpha',
  provides: ['client_authenticator'],
  config: noSettings,
  create: notCreated,
})

const gatekeeper = defineExtension({
  type: 'gatekeeper',
  description: 'On the main thread only.',
  stability: 'alpha',
  provides: ['server_authenticator'],
  config: noSettings,
  create: notCreated,
})

/** A registry of those. */
export const configTestRegistry: Registry = {
  factories: [
    statsd,
    als,
    records,
    mesh,
    k8sAttributes,
    tokens,
    batch,
    accessLogRecords,
    transform,
    meshMetrics,
    census,
    forward,
    otlp,
    loki,
    debug,
    prometheus,
    health,
    metadata,
    vault,
    fileStorage,
    basicauth,
    sigv4auth,
    gatekeeper,
  ],
}
