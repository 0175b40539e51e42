import { type ExtensionUse } from '../../component/factory.ts'
import { useIdentity } from '../../component/kit/identity.ts'
import { durationMs } from '../../lib/duration.ts'
import type { IdentityNeeds, IdentityResource } from '../../model/identity/index.ts'
import { associationsOf } from './association.ts'
import { FieldRules } from './field_rules.ts'
import { CONTAINER_METADATA, DETAIL_METADATA, EXACT_OWNER_METADATA } from './metadata.ts'
import { PodAttributes } from './pod_attributes.ts'
import { FILTER_ANNOTATIONS, filterLabels } from './pod_filter.ts'
import type { K8sAttributesConfig } from './schema.ts'

/** What a processor with this config wants of the identity index; nothing with `passthrough`. */
export function usesOf(config: K8sAttributesConfig): readonly ExtensionUse[] {
  return config.passthrough ? [] : [useIdentity(needsOf(config), { isOptional: false })]
}

/** Exactly the look-ups, objects, labels and annotations that the options of this config need. */
export function needsOf(config: K8sAttributesConfig): IdentityNeeds {
  const lookups = [...new Set(associationsOf(config).map(({ lookup }) => lookup))].sort()
  const pods = new PodAttributes(config)
  const namespaceLabels = FieldRules.of(config, 'labels', 'namespace').keys
  const namespaceAnnotations = FieldRules.of(config, 'annotations', 'namespace').keys
  const nodeLabels = FieldRules.of(config, 'labels', 'node').keys
  const nodeAnnotations = FieldRules.of(config, 'annotations', 'node').keys
  const { metadata } = config.extract
  const resources: IdentityResource[] = ['pods']
  if (namespaceLabels.length + namespaceAnnotations.length > 0 || metadata.includes('k8s.cluster.uid')) resources.push('namespaces')
  if (nodeLabels.length + nodeAnnotations.length > 0 || metadata.includes('k8s.node.uid')) resources.push('nodes')
  return {
    lookups,
    resources,
    podLabels: [...pods.labelKeys, ...filterLabels(config)],
    podAnnotations: [...pods.annotationKeys, ...FILTER_ANNOTATIONS],
    namespaceLabels,
    namespaceAnnotations,
    nodeLabels,
    nodeAnnotations,
    serviceLabels: [],
    containers: metadata.some((name) => CONTAINER_METADATA.includes(name)) || lookups.includes('container'),
    ...(metadata.some((name) => DETAIL_METADATA.includes(name)) ? { details: true } : {}),
    ...exactOwnersOf(metadata),
    ...(config.auth_type === undefined ? {} : { access: { authType: config.auth_type, context: config.context ?? '' } }),
    waitForMetadataMs: config.wait_for_metadata ? durationMs(config.wait_for_metadata_timeout) : 0,
  }
}

function exactOwnersOf(metadata: readonly string[]): Pick<IdentityNeeds, 'exactOwners'> {
  const exactOwners = EXACT_OWNER_METADATA.filter((name) => metadata.includes(name))
  return exactOwners.length === 0 ? {} : { exactOwners }
}
