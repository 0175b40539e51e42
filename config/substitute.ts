import { type ConfigNode, formatPath, type MapEntry, type NodePath, type Origin } from './node.ts'
import { ProblemList } from './problem.ts'
import { parseYaml } from './yaml_source.ts'

/** What substitution may look at; injected, so that tests need neither a process environment nor a disk. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file; throws what `readFileSync` throws. */
  readonly readFile: (path: string) => string
  /** The rank of a newly read source; the same path always gets the same one. */
  readonly orderOf: (path: string) => number
}

/** Most values behind values: `A` stands for `${B}`, `B` for `${C}`, and so on. */
const DEPTH_MAX = 100
/** Most `${…}` in one config, and most text they may become; a few variables that double each other reach both. */
const EXPANSIONS_MAX = 20_000
const TEXT_MAX = 8 * 1024 * 1024

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):/

/**
 * Replaces every `${…}` in the values (not the keys) of a config, after the Collector's rules.
 *
 * `${env:NAME}` and `${NAME}` stand for a variable, `${env:NAME:-text}` for `text` when the variable is not set,
 * `${file:path}` for a file, `${yaml:text}` for itself; they nest. `$$` is a plain `$`. A value that is nothing but one
 * `${…}` is read as YAML (and keeps its text for settings that are text); elsewhere the text is put in place as it is.
 */
export function substitute(root: ConfigNode, outside: Outside, problems: ProblemList): ConfigNode {
  return new Substitution(outside, problems).node(root, [], [])
}

/** The variables and files that stand open around the current text, outermost first. */
type Chain = readonly string[]

/** Where the text being expanded stands. */
interface Place {
  readonly origin: Origin
  readonly path: NodePath
}

class Substitution {
  readonly #outside: Outside
  readonly #problems: ProblemList
  #expansions = 0
  #textLength = 0
  #isExhausted = false
  /** Problems so far. A value that could not be made counts as absent, so that it is reported once and not as wrong too. */
  #failures = 0

  constructor(outside: Outside, problems: ProblemList) {
    this.#outside = outside
    this.#problems = problems
  }

  node(node: ConfigNode, path: NodePath, chain: Chain): ConfigNode {
    if (node.kind === 'map') {
      const entries = [...node.entries].map(([key, entry]): [string, MapEntry] => [
        key,
        { key: entry.key, value: this.node(entry.value, [...path, key], chain) },
      ])
      return { ...node, entries: new Map(entries) }
    }
    if (node.kind === 'list') return { ...node, items: node.items.map((item, i) => this.node(item, [...path, i], chain)) }
    if (typeof node.value !== 'string' || !node.value.includes('$')) return node
    return this.#scalar(node.value, { origin: node.origin, path }, chain)
  }

  #scalar(text: string, place: Place, chain: Chain): ConfigNode {
    const parts = splitText(text)
    const [only] = parts
    if (parts.length === 1 && only?.kind === 'reference') return this.#whole(only.inner, place, chain)
    const failures = this.#failures
    const value = this.#joined(parts, place, chain)
    return { kind: 'scalar', value: failures === this.#failures ? value : null, origin: place.origin }
  }

  /** A value that is one `${…}` and nothing else: what it stands for, as YAML. */
  #whole(inner: string, place: Place, chain: Chain): ConfigNode {
    const failures = this.#failures
    const found = this.#lookUp(inner, place, chain)
    const origin = { ...place.origin, via: found.via }
    if (failures !== this.#failures) return { kind: 'scalar', value: null, origin }
    const inside = { origin, path: place.path }
    const parsed = this.#parse(found, origin)
    if (parsed === undefined) return { kind: 'scalar', value: null, origin, original: found.text }
    if (parsed.kind === 'scalar' && typeof parsed.value === 'string') {
      const expanded = found.text.includes('$') ? this.#scalar(found.text, inside, found.chain) : parsed
      const text = expanded.kind === 'scalar' && typeof expanded.value === 'string' ? expanded.value : undefined
      return text === undefined ? { ...expanded, origin } : { kind: 'scalar', value: text, origin, original: text }
    }
    if (parsed.kind === 'scalar') return { ...parsed, original: found.text }
    return { ...this.node(parsed, place.path, found.chain), original: found.text }
  }

