/** Where a piece of config was written. */
export interface Origin {
  /** As shown to the user: a file as named on the command line, `env:NAME`, `yaml:…` or `--set a.b`. */
  readonly source: string
  /** Rank among the sources of this load, in the order they were read; problems are sorted by it. */
  readonly order: number
  /** From 1; 0 when the source has no lines. */
  readonly line: number
  /** From 1; 0 when the source has no lines. */
  readonly column: number
  /** The variable or file that a `${…}` at this place took its value from, such as `env:PORT`. */
  readonly via?: string
}

/**
 * A config before it is checked: YAML values that remember where they were written.
 *
 * `original` is the text that a `${…}` stood for, when the whole value was one: settings that are text take it as it is
 * (`0123` stays `0123`), all others take the value that YAML reads from it.
 */
export type ConfigNode = ScalarNode | MapNode | ListNode

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  readonly origin: Origin
  readonly original?: string
}

export interface MapNode {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, MapEntry>
  readonly origin: Origin
  readonly original?: string
}

export interface MapEntry {
  /** Where the key stands. */
  readonly key: Origin
  readonly value: ConfigNode
}

export interface ListNode {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
  readonly origin: Origin
  readonly original?: string
}

/** A path below a node: map keys and list indexes. */
export type NodePath = readonly (string | number)[]

/** The node at `path`; undefined when there is none. */
export function nodeAt(root: ConfigNode | undefined, path: NodePath): ConfigNode | undefined {
  let node = root
  for (const step of path) node = childOf(node, step)
  return node
}

/** Where to point when something about the value at `path` is wrong: the value, or the nearest key above that exists. */
export function valueOrigin(root: ConfigNode, path: NodePath): Origin {
  const node = nodeAt(root, path)
  return node !== undefined && isVisible(node) ? node.origin : keyOrigin(root, path)
}

/** Where to point when something about the key at the end of `path` is wrong: the key, or the nearest one above that exists. */
export function keyOrigin(root: ConfigNode, path: NodePath): Origin {
  let origin = root.origin
  let node: ConfigNode | undefined = root
  for (const step of path) {
    if (node === undefined) break
    const entry = node.kind === 'map' ? node.entries.get(String(step)) : undefined
    node = childOf(node, step)
    if (entry !== undefined) origin = entry.key
    else if (node !== undefined) origin = node.origin
  }
  return origin
}

/** `receivers.envoyals/edge.headers["a.b"].hosts[0]`. */
export function formatPath(path: NodePath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[^\s."[\]]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text
}

/** The plain value without origins, as YAML reads it. */
export function toPlain(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(toPlain)
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.value)]))
}

function childOf(node: ConfigNode | undefined, step: string | number): ConfigNode | undefined {
  if (node?.kind === 'map') return node.entries.get(String(step))?.value
  if (node?.kind === 'list') return node.items[Number(step)]
  return undefined
}

/** A null is written as nothing at all, so its key is the better place to point at. */
function isVisible(node: ConfigNode): boolean {
  return node.kind !== 'scalar' || node.value !== null || node.original !== undefined
}
