import type { IdentityNeeds, IdentityResource } from '../../model/identity/index.ts'
import type { K8sMetadataConfig } from './config.ts'

/** One list and watch of the API server; plain data. */
export interface Watch {
  readonly resource: IdentityResource
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  /** Empty: the whole cluster. */
  readonly namespace: string
  /** The one object that is asked for by its name; empty: all. */
  readonly name: string
  /** Only pods of this node; empty: of all. */
  readonly node: string
  /** Asks for `PartialObjectMetadata`: names, labels and owners. */
  readonly isMetadataOnly: boolean
  /** The resource is defined by a CRD that the cluster need not have. */
  readonly isOptional: boolean
}

interface Kind {
  readonly group: string
  readonly version: string
  readonly isMetadataOnly?: boolean
  readonly isOptional?: boolean
}

const KINDS: Readonly<Record<IdentityResource, Kind>> = {
  pods: { group: '', version: 'v1' },
  nodes: { group: '', version: 'v1' },
  namespaces: { group: '', version: 'v1', isMetadataOnly: true },
  services: { group: '', version: 'v1' },
  endpointslices: { group: 'discovery.k8s.io', version: 'v1' },
  serviceentries: { group: 'networking.istio.io', version: 'v1', isOptional: true },
  workloadentries: { group: 'networking.istio.io', version: 'v1', isOptional: true },
  replicasets: { group: 'apps', version: 'v1', isMetadataOnly: true },
  jobs: { group: 'batch', version: 'v1', isMetadataOnly: true },
}

/**
 * Owners come before pods, so that these find them; pods before endpoints, so that an address is a pod's at once.
 */
const ORDER: readonly IdentityResource[] = [
  'replicasets',
  'jobs',
  'nodes',
  'namespaces',
  'pods',
  'services',
  'endpointslices',
  'serviceentries',
  'workloadentries',
]

/**
 * Decides which lists and watches run for a config and what its components need: the one source for the requests that
 * are made and for the rights they take (`rulesFor`). Exactly one watch for each resource, or with scope `namespaces`
 * one for each of them. `node` is the own node's name, needed with scope `node`.
 */
export function planWatches(config: K8sMetadataConfig, needs: IdentityNeeds, node: string): readonly Watch[] {
  const wanted = wantedResources(config, needs)
  return ORDER.filter((resource) => wanted.has(resource)).flatMap((resource) => watchesOf(resource, config, node))
}

/** True when a watch depends on the own node's name. */
export function needsNode(config: K8sMetadataConfig, needs: IdentityNeeds): boolean {
  const wanted = wantedResources(config, needs)
  return config.scope === 'node' && (wanted.has('pods') || wanted.has('nodes'))
}

function wantedResources({ resources, exact_owners: exactOwners }: K8sMetadataConfig, needs: IdentityNeeds): ReadonlySet<IdentityResource> {
  const wanted = new Set(needs.resources)
  const setting = (choice: 'auto' | 'always' | 'never', ...names: readonly IdentityResource[]): void => {
    for (const name of names) {
      if (choice === 'always') wanted.add(name)
      else if (choice === 'never') wanted.delete(name)
    }
  }
  setting(resources.services, 'services')
  setting(resources.endpoint_slices, 'endpointslices')
  setting(resources.nodes, 'nodes')
  setting(resources.namespaces, 'namespaces')
  setting(resources.istio, 'serviceentries', 'workloadentries')
  setting(exactOwners && wanted.has('pods') ? 'always' : 'auto', 'replicasets', 'jobs')
  return wanted
}

function watchesOf(resource: IdentityResource, config: K8sMetadataConfig, node: string): readonly Watch[] {
  const { group, version, isMetadataOnly = false, isOptional = false } = KINDS[resource]
  const everything: Watch = { resource, group, version, namespace: '', name: '', node: '', isMetadataOnly, isOptional }
  const { scope, namespaces } = config
  if (resource === 'nodes') return [scope === 'node' ? { ...everything, name: node } : everything]
  if (resource === 'namespaces') return scope === 'namespaces' ? namespaces.map((name) => ({ ...everything, name })) : [everything]
  if (scope === 'namespaces') return namespaces.map((namespace) => ({ ...everything, namespace }))
  return [resource === 'pods' && scope === 'node' ? { ...everything, node } : everything]
}
