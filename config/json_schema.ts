import type { Schema } from '../component/config_schema.ts'
import type { Factory } from '../component/factory.ts'
import { DURATION } from '../lib/duration.ts'
import { kindOf, SECTIONS, type Section } from './ids.ts'
import { serviceConfig } from './service_schema.ts'
import { isObjectSchema } from './values.ts'

/** JSON Schema as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** A value that becomes something else by substitution; its type is not known to an editor. */
const REFERENCE: JsonSchema = { type: 'string', pattern: '\\$\\{' }

/**
 * One JSON Schema (draft 2020-12) for a whole config file, for editors.
 *
 * Every component is known by `type`, `type/name` and its old names; a setting may be empty, and `${…}` may stand wherever
 * another type is wanted.
 */
export function jsonSchema(factories: readonly Factory[]): JsonSchema {
  const sections = SECTIONS.map((section) => [section, sectionSchema(section, factories)])
  const definitions = factories.map((factory) => [
    definitionName(factory),
    { ...orReference(settingsSchema(factory.config.schema)), description: factory.description },
  ])
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Meshscope config',
    description: 'A config file of meshscope, in the language of the OpenTelemetry Collector.',
    type: 'object',
    additionalProperties: false,
    properties: { ...Object.fromEntries(sections), service: orReference(serviceSchema()) },
    $defs: Object.fromEntries(definitions),
  }
}

function definitionName(factory: Factory): string {
  return `${factory.kind}.${factory.type}`
}

const SECTION_WORDS: Readonly<Record<Section, string>> = {
  receivers: 'Where data comes in.',
  processors: 'What happens to data on its way.',
  connectors: 'What turns the data of one pipeline into the data of another.',
  exporters: 'Where data goes.',
  extensions: 'What the process does besides: health pages and the like.',
}

function sectionSchema(section: Section, factories: readonly Factory[]): JsonSchema {
  const properties: Record<string, JsonSchema> = {}
  const patternProperties: Record<string, JsonSchema> = {}
  for (const factory of factories.filter(({ kind }) => kind === kindOf(section))) {
    const body = { $ref: `#/$defs/${definitionName(factory)}` }
    for (const name of [factory.type, ...(factory.aliases ?? [])]) {
      const named = name === factory.type ? body : { ...body, deprecated: true, description: `Another name of ${factory.type}.` }
      properties[name] = named
      patternProperties[`^${name}/.+$`] = named
    }
  }
  return orReference({ type: 'object', description: SECTION_WORDS[section], properties, patternProperties, additionalProperties: false })
}

function serviceSchema(): JsonSchema {
  const schema = settingsSchema(serviceConfig.schema)
  const properties = schema['properties'] as Readonly<Record<string, JsonSchema>>
  const { pipelines } = serviceConfig.schema.properties as unknown as { readonly pipelines: { readonly additionalProperties: Schema } }
  const patternProperties = { '^(logs|metrics|traces)(/.+)?$': orReference(settingsSchema(pipelines.additionalProperties)) }
  const described = { type: 'object', description: serviceConfig.schema.properties['pipelines']?.description, patternProperties, additionalProperties: false }
  return { ...schema, description: 'Which components run, and how.', properties: { ...properties, pipelines: orReference(described) } }
}

/** A settings schema in plain JSON Schema, without what only this program knows. */
function settingsSchema(schema: Schema): JsonSchema {
  if ('oneOf' in schema) {
    const { oneOf, ...rest } = schema
    return { ...rest, anyOf: oneOf.map(settingsSchema) }
  }
  if (schema.type === 'string') return textSchema(schema)
  if (schema.type === 'array') return { ...schema, items: orReference(settingsSchema(schema.items)) }
  if (schema.type !== 'object') return { ...schema }
  if (!isObjectSchema(schema)) return { ...schema, additionalProperties: orReference(settingsSchema(schema.additionalProperties)) }
  const { properties, required, ...rest } = schema
  const inner = Object.entries(properties).map(([key, value]) => [key, orReference(settingsSchema(value))])
  return { ...rest, properties: Object.fromEntries(inner), ...(required === undefined ? {} : { required }) }
}

function textSchema(schema: Extract<Schema, { readonly type: 'string' }>): JsonSchema {
  const { secret: _secret, format, ...rest } = schema
  if (format === 'duration') return { ...rest, pattern: DURATION.source }
  if (format === 'endpoint') return { ...rest, pattern: '^(\\[.*\\]|[^:]*):[0-9]{1,5}$' }
  return format === 'regex' ? { ...rest, format: 'regex' } : rest
}

/** The same schema, except that the value may also be left empty or come by substitution. */
function orReference(schema: JsonSchema): JsonSchema {
  const { description, default: fallback, deprecated, ...rest } = schema
  const notes = Object.fromEntries(Object.entries({ description, default: fallback, deprecated }).filter(([, value]) => value !== undefined))
  const isFreeText = Object.keys(rest).length === 1 && rest['type'] === 'string'
  return { ...notes, anyOf: [rest, { type: 'null' }, ...(isFreeText ? [] : [REFERENCE])] }
}