  /** Reads looked-up text as YAML; text that is no YAML, or a YAML string, is taken word for word. */
  #parse(found: Found, origin: Origin): ConfigNode | undefined {
    const ignored = new ProblemList()
    const source = found.file ?? origin.source
    const order = found.file === undefined ? origin.order : this.#outside.orderOf(found.file)
    const node = parseYaml({ text: found.text, source, order, hasLines: found.file !== undefined }, ignored)
    const isText = !ignored.isEmpty || (node?.kind === 'scalar' && typeof node.value === 'string')
    if (isText) return { kind: 'scalar', value: found.text, origin }
    if (node === undefined) return undefined
    return found.file === undefined || node.kind === 'scalar' ? movedTo(node, origin) : node
  }

  /** Text in which every `${…}` is replaced by what it stands for. */
  #text(text: string, place: Place, chain: Chain): string {
    return this.#joined(splitText(text), place, chain)
  }

  #joined(parts: readonly Part[], place: Place, chain: Chain): string {
    let joined = ''
    for (const part of parts) {
      if (part.kind === 'literal') joined += part.text
      else {
        const found = this.#lookUp(part.inner, place, chain)
        joined += found.text.includes('$') ? this.#text(found.text, place, found.chain) : found.text
      }
      if (!this.#allows(joined.length, place)) return ''
    }
    return joined
  }

  #allows(length: number, place: Place): boolean {
    this.#textLength += length
    if (this.#expansions <= EXPANSIONS_MAX && this.#textLength <= TEXT_MAX) return true
    if (!this.#isExhausted)
      this.#report(place, { problem: 'substitution too large', expected: `at most ${EXPANSIONS_MAX} uses of \${…} and ${TEXT_MAX} characters` })
    this.#isExhausted = true
    return false
  }

  #lookUp(inner: string, place: Place, chain: Chain): Found {
    this.#expansions++
    const scheme = SCHEME.exec(inner)?.[1]
    const [head, fallback] = scheme === undefined || scheme === 'env' || inner.startsWith(`${scheme}:-`) ? splitDefault(inner) : [inner, undefined]
    const uri = this.#text(head, place, chain)
    const kind = SCHEME.exec(uri)?.[1]
    const name = kind === undefined ? uri : uri.slice(kind.length + 1)
    const via = `${kind ?? 'env'}:${name}`
    const inside = [...chain, via]
    if (!this.#allows(uri.length, place) || !this.#isSound(uri, inside, place)) return { text: '', via, chain }
    if (kind === undefined || kind === 'env') return { ...this.#variable(name, fallback, place, inside), via }
    if (kind === 'file') return { ...this.#file(name, place, inside), via }
    if (kind === 'yaml') return { text: name, via: 'yaml', chain: inside }
    this.#report(place, { problem: 'unknown source of a value', expected: 'one of env, file, yaml', found: `\${${uri}}` })
    return { text: '', via, chain }
  }

  #isSound(uri: string, inside: Chain, place: Place): boolean {
    if (uri.includes('$')) {
      this.#report(place, { problem: 'a ${…} that leads to another $ is not supported', found: `\${${uri}}` })
      return false
    }
    const last = inside.at(-1)
    if (inside.length <= DEPTH_MAX && (last === undefined || inside.indexOf(last) === inside.length - 1)) return true
    const circle = inside.slice(last === undefined ? 0 : inside.indexOf(last)).slice(-10)
    this.#report(place, { problem: 'substitution goes round in circles', found: circle.join(' → ') })
    return false
  }

  #variable(name: string, fallback: string | undefined, place: Place, inside: Chain): Omit<Found, 'via'> {
    if (!NAME.test(name)) {
      this.#report(place, {
        problem: 'not the name of an environment variable',
        expected: 'letters, digits and _, not beginning with a digit',
        found: JSON.stringify(name),
        hint: 'write $$ for a plain $',
      })
      return { text: '', chain: inside }
    }
    const value = Object.hasOwn(this.#outside.env, name) ? this.#outside.env[name] : undefined
    if (value !== undefined) return { text: value, chain: inside }
    if (fallback !== undefined) return { text: fallback, chain: inside }
    this.#problems.warn({
      origin: place.origin,
      path: formatPath(place.path),
      problem: `environment variable ${name} is not set; its value is empty`,
      hint: `set it, or give a default: \${env:${name}:-default}`,
    })
    return { text: '', chain: inside }
  }

  #file(path: string, place: Place, inside: Chain): Omit<Found, 'via'> {
    this.#outside.orderOf(path)
    try {
      // The line break at the end of a file is not part of a password or a path that it holds.
      return { text: this.#outside.readFile(path).replace(/\r?\n$/, ''), chain: inside, file: path }
    } catch (error) {
      this.#report(place, { problem: 'cannot read file', found: `${path}: ${(error as Error).message}` })
      return { text: '', chain: inside }
    }
  }

  #report(place: Place, problem: { readonly problem: string; readonly expected?: string; readonly found?: string; readonly hint?: string }): void {
    this.#failures++
    this.#problems.add({ origin: place.origin, path: formatPath(place.path), ...problem })
  }
}

