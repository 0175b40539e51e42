/** What tag extraction leaves of a stat's name, and the tags it took out of it. */
export interface ExtractedName {
  readonly name: string
  /** Envoy's tag names, such as `envoy.cluster_name`. */
  readonly tags: ReadonlyMap<string, string>
}

/**
 * Takes the tags out of the full dotted name of a stat (without the sink's prefix), as Envoy's own default extractors do.
 *
 * Every extractor sees the whole name; of two for one tag the first that fits wins; the parts they cut out are removed at the
 * end. Source: Envoy 1.40, `well_known_names`, and the same binary's `/stats/prometheus`.
 */
export function extractTags(stat: string): ExtractedName {
  const tags = new Map<string, string>()
  const cuts: (readonly [start: number, end: number])[] = []
  for (const { tag, pattern, except } of extractorsOf(stat)) {
    if (tags.has(tag)) continue
    const match = pattern.exec(stat)
    const [cut, value] = match?.indices?.slice(1, 3) ?? []
    if (cut === undefined || value === undefined) continue
    const text = stat.slice(...value)
    if (text === except) continue
    tags.set(tag, text)
    cuts.push(cut)
  }
  return { name: without(stat, cuts), tags }
}

/** The stat without the cut parts, which may overlap. */
function without(stat: string, cuts: readonly (readonly [start: number, end: number])[]): string {
  let name = ''
  let at = 0
  for (const [start, end] of [...cuts].sort((a, b) => a[0] - b[0])) {
    if (start > at) name += stat.slice(at, start)
    at = Math.max(at, end)
  }
  return name + stat.slice(at)
}

interface Extractor {
  readonly tag: string
  /** The first group is cut out, the second is the value. */
  readonly pattern: RegExp
  /** A value that is not one. */
  readonly except?: string
}

const VALUE = '[^.]+'
const ADDRESS = '(?:\\d{1,3}(?:\\.\\d{1,3}){3}|\\[[a-fA-F_\\d]+\\])_\\d+'
const PLACE = '(?:listener|cluster)\\..*?'
const TLS_NAME = '[\\w-]+'

/**
 * By the first segment of the stats they look at; `*` looks at all of them.
 *
 * Two notations: a dotted pattern where `$` is the value, `*` a segment and `**` any number of segments; and a regular
 * expression. Within one list the order is Envoy's.
 */
