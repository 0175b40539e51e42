import type { Signal } from '../../signal.ts'
import type { ConditionNode, StatementNode, ValueNode } from './ast.ts'
import { CONTEXTS, type ContextName, contextNamed, SIGNAL_CONTEXTS } from './contexts.ts'
import { FUNCTIONS } from './functions.ts'

/** What statements name, which tells what they are about. */
interface Names {
  readonly contexts: Set<ContextName>
  readonly functions: Set<string>
  readonly enums: Set<string>
}

/**
 * The context that statements and conditions of a signal are about: the innermost that their paths name, or one inside it when only that
 * has the functions and enums that they use. Undefined when no path names one.
 */
export function inferContext(signal: Signal, nodes: Iterable<StatementNode | ConditionNode>): ContextName | undefined {
  const names: Names = { contexts: new Set(), functions: new Set(), enums: new Set() }
  for (const node of nodes) {
    if ('editor' in node) {
      collectValue(node.editor, names)
      if (node.where !== undefined) collectCondition(node.where, names)
    } else collectCondition(node, names)
  }
  const order = SIGNAL_CONTEXTS[signal]
  // A path of another signal is told when it is compiled.
  const innermost = order.find((name) => names.contexts.has(name))
  if (innermost === undefined) return undefined
  const fits = (name: ContextName): boolean => hasAll(name, names)
  if (fits(innermost)) return innermost
  return order.find((name) => name !== innermost && CONTEXTS[name].reaches.includes(innermost) && fits(name)) ?? innermost
}

function hasAll(context: ContextName, { functions, enums }: Names): boolean {
  const hasFunctions = [...functions].every((name) => FUNCTIONS.get(name)?.contexts?.includes(context) !== false)
  return hasFunctions && [...enums].every((name) => Object.hasOwn(CONTEXTS[context].enums, name) || FUNCTIONS.has(name))
}

function collectCondition(node: ConditionNode, names: Names): void {
  switch (node.kind) {
    case 'or':
    case 'and':
      for (const operand of node.operands) collectCondition(operand, names)
      break
    case 'not':
      collectCondition(node.operand, names)
      break
    case 'compare':
      collectValue(node.left, names)
      collectValue(node.right, names)
      break
    default:
      collectValue(node.value, names)
  }
}

function collectValue(node: ValueNode, names: Names): void {
  for (const child of childrenOf(node)) collectValue(child, names)
  if (node.kind === 'call') names.functions.add(node.name)
  else if (node.kind === 'symbol') names.enums.add(node.name)
  else if (node.kind === 'path' && node.segments.length > 1) {
    const context = contextNamed(node.segments[0]?.name ?? '')
    if (context !== undefined) names.contexts.add(context)
  }
}

function childrenOf(node: ValueNode): readonly ValueNode[] {
  switch (node.kind) {
    case 'list':
      return node.items
    case 'map':
      return node.entries.map(({ value }) => value)
    case 'math':
      return [node.left, node.right]
    case 'negative':
      return [node.operand]
    case 'call':
      return [...node.arguments.map(({ value }) => value), ...node.keys]
    case 'path':
      return node.segments.flatMap(({ keys }) => keys)
    default:
      return []
  }
}
