import type { ComponentId } from '../component/component.ts'
import type { Factory } from '../component/factory.ts'
import { findFactory, formatId, ID_FORM, kindOf, parseId, SECTIONS, type Section, sectionOf } from './ids.ts'
import { type ConfigNode, formatPath, keyOrigin, type NodePath, nodeAt, type Origin, toPlain } from './node.ts'
import { ProblemList } from './problem.ts'
import { checkSchema } from './schema_check.ts'
import { describeFound, unknownName, withArticle } from './wording.ts'

/** A component as it stands in the config, checked as far as it can be by itself. */
export interface Definition {
  readonly section: Section
  readonly id: ComponentId
  /** Where it stands, with the key as it is written there. */
  readonly path: NodePath
  /** Where its key stands. */
  readonly origin: Origin
  /** Undefined when there is no component of that type; the problem has been reported. */
  readonly factory: Factory | undefined
  /** Checked, defaults filled in; undefined when it has problems. */
  readonly config: unknown
}

/** All components of a config by section and canonical id. */
export type Definitions = Readonly<Record<Section, ReadonlyMap<string, Definition>>>

/** Checks every component of every section, each by itself. */
export function checkComponents(root: ConfigNode, factories: readonly Factory[], problems: ProblemList): Definitions {
  const sections = SECTIONS.map((section) => [section, checkSection({ root, section, factories }, problems)] as const)
  const definitions = Object.fromEntries(sections) as unknown as Definitions
  for (const [id, connector] of definitions.connectors) {
    for (const section of ['receivers', 'exporters'] as const) {
      const other = definitions[section].get(id)
      if (other === undefined) continue
      problems.add({
        origin: connector.origin,
        path: formatPath(connector.path),
        problem: 'id used twice',
        expected: 'a connector id that is not also the id of a receiver or exporter',
        found: `${section}.${id} has it too`,
        hint: `rename one of them, for example to ${connector.id.type}/connector`,
      })
    }
  }
  return definitions
}

/** A component that nobody has configured and something needs, as its defaults have it; what is wrong with them is told where it is needed. */
export function checkImplicit(
  { root, factory, by }: { readonly root: ConfigNode; readonly factory: Factory; readonly by: { readonly path: NodePath; readonly origin: Origin } },
  problems: ProblemList,
): Definition {
  const { kind, type } = factory
  const section = sectionOf(kind)
  const path = [section, type]
  const found = new ProblemList()
  const config = checkSchema({ root, path, config: factory.config }, found)
  for (const problem of found.problems()) {
    problems.add({ ...problem, origin: by.origin, hint: problem.hint ?? `configure ${formatPath(path)}, which ${formatPath(by.path)} needs` })
  }
  return { section, id: { kind, type, name: '', text: type }, path, origin: by.origin, factory, config }
}

interface SectionInput {
  readonly root: ConfigNode
  readonly section: Section
  readonly factories: readonly Factory[]
}

function checkSection(input: SectionInput, problems: ProblemList): ReadonlyMap<string, Definition> {
  const { root, section } = input
  const definitions = new Map<string, Definition>()
  const node = nodeAt(root, [section])
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return definitions
  if (node.kind !== 'map') {
    problems.add({ origin: node.origin, path: section, problem: 'wrong type', expected: `a map of ${section}`, found: describeFound(toPlain(node)) })
    return definitions
  }
  for (const key of node.entries.keys()) {
    const definition = checkComponent(input, key, problems)
    if (definition === undefined) continue
    const other = definitions.get(definition.id.text)
    if (other === undefined) definitions.set(definition.id.text, definition)
    else
      problems.add({
        origin: definition.origin,
        path: formatPath(definition.path),
        problem: 'component given twice',
        found: `${formatPath(other.path)} is the same component`,
      })
  }
  return definitions
}

function checkComponent({ root, section, factories }: SectionInput, key: string, problems: ProblemList): Definition | undefined {
  const path = [section, key]
  const origin = keyOrigin(root, path)
  const parts = parseId(key)
  if (parts === undefined) {
    problems.add({ origin, path: formatPath(path), problem: 'not a component id', expected: ID_FORM, found: describeFound(key) })
    return undefined
  }
  const kind = kindOf(section)
  const factory = findFactory(factories, kind, parts.type)
  const type = factory?.type ?? parts.type
  const text = formatId({ type, name: parts.name })
  const definition = { section, id: { kind, type, name: parts.name, text }, path, origin, factory }
  if (factory === undefined) {
    problems.add({ origin, path: formatPath(path), ...unknownType(section, parts.type, factories) })
    return { ...definition, config: undefined }
  }
  if (type !== parts.type) {
    problems.warn({ origin, path: formatPath(path), problem: `${parts.type} is another name of ${type}`, hint: `write ${text}` })
  }
  return { ...definition, config: checkBody({ root, path, factory }, problems) }
}

function checkBody({ root, path, factory }: { readonly root: ConfigNode; readonly path: NodePath; readonly factory: Factory }, problems: ProblemList): unknown {
  const body = nodeAt(root, path)
  if (body === undefined || body.kind === 'map' || (body.kind === 'scalar' && body.value === null))
    return checkSchema({ root, path, config: factory.config }, problems)
  problems.add({
    origin: body.origin,
    path: formatPath(path),
    problem: 'wrong type',
    expected: 'a map of settings, or nothing for the defaults',
    found: describeFound(toPlain(body)),
  })
  return undefined
}

function unknownType(section: Section, type: string, factories: readonly Factory[]) {
  const kind = kindOf(section)
  const known = factories.filter((factory) => factory.kind === kind).map((factory) => factory.type)
  const wording = unknownName(`unknown ${kind} type`, type, [...known].sort())
  const elsewhere = factories.find((factory) => factory.kind !== kind && (factory.type === type || factory.aliases?.includes(type) === true))
  const expected = known.length === 0 ? `nothing: there are no ${section}` : wording.expected
  return elsewhere === undefined
    ? { ...wording, expected }
    : {
        ...wording,
        expected,
        hint: `${type} is ${withArticle(elsewhere.kind)}; it goes under ${sectionOf(elsewhere.kind)}`,
      }
}
