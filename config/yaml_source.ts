import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type YAMLMap, type Node as YamlNode } from 'yaml'
import { type ConfigNode, formatPath, type MapEntry, type NodePath, type Origin } from './node.ts'
import type { ProblemList } from './problem.ts'

/** Most values one YAML text may hold, aliases resolved; keeps a small file of aliases from filling the memory. */
const NODES_MAX = 200_000
/** Deepest nesting; far above any real config, far below the stack. */
const DEPTH_MAX = 100
/** Separates the parts of a key that stands for nested maps: `receivers::otlp::endpoint: x`. */
export const KEY_DELIMITER = '::'

/** The text of one source, and how to point into it. */
export interface YamlText {
  readonly text: string
  /** How the source is shown in problems. */
  readonly source: string
  readonly order: number
  /** False for sources of one line such as `--set`, which are pointed at by name only. */
  readonly hasLines: boolean
}

/**
 * Reads YAML 1.2 (with `<<` merge keys) into nodes that know their places. Never throws.
 *
 * Every syntax error becomes a problem, and so does a key that is given twice; what could be read is still returned, so
 * that the problems behind a syntax error show too. Undefined when the text has no value at all.
 */
export function parseYaml(input: YamlText, problems: ProblemList): ConfigNode | undefined {
  const lines = new LineCounter()
  const reader = new Reader(input, lines, problems)
  try {
    const document = parseDocument(input.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'silent' })
    for (const error of document.errors) {
      problems.addSyntax({
        origin: reader.origin(error.pos[0]),
        path: '',
        problem: 'not valid YAML',
        found: lowerFirst(error.message),
        hint: syntaxHint(input.text, error.pos[0]),
      })
    }
    if (document.contents === null) return undefined
    return reader.node(document.contents, (alias) => alias.resolve(document), [])
  } catch (error) {
    // The YAML library throws on a few broken inputs instead of collecting an error; the user still gets the place.
    if (!(error instanceof TooMuch)) problems.addSyntax({ origin: reader.origin(0), path: '', problem: 'not valid YAML', found: (error as Error).message })
    return undefined
  }
}

/** Thrown to leave the recursion after a limit was reported. */
class TooMuch extends Error {}

type Resolve = (alias: Alias) => YamlNode | undefined

class Reader {
  readonly #input: YamlText
  readonly #lines: LineCounter
  readonly #problems: ProblemList
  readonly #open = new Set<YamlNode>()
  #nodes = 0

  constructor(input: YamlText, lines: LineCounter, problems: ProblemList) {
    this.#input = input
    this.#lines = lines
    this.#problems = problems
  }

