import type { Factory } from '../component/factory.ts'
import type { Signal } from '../component/signal.ts'
import type { Definitions } from './components.ts'
import { findFactory, formatId, kindOf, parseId, SECTIONS, type Section, signalOf } from './ids.ts'
import { type ConfigNode, formatPath, keyOrigin, type NodePath, nodeAt, type Origin, valueOrigin } from './node.ts'
import type { ProblemList } from './problem.ts'
import { describeFound, oneOf, unknownName, withArticle } from './wording.ts'

/** A component named in a pipeline or among the extensions. */
export interface Reference {
  /** The canonical id, whether or not there is such a component. */
  readonly id: string
  readonly path: NodePath
  readonly origin: Origin
}

/** A pipeline as it stands in the config. */
export interface Pipeline {
  /** `logs` or `logs/name`. */
  readonly id: string
  readonly signal: Signal
  readonly path: NodePath
  readonly origin: Origin
  readonly receivers: readonly Reference[]
  readonly processors: readonly Reference[]
  readonly exporters: readonly Reference[]
}

interface Input {
  readonly root: ConfigNode
  readonly definitions: Definitions
  readonly factories: readonly Factory[]
}

/**
 * Reads `service.pipelines`: ids, signals and the lists of components, each of which must be defined.
 *
 * Values of a wrong type are left to the schema check of the section and skipped here.
 */
export function readPipelines(input: Input, problems: ProblemList): Pipeline[] {
  const base = ['service', 'pipelines']
  const node = nodeAt(input.root, base)
  const isNothing = node === undefined || (node.kind === 'scalar' && node.value === null) || (node.kind === 'map' && node.entries.size === 0)
  if (isNothing) {
    problems.add({
      origin: keyOrigin(input.root, base),
      path: formatPath(base),
      problem: 'no pipelines',
      expected: 'at least one pipeline, such as logs with its receivers and exporters',
    })
    return []
  }
  if (node.kind !== 'map') return []
  const pipelines: Pipeline[] = []
  for (const key of node.entries.keys()) {
    const pipeline = readPipeline(input, key, problems)
    if (pipeline === undefined) continue
    const other = pipelines.find(({ id }) => id === pipeline.id)
    if (other === undefined) pipelines.push(pipeline)
    else
      problems.add({
        origin: pipeline.origin,
        path: formatPath(pipeline.path),
        problem: 'pipeline given twice',
        found: `${formatPath(other.path)} is the same pipeline`,
      })
  }
  return pipelines
}

/** Reads `service.extensions`; each must be defined and may stand there once. */
export function readExtensions(input: Input, problems: ProblemList): Reference[] {
  const references = readList(input, { path: ['service', 'extensions'], sections: ['extensions'] }, problems)
  return withoutRepetitions(references, problems)
}

function readPipeline(input: Input, key: string, problems: ProblemList): Pipeline | undefined {
  const path = ['service', 'pipelines', key]
  const origin = keyOrigin(input.root, path)
  const parts = parseId(key)
  const signal = parts === undefined ? undefined : signalOf(parts.type)
  if (parts === undefined || signal === undefined) {
    const isProfiles = parts?.type === 'profiles'
    problems.add({
      origin,
      path: formatPath(path),
      problem: isProfiles ? 'profiles are not supported' : 'not a pipeline id',
      expected: 'logs, metrics or traces, with a /name where there are several',
      found: describeFound(key),
      hint: parts === undefined ? undefined : unknownName('', parts.type, ['logs', 'metrics', 'traces']).hint,
    })
    return undefined
  }
  const receivers = readList(input, { path: [...path, 'receivers'], sections: ['receivers', 'connectors'], isRequired: true }, problems)
  const processors = readList(input, { path: [...path, 'processors'], sections: ['processors'] }, problems)
  const exporters = readList(input, { path: [...path, 'exporters'], sections: ['exporters', 'connectors'], isRequired: true }, problems)
  return {
    id: formatId(parts),
    signal,
    path,
    origin,
    receivers: withoutRepetitions(receivers, problems),
    processors: withoutRepetitions(processors, problems),
    exporters: withoutRepetitions(exporters, problems),
  }
}

interface ListInput {
  readonly path: NodePath
  /** Where the components may be defined. */
  readonly sections: readonly Section[]
  readonly isRequired?: boolean
}

function readList(input: Input, { path, sections, isRequired = false }: ListInput, problems: ProblemList): Reference[] {
  const items = listItems(nodeAt(input.root, path), path)
  if (items?.length === 0 && isRequired) {
    const what = String(path.at(-1)).slice(0, -1)
    problems.add({
      origin: keyOrigin(input.root, path),
      path: formatPath(path.slice(0, -1)),
      problem: `pipeline without ${withArticle(what)}`,
      expected: `at least one ${what} or connector under ${String(path.at(-1))}`,
    })
  }
  const references: Reference[] = []
  for (const item of items ?? []) {
    const origin = valueOrigin(input.root, item.path)
    const id = canonicalId(item.text, sections, input.factories)
    references.push({ id, path: item.path, origin })
    if (sections.some((section) => input.definitions[section].has(id))) continue
    problems.add({ origin, path: formatPath(item.path), ...undefinedComponent(id, item.text, sections, input) })
  }
  return references
}

/** The texts of a list, or of one text with commas; undefined when the schema check has something to say about it. */
function listItems(node: ConfigNode | undefined, path: NodePath): { readonly text: string; readonly path: NodePath }[] | undefined {
  if (node === undefined || (node.kind === 'scalar' && (node.value === null || node.value === ''))) return []
  if (node.kind === 'map') return undefined
  if (node.kind === 'scalar') return typeof node.value === 'string' ? node.value.split(',').map((text) => ({ text, path })) : undefined
  return node.items.flatMap((item, i) => {
    const text = item.original ?? (item.kind === 'scalar' && typeof item.value === 'string' ? item.value : undefined)
    return text === undefined ? [] : [{ text, path: [...path, i] }]
  })
}

/** A component id in its canonical spelling: without blanks, and with the type's own name for an alias. */
export function canonicalId(text: string, sections: readonly Section[], factories: readonly Factory[]): string {
  const parts = parseId(text)
  if (parts === undefined) return text.trim()
  for (const section of sections) {
    const factory = findFactory(factories, kindOf(section), parts.type)
    if (factory !== undefined) return formatId({ type: factory.type, name: parts.name })
  }
  return formatId(parts)
}

function undefinedComponent(id: string, text: string, sections: readonly Section[], { definitions }: Input) {
  const known = sections.flatMap((section) => [...definitions[section].keys()])
  const where = sections.join(' or ')
  const kinds = sections.map(kindOf).join(' or ')
  const elsewhere = SECTIONS.find((section) => definitions[section].has(id))
  const nearest = unknownName('', id, known).hint
  return {
    problem: `${kinds} is not defined`,
    expected: known.length === 0 ? `a component defined under ${where}, which ${sections.length > 1 ? 'are' : 'is'} empty` : oneOf([...known].sort()),
    found: describeFound(text),
    hint: elsewhere === undefined ? (nearest ?? `define ${id} under ${sections[0]}`) : `${id} is defined under ${elsewhere}`,
  }
}

function withoutRepetitions(references: readonly Reference[], problems: ProblemList): Reference[] {
  const seen = new Set<string>()
  return references.filter(({ id, path, origin }) => {
    if (!seen.has(id)) return seen.add(id)
    problems.add({
      origin,
      path: formatPath(path),
      problem: 'component named twice in one list',
      found: id,
      hint: 'remove one; a second instance needs a name of its own, such as type/second',
    })
    return false
  })
}
