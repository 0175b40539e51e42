import type { ExtensionFactory, ExtensionRole, ExtensionUse, Factory, NamedExtension } from '../component/factory.ts'
import type { Definition, Definitions } from './components.ts'
import { ID_FORM, parseId, SECTIONS } from './ids.ts'
import { type ConfigNode, formatPath, valueOrigin } from './node.ts'
import { canonicalId, type Reference } from './pipelines.ts'
import type { ProblemList } from './problem.ts'
import { describeFound, oneOf, unknownName, type Wording } from './wording.ts'

/** An extension that a setting names by its id, and the component that has the setting. */
export interface NamedUse extends ExtensionUse {
  readonly by: Definition
  readonly named: NamedExtension
}

interface Input {
  readonly root: ConfigNode
  readonly factories: readonly Factory[]
  readonly definitions: Definitions
  /** `service.extensions`. */
  readonly listed: readonly Reference[]
}

/** What an extension is to those that name it. */
const ROLES: Readonly<Record<ExtensionRole, string>> = {
  storage: 'storage',
  server_authenticator: 'authenticator of requests that come in',
  client_authenticator: 'authenticator of requests that go out',
}

/** The canonical id of the extension that a use names. */
export function namedId({ extension }: ExtensionUse, factories: readonly Factory[]): string {
  return canonicalId(extension, ['extensions'], factories)
}

/** Checks the extensions that settings name: each must be defined, be able to do what it is named for, be where it is needed, and run. */
export function checkNamedExtensions(uses: readonly NamedUse[], input: Input, problems: ProblemList): void {
  for (const use of uses) {
    const wording = problemOf(use, input)
    if (wording === undefined) continue
    const path = [...use.by.path, ...use.named.path]
    problems.add({ origin: valueOrigin(input.root, path), path: formatPath(path), ...wording })
  }
}

function problemOf(use: NamedUse, input: Input): Wording | undefined {
  const { extension: text, named } = use
  if (parseId(text) === undefined) return { problem: 'not a component id', expected: ID_FORM, found: describeFound(text) }
  const id = namedId(use, input.factories)
  const definition = input.definitions.extensions.get(id)
  if (definition === undefined) return undefinedExtension(id, use, input)
  const { factory } = definition
  // That there is no such type has been told where it is defined.
  if (factory?.kind !== 'extension') return undefined
  if (!canBe(factory, named.as)) {
    return { problem: `${id} is no ${ROLES[named.as]}`, expected: ofType(typesFor(use, input)), found: `extension ${factory.type}` }
  }
  if (isForWorkers(use) && factory.ingest === undefined) {
    const problem = `${id} is not in ingest workers, where ${use.by.id.text} listens`
    return { problem, expected: ofType(typesFor(use, input)), found: `extension ${factory.type}, which is on the main thread only` }
  }
  if (input.listed.some((reference) => reference.id === id)) return undefined
  return {
    problem: `${id} does not run`,
    expected: `${id} in service.extensions`,
    found: input.listed.length === 0 ? 'no extensions there' : `only ${input.listed.map((reference) => reference.id).join(', ')} there`,
    hint: `add ${id} to service.extensions`,
  }
}

function undefinedExtension(id: string, use: NamedUse, { definitions, factories }: Input): Wording {
  const { extension: text, named } = use
  const defined = [...definitions.extensions].flatMap(([other, { factory }]) => (factory?.kind === 'extension' && canBe(factory, named.as) ? [other] : []))
  const types = typesFor(use, { factories })
  const elsewhere = SECTIONS.find((section) => definitions[section].has(id))
  const nearest = unknownName('', id, defined).hint
  const wanted = types.length === 0 || types.includes(parseId(id)?.type ?? '') ? id : ofType(types)
  return {
    problem: 'extension is not defined',
    expected: defined.length > 0 ? oneOf([...defined].sort()) : `${ofType(types)} under extensions, where there is none`,
    found: describeFound(text),
    hint:
      elsewhere === undefined
        ? (nearest ?? `define ${wanted} under extensions, and add it to service.extensions`)
        : `${id} is defined under ${elsewhere}, and not an extension`,
  }
}

function canBe({ provides = [] }: ExtensionFactory, role: ExtensionRole): boolean {
  return provides.includes(role)
}

/** The types of extensions that can be what a setting asks for, where its component runs. */
function typesFor(use: NamedUse, { factories }: Pick<Input, 'factories'>): string[] {
  const isAble = (factory: Factory): boolean =>
    factory.kind === 'extension' && canBe(factory, use.named.as) && !(isForWorkers(use) && factory.ingest === undefined)
  return factories.flatMap((factory) => (isAble(factory) ? [factory.type] : [])).sort()
}

function ofType(types: readonly string[]): string {
  return types.length === 0 ? 'an extension that can be that; none is built in' : `an extension of type ${types.join(' or ')}`
}

/** True for what ingest workers need: all of a receiver that is only there, and who may send of one that listens there. */
function isForWorkers({ by: { factory }, named }: NamedUse): boolean {
  if (factory?.kind !== 'receiver') return false
  return factory.runs === 'ingest' || (factory.ingest !== undefined && named.as === 'server_authenticator')
}
