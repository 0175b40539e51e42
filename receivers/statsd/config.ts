import { configSchema, type FieldProblem, type FromSchema, type ObjectSchema } from '../../component/config_schema.ts'
import { parseEndpoint } from '../../lib/endpoint.ts'
import { checkMappingFile } from './mapping_file.ts'
import { mappingSchema } from './mapping_schema.ts'
import { checkMapping } from './naming/mapping_check.ts'
import { unreachedFaults } from './naming/mapping_explain.ts'
import type { MappingFault } from './naming/mapping_values.ts'

const MIB = 1 << 20

/** Where the receiver listens when the config does not say; the Collector's. */
const DEFAULT_SOCKET = '/var/run/statsd-receiver.sock'
const DEFAULT_ENDPOINT = 'localhost:8125'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    endpoint: {
      type: 'string',
      default: '',
      description: `Where clients send to: host:port, or the path of a socket with transport unixgram or unix. Empty = ${DEFAULT_ENDPOINT}, or ${DEFAULT_SOCKET}. Without a host (:8125) every address of the machine, IPv4 and IPv6.`,
    },
    transport: {
      type: 'string',
      enum: ['udp', 'udp4', 'udp6', 'tcp', 'tcp4', 'tcp6', 'unixgram', 'unix'],
      default: 'udp',
      description: 'unixgram is a unix datagram socket, unix a unix stream socket (lines, or frames with their length, told apart by themselves).',
    },
    socket_permissions: { type: 'string', default: '0622', description: 'File mode of a unix socket, in octal.' },
    recv_buffer_bytes: {
      type: 'integer',
      minimum: 0,
      maximum: 1024 * MIB,
      default: 8 * MIB,
      description: 'Receive buffer of each datagram socket. A warning says when the kernel grants less. 0 = what the system gives.',
    },
    readers: {
      type: 'integer',
      minimum: 0,
      maximum: 1024,
      default: 1,
      description:
        'How many ingest workers read datagrams of UDP from the start. Another one joins when one of them is busy for three seconds or the kernel has dropped datagrams. 0 = all.',
    },
    line_bytes_max: {
      type: 'integer',
      minimum: 256,
      maximum: 16 * MIB,
      default: 65_536,
      description: 'Longest line of a stream; longer ones are read over and counted.',
    },
    connections_max: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 1024,
      description: 'Most connections at a time (tcp, unix), per ingest worker.',
    },
    idle_timeout: { type: 'string', format: 'duration', default: '10m', description: 'A connection on which nothing comes for so long is closed; 0s = never.' },
    dialect: {
      type: 'string',
      enum: ['lenient', 'etsy', 'dogstatsd', 'statsd_exporter', 'telegraf', 'strict'],
      default: 'lenient',
      description: 'How lines are read; see DIALECTS.md.',
    },
    profile: {
      type: 'string',
      enum: ['none', 'envoy'],
      default: 'none',
      description: 'envoy: names and labels of an Envoy’s stats as on its own /stats/prometheus, from all of its sinks.',
    },
    envoy_prefixes: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      minItems: 1,
      default: ['envoy'],
      description: 'With profile envoy: what the Envoys’ sinks put before every name (their prefix); other names are not taken for Envoy’s.',
    },
    envoy_dotted_names: {
      type: 'string',
      enum: ['istio', 'all', 'none'],
      default: 'istio',
      description:
        'With profile envoy: which names with dots inside are kept whole, where Envoy itself takes what stands before the first dot for the tag. istio: clusters of Istio, prefixes with an address, virtual hosts, App Mesh; all: every cluster name too; none: as on Envoy’s own page.',
    },
    envoy_scaled_microseconds: {
      type: 'boolean',
      default: false,
      description: 'With profile envoy: true when the sinks turn microseconds into milliseconds (scale_histogram_units_to_milliseconds).',
    },
    mapping_file: {
      type: 'string',
      format: 'path',
      default: '',
      description:
        'A statsd_exporter mapping file, checked with the config; changes are taken over while running. Names and labels are then those of the statsd_exporter.',
    },
    mapping: mappingSchema,
    aggregation_interval: {
      type: 'string',
      format: 'duration',
      default: '60s',
      description: 'How often series are handed on when nobody asks for them, and how long a set gathers its members.',
    },
    enable_metric_type: { type: 'boolean', default: false, description: 'Adds the label metric_type: counter, gauge, timing, histogram, distribution or set.' },
    enable_simple_tags: {
      type: 'boolean',
      default: false,
      description: 'Tags without a value are always taken; true gives them the value "true" instead of the empty one.',
    },
    enable_ip_only_aggregation: {
      type: 'boolean',
      default: true,
      description: 'Read and always so: the port a client sends from never makes another series.',
    },
    is_monotonic_counter: { type: 'boolean', default: true, description: 'Counters only grow; samples below 0 are then dropped and counted.' },
    counter_type: {
      type: 'string',
      enum: ['int', 'float', 'stochastic_int'],
      default: 'int',
      description: 'Read and not needed: counters are kept as floating point numbers, exact up to 2^53, and fractions of sampled ones are not lost.',
    },
    timer_histogram_mapping: {
      type: 'array',
      default: [],
      description: 'What timers, histograms and distributions become; without an entry for its type an exponential histogram.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['statsd_type', 'observer_type'],
        properties: {
          statsd_type: {
            type: 'string',
            enum: ['timer', 'timing', 'histogram', 'distribution'],
            description: 'Samples of this type; timer and timing are the same.',
          },
          observer_type: {
            type: 'string',
            enum: ['gauge', 'summary', 'histogram', 'disabled'],
            description: 'What they become; disabled drops and counts them.',
          },
          histogram: {
            type: 'object',
            additionalProperties: false,
            description: 'How histograms are kept.',
            properties: {
              max_size: { type: 'integer', minimum: 2, maximum: 2048, default: 160, description: 'Most buckets of an exponential histogram.' },
              explicit_buckets: {
                type: 'array',
                default: [],
                description: 'Names with buckets of their own; the first that fits wins.',
                items: {
                  type: 'object',
                  additionalProperties: false,
                  required: ['matcher_pattern', 'buckets'],
                  properties: {
                    matcher_pattern: { type: 'string', format: 'regex', description: 'Regular expression that finds something in the name.' },
                    buckets: { type: 'array', items: { type: 'number' }, minItems: 1, description: 'Upper bounds, ascending.' },
                  },
                },
              },
            },
          },
          summary: {
            type: 'object',
            additionalProperties: false,
            description: 'How summaries are kept.',
            properties: {
              percentiles: {
                type: 'array',
                items: { type: 'number', minimum: 0, maximum: 100 },
                default: [0, 10, 50, 90, 95, 100],
                description: 'Percentiles, 0 to 100.',
              },
            },
          },
        },
      },
    },
    sender: {
      type: 'string',
      enum: ['none', 'ip', 'kubernetes'],
      default: 'none',
      description:
        'Labels for who sends. ip: client.address. kubernetes: the pod, by entity id, container id or external data of the line, else by address (needs the k8s_metadata extension).',
    },
    series_max: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 100_000,
      description: 'Most series; what has no room is counted in overflow series.',
    },
    series_ttl: {
      type: 'string',
      format: 'duration',
      default: '1h',
      description: 'Idle time after which a series ends, where its rule does not say another; 0s = never.',
    },
    debug_endpoint: {
      type: 'string',
      default: '',
      description: 'host:port of a page, /debug/statsd, with top talkers, senders and rejected lines. Empty = none.',
    },
  },
} as const satisfies ObjectSchema

