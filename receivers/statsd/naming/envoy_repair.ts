/**
 * Which dotted names of clusters, stat prefixes and virtual hosts are kept whole.
 *
 * Envoy takes one segment of a name for a tag, so that `outbound|9080||reviews.default.svc.cluster.local` is torn apart.
 * `istio`: those of Istio, App Mesh and virtual hosts are put together; `all`: every cluster name; `none`: as Envoy has them.
 */
export type DottedNames = 'istio' | 'all' | 'none'

/** Stands for a dot that does not part two segments; Envoy lets no NUL into a stat's name. */
const KEPT_DOT = '\0'

/** A stat's name whose dots inside of names are hidden from the extractors. */
export function hideDots(stat: string, mode: DottedNames): string {
  if (mode === 'none') return stat
  const first = stat.slice(0, Math.max(stat.indexOf('.'), 0))
  if (first === 'cluster' || first === 'tcp') return hideClusterDots(stat, first, mode)
  if (first === 'http') return stat.replace(/^http\.([^.]*\d{1,3}(?:\.\d{1,3}){3}_\d+[^.]*)(?=\.)/, hideIn)
  if (first === 'listener') return stat.replace(/\.http\.([^.]*\d{1,3}(?:\.\d{1,3}){3}_\d+[^.]*)(?=\.)/, hideIn)
  if (first === 'vhost') return stat.replace(/^vhost\.(.+)(?=\.(?:vcluster|route)\.[^.]+\.[^.]+$)/, hideIn)
  return stat
}

export function showDots(text: string): string {
  return text.replaceAll(KEPT_DOT, '.')
}

/** The full dotted name of a stat that arrived with tags, and those that are found in it again. */
export interface Rejoined {
  readonly stat: string
  /** The one whose value was torn first. */
  readonly tags: readonly string[]
}

/** Puts a stat together where Envoy tore a name apart between a tag and what is left; undefined where it did not. */
export function rejoin(name: string, tags: ReadonlyMap<string, string>, mode: DottedNames): Rejoined | undefined {
  if (mode === 'none') return undefined
  for (const [tag, pattern] of TORN) {
    const value = tags.get(tag)
    const match = value === undefined || value.includes('.') ? null : pattern.exec(name)
    if (value === undefined || match === null) continue
    const [, first = '', rest = ''] = match
    // The address of the listener was cut out as well, and without it the stat prefix is not found.
    const address = first === 'listener.http.' ? tags.get('envoy.listener_address') : undefined
    const before = address === undefined ? first : `listener.${address}.http.`
    const stat = `${before}${value}.${rest}`
    const isTorn = hideDots(stat, mode).includes(`${value}${KEPT_DOT}`) || (value === 'ingress' && /^\w+\.\d+\./.test(rest))
    if (isTorn) return { stat, tags: address === undefined ? [tag] : [tag, 'envoy.listener_address'] }
  }
  return undefined
}

/** Where the value of a tag was cut out. */
const TORN: readonly (readonly [tag: string, pattern: RegExp])[] = [
  ['envoy.cluster_name', /^(cluster\.)(.+)$/],
  ['cluster_name', /^(cluster\.)(.+)$/],
  ['envoy.tcp_prefix', /^(tcp\.)(.+)$/],
  ['envoy.http_conn_manager_prefix', /^(http\.)(.+)$/],
  ['envoy.http_conn_manager_prefix', /^(listener\.(?:.*?\.)?http\.)(.+)$/],
  ['envoy.virtual_host', /^(vhost\.)(.+)$/],
]

function hideIn(match: string, name: string): string {
  const start = match.indexOf(name)
  return match.slice(0, start) + name.replaceAll('.', KEPT_DOT) + match.slice(start + name.length)
}

/** How Istio names its clusters: `outbound|9080|v1|host`, `inbound|9080||`, `outbound_.9080_._.host`. */
const ISTIO_CLUSTER = /^(?:in|out)bound(?:-vip)?(?:\||_$)/
/** A Kubernetes host ends here, whatever its stat is called (`-h2` and the like are Istio tests' own). */
const KUBERNETES_HOST = /^(.*?\.svc\.cluster\.local[^.]*)\./

function hideClusterDots(stat: string, first: string, mode: DottedNames): string {
  const rest = stat.slice(first.length + 1)
  const segments = rest.split('.')
  if (mode !== 'all' && !ISTIO_CLUSTER.test(segments[0] as string)) return stat
  const name = KUBERNETES_HOST.exec(rest)?.[1] ?? clusterName(segments)
  return `${first}.${name.replaceAll('.', KEPT_DOT)}${rest.slice(name.length)}`
}

/** The shortest beginning behind which a whole stat of a cluster stands; the first segment when there is none. */
function clusterName(segments: readonly string[]): string {
  for (let end = 1; end < segments.length; end++) {
    if (CLUSTER_STAT.test(segments.slice(end).join('.'))) return segments.slice(0, end).join('.')
  }
  return segments[0] as string
}

/** Host names have no `_`; stats without one are named here. */
const LEAF = '(?:\\w*_\\w*|version)'
const CLUSTER_STAT = new RegExp(
  `^(?:${[
    LEAF,
    `(?:external|internal|canary)\\.${LEAF}`,
    `zone\\.[^.]+\\.[^.]+\\.${LEAF}`,
    `circuit_breakers\\.\\w+\\.${LEAF}`,
    `(?:outlier_detection|redis_cluster|client_ssl_socket_factory|server_ssl_socket_factory|upstream_commands|tcp_health_check)\\..+`,
    `health_check\\.(?:name\\.[^.]+\\.)?\\w+`,
    `http[123]\\.\\w+(?:\\.\\w+)?`,
    `ssl\\.(?:ciphers|curves|sigalgs)\\.[\\w-]+`,
    `ssl\\.versions\\.TLSv\\d\\.\\d`,
    `ssl\\.certificate\\.[^.]+\\.\\w+`,
    `ssl\\.\\w+`,
    `ext_authz\\.(?:[^.]+\\.)?\\w+`,
    `ratelimit\\.(?:[^.]+\\.)?\\w+`,
    `grpc\\.(?:.+\\.)?(?:success|failure|total|\\d+|re(?:quest|sponse)_message_count|upstream_rq_time)`,
    `[^.]+\\.total_match_count`,
  ].join('|')})$`,
)
