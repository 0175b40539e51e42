/**
 * The subset of JSON Schema (draft 2020-12) that component configs are written in. Three annotations are ours:
 * `format: 'duration'` (a Go duration such as `200ms`, kept as text), `format: 'endpoint'` (`host:port`) and
 * `secret: true` (printed as `[REDACTED]`).
 */
export type Schema =
  | ObjectSchema
  | MapSchema
  | {
      readonly type: 'string'
      readonly enum?: readonly string[]
      readonly format?: 'duration' | 'endpoint' | 'regex' | 'path'
      readonly pattern?: string
      readonly minLength?: number
      readonly secret?: boolean
      readonly default?: string
      readonly description?: string
    }
  | {
      readonly type: 'integer' | 'number'
      readonly minimum?: number
      readonly maximum?: number
      readonly exclusiveMinimum?: number
      readonly default?: number
      readonly description?: string
    }
  | { readonly type: 'boolean'; readonly default?: boolean; readonly description?: string }
  | {
      readonly type: 'array'
      readonly items: Schema
      readonly minItems?: number
      readonly maxItems?: number
      readonly uniqueItems?: boolean
      readonly default?: readonly unknown[]
      readonly description?: string
    }
  | { readonly oneOf: readonly Schema[]; readonly default?: unknown; readonly description?: string }

export interface ObjectSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties: false
  /** `{}` makes an absent object appear with its own defaults; without it an absent object stays undefined. */
  readonly default?: Readonly<Record<string, unknown>>
  readonly description?: string
}

/** An object with free keys, such as labels or headers. */
export interface MapSchema {
  readonly type: 'object'
  readonly additionalProperties: Schema
  readonly default?: Readonly<Record<string, unknown>>
  readonly description?: string
}

/** The TypeScript type of a value that passed a schema with its defaults filled in. */
export type FromSchema<S> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly oneOf: readonly (infer O)[] }
    ? FromSchema<O>
    : S extends { readonly type: 'string' }
      ? string
      : S extends { readonly type: 'integer' | 'number' }
        ? number
        : S extends { readonly type: 'boolean' }
          ? boolean
          : S extends { readonly type: 'array'; readonly items: infer I }
            ? readonly FromSchema<I>[]
            : S extends { readonly properties: infer P }
              ? Simplify<{ readonly [K in PresentKeys<P, S>]: FromSchema<P[K]> } & { readonly [K in Exclude<keyof P, PresentKeys<P, S>>]?: FromSchema<P[K]> }>
              : S extends { readonly additionalProperties: infer A }
                ? Readonly<Record<string, FromSchema<A>>>
                : never

type PresentKeys<P, S> = {
  [K in keyof P]: P[K] extends { readonly default: unknown } ? K : S extends { readonly required: readonly (infer R)[] } ? (K extends R ? K : never) : never
}[keyof P]
type Simplify<T> = { [K in keyof T]: T[K] } & {}

/** A config problem, or a warning, found by a check across fields. The loader adds file, line and column. */
export interface FieldProblem {
  /** Path below the component, such as `['tls', 'cert_file']`. */
  readonly path: readonly (string | number)[]
  /** What is wrong, in a few lower-case words: `not a duration`. */
  readonly problem: string
  readonly expected?: string
  readonly found?: string
  readonly hint?: string
  /** Where the problem stands when it is in a file that the setting names; line and column from 1. Without it, where the setting stands. */
  readonly place?: FieldPlace
  /** Suspicious only: the config is good all the same. */
  readonly isWarning?: boolean
}

/** A place in a file that a setting names. */
export interface FieldPlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A component's config: its schema, and checks that a schema cannot express. */
export interface ConfigSchema<C = unknown> {
  readonly schema: ObjectSchema
  /** Runs only when the schema holds; returns every problem and warning it finds. */
  readonly check?: (config: C) => readonly FieldProblem[]
}

/** Declares a component's config; the type of the checked config is derived from the schema. */
export function configSchema<const S extends ObjectSchema>(schema: S, check?: (config: FromSchema<S>) => readonly FieldProblem[]): ConfigSchema<FromSchema<S>> {
  return check === undefined ? { schema } : { schema, check }
}

/** The checked config's type of a `configSchema` value. */
export type ConfigOf<T> = T extends ConfigSchema<infer C> ? C : never
