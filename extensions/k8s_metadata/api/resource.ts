/** A kind of API object, in all namespaces or in one. */
export interface ApiResource {
  /** The API group, such as `discovery.k8s.io`; empty for the core group. */
  readonly group: string
  readonly version: string
  /** The name in paths and in RBAC rules, such as `endpointslices`. */
  readonly plural: string
  /** Only this namespace; empty for all of them, and for resources without namespaces. */
  readonly namespace: string
}

/** What is done with a resource, as RBAC calls it. */
export type ApiVerb = 'get' | 'list' | 'watch'

/** The path that a resource is listed and watched at. */
export function resourcePath({ group, version, plural, namespace }: ApiResource): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  return `${root}${namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`}/${plural}`
}

/** The name for people: `pods`, `endpointslices.discovery.k8s.io`, `pods in namespace shop`. */
export function resourceName({ group, plural, namespace }: ApiResource): string {
  return `${plural}${group === '' ? '' : `.${group}`}${namespace === '' ? '' : ` in namespace ${namespace}`}`
}
