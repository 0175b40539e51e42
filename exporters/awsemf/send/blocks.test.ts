import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { QueueItem } from '../../../component/kit/queue/store.ts'
import type { EmfDocument } from '../document/document.ts'
import { BlockBuilder, itemOf, PUT_BYTES_MAX, splitBlocks, streamsOf } from './blocks.ts'

const documents = fc.array(
  fc.record({
    json: fc.string({ unit: 'grapheme', minLength: 1 }),
    timestampMs: fc.integer({ min: 0, max: 4e12 }),
    logGroup: fc.constantFrom('/metrics/a', '/metrics/ä'),
    logStream: fc.constantFrom('one', 'two'),
    points: fc.nat(1000),
  }),
)

/** What is in items, as the documents that were put in, ordered by stream. */
function contentOf(items: readonly Uint8Array[]): EmfDocument[] {
  return items.flatMap((bytes) =>
    streamsOf(bytes).flatMap(({ logGroup, logStream, documents: found }) =>
      found.map(({ json, timestampMs, points }) => ({ json: json.toString('utf8'), timestampMs, points, logGroup, logStream })),
    ),
  )
}

function build(given: readonly EmfDocument[]): QueueItem[] {
  const builder = new BlockBuilder()
  return [...given.flatMap((document) => builder.add(document) ?? []), ...builder.finish()]
}

const byStream = (given: readonly EmfDocument[]) => [...given].sort((a, b) => `${a.logGroup} ${a.logStream}`.localeCompare(`${b.logGroup} ${b.logStream}`))

test('documents come out as they went in, item by item and joined to one', () => {
  fc.assert(
    fc.property(documents, (given) => {
      const items = build(given)
      const expected = byStream(given)
      expect(byStream(contentOf(items.map(({ bytes }) => bytes)))).toEqual(expected)
      expect(byStream(contentOf([Buffer.concat(items.map(({ bytes }) => bytes))]))).toEqual(expected)
      expect(items.reduce((sum, { items: points }) => sum + points, 0)).toBe(given.reduce((sum, { points }) => sum + points, 0))
    }),
  )
})

test('split items hold what the whole one held, and no more points than asked where documents allow it', () => {
  fc.assert(
    fc.property(documents, fc.integer({ min: 1, max: 3000 }), (given, itemsMax) => {
      const bytes = Buffer.concat(build(given).map((item) => item.bytes))
      const parts = splitBlocks({ signal: 'metrics', bytes, items: 0 }, itemsMax)
      expect(byStream(contentOf(parts.map((part) => part.bytes)))).toEqual(byStream(given))
      for (const part of parts) expect(part.items <= itemsMax || streamsOf(part.bytes)[0]?.documents.length === 1).toBe(true)
    }),
  )
})

test('never throws anything but a RangeError on any bytes', () => {
  const block = itemOf({ logGroup: 'g', logStream: 's', documents: [{ timestampMs: 1, points: 1, json: Buffer.from('{}') }] }).bytes
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.tuple(fc.nat(block.length), fc.nat(255)).map(([at, value]) => block.with(at % block.length, value)),
      ),
      (bytes) => {
        try {
          streamsOf(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      },
    ),
  )
})

test('an item that cannot be read is given back whole by splitting', () => {
  const damaged: QueueItem = { signal: 'metrics', bytes: Buffer.from([9, 9]), items: 5 }
  expect(splitBlocks(damaged, 1)).toEqual([damaged])
})

test('an item fills one put of its stream and no more', () => {
  const json = 'x'.repeat(300_000)
  const given = Array.from({ length: 8 }, (_, i): EmfDocument => ({ json, timestampMs: i, logGroup: 'g', logStream: String(i % 2), points: 1 }))
  const items = build(given)
  expect(items.map(({ items: points }) => points)).toEqual([3, 3, 1, 1])
  for (const { bytes } of items) expect(bytes.length).toBeLessThan(PUT_BYTES_MAX)
  expect(items.map(({ bytes }) => streamsOf(bytes)[0]?.logStream)).toEqual(['0', '1', '0', '1'])
})
