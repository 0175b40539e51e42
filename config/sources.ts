import { mergeNodes } from './merge.ts'
import type { ConfigNode, Origin } from './node.ts'
import type { ProblemList } from './problem.ts'
import type { Outside } from './substitute.ts'
import { KEY_DELIMITER, parseYaml } from './yaml_source.ts'

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):/

/**
 * Reads and merges all `--config` sources and, after them, all `--set` overrides.
 *
 * A source is a path, `file:path`, `env:NAME` (YAML in a variable) or `yaml:text`. Undefined when nothing could be read.
 */
export function readSources(
  { sources, overrides }: { readonly sources: readonly string[]; readonly overrides: readonly string[] },
  outside: Outside,
  problems: ProblemList,
): ConfigNode | undefined {
  const emptySources: Origin[] = []
  let merged: ConfigNode | undefined
  for (const source of sources) {
    const text = readSource(source, outside, problems)
    if (text === undefined) continue
    const before = problems.problems().length
    const node = parseYaml(text, problems)
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) {
      if (problems.problems().length === before) emptySources.push(startOf(text))
    } else if (node.kind !== 'map') {
      problems.add({ origin: node.origin, path: '', problem: 'not a config', expected: 'a map with receivers, exporters and service', found: `a ${node.kind}` })
    } else {
      merged = merged === undefined ? node : mergeNodes(merged, node)
    }
  }
  for (const origin of emptySources) {
    if (merged === undefined) problems.add({ origin, path: '', problem: 'empty config', expected: 'at least one receiver, one exporter and service.pipelines' })
    else problems.warn({ origin, path: '', problem: 'empty config; nothing is taken from it' })
  }
  for (const override of overrides) {
    const node = readOverride(override, outside, problems)
    if (node !== undefined) merged = merged === undefined ? node : mergeNodes(merged, node)
  }
  return merged
}

interface SourceText {
  readonly text: string
  readonly source: string
  readonly order: number
  readonly hasLines: boolean
}

function startOf({ source, order, hasLines }: SourceText): Origin {
  return { source, order, line: hasLines ? 1 : 0, column: hasLines ? 1 : 0 }
}

function readSource(source: string, outside: Outside, problems: ProblemList): SourceText | undefined {
  const scheme = SCHEME.exec(source)?.[1]
  const rest = scheme === undefined ? source : source.slice(scheme.length + 1)
  if (scheme === undefined || scheme === 'file') return readFile(rest, outside, problems)
  if (scheme === 'env') return readVariable(rest, outside, problems)
  if (scheme === 'yaml') {
    const firstLine = rest.split('\n', 1)[0] ?? ''
    const shown = firstLine.length > 40 ? `${firstLine.slice(0, 40)}…` : firstLine
    return { text: rest, source: `yaml:${shown}`, order: outside.orderOf(source), hasLines: rest.includes('\n') }
  }
  problems.add({
    origin: { source: `--config ${source}`, order: outside.orderOf(source), line: 0, column: 0 },
    path: '',
    problem: 'unknown kind of source',
    expected: 'a path, file:path, env:NAME or yaml:text',
    found: `${scheme}:`,
    hint: scheme.startsWith('http') ? 'download the file first; configs are not fetched over the network' : `write file:${source} if this is a path`,
  })
  return undefined
}

function readFile(path: string, outside: Outside, problems: ProblemList): SourceText | undefined {
  const order = outside.orderOf(path)
  try {
    return { text: outside.readFile(path), source: path, order, hasLines: true }
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    problems.add({
      origin: { source: path, order, line: 0, column: 0 },
      path: '',
      problem: isMissing ? 'file not found' : 'cannot read file',
      found: isMissing ? undefined : (error as Error).message,
      hint: isMissing ? 'check the path given with --config; it is relative to the current folder' : undefined,
    })
    return undefined
  }
}

function readVariable(name: string, outside: Outside, problems: ProblemList): SourceText | undefined {
  const source = `env:${name}`
  const order = outside.orderOf(source)
  const text = Object.hasOwn(outside.env, name) ? outside.env[name] : undefined
  if (text !== undefined) return { text, source, order, hasLines: true }
  problems.add({ origin: { source, order, line: 0, column: 0 }, path: '', problem: 'environment variable is not set', expected: 'the text of a config in it' })
  return undefined
}

/** `a.b.c=value`: the keys nest, the value is YAML. */
function readOverride(override: string, outside: Outside, problems: ProblemList): ConfigNode | undefined {
  const equals = override.indexOf('=')
  const name = equals < 0 ? override : override.slice(0, equals)
  const source = `--set ${name}`
  const order = outside.orderOf(`${source}=`)
  const origin: Origin = { source, order, line: 0, column: 0 }
  const keys = name.replaceAll('.', KEY_DELIMITER).split(KEY_DELIMITER)
  if (equals < 0 || keys.includes('')) {
    problems.add({
      origin,
      path: '',
      problem: 'not an override',
      expected: 'key=value, such as exporters.debug.verbosity=detailed',
      found: `${name}${equals < 0 ? '' : '=…'}`,
    })
    return undefined
  }
  const text = override.slice(equals + 1)
  const value: ConfigNode = parseYaml({ text, source, order, hasLines: false }, problems) ?? { kind: 'scalar', value: null, origin }
  return keys.reduceRight<ConfigNode>((inner, key) => ({ kind: 'map', entries: new Map([[key, { key: origin, value: inner }]]), origin }), value)
}
