/** Clusters that carry a proxy's own traffic under any control plane. */
const ANY_PROXY = [
  'xds-grpc',
  'xds_cluster',
  'sds-grpc',
  'envoy_accesslog_service',
  'local_agent',
  'self_admin',
  'prometheus_backend',
  'connect_originate',
  'inner_connect_originate',
  'outer_connect_originate',
  'main_internal',
]

/** Clusters that are Istio's own by names which elsewhere may belong to a user's service. */
const ISTIO_PROXY = ['agent', 'prometheus_stats', 'zipkin', 'encap', 'local_cluster']

/**
 * Tells clusters of the mesh itself (control plane, agent, HBONE internals) from services. `extra` names more of them;
 * a `*` in a name stands for any text.
 */
export class InfrastructureClusters {
  readonly #any: ReadonlySet<string>
  readonly #istio = new Set(ISTIO_PROXY)
  readonly #patterns: readonly RegExp[]

  constructor(extra: readonly string[] = []) {
    this.#any = new Set([...ANY_PROXY, ...extra.filter((name) => !name.includes('*'))])
    this.#patterns = extra
      .filter((name) => name.includes('*'))
      .map(
        (name) =>
          new RegExp(
            `^${name
              .split('*')
              .map((part) => RegExp.escape(part))
              .join('.*')}$`,
            's',
          ),
      )
  }

  has(cluster: string, isIstio: boolean): boolean {
    return this.#any.has(cluster) || (isIstio && this.#istio.has(cluster)) || this.#patterns.some((pattern) => pattern.test(cluster))
  }
}
