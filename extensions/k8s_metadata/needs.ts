import type { NamedUse, UseProblem } from '../../component/factory.ts'
import type { IdentityNeeds, KeyRule } from '../../model/identity/index.ts'
import type { K8sMetadataConfig } from './config.ts'

/** How the API server is reached, after the users of the index have had their say. */
export interface AccessChoice {
  readonly authType: 'serviceAccount' | 'kubeConfig' | 'none'
  readonly context: string
}

const NO_NEEDS: IdentityNeeds = {
  lookups: [],
  resources: [],
  podLabels: [],
  podAnnotations: [],
  namespaceLabels: [],
  namespaceAnnotations: [],
  nodeLabels: [],
  nodeAnnotations: [],
  serviceLabels: [],
  containers: false,
  waitForMetadataMs: 0,
}

const RULES = ['podLabels', 'podAnnotations', 'namespaceLabels', 'namespaceAnnotations', 'nodeLabels', 'nodeAnnotations', 'serviceLabels'] as const

/** The union of what all users of the index want, in an order that does not depend on theirs. `uses` are `IdentityNeeds`. */
export function collectNeeds(uses: readonly unknown[]): IdentityNeeds {
  const all = uses as readonly IdentityNeeds[]
  const rules = Object.fromEntries(RULES.map((key) => [key, distinctRules(all.flatMap((needs) => needs[key]))])) as unknown as Pick<
    IdentityNeeds,
    (typeof RULES)[number]
  >
  return {
    ...NO_NEEDS,
    ...rules,
    lookups: [...new Set(all.flatMap(({ lookups }) => lookups))].sort(),
    resources: [...new Set(all.flatMap(({ resources }) => resources))].sort(),
    ...(all.some(({ discovery }) => discovery === true) ? { discovery: true } : {}),
    ...(all.some(({ details }) => details === true) ? { details: true } : {}),
    containers: all.some(({ containers, lookups }) => containers || lookups.includes('container')),
    waitForMetadataMs: Math.max(0, ...all.map(({ waitForMetadataMs }) => waitForMetadataMs)),
  }
}

/**
 * Decides between the extension's own settings of access and those of the users of the index, the first opinion wins;
 * `serviceAccount` without a context is nobody's opinion but the default. See `accessConflicts`.
 */
export function chooseAccess(config: K8sMetadataConfig, uses: readonly unknown[]): AccessChoice {
  const own: AccessChoice = { authType: config.auth_type, context: config.context }
  if (isOpinion(own)) return own
  return (uses as readonly IdentityNeeds[]).map(({ access }) => access).find((access) => access !== undefined && isOpinion(access)) ?? own
}

/** There is one connection to the API server: users that want it another way than the one that is chosen. */
export function accessConflicts(config: K8sMetadataConfig, uses: readonly NamedUse[]): readonly UseProblem[] {
  const accesses = uses.map(({ needs }) => (needs as IdentityNeeds).access)
  const chosen = chooseAccess(
    config,
    uses.map(({ needs }) => needs),
  )
  const own: AccessChoice = { authType: config.auth_type, context: config.context }
  const by = isOpinion(own) ? 'the extension k8s_metadata' : uses.find((_, index) => isOpinion(accesses[index] ?? own))?.address
  return accesses.flatMap((access, use): UseProblem[] => {
    if (access === undefined || !isOpinion(access) || (access.authType === chosen.authType && access.context === chosen.context)) return []
    return [
      {
        use,
        path: [access.authType === chosen.authType ? 'context' : 'auth_type'],
        problem: 'another access to the API server than that of others',
        expected: `${accessText(chosen)}, as for ${by}`,
        found: accessText(access),
        hint: 'all components share one connection; set auth_type in extensions.k8s_metadata only',
      },
    ]
  })
}

/** Wants that only exact owners can meet, where the config does not have them. */
export function ownerConflicts(config: K8sMetadataConfig, uses: readonly NamedUse[]): readonly UseProblem[] {
  if (config.exact_owners) return []
  return uses.flatMap(({ needs }, use) =>
    ((needs as IdentityNeeds).exactOwners ?? []).map(
      (name): UseProblem => ({
        use,
        path: ['extract', 'metadata'],
        problem: 'not known to k8s_metadata: a pod names its ReplicaSet or Job only, not what controls that',
        expected: 'exact_owners: true in extensions.k8s_metadata',
        found: name,
        hint: `set it, which watches the metadata of ReplicaSets and Jobs and takes the rights to, or remove ${name}`,
      }),
    ),
  )
}

function isOpinion({ authType, context }: AccessChoice): boolean {
  return authType !== 'serviceAccount' || context !== ''
}

function accessText({ authType, context }: AccessChoice): string {
  return context === '' ? authType : `${authType} with context ${context}`
}

function distinctRules(rules: readonly KeyRule[]): KeyRule[] {
  const byText = new Map(rules.map((rule) => [JSON.stringify(rule), rule]))
  return [...byText.keys()].sort().map((text) => byText.get(text) as KeyRule)
}
