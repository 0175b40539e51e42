import type { IdentityResource } from '../../../../model/identity/index.ts'

/** The API resources that are served. */
export type KubeResource = IdentityResource

/** Where a resource stands in the API. */
export interface ResourcePlace {
  readonly kind: string
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly isNamespaced: boolean
  /** Served only where somebody has installed its definition. */
  readonly isCustom: boolean
}

const place = (kind: string, group: string, version = 'v1', traits: Partial<ResourcePlace> = {}): ResourcePlace => ({
  kind,
  group,
  version,
  isNamespaced: true,
  isCustom: false,
  ...traits,
})

export const RESOURCES: Readonly<Record<KubeResource, ResourcePlace>> = {
  pods: place('Pod', ''),
  nodes: place('Node', '', 'v1', { isNamespaced: false }),
  namespaces: place('Namespace', '', 'v1', { isNamespaced: false }),
  services: place('Service', ''),
  endpointslices: place('EndpointSlice', 'discovery.k8s.io'),
  serviceentries: place('ServiceEntry', 'networking.istio.io', 'v1', { isCustom: true }),
  workloadentries: place('WorkloadEntry', 'networking.istio.io', 'v1', { isCustom: true }),
  replicasets: place('ReplicaSet', 'apps'),
  jobs: place('Job', 'batch'),
}

export const RESOURCE_NAMES = Object.keys(RESOURCES) as readonly KubeResource[]

/** `v1` or `apps/v1`, as objects say in `apiVersion`. */
export function apiVersionOf(resource: KubeResource): string {
  const { group, version } = RESOURCES[resource]
  return group === '' ? version : `${group}/${version}`
}

/** The URL path of a resource, of its objects in one namespace, or of one object. */
export function pathOf(resource: KubeResource, namespace = '', name = ''): string {
  const { group, version, isNamespaced } = RESOURCES[resource]
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope = isNamespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${scope}/${resource}${name === '' ? '' : `/${encodeURIComponent(name)}`}`
}

/** What a URL path names; `namespace`, `name` and `subresource` are empty where it has none. */
export interface ResourcePath {
  readonly resource: KubeResource
  readonly namespace: string
  readonly name: string
  readonly subresource: string
}

/** Reads a URL path; undefined when no resource of ours stands there. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const group = parts[0] === 'apis' ? (parts[1] ?? '') : ''
  const [version, ...rest] = parts.slice(parts[0] === 'apis' ? 2 : 1)
  if (parts[0] !== 'api' && parts[0] !== 'apis') return undefined
  // `/namespaces/a/pods` is the pods in a, `/namespaces/a` the namespace itself and `/namespaces/a/status` a part of it.
  const isScoped = rest[0] === 'namespaces' && rest.length >= 3 && rest[2] !== 'status'
  const [resource = '', name = '', subresource = ''] = isScoped ? rest.slice(2) : rest
  const found = RESOURCE_NAMES.find((known) => known === resource && RESOURCES[known].group === group && RESOURCES[known].version === version)
  return found === undefined ? undefined : { resource: found, namespace: isScoped ? (rest[1] ?? '') : '', name, subresource }
}
