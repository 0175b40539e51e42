import type { NamedUse as AddressedUse, ExtensionUse, Factory } from '../component/factory.ts'
import { canonicalJson } from '../lib/canonical_json.ts'
import { checkImplicit, type Definition, type Definitions } from './components.ts'
import { sectionOf } from './ids.ts'
import { checkNamedExtensions, type NamedUse, namedId } from './named_extensions.ts'
import { type ConfigNode, formatPath, valueOrigin } from './node.ts'
import type { Reference } from './pipelines.ts'
import { formatOrigin, type ProblemList } from './problem.ts'

/** An extension that will run. */
export interface RunningExtension {
  readonly definition: Definition
  /** What the components that use it want of it; see `ComponentSpec.uses`. */
  readonly uses: readonly unknown[]
}

/** What is wanted of one extension: every different need once, in an order that does not depend on who wants it first. */
export function distinctNeeds(uses: readonly Pick<ExtensionUse, 'needs'>[]): readonly unknown[] {
  const byText = new Map(uses.map(({ needs }) => [canonicalJson(needs), needs]))
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, needs]) => needs)
}

interface Input {
  readonly root: ConfigNode
  readonly factories: readonly Factory[]
  readonly definitions: Definitions
  /** `service.extensions`. */
  readonly listed: readonly Reference[]
  /** The components that pipelines name. */
  readonly users: readonly Definition[]
}

/** A use, and the component that has it. */
interface Use extends ExtensionUse {
  readonly by: Definition
}

function isNamed(use: Use): use is NamedUse {
  return use.named !== undefined
}

/**
 * The extensions that will run, in start order: those of `service.extensions`, and after them those that a component
 * cannot do without, which are created with their defaults where nobody has configured them. A health page that is
 * listed is open while the others start.
 */
export function runningExtensions(input: Input, problems: ProblemList): RunningExtension[] {
  const uses = input.users.flatMap(usesOf)
  const byType = uses.filter((use) => !isNamed(use))
  const listed = input.listed.flatMap(({ id }) => input.definitions.extensions.get(id) ?? [])
  const running = [...listed, ...neededBeside(listed, byType, { input, problems })]
  for (const [type, ofType] of Map.groupBy(byType, ({ extension }) => extension)) checkOnlyOne(ofType, { type, running, input, problems })
  checkNamedExtensions(uses.filter(isNamed), input, problems)
  return running.map((definition) => {
    const own = uses.filter((use) => (isNamed(use) ? namedId(use, input.factories) === definition.id.text : use.extension === definition.id.type))
    checkUses(definition, own, { input, problems })
    return { definition, uses: distinctNeeds(own) }
  })
}

function usesOf(by: Definition): Use[] {
  if (by.config === undefined) return []
  return (by.factory?.uses?.(by.config) ?? []).map((use) => ({ ...use, by }))
}

interface Surroundings {
  readonly input: Input
  readonly problems: ProblemList
}

/** The extensions that run although `service.extensions` does not list them. */
function neededBeside(listed: readonly Definition[], uses: readonly Use[], around: Surroundings): Definition[] {
  const needed = Map.groupBy(
    uses.filter(({ isOptional }) => !isOptional),
    ({ extension }) => extension,
  )
  return [...needed].flatMap(([type, [first]]) => {
    const isOfType = ({ id }: Definition): boolean => id.type === type
    if (listed.some(isOfType)) return []
    const defined = [...around.input.definitions.extensions.values()].filter(isOfType)
    return defined.length > 0 ? defined : [implicitExtension(first as Use, around)]
  })
}

/** An extension that nobody has configured. */
function implicitExtension({ extension: type, by }: Use, { input: { root, factories }, problems }: Surroundings): Definition {
  const factory = factories.find((candidate) => candidate.kind === 'extension' && candidate.type === type)
  if (factory === undefined) throw new Error(`BUG: ${formatPath(by.path)} needs the extension ${type}, which is not built in`)
  return checkImplicit({ root, factory, by }, problems)
}

function checkOnlyOne(
  uses: readonly Use[],
  { type, running, input, problems }: Surroundings & { readonly type: string; readonly running: readonly Definition[] },
): void {
  const [first, ...others] = running.filter(({ id }) => id.type === type)
  if (first === undefined) return
  for (const other of others) {
    const reference = input.listed.find(({ id }) => id === other.id.text)
    const place = reference ?? other
    problems.add({
      origin: place.origin,
      path: formatPath(place.path),
      problem: `second extension of type ${type}`,
      expected: `a single ${type}, which ${formatPath((uses[0] as Use).by.path)} shares with others`,
      found: `${formatPath(other.path)} beside ${formatPath(first.path)} (${formatOrigin(first.origin)})`,
      hint: reference === undefined ? 'name one of them in service.extensions, or remove one' : 'take one of them out of service.extensions',
    })
  }
}

/** Lets the extension say which wants do not go together; such a problem stands at the component that has the want. */
function checkUses({ factory, config }: Definition, uses: readonly Use[], { input, problems }: Surroundings): void {
  if (factory?.kind !== 'extension' || config === undefined) return
  const named = uses.map(({ by, needs }): AddressedUse => ({ address: addressOf(by), needs }))
  for (const { use, path, ...problem } of factory.checkUses?.(config, named) ?? []) {
    const { by } = uses[use] as Use
    const full = [...by.path, ...path]
    problems.add({ origin: valueOrigin(input.root, full), path: formatPath(full), ...problem })
  }
}

/** The address of a component: its YAML path with its canonical id. */
export function addressOf({ id }: Pick<Definition, 'id'>): string {
  return `${sectionOf(id.kind)}.${id.text}`
}

/** What to do about an extension that is defined and does not run, when a component would use it if it did. */
export function hintForUnused(
  { id }: Definition,
  { users, extensions }: { readonly users: readonly Definition[]; readonly extensions: readonly RunningExtension[] },
): string | undefined {
  if (extensions.some(({ definition }) => definition.id.type === id.type)) return undefined
  const user = users.find((candidate) => usesOf(candidate).some((use) => !isNamed(use) && use.extension === id.type))
  return user === undefined ? undefined : `name it in service.extensions, and ${addressOf(user)} uses it`
}
