import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AttributeSet, type EntityRef, type Resource, type Scope } from '../attributes.ts'
import { readAttributes } from './attribute_run.ts'
import { CheckedFields } from './fields.ts'

/** Field numbers that `ResourceLogs`, `ResourceSpans` and `ResourceMetrics` share, and those of the messages inside. */
const ResourcePart = { resource: 1, scopes: 2, schemaUrl: 3 } as const
const ScopePart = { scope: 1, items: 2, schemaUrl: 3 } as const
const ResourceField = { attributes: 1, droppedAttributesCount: 2, entityRefs: 3 } as const
const EntityRefField = { schemaUrl: 1, type: 2, idKeys: 3, descriptionKeys: 4 } as const
const ScopeField = { name: 1, version: 2, attributes: 3, droppedAttributesCount: 4 } as const

/** Tag of a repeated `KeyValue` in `Resource`, and in `InstrumentationScope`. */
const RESOURCE_ATTRIBUTES = 0x0a
const SCOPE_ATTRIBUTES = 0x1a

/** What a `ScopeLogs`, `ScopeSpans` or `ScopeMetrics` belongs to; its records, spans or metrics are field 2 in `fields`. */
interface WireGroup {
  readonly resource: Resource
  readonly scope: Scope
  readonly fields: CheckedFields
}

/** Number of the records, spans or metrics in the message of a scope. */
export const ITEMS_FIELD: number = ScopePart.items

/** Calls `read` for each scope of each resource of a request that has been checked, in their order. */
export function eachGroup(bytes: Uint8Array, read: (group: WireGroup) => void): void {
  const request = new CheckedFields(bytes)
  while (request.next()) {
    if (request.field !== 1) continue
    const resource = readResource(request.message())
    const fields = request.message()
    while (fields.next()) {
      if (fields.field === ResourcePart.scopes) read({ resource, scope: readScope(fields.message()), fields: fields.message() })
    }
  }
}

function readResource(fields: CheckedFields): Resource {
  let resource: Resource = NO_RESOURCE
  let schemaUrl = ''
  while (fields.next()) {
    if (fields.field === ResourcePart.resource) resource = readResourceMessage(fields.message())
    else if (fields.field === ResourcePart.schemaUrl) schemaUrl = fields.text()
  }
  // A new object each time: what has the same one belongs together.
  return schemaUrl === '' ? { ...resource } : { ...resource, schemaUrl }
}

const NO_RESOURCE: Resource = { attributes: AttributeSet.empty }

function readResourceMessage(fields: CheckedFields): Resource {
  const attributes = readAttributes(fields.bytes, fields.end, fields.limit, RESOURCE_ATTRIBUTES).detached()
  let droppedAttributesCount = 0
  const entityRefs: EntityRef[] = []
  while (fields.next()) {
    if (fields.field === ResourceField.droppedAttributesCount) droppedAttributesCount = fields.uint32()
    else if (fields.field === ResourceField.entityRefs) entityRefs.push(readEntityRef(fields.message()))
  }
  return { attributes, ...(droppedAttributesCount === 0 ? {} : { droppedAttributesCount }), ...(entityRefs.length === 0 ? {} : { entityRefs }) }
}

function readEntityRef(fields: CheckedFields): EntityRef {
  const entity = { schemaUrl: '', type: '', idKeys: [] as string[], descriptionKeys: [] as string[] }
  while (fields.next()) {
    if (fields.field === EntityRefField.schemaUrl) entity.schemaUrl = fields.text()
    else if (fields.field === EntityRefField.type) entity.type = fields.text()
    else if (fields.field === EntityRefField.idKeys) entity.idKeys.push(fields.text())
    else if (fields.field === EntityRefField.descriptionKeys) entity.descriptionKeys.push(fields.text())
  }
  return entity
}

function readScope(fields: CheckedFields): Scope {
  let scope: Scope = NO_SCOPE
  let schemaUrl = ''
  while (fields.next()) {
    if (fields.field === ScopePart.scope) scope = readScopeMessage(fields.message())
    else if (fields.field === ScopePart.schemaUrl) schemaUrl = fields.text()
  }
  return schemaUrl === '' ? scope : { ...scope, schemaUrl }
}

