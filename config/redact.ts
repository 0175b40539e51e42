import type { Schema } from '../component/config_schema.ts'
import { fitsKind, isObjectSchema, own } from './values.ts'

/** What is printed in place of a secret; the Collector's text. */
export const REDACTED = '[REDACTED]'

/** A copy of a checked value in which everything that its schema marks as secret is replaced. An empty secret shows as empty. */
export function redact(schema: Schema, value: unknown): unknown {
  if ('oneOf' in schema) {
    const branches = schema.oneOf.filter((candidate) => fitsKind(candidate, value))
    // Where several branches fit, one that hides the value wins.
    return branches.reduce((redacted, branch) => redact(branch, redacted), value)
  }
  if (schema.type === 'string') return schema.secret === true && value !== '' ? REDACTED : value
  if (schema.type === 'array') return Array.isArray(value) ? value.map((item) => redact(schema.items, item)) : value
  if (schema.type !== 'object' || typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => {
    const inner = isObjectSchema(schema) ? own(schema.properties, key) : schema.additionalProperties
    return [key, inner === undefined ? item : redact(inner, item)]
  })
  return Object.fromEntries(entries)
}
