import { AttributeSet, type Resource, type Scope } from '../../../model/attributes.ts'
import { type FieldTable, mapField, textField, uint32Field } from './fields.ts'
import type { Item } from './item.ts'

function changeResource({ resource: cell }: Item, change: Partial<Resource>): void {
  cell.resource = { ...cell.resource, ...change }
}

function changeScope({ scope: cell }: Item, change: Partial<Scope>): void {
  cell.scope = { ...cell.scope, ...change }
}

/** Paths below `resource`. */
export const RESOURCE_FIELDS: FieldTable = {
  attributes: mapField('resource', {
    get: ({ resource: { resource } }) => resource.attributes,
    set: (item, attributes) => changeResource(item, { attributes }),
  }),
  dropped_attributes_count: uint32Field('resource', {
    get: ({ resource: { resource } }) => resource.droppedAttributesCount ?? 0,
    set: (item, droppedAttributesCount) => changeResource(item, { droppedAttributesCount }),
  }),
  schema_url: textField('resource', {
    get: ({ resource: { resource } }) => resource.schemaUrl ?? '',
    set: (item, schemaUrl) => changeResource(item, { schemaUrl }),
  }),
}

/** Paths below `scope` (or `instrumentation_scope`). */
export const SCOPE_FIELDS: FieldTable = {
  name: textField('scope', { get: ({ scope: { scope } }) => scope.name, set: (item, name) => changeScope(item, { name }) }),
  version: textField('scope', { get: ({ scope: { scope } }) => scope.version, set: (item, version) => changeScope(item, { version }) }),
  attributes: mapField('scope', {
    get: ({ scope: { scope } }) => scope.attributes ?? AttributeSet.empty,
    set: (item, attributes) => changeScope(item, { attributes }),
  }),
  dropped_attributes_count: uint32Field('scope', {
    get: ({ scope: { scope } }) => scope.droppedAttributesCount ?? 0,
    set: (item, droppedAttributesCount) => changeScope(item, { droppedAttributesCount }),
  }),
  schema_url: textField('scope', { get: ({ scope: { scope } }) => scope.schemaUrl ?? '', set: (item, schemaUrl) => changeScope(item, { schemaUrl }) }),
}
