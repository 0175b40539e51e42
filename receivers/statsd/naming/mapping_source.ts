import type { Document, LineCounter, Node, Pair } from 'yaml'
import { yaml } from '../../../lib/yaml.ts'
import type { Mapping } from './mapping.ts'
import { checkMapping } from './mapping_check.ts'
import { unreachedFaults } from './mapping_explain.ts'
import type { MappingFault, MappingPath } from './mapping_values.ts'

/** Something wrong in a mapping file, and where. */
export interface MappingProblem extends MappingFault {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

/** A mapping file after its check. */
export interface LoadedMapping {
  /** Undefined when there are problems. */
  readonly mapping?: Mapping
  /** In the order of the file, as are the warnings. */
  readonly problems: readonly MappingProblem[]
  readonly warnings: readonly MappingProblem[]
}

/** Most characters of a mapping file. */
const TEXT_MAX = 16 << 20

/**
 * Reads and checks the text of a statsd_exporter mapping file. Pure, and never throws.
 *
 * Scalars are read for what their place wants, so `code: 0200` is the text `0200`. An empty file is a mapping without rules.
 */
export function loadMapping(text: string, fileName: string): LoadedMapping {
  const lines = new (yaml().LineCounter)()
  if (text.length > TEXT_MAX) {
    const problem = {
      file: fileName,
      line: 1,
      column: 1,
      path: [],
      problem: 'file too large',
      expected: `at most ${TEXT_MAX} characters`,
      found: `${text.length}`,
    }
    return { problems: [problem], warnings: [] }
  }
  try {
    const document = yaml().parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'failsafe', merge: true, logLevel: 'silent' })
    const place = (fault: MappingFault): MappingProblem => ({ ...fault, file: fileName, ...position(document.contents, fault, lines) })
    const syntax = syntaxFaults(text, document)
    if (syntax.length > 0) {
      const problems = syntax.map(({ at, ...fault }) => {
        const { line, col } = lines.linePos(at)
        return { file: fileName, line, column: col, path: [], problem: 'not valid YAML', ...fault }
      })
      return { problems, warnings: [] }
    }
    const lineOf = (rule: number): number => position(document.contents, { path: ['mappings', rule], problem: '' }, lines).line
    const { mapping, problems, warnings } = checkMapping(document.toJS({ maxAliasCount: 10_000 }), lineOf)
    const unreached = mapping === undefined ? [] : unreachedFaults(mapping)
    const placed = { problems: problems.map(place).sort(byPlace), warnings: [...warnings, ...unreached].map(place).sort(byPlace) }
    return mapping === undefined ? placed : { mapping, ...placed }
  } catch (error) {
    return {
      problems: [{ file: fileName, line: 1, column: 1, path: [], problem: 'not valid YAML', found: lowerFirst((error as Error).message) }],
      warnings: [],
    }
  }
}

/** A problem as text: the place, what is wrong, and below it what was expected, what was found and what to do. */
export function formatMappingProblem(problem: MappingProblem, options: { readonly isWarning?: boolean } = {}): string {
  const path = formatPath(problem.path)
  const lines = [
    `${problem.file}:${problem.line}:${problem.column}  ${options.isWarning === true ? 'warning: ' : ''}${path === '' ? '' : `${path}: `}${problem.problem}`,
  ]
  for (const label of ['expected', 'found', 'hint'] as const) {
    const text = problem[label]
    if (text !== undefined) lines.push(`  ${label.padEnd(9)} ${text}`)
  }
  return lines.map(visible).join('\n')
}

interface SyntaxFault {
  /** Offset in the text. */
  readonly at: number
  readonly found: string
  readonly hint?: string
}

function syntaxFaults(text: string, document: Document.Parsed): SyntaxFault[] {
  const faults: SyntaxFault[] = document.errors.map(({ pos, message }) => ({ at: pos[0], found: lowerFirst(message), ...tabHint(text, pos[0]) }))
  yaml().visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined)
        faults.push({
          at: alias.range?.[0] ?? 0,
          found: `*${alias.source}, an alias of nothing`,
          hint: `put a match that begins with * in quotes: "*${alias.source}"`,
        })
    },
  })
  return faults
}

function byPlace(a: MappingProblem, b: MappingProblem): number {
  return a.line - b.line || a.column - b.column
}

/** Where a path stands: the key when the key is wrong, else the value, else the nearest that is there. */
function position(root: Node | null, { path, isKey }: MappingFault, lines: LineCounter): { readonly line: number; readonly column: number } {
  let node: Node | null | undefined = root
  let offset = root?.range?.[0] ?? 0
  for (const [at, step] of path.entries()) {
    const pair: Pair<Node, Node | null> | undefined = yaml().isMap(node)
      ? (node.items as Pair<Node, Node | null>[]).find(({ key }) => String(key) === String(step))
      : undefined
    const next: Node | null | undefined = pair === undefined ? (yaml().isSeq(node) ? (node.items[Number(step)] as Node | undefined) : undefined) : pair.value
    const isLast = at === path.length - 1
    const keyOffset = pair?.key.range?.[0]
    const valueOffset = next?.range?.[0]
    if (isLast && isKey === true) offset = keyOffset ?? valueOffset ?? offset
    else offset = valueOffset ?? keyOffset ?? offset
    if (next === undefined || next === null) break
    node = next
  }
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function formatPath(path: MappingPath): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : /^\w+$/.test(step) ? `${at === 0 ? '' : '.'}${step}` : `[${JSON.stringify(step)}]`))
    .join('')
}

function tabHint(text: string, offset: number): { readonly hint?: string } {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', offset)
  return /^ *\t/.test(text.slice(start, end < 0 ? undefined : end)) ? { hint: 'YAML is indented with spaces, not tabs' } : {}
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
