import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter } from './line_splitter.ts'
import { type ListHead, ListSplitter } from './list_splitter.ts'
import { MalformedError } from './malformed.ts'

/** Cuts bytes at the given places, so that characters and escapes are split too. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((at) => at % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...places, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : places[i - 1], end))
}

function split(chunks: readonly Buffer[], itemBytesMax?: number): { items: unknown[]; head: ListHead } {
  const items: unknown[] = []
  const splitter = new ListSplitter({ onItem: (json) => items.push(JSON.parse(json)), ...(itemBytesMax === undefined ? {} : { itemBytesMax }) })
  for (const chunk of chunks) splitter.push(chunk)
  return { items, head: splitter.end() }
}

const splitText = (text: string): { items: unknown[]; head: ListHead } => split([Buffer.from(text)])

test('a list cut anywhere gives the items that JSON.parse gives', () => {
  const item = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
  fc.assert(
    fc.property(fc.array(item), fc.jsonValue(), fc.array(fc.nat()), fc.constantFrom(undefined, 1), (items, other, cuts, indent) => {
      const list = { kind: 'PodList', other, metadata: { resourceVersion: '7', continue: 'next' }, items, items_after: { items: [] } }
      const expected = JSON.parse(JSON.stringify(list)) as { readonly items: unknown[] }
      const found = split(cut(Buffer.from(JSON.stringify(list, null, indent)), cuts))
      expect(found.items).toEqual(expected.items)
      expect(found.head).toEqual({ resourceVersion: '7', continueToken: 'next' })
    }),
    { numRuns: 50 },
  )
})

test.for([
  { name: 'items before the metadata', text: '{"items":[{"a":1}],"metadata":{"resourceVersion":"9"}}', items: [{ a: 1 }] },
  { name: 'no items at all, as Go writes an empty list', text: '{"metadata":{"resourceVersion":"9"},"items":null}', items: [] },
  { name: 'a key "items" elsewhere', text: '{"metadata":{"resourceVersion":"9","items":[1,2]},"items":[{"items":[{}]}]}', items: [{ items: [{}] }] },
  { name: 'a text "items" that is a value', text: '{"kind":"items","x":[3],"metadata":{"resourceVersion":"9"},"items":[{}]}', items: [{}] },
])('reads $name', ({ text, items }) => {
  expect(splitText(text)).toEqual({ items, head: { resourceVersion: '9', continueToken: '' } })
})

test.for([
  { name: 'a list that breaks off', text: '{"metadata":{"resourceVersion":"9"},"items":[{"a":1}', error: 'ends in the middle' },
  { name: 'nothing', text: '', error: 'ends in the middle' },
  { name: 'a page of a proxy', text: '<html>Bad gateway</html>', error: 'not a list' },
  { name: 'a single object', text: '{"kind":"Pod","metadata":{"resourceVersion":"9"}}', error: 'no items' },
  { name: 'a list without version', text: '{"metadata":{},"items":[]}', error: 'no resource version' },
  { name: 'garbage between items', text: '{"metadata":{"resourceVersion":"9"},"items":[{},garbage,{}]}', error: 'between the items' },
  { name: 'a wrong bracket', text: '{"metadata":{"resourceVersion":"9"},"items":[{}}', error: 'wrong bracket' },
])('refuses $name', ({ text, error }) => {
  expect(() => splitText(text)).toThrow(MalformedError)
  expect(() => splitText(text)).toThrow(error)
})

test('an item above the limit is refused before it is complete', () => {
  const long = Buffer.from(`{"items":[{"a":"${'x'.repeat(2000)}`)
  expect(() => split([long.subarray(0, 500), long.subarray(500)], 1000)).toThrow('an item of more than 1000 bytes')
})

test('no bytes make a list splitter throw anything but a MalformedError', () => {
  const prefix = fc.constantFrom('', '{"items":[', '{"metadata":{"resourceVersion":"1"},"items":[{"a":"\\')
  fc.assert(
    fc.property(prefix, fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat()), (start, bytes, cuts) => {
      const splitter = new ListSplitter({ onItem: () => {} })
      let error: unknown
      try {
        for (const chunk of cut(Buffer.concat([Buffer.from(start), bytes]), cuts)) splitter.push(chunk)
        splitter.end()
      } catch (thrown) {
        error = thrown
      }
      expect(error === undefined || error instanceof MalformedError).toBe(true)
    }),
  )
})

test('lines cut anywhere come out whole', () => {
  const line = fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat()), (lines, cuts) => {
      const found: string[] = []
      const splitter = new LineSplitter((text) => found.push(text))
      for (const chunk of cut(Buffer.from(lines.map((text) => `${text}\n`).join('')), cuts)) splitter.push(chunk)
      expect(found).toEqual(lines)
      expect(splitter.hasRest).toBe(false)
    }),
  )
})

test('a line above the limit is refused, whether its end has come or not', () => {
  expect(() => new LineSplitter(() => {}, 10).push(Buffer.from('12345678901'))).toThrow('a line of more than 10 bytes')
  expect(() => new LineSplitter(() => {}, 10).push(Buffer.from('12345678901\n'))).toThrow('a line of more than 10 bytes')
  const splitter = new LineSplitter(() => {}, 10)
  splitter.push(Buffer.from('123456\n12345'))
  expect(splitter.hasRest).toBe(true)
})
