import { expect, test } from 'vitest'
import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { type Edge, type EdgeTable, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../edges.ts'
import { AttributeTag } from './attribute_buffer.ts'
import { EDGE_ATTRIBUTES, EdgeAttributes } from './edge_attributes.ts'

const party = (n: string) => ({
  ...UNKNOWN_PARTY,
  workload: `${n}-v1`,
  namespace: `${n}-ns`,
  service: n,
  version: 'v1',
  cluster: 'east',
  principal: `spiffe://${n}`,
  pod: `${n}-0`,
})

const full: Edge = {
  index: 1,
  role: 'sidecar',
  reporter: 'source',
  direction: 'outbound',
  source: { ...party('a'), evidence: 'node' },
  destination: { ...party('b'), evidence: 'peer_struct', addressClass: 'external' },
  service: { ...UNKNOWN_SERVICE, host: 'b.b-ns.svc', name: 'b', namespace: 'b-ns' },
  mutualTls: true,
}

function tableOf(get: (index: number) => Edge): EdgeTable & { epoch: number } {
  return { epoch: 0, size: 100_000, get }
}

function keysOf(attributes: Uint8Array): string[] {
  const fields = new WireFields(attributes)
  const keys: string[] = []
  while (fields.next()) {
    const attribute = fields.message()
    if (attribute.next()) keys.push(attribute.text())
  }
  return keys
}

test('tells both sides, of the reporter only what its resource does not tell', () => {
  const keys = keysOf(
    new EdgeAttributes(AttributeTag.record).of(
      tableOf(() => full),
      1,
    ).attributes,
  )
  expect(keys).toContain('mesh.destination.version')
  expect(keys).not.toContain('mesh.source.version')
  expect(keys).toContain('mesh.source.workload')
  expect(keys).toContain('mesh.mutual_tls')
  expect(new Set(keys).size).toBe(keys.length)
})

test('uses only names that are documented', () => {
  const both = { ...full, source: { ...full.source, evidence: 'peer_struct' as const } }
  const documented = new Set(Object.keys(EDGE_ATTRIBUTES).flatMap((name) => [name, name.replace('source', 'destination')]))
  expect(
    keysOf(
      new EdgeAttributes(AttributeTag.record).of(
        tableOf(() => both),
        1,
      ).attributes,
    ).filter((key) => !documented.has(key)),
  ).toEqual([])
})

test('says nothing of the unknown edge and without a mesh processor', () => {
  const attributes = new EdgeAttributes(AttributeTag.record)
  expect(attributes.of(undefined, 7).attributes.length).toBe(0)
  expect(
    attributes.of(
      tableOf(() => full),
      0,
    ).attributes.length,
  ).toBe(0)
})

test('encodes an edge once for an epoch, and takes what a new epoch says', () => {
  let calls = 0
  let edge = full
  const table = tableOf(() => {
    calls++
    return edge
  })
  const attributes = new EdgeAttributes(AttributeTag.record)
  const first = attributes.of(table, 1)
  expect(attributes.of(table, 1)).toBe(first)
  edge = { ...full, reporter: 'destination' }
  expect(attributes.of(table, 1).isClient).toBe(true)
  table.epoch++
  expect(attributes.of(table, 1).isClient).toBe(false)
  expect(calls).toBe(2)
})

test('a gateway’s errors are a server’s', () => {
  expect(
    new EdgeAttributes(AttributeTag.span).of(
      tableOf(() => ({ ...full, role: 'router' })),
      1,
    ).isClient,
  ).toBe(false)
})

test('keeps a bounded number of edges', () => {
  let calls = 0
  const table = tableOf(() => {
    calls++
    return full
  })
  const attributes = new EdgeAttributes(AttributeTag.record)
  for (let index = 1; index <= 16_385; index++) attributes.of(table, index)
  attributes.of(table, 16_385)
  expect(calls).toBe(16_385)
  attributes.of(table, 1)
  expect(calls).toBe(16_386)
})