const NO_SCOPE: Scope = { name: '', version: '' }

function readScopeMessage(fields: CheckedFields): Scope {
  const attributes = readAttributes(fields.bytes, fields.end, fields.limit, SCOPE_ATTRIBUTES).detached()
  let [name, version, droppedAttributesCount] = ['', '', 0]
  while (fields.next()) {
    if (fields.field === ScopeField.name) name = fields.text()
    else if (fields.field === ScopeField.version) version = fields.text()
    else if (fields.field === ScopeField.droppedAttributesCount) droppedAttributesCount = fields.uint32()
  }
  return { name, version, ...(attributes.size === 0 ? {} : { attributes }), ...(droppedAttributesCount === 0 ? {} : { droppedAttributesCount }) }
}

/**
 * Writes the groups of a batch as `ResourceLogs` (`ResourceSpans`, `ResourceMetrics`): groups in a row that have the same
 * resource object share one, and those that have the same scope object too share that. `write` writes the records, spans or
 * metrics of a group as fields `ITEMS_FIELD`; `bytesExpected` guesses their size.
 */
export function writeGroups<Group extends { readonly resource: Resource; readonly scope: Scope }>(
  writer: ProtobufWriter,
  groups: readonly Group[],
  bytesExpected: (group: Group) => number,
  write: (group: Group) => void,
): void {
  for (let i = 0; i < groups.length; ) {
    const { resource } = groups[i] as Group
    writer.open(1, expectedOfRun(groups, i, bytesExpected))
    writeResource(writer, resource)
    while (groups[i]?.resource === resource) {
      const { scope } = groups[i] as Group
      writer.open(ResourcePart.scopes, bytesExpected(groups[i] as Group))
      writeScope(writer, scope)
      for (let group = groups[i]; group?.resource === resource && group.scope === scope; group = groups[++i]) write(group)
      if (scope.schemaUrl) writer.string(ScopePart.schemaUrl, scope.schemaUrl)
      writer.close()
    }
    if (resource.schemaUrl) writer.string(ResourcePart.schemaUrl, resource.schemaUrl)
    writer.close()
  }
}

/** The size of the groups from `first` on that share a resource. */
function expectedOfRun<Group extends { readonly resource: Resource }>(
  groups: readonly Group[],
  first: number,
  bytesExpected: (group: Group) => number,
): number {
  const { resource } = groups[first] as Group
  let expected = 0
  for (let i = first; groups[i]?.resource === resource; i++) expected += bytesExpected(groups[i] as Group)
  return expected
}

function writeResource(writer: ProtobufWriter, { attributes, droppedAttributesCount = 0, entityRefs = [] }: Resource): void {
  if (attributes.size === 0 && droppedAttributesCount === 0 && entityRefs.length === 0) return
  writer.open(ResourcePart.resource, 128)
  attributes.writeTo(writer, ResourceField.attributes)
  if (droppedAttributesCount !== 0) writer.varint(ResourceField.droppedAttributesCount, droppedAttributesCount >>> 0)
  for (const entity of entityRefs) {
    writer.open(ResourceField.entityRefs)
    if (entity.schemaUrl !== '') writer.string(EntityRefField.schemaUrl, entity.schemaUrl)
    if (entity.type !== '') writer.string(EntityRefField.type, entity.type)
    for (const key of entity.idKeys) writer.string(EntityRefField.idKeys, key)
    for (const key of entity.descriptionKeys) writer.string(EntityRefField.descriptionKeys, key)
    writer.close()
  }
  writer.close()
}

function writeScope(writer: ProtobufWriter, { name, version, attributes, droppedAttributesCount = 0 }: Scope): void {
  if (name === '' && version === '' && attributes === undefined && droppedAttributesCount === 0) return
  writer.open(ScopePart.scope)
  if (name !== '') writer.string(ScopeField.name, name)
  if (version !== '') writer.string(ScopeField.version, version)
  attributes?.writeTo(writer, ScopeField.attributes)
  if (droppedAttributesCount !== 0) writer.varint(ScopeField.droppedAttributesCount, droppedAttributesCount >>> 0)
  writer.close()
}
