import type { IdentityNeeds, KeyRule } from '../../model/identity/index.ts'
import type { MeshConfig } from './config.ts'
import { compileNaming } from './naming/rules.ts'
import { NAMING_LABELS } from './owner_party.ts'

/** What the mesh processor asks of the identity index: who has an address, which service that is, and the labels that name them. */
export function identityNeeds(config: MeshConfig): IdentityNeeds {
  const keys = compileNaming(config.naming).rules?.keys
  return {
    lookups: ['address', 'service_address', 'host', 'endpoints', 'pod_name'],
    resources: ['pods', 'nodes', 'services', 'endpointslices', 'serviceentries', 'workloadentries'],
    podLabels: rulesOf([...NAMING_LABELS, ...(keys?.podLabels ?? [])]),
    podAnnotations: rulesOf(keys?.podAnnotations ?? []),
    namespaceLabels: [],
    namespaceAnnotations: [],
    nodeLabels: [],
    nodeAnnotations: [],
    serviceLabels: rulesOf(keys?.serviceLabels ?? []),
    containers: false,
    waitForMetadataMs: 0,
  }
}

function rulesOf(keys: readonly string[]): readonly KeyRule[] {
  return [...new Set(keys)].map((key) => ({ key }))
}
