import type { ListenAddress } from '../component/factory.ts'
import { endpointsConflict, parseEndpoint } from '../lib/endpoint.ts'
import type { Definition } from './components.ts'
import { type ConfigNode, formatPath, type NodePath, nodeAt, type Origin, valueOrigin } from './node.ts'
import { formatOrigin, type ProblemList } from './problem.ts'

/** A socket that the process will listen on. */
export interface Listener {
  readonly network: ListenAddress['network']
  readonly address: string
  readonly path: NodePath
  readonly origin: Origin
}

/** The sockets that one component listens on; none while its config has problems. */
export function listenersOf(definition: Definition, root: ConfigNode): Listener[] {
  if (definition.config === undefined) return []
  const addresses: readonly ListenAddress[] = definition.factory?.listens?.(definition.config) ?? []
  return addresses.map(({ network, address, path }) => {
    const full = [...definition.path, ...path]
    // An extension that nobody has configured stands where it is needed.
    const origin = nodeAt(root, definition.path) === undefined ? definition.origin : valueOrigin(root, full)
    return { network, address, path: full, origin }
  })
}

/** Reports every listener that stands in the way of an earlier one (in file order). */
export function checkListeners(listeners: readonly Listener[], problems: ProblemList): void {
  const inOrder = [...listeners].sort((a, b) => a.origin.order - b.origin.order || a.origin.line - b.origin.line || a.origin.column - b.origin.column)
  for (const [i, later] of inOrder.entries()) {
    const earlier = inOrder.slice(0, i).find((other) => conflict(other, later))
    if (earlier === undefined) continue
    problems.add({
      origin: later.origin,
      path: formatPath(later.path),
      problem: 'address is already taken',
      expected: later.network === 'unix' ? 'a path of its own' : `a ${later.network} port of its own`,
      found: `${later.address}, while ${formatPath(earlier.path)} (${formatOrigin(earlier.origin)}) listens on ${earlier.address}`,
      hint: 'change one of the two',
    })
  }
}

function conflict(a: Listener, b: Listener): boolean {
  if (a.network !== b.network) return false
  if (a.network === 'unix') return a.address === b.address
  const left = parseEndpoint(a.address)
  const right = parseEndpoint(b.address)
  return left !== undefined && right !== undefined && endpointsConflict(left, right)
}
