/** Roles and bindings among objects, in a form in which those of the chart and those of `meshscope rbac` can be compared. */
import type { Manifest } from './chart.ts'

/** All objects of the RBAC API without their labels; they and their rules in an order that does not depend on where they come from. */
export function rightsOf(objects: readonly Manifest[]): readonly Manifest[] {
  return objects
    .filter(({ apiVersion }) => apiVersion.startsWith('rbac.authorization.k8s.io/'))
    .map(bare)
    .toSorted((a, b) => place(a).localeCompare(place(b)))
}

function bare({ metadata: { name, namespace }, rules, ...rest }: Manifest): Manifest {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
  const sorted = Array.isArray(rules) ? { rules: rules.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))) } : {}
  return { ...(rest as Manifest), metadata, ...sorted }
}

function place({ kind, metadata: { namespace = '' } }: Manifest): string {
  return `${kind} ${namespace}`
}
