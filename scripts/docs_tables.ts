import type { ObjectSchema, Schema } from '../component/config_schema.ts'
import type { InstrumentSpec } from '../component/telemetry.ts'
import { isObjectSchema } from '../config/values.ts'

/** A Markdown table of every setting of a schema, nested ones with their path; a sentence when there are none. */
export function settingsTable(schema: ObjectSchema): string {
  const rows = settingRows(schema, '')
  return rows.length === 0 ? 'There are no settings.' : table(['setting', 'value', 'default', 'what it is'], rows)
}

/** A Markdown table of metrics. */
export function metricsTable(specs: readonly InstrumentSpec[]): string {
  if (specs.length === 0) return 'It has no metrics of its own.'
  const rows = specs.map(({ name, type, unit, labels, description }) => {
    const shown = Object.entries(labels ?? {}).map(([label, meaning]) => `\`${label}\`: ${meaning}`)
    return [`\`${name}\``, unit === '' ? type : `${type}, ${code(unit)}`, shown.join('<br>'), description]
  })
  return table(['metric', 'type, unit', 'labels', 'what it counts'], rows)
}

/** Puts `content` between `<!-- name -->` and `<!-- /name -->`; undefined when the text has no such markers. */
export function replaceBetween(text: string, name: string, content: string): string | undefined {
  const open = `<!-- ${name} -->`
  const close = `<!-- /${name} -->`
  const start = text.indexOf(open)
  const end = text.indexOf(close, start)
  if (start < 0 || end < 0) return undefined
  return `${text.slice(0, start + open.length)}\n\n${content}\n\n${text.slice(end)}`
}

function settingRows(schema: ObjectSchema, prefix: string): string[][] {
  return Object.entries(schema.properties).flatMap(([key, inner]) => {
    const path = `${prefix}${key}`
    const isRequired = schema.required?.includes(key) === true
    const nested = nestedObject(inner)
    const row = [`\`${path}\``, describeType(inner), isRequired ? 'required' : describeDefault(inner), inner.description ?? '']
    if (nested === undefined) return [row]
    const rows = settingRows(nested.schema, `${path}${nested.suffix}.`)
    // A section that is always there says nothing by itself but its description.
    return [row, ...rows]
  })
}

/** The schema whose settings are listed below a setting: its own, or that of its items or values. */
function nestedObject(schema: Schema): { readonly schema: ObjectSchema; readonly suffix: string } | undefined {
  if ('oneOf' in schema) return schema.oneOf.map(nestedObject).find((nested) => nested !== undefined)
  if (isObjectSchema(schema)) return { schema, suffix: '' }
  const [inner, suffix] = schema.type === 'array' ? [schema.items, '[]'] : schema.type === 'object' ? [schema.additionalProperties, '.<name>'] : []
  return inner !== undefined && isObjectSchema(inner) ? { schema: inner, suffix: suffix ?? '' } : undefined
}

function describeType(schema: Schema): string {
  if ('oneOf' in schema) return schema.oneOf.map(describeType).join(' or ')
  switch (schema.type) {
    case 'string':
      return describeText(schema)
    case 'integer':
    case 'number': {
      const bounds = [
        schema.minimum === undefined ? '' : `≥ ${schema.minimum}`,
        schema.exclusiveMinimum === undefined ? '' : `> ${schema.exclusiveMinimum}`,
        schema.maximum === undefined ? '' : `≤ ${schema.maximum}`,
      ]
      return [schema.type, ...bounds.filter((bound) => bound !== '')].join(' ')
    }
    case 'boolean':
      return '`true` or `false`'
    case 'array':
      return `list of ${isObjectSchema(schema.items) ? 'sections' : describeType(schema.items)}`
    default:
      return isObjectSchema(schema)
        ? 'section'
        : `map of ${isObjectSchema(schema.additionalProperties) ? 'sections' : describeType(schema.additionalProperties)}`
  }
}

const FORMATS: Readonly<Record<string, string>> = { duration: 'duration', endpoint: '`host:port`', regex: 'regular expression', path: 'path' }

function describeText(schema: Extract<Schema, { readonly type: 'string' }>): string {
  const kind = schema.enum?.map(code).join(', ') ?? FORMATS[schema.format ?? ''] ?? 'text'
  return schema.secret === true ? `${kind} (secret)` : kind
}

function describeDefault(schema: Schema): string {
  if (schema.default === undefined) return ''
  if (isEmpty(schema.default)) return !('oneOf' in schema) && isObjectSchema(schema) ? '' : 'empty'
  return code(typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default))
}

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}

function code(text: string): string {
  return `\`${text}\``
}

/** Text in a table cell: one line, no cell borders, and no HTML by accident (outside of code, where `<` is safe). */
function escapeCell(text: string): string {
  const parts = text.replaceAll('|', '\\|').replaceAll('\n', ' ').split('`')
  return parts.map((part, i) => (i % 2 === 0 ? part.replace(/<(?!br>)/g, '&lt;') : part)).join('`')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
