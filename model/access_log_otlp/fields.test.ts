import { expect, test } from 'vitest'
import { type FieldSpec, HTTP_ENTRY, type MessageSpec, TCP_ENTRY } from '../access_log_fields.ts'
import { describeUse, type FieldUse, HTTP_USE, type MessageUse, TCP_USE } from './fields.ts'

/** Fields of the protocol without a use, as dotted paths; the inside of addresses, maps and the like is their handler's. */
function missing(spec: MessageSpec, use: MessageUse, path = ''): string[] {
  return Object.entries(spec).flatMap(([number, field]: [string, FieldSpec]) => {
    const here = `${path}${field.name}`
    const own: FieldUse | undefined = use[Number(number)]
    if (own === undefined) return [here]
    return own.as === 'message' && (field.kind === 'message' || field.kind === 'list') ? missing(field.of, own.of, `${here}.`) : []
  })
}

test.for([
  { name: 'HTTP', spec: HTTP_ENTRY, use: HTTP_USE },
  { name: 'TCP', spec: TCP_ENTRY, use: TCP_USE },
])('every field of $name entries has a use', ({ spec, use }) => {
  expect(missing(spec, use)).toEqual([])
})

test('has no use for fields that the protocol does not have', () => {
  const surplus = (spec: MessageSpec, use: MessageUse): string[] =>
    Object.entries(use).flatMap(([number, own]: [string, FieldUse]) => {
      const field = spec[Number(number)]
      if (field === undefined) return [number]
      return own.as === 'message' && (field.kind === 'message' || field.kind === 'list') ? surplus(field.of, own.of) : []
    })
  expect([...surplus(HTTP_ENTRY, HTTP_USE), ...surplus(TCP_ENTRY, TCP_USE)]).toEqual([])
})

test('names of enums are as many as the protocol has', () => {
  const pairs = (spec: MessageSpec, use: MessageUse): [number, number][] =>
    Object.entries(use).flatMap(([number, own]: [string, FieldUse]) => {
      const field = spec[Number(number)]
      if (own.as === 'message' && field?.kind === 'message') return pairs(field.of, own.of)
      return own.as === 'names' && field?.kind === 'enum' ? [[own.names.length, Object.keys(field.names).length]] : []
    })
  const found = pairs(HTTP_ENTRY, HTTP_USE)
  expect(found.length).toBe(4)
  for (const [ours, theirs] of found) expect(ours).toBe(theirs)
})

test('no two fields share an attribute', () => {
  const names = (use: MessageUse): string[] =>
    Object.values(use).flatMap((own: FieldUse) => (own.as === 'message' ? names(own.of) : 'attribute' in own ? [`${own.attribute}${own.as}`] : []))
  for (const use of [HTTP_USE, TCP_USE]) expect(new Set(names(use)).size).toBe(names(use).length)
})

test('every use is described', () => {
  const uses = (use: MessageUse): FieldUse[] => Object.values(use).flatMap((own: FieldUse) => (own.as === 'message' ? uses(own.of) : [own]))
  for (const use of uses(HTTP_USE)) expect(describeUse(use)).not.toBe('')
})
