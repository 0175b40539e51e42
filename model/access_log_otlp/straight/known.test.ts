import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { BothWays, messageOf } from '../../../test/conformance/als_attribute_ways.ts'
import type { Plain } from '../../../test/conformance/als_oracle.ts'
import { type Edge, type EdgeTable, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../edges.ts'
import { MapAttributes } from '../entry_maps.ts'
import { KNOWN_BYTES_MAX, KNOWN_MAX, Place } from './memory.ts'

const EDGE: Edge = {
  index: 0,
  role: 'sidecar',
  reporter: 'source',
  direction: 'outbound',
  source: UNKNOWN_PARTY,
  destination: UNKNOWN_PARTY,
  service: UNKNOWN_SERVICE,
  mutualTls: false,
}
const EDGES: EdgeTable = { epoch: 0, size: 1, get: () => EDGE }

/** An entry with a text in its filter state. */
function withState(value: string, key = 'state'): Plain {
  return { common_properties: { filter_state_objects: { [key]: { type_url: 'type.googleapis.com/google.protobuf.StringValue', value: stringValue(value) } } } }
}

function stringValue(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7]
  return Buffer.concat([Buffer.from([10, ...length]), bytes])
}

/** Values that the general way has made in `work` where the straight way asked for them; it makes each once for itself too. */
function madeIn(work: () => void, rows: number): number {
  const write = vi.spyOn(MapAttributes.prototype, 'write')
  work()
  const { length } = write.mock.calls
  write.mockRestore()
  return length - rows
}

describe('values that come again', () => {
  test('are made once', () => {
    const ways = new BothWays()
    const made = madeIn(() => {
      for (let n = 0; n < 100; n++) ways.check(messageOf(withState(`peer-${n % 10}`)))
    }, 100)
    expect(made).toBe(10)
    expect(ways.share).toEqual({ taken: 100, rows: 100 })
  })

  test('are told apart by every byte, by their length and by their field', () => {
    const ways = new BothWays()
    const text = 'abcdefghijklmnopqrstuvwxyz'
    const texts = Array.from(text, (_, n) => [text.slice(0, n), `${text.slice(0, n)}-${text.slice(n + 1)}`]).flat()
    for (let round = 0; round < 2; round++) {
      for (const value of texts) ways.check(messageOf(withState(value)))
      for (const key of texts) ways.check(messageOf(withState('value', key)))
      ways.check(messageOf({ common_properties: { metadata: { filter_metadata: { 'envoy.lb': { fields: { a: { bool_value: true } } } } } } }))
      ways.check(messageOf({ common_properties: { response_flags: { no_route_found: true } } }))
      ways.check(messageOf({ common_properties: { response_flags: { no_healthy_upstream: true } } }))
    }
    expect(ways.share.taken).toBe(ways.share.rows)
  })

  test('are any', () => {
    const ways = new BothWays()
    const key = fc.string({ maxLength: 3 })
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string({ maxLength: 40, unit: 'binary' })), { maxLength: 5 }), (states) => {
        for (const [name, value] of [...states, ...states]) ways.check(messageOf(withState(value, name)))
      }),
      { numRuns: 200 },
    )
  })

  test('may be more than are remembered', () => {
    const ways = new BothWays()
    const values = Array.from({ length: KNOWN_MAX + 500 }, (_, n) => messageOf(withState(`value-${n}`)))
    const made = madeIn(() => {
      for (const message of values) ways.check(message)
      // Those that came since everything was forgotten.
      for (const message of values.slice(-300)) ways.check(message)
    }, values.length + 300)
    expect(made).toBe(values.length)
    expect(ways.share.taken).toBe(ways.share.rows)
  }, 60_000)

  test('may be more bytes than there is room for', () => {
    const ways = new BothWays()
    const long = 'v'.repeat(KNOWN_BYTES_MAX - 200)
    const count = Math.ceil(((Place.end - Place.known) / (2 * KNOWN_BYTES_MAX)) * 2.5)
    for (let n = 0; n < count; n++) ways.check(messageOf(withState(`${n}${long}`)))
    const made = madeIn(() => {
      for (let n = count - 10; n < count; n++) ways.check(messageOf(withState(`${n}${long}`)))
    }, 10)
    expect(made).toBe(0)
    expect(ways.share.taken).toBe(count + 10)
  }, 60_000)

  test('may be too long', () => {
    const ways = new BothWays()
    const message = messageOf(withState('v'.repeat(KNOWN_BYTES_MAX)))
    expect(
      madeIn(() => {
        for (let n = 0; n < 3; n++) ways.check(message)
      }, 3),
    ).toBe(3)
  })

  test('are made anew when the sides of calls are known, or not any more', () => {
    const ways = new BothWays()
    const message = messageOf(withState('p', 'upstream_peer'))
    for (const edges of [undefined, undefined, EDGES, EDGES, undefined]) ways.check(message, edges)
    expect(ways.share).toEqual({ taken: 5, rows: 5 })
  })

  test('may be more in one entry than are left to the general way', () => {
    const ways = new BothWays()
    const states = (count: number): Uint8Array =>
      messageOf({ common_properties: { filter_state_objects: Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, {}])) } })
    for (const [count, taken] of [
      [1300, 0],
      [900, 1],
      [1300, 2],
      [1300, 3],
    ] as const) {
      ways.check(states(count))
      expect(ways.share.taken).toBe(taken)
    }
  })
})

test.for([
  ['a=b', 'a='],
  ['=', '=b'],
  ['a', 'a=b&c=d&e'],
  ['&', '&&a=b&&'],
  ['a=b=c&d==e', 'page=7&q=%20'],
  ['a=1&'.repeat(500), 'name='.repeat(400)],
  ['a&'.repeat(1024), `a=${'v'.repeat(3000)}`],
])('redacts %#', (queries) => {
  const ways = new BothWays({ queryAllowed: [] })
  for (const query of queries) ways.check(messageOf({ request: { path: `/p?${query}` } }))
  expect(ways.share).toEqual({ taken: 2, rows: 2 })
})
