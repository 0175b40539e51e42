import type { ComponentKind } from '../component/component.ts'
import type { Factory } from '../component/factory.ts'
import { SIGNALS, type Signal } from '../component/signal.ts'

/** The parts of `type/name`; `name` is empty when there is none. */
export interface IdParts {
  readonly type: string
  readonly name: string
}

const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/
const NAME = /^[^\p{Z}\p{C}\p{S}]{1,1024}$/u

/** What a component id must look like, for problems. */
export const ID_FORM = 'type or type/name: letters, digits and _ before the slash, no spaces or symbols after it'

/** Takes a component or pipeline id apart, blanks around the parts removed, after the Collector's rules; undefined when it is none. */
export function parseId(text: string): IdParts | undefined {
  const slash = text.indexOf('/')
  const type = (slash < 0 ? text : text.slice(0, slash)).trim()
  const name = slash < 0 ? '' : text.slice(slash + 1).trim()
  return TYPE.test(type) && (slash < 0 || NAME.test(name)) ? { type, name } : undefined
}

/** `type` or `type/name`. */
export function formatId({ type, name }: IdParts): string {
  return name === '' ? type : `${type}/${name}`
}

/** The signal of a pipeline type; undefined for anything else (the Collector's `profiles` included). */
export function signalOf(type: string): Signal | undefined {
  return SIGNALS.find((signal) => signal === type)
}

/** The config sections with components, and the kind of component in each; in the order they are printed. */
export const SECTIONS = ['receivers', 'processors', 'connectors', 'exporters', 'extensions'] as const
export type Section = (typeof SECTIONS)[number]

/** The kind of component that a section holds. */
export function kindOf(section: Section): ComponentKind {
  return section.slice(0, -1) as ComponentKind
}

/** The section that a kind of component is configured in. */
export function sectionOf(kind: ComponentKind): Section {
  return `${kind}s`
}

/** The factory for a type or an alias of one kind; undefined when there is none. */
export function findFactory(factories: readonly Factory[], kind: ComponentKind, type: string): Factory | undefined {
  return factories.find((factory) => factory.kind === kind && (factory.type === type || factory.aliases?.includes(type) === true))
}
