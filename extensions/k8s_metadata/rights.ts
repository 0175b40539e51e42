import type { Watch } from './watches.ts'

/** A rule of a Role or ClusterRole, in the form of the RBAC API. */
export interface PolicyRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  /** Absent: objects of any name. */
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

/** Everything a config must be allowed to do, and nothing more. */
export interface Rights {
  readonly cluster: readonly PolicyRule[]
  readonly namespaces: readonly { readonly namespace: string; readonly rules: readonly PolicyRule[] }[]
}

/**
 * What the reflector of each watch asks for. A list or watch of one object by `metadata.name` is granted by its name:
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
 */
const VERBS: readonly string[] = ['list', 'watch']

/** The rights that these watches take. The same list decides what is asked for, so that the two cannot differ. */
export function rightsFor(watches: readonly Watch[]): Rights {
  const namespaces = [...new Set(watches.map(({ namespace }) => namespace))].filter((namespace) => namespace !== '').sort()
  return {
    cluster: rulesOf(watches.filter(({ namespace }) => namespace === '')),
    namespaces: namespaces.map((namespace) => ({ namespace, rules: rulesOf(watches.filter((watch) => watch.namespace === namespace)) })),
  }
}

/** One rule for each group, and one for each resource of which only some objects may be seen. */
function rulesOf(watches: readonly Watch[]): PolicyRule[] {
  const byRule = new Map<string, { readonly group: string; readonly resources: Set<string>; readonly names: Set<string> }>()
  for (const { group, resource, name } of watches) {
    const key = name === '' ? group : `${group}/${resource}`
    const rule = byRule.get(key) ?? { group, resources: new Set(), names: new Set() }
    rule.resources.add(resource)
    if (name !== '') rule.names.add(name)
    byRule.set(key, rule)
  }
  return [...byRule.values()].map(({ group, resources, names }) => ({
    apiGroups: [group],
    resources: [...resources].sort(),
    ...(names.size === 0 ? {} : { resourceNames: [...names].sort() }),
    verbs: VERBS,
  }))
}