/** What a `${…}` stands for. */
interface Found {
  readonly text: string
  /** Shown in problems: `env:NAME`, `file:path`. */
  readonly via: string
  readonly chain: Chain
  /** Set when the text is a file's, which then has positions of its own. */
  readonly file?: string
}

type Part = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'reference'; readonly inner: string }

/**
 * Takes text apart into plain text and `${…}`. In a run of `$` each pair is one plain `$`; the odd one left over opens a
 * reference when a `{` follows that is closed somewhere, and is plain otherwise.
 */
export function splitText(text: string): Part[] {
  const parts: Part[] = []
  let literal = ''
  let i = 0
  while (i < text.length) {
    const next = text.indexOf('$', i)
    literal += text.slice(i, next < 0 ? text.length : next)
    if (next < 0) break
    i = next
    let dollars = 0
    while (text[i + dollars] === '$') dollars++
    literal += '$'.repeat(Math.floor(dollars / 2))
    i += dollars
    if (dollars % 2 === 0) continue
    const close = text[i] === '{' ? closingBrace(text, i + 1) : -1
    if (close < 0) {
      literal += '$'
      continue
    }
    if (literal !== '') parts.push({ kind: 'literal', text: literal })
    literal = ''
    parts.push({ kind: 'reference', inner: text.slice(i + 1, close) })
    i = close + 1
  }
  if (literal !== '' || parts.length === 0) parts.push({ kind: 'literal', text: literal })
  return parts
}

/** The index of the `}` that closes a reference whose inside begins at `start`; -1 when it is never closed. */
function closingBrace(text: string, start: number): number {
  let depth = 1
  for (let i = start; i < text.length; i++) {
    if (text[i] === '$' && text[i + 1] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

/** Splits `NAME:-default` at the first `:-` that is not inside a nested reference. */
function splitDefault(inner: string): [string, string | undefined] {
  let depth = 0
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] === '$' && inner[i + 1] === '{') depth++
    else if (inner[i] === '}') depth--
    else if (depth === 0 && inner.startsWith(':-', i)) return [inner.slice(0, i), inner.slice(i + 2)]
  }
  return [inner, undefined]
}

/** The same values, all written at one place. */
function movedTo(node: ConfigNode, origin: Origin): ConfigNode {
  if (node.kind === 'scalar') return { ...node, origin }
  if (node.kind === 'list') return { ...node, origin, items: node.items.map((item) => movedTo(item, origin)) }
  return { ...node, origin, entries: new Map([...node.entries].map(([key, entry]) => [key, { key: origin, value: movedTo(entry.value, origin) }])) }
}