export type StatsdConfig = FromSchema<typeof schema>

export const statsdConfig = configSchema(schema, (config) => [
  ...checkEndpoint(config),
  ...checkMappings(config),
  ...checkBuckets(config),
  ...checkSocketMode(config),
])

/** Where a receiver of this config listens. */
export function endpointOf({ endpoint, transport }: Pick<StatsdConfig, 'endpoint' | 'transport'>): string {
  if (endpoint !== '') return endpoint
  return isUnix(transport) ? DEFAULT_SOCKET : DEFAULT_ENDPOINT
}

/** True for sockets that have a path instead of an address. */
export function isUnix(transport: StatsdConfig['transport']): boolean {
  return transport === 'unix' || transport === 'unixgram'
}

/** True for datagrams over IP. */
export function isUdp(transport: StatsdConfig['transport']): boolean {
  return transport.startsWith('udp')
}

function checkEndpoint(config: StatsdConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  const addresses = [
    ...(isUnix(config.transport) ? [] : [{ path: ['endpoint'], address: endpointOf(config) }]),
    ...(config.debug_endpoint === '' ? [] : [{ path: ['debug_endpoint'], address: config.debug_endpoint }]),
  ]
  for (const { path, address } of addresses) {
    if (parseEndpoint(address) !== undefined) continue
    problems.push({
      path,
      problem: 'not an address',
      expected: 'host:port, such as localhost:8125 or :8125 for all addresses',
      found: address,
      hint: address.includes('/') ? 'a path needs transport: unixgram or unix' : 'add a colon and the port',
    })
  }
  if (isUnix(config.transport) && !endpointOf(config).includes('/'))
    problems.push({
      path: ['endpoint'],
      problem: 'not a path',
      expected: 'the path of a socket, such as /var/run/datadog/dsd.socket',
      found: config.endpoint,
      hint: 'an address needs transport: udp or tcp',
    })
  return problems
}

function checkMappings(config: StatsdConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (config.mapping !== undefined && config.mapping_file !== '')
    problems.push({ path: ['mapping'], problem: 'given twice', expected: 'either mapping or mapping_file', found: 'both', hint: 'keep one of them' })
  if (config.mapping_file !== '') problems.push(...checkMappingFile(config.mapping_file))
  if (config.mapping === undefined) return problems
  const { mapping, problems: wrong, warnings } = checkMapping(config.mapping)
  const inside = ({ path, ...fault }: MappingFault): FieldProblem => ({ ...fault, path: ['mapping', ...path] })
  const suspicious = [...warnings, ...(mapping === undefined ? [] : unreachedFaults(mapping))]
  return [...problems, ...wrong.map(inside), ...suspicious.map((fault) => ({ ...inside(fault), isWarning: true }))]
}

function checkBuckets(config: StatsdConfig): FieldProblem[] {
  return config.timer_histogram_mapping.flatMap(({ histogram }, entry) =>
    (histogram?.explicit_buckets ?? []).flatMap(({ buckets }, index) => {
      const wrong = buckets.findIndex((bound, i) => i > 0 && bound <= (buckets[i - 1] as number))
      if (wrong < 0) return []
      const path = ['timer_histogram_mapping', entry, 'histogram', 'explicit_buckets', index, 'buckets', wrong]
      return [{ path, problem: 'bounds do not ascend', expected: `more than ${buckets[wrong - 1]}`, found: String(buckets[wrong]) }]
    }),
  )
}

function checkSocketMode({ socket_permissions: mode }: StatsdConfig): FieldProblem[] {
  if (/^(?:0o?)?[0-7]{3}$/.test(mode)) return []
  return [{ path: ['socket_permissions'], problem: 'not a file mode', expected: 'three octal digits, such as "0622"', found: mode, hint: 'write it in quotes' }]
}
