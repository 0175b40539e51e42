import type { Schema } from '../component/config_schema.ts'
import { didYouMean } from '../lib/did_you_mean.ts'

/** What a schema check can find wrong. */
export type Fault =
  | { readonly kind: 'unknown_key'; readonly key: string; readonly known: readonly string[] }
  | { readonly kind: 'value'; readonly keyword: string; readonly schema: Schema; readonly value: unknown }

/** The words of a problem without its place. */
export interface Wording {
  readonly problem: string
  readonly expected?: string | undefined
  readonly found?: string | undefined
  readonly hint?: string | undefined
}

const FORMATS: Readonly<Record<string, { readonly problem: string; readonly expected: string }>> = {
  duration: { problem: 'not a duration', expected: 'a number with a unit, such as 200ms or 1m30s' },
  endpoint: { problem: 'not an address', expected: 'host:port, such as localhost:4317 or 0.0.0.0:4317' },
  regex: { problem: 'not a regular expression', expected: 'a regular expression' },
  path: { problem: 'not a path', expected: 'the path of a file' },
}

/** Says what is wrong, what was expected and found, and what to do, in the words that all config problems share. */
export function describeFault(fault: Fault): Wording {
  if (fault.kind === 'unknown_key') return unknownName('unknown setting', fault.key, [...fault.known].sort())
  const { keyword, schema, value } = fault
  const isSecret = 'secret' in schema && schema.secret
  const found = isSecret ? '(redacted)' : describeFound(value)
  const format = 'format' in schema && schema.format !== undefined ? FORMATS[schema.format] : undefined
  if (format !== undefined && (keyword === 'format' || keyword === 'type')) {
    return { ...format, found: format === FORMATS['regex'] && !isSecret ? regexFault(value) : found, hint: formatHint(schema, value) }
  }
  if (keyword === 'enum' && 'enum' in schema && typeof value === 'string') return { ...unknownName('unknown value', value, schema.enum ?? []), found }
  return { problem: PROBLEMS[keyword] ?? 'wrong value', expected: describeSchema(schema), found, hint: isSecret ? undefined : typeHint(schema, value) }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  type: 'wrong type',
  anyOf: 'wrong value',
  minimum: 'too small',
  exclusiveMinimum: 'too small',
  maximum: 'too large',
  minLength: 'too short',
  minItems: 'too few items',
  maxItems: 'too many items',
  uniqueItems: 'item given twice',
  pattern: 'not in the expected form',
  enum: 'unknown value',
}

/** The words for a name that is not among the `known` ones. */
export function unknownName(problem: string, name: string, known: readonly string[]): Wording {
  const nearest = didYouMean(name, known)
  return { problem, expected: known.length === 0 ? 'no settings at all' : oneOf(known), hint: nearest === undefined ? undefined : `did you mean ${nearest}?` }
}

/** `one of a, b`; a single name stands alone. */
export function oneOf(names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `one of ${names.join(', ')}`
}

/** `a receiver`, `an exporter`. */
export function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}

/** What a schema asks for, in a few words: `an integer of at least 1`, `one of basic, normal, detailed`. */
export function describeSchema(schema: Schema): string {
  if ('oneOf' in schema) return schema.oneOf.map(describeSchema).join(', or ')
  switch (schema.type) {
    case 'string':
      return describeText(schema)
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'an integer' : 'a number'}${describeBounds(schema)}`
    case 'boolean':
      return 'true or false'
    case 'array':
      return `a list${schema.minItems === undefined ? '' : ` of at least ${schema.minItems}`}${schema.maxItems === undefined ? '' : ` of at most ${schema.maxItems}`}${schema.uniqueItems === true ? ' without repetitions' : ''}`
    case 'object':
      return 'a map'
    default:
      return 'a value'
  }
}

function describeText(schema: Extract<Schema, { readonly type: 'string' }>): string {
  if (schema.enum !== undefined) return oneOf(schema.enum)
  const format = schema.format === undefined ? undefined : FORMATS[schema.format]
  if (format !== undefined) return format.expected
  if (schema.pattern !== undefined) return `text that matches ${schema.pattern}`
  if (schema.minLength !== undefined) return schema.minLength === 1 ? 'a text that is not empty' : `a text of at least ${schema.minLength} characters`
  return 'a text'
}

function describeBounds(schema: Extract<Schema, { readonly type: 'integer' | 'number' }>): string {
  if (schema.exclusiveMinimum !== undefined) return ` above ${schema.exclusiveMinimum}${schema.maximum === undefined ? '' : ` and at most ${schema.maximum}`}`
  if (schema.minimum !== undefined && schema.maximum !== undefined) return ` from ${schema.minimum} to ${schema.maximum}`
  if (schema.minimum !== undefined) return ` of at least ${schema.minimum}`
  return schema.maximum === undefined ? '' : ` of at most ${schema.maximum}`
}

/** A value as problems show it: `5 (number)`, `"5" (text)`, `a list`. */
export function describeFound(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'number' || typeof value === 'boolean') return `${value} (${typeof value})`
  if (typeof value !== 'string') return typeof value
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value
  return `${JSON.stringify(shown)} (text)`
}

function formatHint(schema: Schema, value: unknown): string | undefined {
  if (!('format' in schema) || (typeof value !== 'string' && typeof value !== 'number')) return undefined
  const text = String(value).trim()
  if (schema.format === 'duration' && /^\d+(?:\.\d+)?$/.test(text)) return `write ${text}s if seconds were meant`
  if (schema.format === 'duration' && /^\d+(?:\.\d+)? ?d$/.test(text)) return `days are not known; write ${Number.parseFloat(text) * 24}h`
  if (schema.format !== 'endpoint') return undefined
  if (/^\d+$/.test(text)) return `write localhost:${text}, or 0.0.0.0:${text} for every interface`
  if (/^\w+:\/\//.test(text)) return 'leave out the scheme and the path'
  if (text.split(':').length > 2 && !text.startsWith('[')) return 'put an IPv6 address in brackets: [::1]:4317'
  return /:\d+$/.test(text) ? undefined : 'the port is missing'
}

function regexFault(value: unknown): string {
  if (typeof value !== 'string') return describeFound(value)
  try {
    return String(new RegExp(value, 'u'))
  } catch (error) {
    return `${describeFound(value)}: ${(error as Error).message.replace(/^Invalid regular expression: /, '')}`
  }
}

function typeHint(schema: Schema, value: unknown): string | undefined {
  if ('oneOf' in schema) return undefined
  const isEnum = schema.type === 'string' && schema.enum !== undefined
  if (schema.type === 'string' && !isEnum && (typeof value === 'number' || typeof value === 'boolean')) return 'put it in quotes'
  if ((schema.type === 'integer' || schema.type === 'number') && typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value)) return 'leave out the quotes'
  if (schema.type === 'boolean' && typeof value === 'string' && /^(?:true|false|yes|no|on|off)$/i.test(value)) {
    return `write ${/^(?:true|yes|on)$/i.test(value) ? 'true' : 'false'}, without quotes`
  }
  if (schema.type === 'array' && typeof value === 'string') return `write [${value}]`
  return undefined
}
