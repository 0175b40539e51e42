import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EVENT_OVERHEAD_BYTES, PUT_BYTES_MAX, PUT_EVENTS_MAX, type WaitingDocument } from './blocks.ts'
import { halvesOf, putBatches, putBody, rejectionsOf } from './put_batches.ts'

const NAME = { logGroup: '/metrics/shop', logStream: 'node "1"' }
const HOUR_MS = 3_600_000

function document(timestampMs: number, bytes = 10, points = 1): WaitingDocument {
  return { timestampMs, points, json: Buffer.alloc(bytes, 0x78) }
}

const cut = (documents: readonly WaitingDocument[]) => putBatches({ ...NAME, documents })
const sizes = (documents: readonly WaitingDocument[]) => cut(documents).batches.map((batch) => batch.documents.length)

describe('the limits of one put', () => {
  test.for([
    { name: '10,000 events', documents: () => Array.from({ length: PUT_EVENTS_MAX }, () => document(0)), expected: [PUT_EVENTS_MAX] },
    { name: 'one more', documents: () => Array.from({ length: PUT_EVENTS_MAX + 1 }, () => document(0)), expected: [PUT_EVENTS_MAX, 1] },
    { name: '1 MiB with 26 bytes for each event', documents: () => [document(0, PUT_BYTES_MAX - 26 - 126), document(0, 100)], expected: [2] },
    { name: 'a byte more', documents: () => [document(0, PUT_BYTES_MAX - 26 - 126), document(0, 101)], expected: [1, 1] },
    { name: 'less than 24 hours', documents: () => [document(0), document(24 * HOUR_MS - 1)], expected: [2] },
    { name: '24 hours', documents: () => [document(0), document(24 * HOUR_MS)], expected: [1, 1] },
  ])('$name', ({ documents, expected }, { expect: check }) => {
    check(sizes(documents())).toEqual(expected)
  })

  test('an event that no put takes is left out and told', () => {
    const [small, exact, large] = [document(0), document(1, PUT_BYTES_MAX - EVENT_OVERHEAD_BYTES), document(2, PUT_BYTES_MAX - EVENT_OVERHEAD_BYTES + 1)]
    const { batches, tooLarge } = cut([small, exact, large])
    expect(batches.map((batch) => batch.documents)).toEqual([[small], [exact]])
    expect(tooLarge).toEqual([large])
  })

  test('hold for any documents, of which none is lost, in the order of their times and else of their coming', () => {
    const any = fc.array(fc.record({ timestampMs: fc.nat(100 * HOUR_MS), bytes: fc.nat(400_000) }), { maxLength: 30 })
    fc.assert(
      fc.property(any, (given) => {
        const documents = given.map(({ timestampMs, bytes }) => document(timestampMs, bytes))
        const { batches } = cut(documents)
        const sorted = documents.map((one, i) => ({ one, i })).sort((a, b) => a.one.timestampMs - b.one.timestampMs || a.i - b.i)
        expect(batches.flatMap((batch) => batch.documents)).toEqual(sorted.map(({ one }) => one))
        for (const { documents: found } of batches) {
          expect(found.reduce((sum, { json }) => sum + json.length + EVENT_OVERHEAD_BYTES, 0)).toBeLessThanOrEqual(PUT_BYTES_MAX)
          expect((found.at(-1)?.timestampMs ?? 0) - (found[0]?.timestampMs ?? 0)).toBeLessThan(24 * HOUR_MS)
        }
      }),
    )
  })
})

test('a body is JSON whatever names and documents hold', () => {
  const json = '{"_aws":{"Timestamp":5},"pod":"a\\"b\\u0007"}'
  for (const count of [1, 64, 65, 200]) {
    const documents = Array.from({ length: count }, (_, i) => ({ timestampMs: i, points: 1, json: Buffer.from(json) }))
    const body = Buffer.concat([...putBody({ ...NAME, documents })]).toString('utf8')
    const logEvents = Array.from({ length: count }, (_, i) => ({ timestamp: i, message: json }))
    expect(JSON.parse(body)).toEqual({ logGroupName: '/metrics/shop', logStreamName: 'node "1"', logEvents })
  }
})

test('halves hold all', () => {
  const documents = [1, 2, 3].map((ms) => document(ms))
  expect(halvesOf({ ...NAME, documents }).map((half) => half.documents.map(({ timestampMs }) => timestampMs))).toEqual([[1], [2, 3]])
})

describe('rejected events', () => {
  const batch = { ...NAME, documents: [1, 2, 4, 8, 16].map((points) => document(0, 10, points)) }

  test.for([
    { info: { tooOldLogEventEndIndex: 2 }, expected: { too_old: { events: 2, points: 3 } } },
    { info: { tooNewLogEventStartIndex: 4 }, expected: { too_new: { events: 1, points: 16 } } },
    {
      info: { tooOldLogEventEndIndex: 1, expiredLogEventEndIndex: 3, tooNewLogEventStartIndex: 4 },
      expected: { too_old: { events: 1, points: 1 }, expired: { events: 2, points: 6 }, too_new: { events: 1, points: 16 } },
    },
    { info: { tooOldLogEventEndIndex: 0, tooNewLogEventStartIndex: 5 }, expected: {} },
    { info: { tooOldLogEventEndIndex: 99, tooNewLogEventStartIndex: 'x' }, expected: {} },
  ])('$info', ({ info, expected }, { expect: check }) => {
    check(Object.fromEntries(rejectionsOf(batch, { rejectedLogEventsInfo: info }))).toEqual(expected)
  })

  test.for([undefined, null, {}, 'text'])('none in the answer %j', (answer, { expect: check }) => {
    check(rejectionsOf(batch, answer).size).toBe(0)
  })
})
