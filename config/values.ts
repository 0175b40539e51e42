import type { ObjectSchema, Schema } from '../component/config_schema.ts'
import { type ConfigNode, toPlain } from './node.ts'

/** True for a schema with named keys, as opposed to a map with free ones. */
export function isObjectSchema(schema: Schema): schema is ObjectSchema {
  return 'properties' in schema
}

/**
 * The plain value of a node as its schema wants it, without defaults; undefined when nothing is there.
 *
 * A null counts as absent. Settings that are text take the original text of a `${…}`; a list of texts may be written as
 * one text with commas, as in the Collector. What does not fit the schema comes back as it is, for the check to report.
 */
export function valueOf(node: ConfigNode, schema: Schema): unknown {
  if ('oneOf' in schema) return valueOf(node, chooseBranch(node, schema.oneOf))
  if (schema.type === 'string') return node.original ?? absentIfNull(toPlain(node))
  if (node.kind === 'scalar') return scalarFor(schema, node.value)
  if (schema.type === 'array' && node.kind === 'list') return node.items.map((item) => valueOf(item, schema.items) ?? null)
  if (schema.type === 'object' && node.kind === 'map') return objectOf(node, schema)
  return toPlain(node)
}

function scalarFor(schema: Schema, value: string | number | boolean | null): unknown {
  const isTextList = 'type' in schema && schema.type === 'array' && 'type' in schema.items && schema.items.type === 'string'
  if (isTextList && typeof value === 'string' && value !== '') return value.split(',').map((item) => item.trim())
  return absentIfNull(value)
}

function objectOf(node: Extract<ConfigNode, { kind: 'map' }>, schema: Extract<Schema, { type: 'object' }>): unknown {
  const entries: [string, unknown][] = []
  for (const [key, { value }] of node.entries) {
    const inner = isObjectSchema(schema) ? own(schema.properties, key) : schema.additionalProperties
    const plain = inner === undefined ? toPlain(value) : valueOf(value, inner)
    const present = plain ?? (inner === undefined ? undefined : zeroOf(inner, { isFreeKey: !isObjectSchema(schema) }))
    if (present !== undefined) entries.push([key, present])
  }
  return Object.fromEntries(entries)
}

/**
 * What a key without a value stands for, as in the Collector: a section with all its defaults, and else the default. Free
 * keys have none: an empty text there, and null, which the check will report, for anything else.
 */
function zeroOf(schema: Schema, { isFreeKey }: { readonly isFreeKey: boolean }): unknown {
  if (!('oneOf' in schema) && schema.type === 'object') return {}
  if (!isFreeKey) return undefined
  return !('oneOf' in schema) && schema.type === 'string' ? '' : null
}

/** The branch that the node most likely means: the one for its kind of value, text before any other guess. */
function chooseBranch(node: ConfigNode, branches: readonly Schema[]): Schema {
  const value = toPlain(node)
  const fitting = branches.find((branch) => fitsKind(branch, value))
  return fitting ?? branches.find((branch) => 'type' in branch && branch.type === 'string') ?? (branches[0] as Schema)
}

/** True when `value` is of the kind (text, number, list, …) that the schema asks for; bounds and contents are not looked at. */
export function fitsKind(schema: Schema, value: unknown): boolean {
  if ('oneOf' in schema) return schema.oneOf.some((branch) => fitsKind(branch, value))
  if (schema.type === 'string') return typeof value === 'string' && (schema.enum === undefined || schema.enum.includes(value))
  if (schema.type === 'integer' || schema.type === 'number') return typeof value === 'number'
  if (schema.type === 'boolean') return typeof value === 'boolean'
  if (schema.type === 'array') return Array.isArray(value)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A checked value with the defaults of its schema filled in, keys in the schema's order. The result is the caller's. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if ('oneOf' in schema) {
    const branch = schema.oneOf.find((candidate) => fitsKind(candidate, value))
    return branch === undefined ? value : withDefaults(branch, value)
  }
  if (schema.type === 'array') return Array.isArray(value) ? value.map((item) => withDefaults(schema.items, item)) : value
  if (schema.type !== 'object' || typeof value !== 'object' || value === null) return value
  const given = value as Readonly<Record<string, unknown>>
  if (!isObjectSchema(schema)) {
    return Object.fromEntries(Object.entries(given).map(([key, item]) => [key, withDefaults(schema.additionalProperties, item)]))
  }
  const entries: [string, unknown][] = []
  for (const [key, inner] of Object.entries(schema.properties)) {
    const item = own(given, key) ?? structuredClone(inner.default)
    if (item !== undefined) entries.push([key, withDefaults(inner, item)])
  }
  return Object.fromEntries(entries)
}

/** A property of the object itself, never one it inherits (`constructor` is a name that users may write). */
export function own<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function absentIfNull(value: unknown): unknown {
  return value === null ? undefined : value
}