const TABLE: Readonly<Record<string, readonly (readonly [tag: string, pattern: string | RegExp, except?: string])[]>> = {
  '*': [
    ['envoy.response_code', /_rq(_(\d{3}))$/d],
    ['envoy.response_code_class', /_rq_((\d))xx$/d],
    ['envoy.local_http_ratelimit_prefix', '$.http_local_rate_limit.**'],
    ['envoy.rbac_prefix', '$.rbac.**'],
  ],
  http: [
    ['envoy.dynamo_partition_id', regex(`^http\\.${VALUE}\\.dynamodb\\.table\\.${VALUE}\\.capacity\\.${VALUE}(\\.__partition_id=(\\w{7}))$`)],
    ['envoy.dynamo_operation', regex(`^http\\.${VALUE}\\.dynamodb.(?:operation|table\\.${VALUE}\\.capacity)(\\.(${VALUE}))(?:\\.|$)`)],
    ['envoy.dynamo_table', regex(`^http\\.${VALUE}\\.dynamodb.(?:table|error)\\.((${VALUE})\\.)`)],
    ['envoy.http_user_agent', 'http.*.user_agent.$.**'],
    ['envoy.fault_downstream_cluster', 'http.*.fault.$.**'],
    ['envoy.ext_authz_prefix', 'http.*.ext_authz.$.**'],
    ['envoy.http_conn_manager_prefix', 'http.$.**'],
    ['envoy.rds_route_config', regex(`^http\\.${VALUE}\\.rds\\.(([\\w\\-./]+)\\.)\\w+?$`)],
    ['envoy.scoped_rds_config', regex(`^http\\.${VALUE}\\.scoped_rds\\.(([\\w\\-.]+)\\.)\\w+?$`)],
    ['envoy.rbac_policy_name', regex(`^http\\.${VALUE}\\.rbac\\.(?:${VALUE}\\.)?policy\\.((${VALUE})\\.)(?:shadow_)?(?:allowed|denied)$`)],
    ['envoy.rbac_http_prefix', regex(`^http\\.${VALUE}\\.rbac\\.((${VALUE})\\.)`), 'policy'],
  ],
  cluster: [
    ['envoy.grpc_bridge_method', 'cluster.*.grpc.*.$.**'],
    ['envoy.ssl_curve', regex(`^${PLACE}\\.ssl\\.curves(\\.(${TLS_NAME}))$`)],
    ['envoy.ssl_sigalg', regex(`^${PLACE}\\.ssl\\.sigalgs(\\.(${TLS_NAME}))$`)],
    ['envoy.ssl_version', regex(`^${PLACE}\\.ssl\\.versions(\\.(TLSv\\d\\.\\d))$`)],
    ['cipher_suite', regex(`^cluster\\.${VALUE}\\.ssl\\.ciphers(\\.(${TLS_NAME}))$`)],
    ['envoy.grpc_bridge_service', 'cluster.*.grpc.$.**'],
    ['envoy.cluster_name', 'cluster.$.**'],
    ['envoy.ext_authz_prefix', 'cluster.*.ext_authz.$.**'],
    ['envoy.tls_certificate', regex(`^${PLACE}\\.ssl\\.certificate\\.((${VALUE})\\.).*$`)],
    ['envoy.health_check_name', regex(`^cluster\\.${VALUE}\\.health_check(\\.name\\.(${VALUE}))\\..+`)],
  ],
  listener: [
    ['envoy.ssl_cipher', regex(`^listener\\..*?\\.ssl\\.ciphers(\\.(${TLS_NAME}))$`)],
    ['envoy.ssl_curve', regex(`^${PLACE}\\.ssl\\.curves(\\.(${TLS_NAME}))$`)],
    ['envoy.ssl_sigalg', regex(`^${PLACE}\\.ssl\\.sigalgs(\\.(${TLS_NAME}))$`)],
    ['envoy.ssl_version', regex(`^${PLACE}\\.ssl\\.versions(\\.(TLSv\\d\\.\\d))$`)],
    ['envoy.http_conn_manager_prefix', regex(`^listener\\..*?\\.http\\.((${VALUE})\\.)`)],
    ['envoy.worker_id', regex(`^listener\\.(?:${ADDRESS}|${VALUE})\\.worker_((\\d+)\\.)`)],
    ['envoy.listener_address', regex(`^listener\\.((${ADDRESS}|${VALUE})\\.)`), 'admin'],
    ['envoy.tls_certificate', regex(`^${PLACE}\\.ssl\\.certificate\\.((${VALUE})\\.).*$`)],
  ],
  server: [['envoy.worker_id', /^server\.worker_((\d+)\.)/d]],
  listener_manager: [['envoy.worker_id', /^listener_manager\.worker_((\d+)\.)/d]],
  thread_local_cluster_manager: [['envoy.worker_id', /^thread_local_cluster_manager\.worker_((\d+)\.)/d]],
  mongo: [
    ['envoy.mongo_callsite', 'mongo.*.collection.*.callsite.$.query.**'],
    ['envoy.mongo_collection', 'mongo.*.collection.$.**.query.*'],
    ['envoy.mongo_cmd', 'mongo.*.cmd.$.**'],
    ['envoy.mongo_prefix', 'mongo.$.**'],
  ],
  vhost: [
    ['envoy.virtual_cluster', 'vhost.*.vcluster.$.**'],
    ['envoy.virtual_host', 'vhost.$.**'],
    ['envoy.route', 'vhost.*.route.$.**'],
  ],
  tcp: [['envoy.tcp_prefix', 'tcp.$.**']],
  udp: [['envoy.udp_prefix', 'udp.$.**']],
  auth: [['envoy.clientssl_prefix', 'auth.clientssl.$.**']],
  ratelimit: [['envoy.ratelimit_prefix', 'ratelimit.$.**']],
  thrift: [['envoy.thrift_prefix', 'thrift.$.**']],
  redis: [['envoy.redis_prefix', 'redis.$.**']],
  local_rate_limit: [['envoy.local_network_ratelimit_prefix', 'local_rate_limit.$.**']],
  listener_local_ratelimit: [['envoy.local_listener_ratelimit_prefix', 'listener_local_ratelimit.$.**']],
  dns_filter: [['envoy.dns_filter_prefix', 'dns_filter.$.**']],
  connection_limit: [['envoy.connection_limit_prefix', 'connection_limit.$.**']],
  proxy_proto: [
    ['envoy.proxy_protocol_prefix', regex(`^proxy_proto\\.((${VALUE})\\.).+$`), 'versions'],
    ['envoy.proxy_protocol_version', regex(`^proxy_proto\\.((?:${VALUE}\\.)?versions\\.v(\\d)\\.)\\w+$`)],
  ],
  grpc: [['envoy.google_grpc_client_prefix', 'grpc.$.**']],
  sds: [['envoy.xds_resource_name', regex(`^sds\\.((${VALUE})\\.).+`)]],
}

const EXTRACTORS: ReadonlyMap<string, readonly Extractor[]> = new Map(
  Object.entries(TABLE).map(([first, rows]) => [
    first,
    rows.map(([tag, pattern, except]) => ({
      tag,
      pattern: typeof pattern === 'string' ? regexOf(pattern) : pattern,
      ...(except === undefined ? {} : { except }),
    })),
  ]),
)

function extractorsOf(stat: string): readonly Extractor[] {
  const first = stat.slice(0, Math.max(stat.indexOf('.'), 0))
  return [...(EXTRACTORS.get('*') ?? []), ...(first === '*' ? [] : (EXTRACTORS.get(first) ?? []))]
}

/** `cluster.$.**` as a regular expression. */
function regexOf(tokens: string): RegExp {
  const parts = tokens.split('.').map((token, at, all) => {
    const isLast = at === all.length - 1
    if (token === '**') return isLast ? '.*' : '(?:.*\\.)?'
    const text = token === '*' ? VALUE : token === '$' ? `((${VALUE})\\.)` : token
    return token === '$' || isLast ? text : `${text}\\.`
  })
  return regex(`^${parts.join('')}$`)
}

function regex(source: string): RegExp {
  return new RegExp(source, 'd')
}
