import { readEntry } from '../../model/access_log_entry.ts'
import { type AccessLogs, EntryClass } from '../../model/access_logs.ts'
import { AttributeSet, type AttributeValue } from '../../model/attributes.ts'
import type { Edge, Party } from '../../model/edges.ts'
import { jsonLine } from './json_line.ts'

const CLASSES = new Map<number, string>(Object.entries(EntryClass).map(([name, value]) => [value, name]))

/**
 * One line of JSON for row `i`: every field of the entry under its proto3 JSON name, `proxy` with who sent it, `resource`
 * with the attributes that a processor has put on the batch, and `mesh` with what the mesh processor made of the entry.
 */
export function entryJson(logs: AccessLogs, i: number): string {
  const { nodeId, nodeCluster, logName, peer } = logs.origin
  const edge = logs.edges?.get(logs.edge[i] as number)
  return jsonLine({
    ...readEntry(logs, i),
    proxy: withoutEmpty({ nodeId, cluster: nodeCluster, logName, peer }),
    ...(logs.resource === undefined ? {} : { resource: attributesOf(logs.resource.attributes) }),
    ...(edge === undefined ? {} : { mesh: meshOf(edge, logs.entryClass[i] as number) }),
  })
}

function attributesOf({ keys, values }: AttributeSet): Record<string, unknown> {
  return Object.fromEntries(keys.map((key, i) => [key, plainOf(values[i])]))
}

/** JSON has no integers of 64 bits; proto3 JSON writes them as text. */
function plainOf(value: AttributeValue | undefined): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value === null || typeof value !== 'object') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value instanceof AttributeSet ? attributesOf(value) : value.map(plainOf)
}

function meshOf(edge: Edge, entryClass: number): Record<string, unknown> {
  return {
    class: CLASSES.get(entryClass) ?? 'unknown',
    reporter: edge.reporter,
    role: edge.role,
    direction: edge.direction,
    source: partyOf(edge.source),
    destination: partyOf(edge.destination),
    service: withoutEmpty({ ...edge.service }),
    mutualTls: edge.mutualTls,
  }
}

function partyOf(party: Party): Record<string, string> {
  return withoutEmpty({ ...party })
}

function withoutEmpty(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
}
