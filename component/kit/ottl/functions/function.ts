import type { ContextName } from '../contexts.ts'
import type { Touch } from '../fields.ts'
import type { Item } from '../item.ts'
import type { OttlValue } from '../values.ts'
import type { Arguments } from './arguments.ts'

/** Computes a value for the item at hand; throws `EvaluationError` when it cannot. */
export type Evaluate = (item: Item) => OttlValue

/** Changes the item at hand; throws `EvaluationError` when it cannot. */
export type Edit = (item: Item) => void

/** What an editor changes. */
export interface Target {
  readonly get: Evaluate
  readonly set: (item: Item, value: OttlValue) => void
}

interface FunctionBase {
  readonly name: string
  /** Names of the parameters in order; the optional ones end in `?` and come last. */
  readonly parameters: readonly string[]
  /** The contexts that have it; all when undefined. */
  readonly contexts?: readonly ContextName[]
  /** What it reads besides its arguments. */
  readonly reads?: Touch
  /** What it changes besides its target. */
  readonly writes?: Touch
}

/** A function that gives a value; its name begins with a capital. `create` throws `OttlError` for arguments that cannot be right. */
export interface Converter extends FunctionBase {
  readonly kind: 'converter'
  readonly create: (args: Arguments) => Evaluate
}

/** A function that changes data; its name begins with a small letter. */
export interface Editor extends FunctionBase {
  readonly kind: 'editor'
  /** True when doing it twice is the same as doing it once, whatever its arguments, unless these read what it changes. */
  readonly isIdempotent: boolean
  readonly create: (args: Arguments) => Edit
}

export function converter(name: string, parameters: readonly string[], create: Converter['create'], more: Partial<FunctionBase> = {}): Converter {
  return { kind: 'converter', name, parameters, create, ...more }
}

export function editor(
  name: string,
  parameters: readonly string[],
  create: Editor['create'],
  more: Partial<FunctionBase & { isIdempotent: boolean }> = {},
): Editor {
  return { kind: 'editor', name, parameters, create, isIdempotent: false, ...more }
}

/** How a function is called, such as `limit(target, limit, priority_keys)`; optional parameters in brackets. */
export function signature({ name, parameters }: FunctionBase): string {
  return `${name}(${parameters.map((parameter) => (parameter.endsWith('?') ? `[${parameter.slice(0, -1)}]` : parameter)).join(', ')})`
}