  origin(offset: number): Origin {
    const { source, order, hasLines } = this.#input
    if (!hasLines) return { source, order, line: 0, column: 0 }
    const { line, col } = this.#lines.linePos(offset)
    return { source, order, line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  node(yaml: YamlNode, resolve: Resolve, path: NodePath): ConfigNode {
    const origin = this.origin(yaml.range?.[0] ?? 0)
    this.#limit(origin, path)
    if (isAlias(yaml)) return this.#alias(yaml, resolve, path, origin)
    if (isScalar(yaml)) return { kind: 'scalar', value: scalarValue(yaml.value, yaml.source), origin }
    this.#open.add(yaml)
    const node = isMap(yaml)
      ? this.#map(yaml, resolve, path, origin)
      : { kind: 'list' as const, items: isSeq(yaml) ? yaml.items.map((item, i) => this.#child(item, resolve, [...path, i], origin)) : [], origin }
    this.#open.delete(yaml)
    return node
  }

  #limit(origin: Origin, path: NodePath): void {
    if (++this.#nodes <= NODES_MAX && path.length <= DEPTH_MAX) return
    const expected = path.length > DEPTH_MAX ? `at most ${DEPTH_MAX} levels of nesting` : `at most ${NODES_MAX} values, aliases included`
    this.#problems.add({ origin, path: '', problem: 'config too large', expected })
    throw new TooMuch()
  }

  #child(item: unknown, resolve: Resolve, path: NodePath, parent: Origin): ConfigNode {
    return item === null || item === undefined ? { kind: 'scalar', value: null, origin: parent } : this.node(item as YamlNode, resolve, path)
  }

  #alias(alias: Alias, resolve: Resolve, path: NodePath, origin: Origin): ConfigNode {
    const target = resolve(alias)
    if (target === undefined || this.#open.has(target)) {
      const problem = target === undefined ? 'unknown alias' : 'alias that contains itself'
      this.#problems.add({ origin, path: formatPath(path), problem, found: `*${alias.source}` })
      return { kind: 'scalar', value: null, origin }
    }
    return this.node(target, resolve, path)
  }

  #map(map: YAMLMap, resolve: Resolve, path: NodePath, origin: Origin): ConfigNode {
    const own = new Map<string, MapEntry>()
    const inherited: ConfigNode[] = []
    for (const pair of map.items as Pair<YamlNode, YamlNode | null>[]) {
      const key = this.#key(pair.key, origin, path)
      if (key === undefined) continue
      const value = this.#child(pair.value, resolve, [...path, key.text], key.origin)
      if (key.text === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') inherited.push(value)
      else this.#put(own, key, value, path)
    }
    for (const base of inherited.flatMap((node) => (node.kind === 'list' ? node.items : [node]))) {
      if (base.kind !== 'map') this.#problems.add({ origin: base.origin, path: formatPath([...path, '<<']), problem: 'wrong type', expected: 'a map to merge' })
      else for (const [name, entry] of base.entries) if (!own.has(name)) own.set(name, entry)
    }
    return { kind: 'map', entries: own, origin }
  }

  #key(key: YamlNode | null, parent: Origin, path: NodePath): { readonly text: string; readonly origin: Origin } | undefined {
    const origin = key?.range ? this.origin(key.range[0]) : parent
    if (isScalar(key)) {
      // Keys are names even where YAML would read a number or a boolean: `200: x`, `on: y`.
      const text = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
      return { text, origin }
    }
    this.#problems.add({ origin, path: formatPath(path), problem: 'not a key', expected: 'a name', found: key === null ? 'nothing' : 'a list, map or alias' })
    return undefined
  }

  /** Puts one entry into a map; `a::b: v` becomes `a: { b: v }` and joins an `a` that is there already. */
  #put(into: Map<string, MapEntry>, key: { readonly text: string; readonly origin: Origin }, value: ConfigNode, path: NodePath): void {
    const [first = '', ...rest] = key.text.split(KEY_DELIMITER)
    const nested = rest.reduceRight<ConfigNode>((inner, name) => {
      return { kind: 'map', entries: new Map([[name, { key: key.origin, value: inner }]]), origin: key.origin }
    }, value)
    this.#join(into, { name: first, key: key.origin, value: nested }, { path, isDelimited: rest.length > 0 })
  }

  #join(
    into: Map<string, MapEntry>,
    { name, key, value }: { readonly name: string; readonly key: Origin; readonly value: ConfigNode },
    { path, isDelimited }: { readonly path: NodePath; readonly isDelimited: boolean },
  ): void {
    const there = into.get(name)
    if (there === undefined) {
      into.set(name, { key, value })
    } else if (isDelimited && there.value.kind === 'map' && value.kind === 'map') {
      const joined = new Map(there.value.entries)
      for (const [inner, entry] of value.entries)
        this.#join(joined, { name: inner, key: entry.key, value: entry.value }, { path: [...path, name], isDelimited })
      into.set(name, { key: there.key, value: { ...there.value, entries: joined } })
    } else {
      const { line } = there.key
      const hint = line > 0 ? `it is already given in line ${line}; merge the two or give one another name` : undefined
      this.#problems.add({ origin: key, path: formatPath([...path, name]), problem: 'key given twice', hint })
    }
  }
}

/** YAML's value of a scalar; what has no plain equivalent (tagged binary, dates) stays text. */
function scalarValue(value: unknown, source: string | undefined): string | number | boolean | null {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return source ?? ''
}

/** Two mistakes that the YAML library's words do not explain. */
function syntaxHint(text: string, offset: number): string | undefined {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const line = text.slice(start, text.indexOf('\n', offset) < 0 ? undefined : text.indexOf('\n', offset))
  if (/^ *\t/.test(line)) return 'YAML is indented with spaces, not tabs'
  const reference = line.indexOf('${')
  return /[[{]/.test(line.slice(0, Math.max(reference, 0))) ? 'inside [ ] and { } put ${…} in quotes' : undefined
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
