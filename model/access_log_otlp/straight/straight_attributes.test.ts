import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtobufWriter } from '../../../lib/protobuf/writer.ts'
import { BothWays, messageOf } from '../../../test/conformance/als_attribute_ways.ts'
import { encode, ownSchema, type Plain, readCapture, sharedFile } from '../../../test/conformance/als_oracle.ts'
import { anyDamage, anyMessage, damaged } from '../../../test/conformance/als_oracle_arbitrary.ts'
import { meshMessages, Random } from '../../../test/conformance/als_oracle_messages.ts'
import type { EntryAttributesOptions } from '../entry_attributes.ts'

const schema = ownSchema()
/** As the processor has it by default. */
const PLAIN = { queryAllowed: [] }
const CAPTURES = ['als-mesh.productpage.http', 'als-mesh.mongodb.tcp', 'als-grpc.reviews.http', 'als-peers.reviews.http', 'als-errors.productpage.http']

describe('the straight way to attributes', () => {
  const generated = meshMessages(schema, { count: 60, entriesPerMessage: 4 })
  const captured = CAPTURES.flatMap((name) => sharedFile(`envoy-capture/${name}.bin`) ?? []).map(readCapture)

  test.for<Partial<EntryAttributesOptions>>([{}, { hasDetail: false }, { query: 'none', queryAllowed: [] }, { query: 'whole', headers: [], tags: [] }, PLAIN])(
    'says what the general way says, with %o',
    (options) => {
      const ways = new BothWays(options)
      for (const message of [...generated, ...captured.flat()]) ways.check(message)
      expect(ways.share.taken).toBeGreaterThan(0.8 * ways.share.rows)
    },
  )

  test.skipIf(captured.length < CAPTURES.length)('is good for nearly all that a real Envoy writes', () => {
    const shares = captured.map((messages) => {
      const ways = new BothWays()
      for (const message of messages) ways.check(message)
      return ways.share.taken / ways.share.rows
    })
    expect(Math.min(...shares)).toBeGreaterThan(0.95)
  })

  test('says the same or nothing of any entry, whole or damaged', () => {
    const ways = new BothWays()
    fc.assert(
      fc.property(anyMessage, fc.option(anyDamage), (plain, damages) => {
        const whole = encode(schema.message, plain)
        ways.check(damages === null ? whole : damaged(whole, damages))
      }),
      { numRuns: 400 },
    )
    expect(ways.share.rows - ways.share.taken).toBeGreaterThan(100)
  })

  test('says the same or nothing of entries with changed bytes', () => {
    const ways = new BothWays()
    const random = new Random(7)
    for (let run = 0; run < 1500; run++) {
      const copy = Uint8Array.from(random.pick(generated))
      // Small numbers leave most lengths right.
      for (let changes = 1 + random.int(4); changes > 0; changes--) copy[random.int(copy.length)] = random.int(3) === 0 ? random.int(256) : random.int(8)
      ways.check(copy)
    }
    expect(Math.min(ways.share.taken, ways.share.rows - ways.share.taken)).toBeGreaterThan(500)
  })

  test.for<{ name: string; entry: Plain; isTaken?: boolean }>([
    { name: 'nothing', entry: {} },
    { name: 'empty messages', entry: { common_properties: { upstream_remote_address: {} }, request: {}, response: { response_code: {} } }, isTaken: false },
    { name: 'values of 0', entry: { common_properties: { duration: {} }, response: { response_code: { value: 0 } } } },
    { name: 'long texts', entry: { request: { path: `/${'p'.repeat(9000)}?${'q'.repeat(3000)}`, user_agent: 'a'.repeat(113), original_path: '/b?c=d' } } },
    { name: 'texts of 16 KiB and more', entry: { request: { user_agent: 'a'.repeat(16_384) } }, isTaken: false },
    { name: 'texts that are not ASCII', entry: { request: { user_agent: 'Zürich' } }, isTaken: false },
    { name: 'a port with zeros in front', entry: { request: { authority: 'shop:0080' } } },
    { name: 'a port with many zeros in front', entry: { request: { authority: 'shop:00000080' } }, isTaken: false },
    { name: 'port 0', entry: { request: { authority: 'shop:0' } } },
    { name: 'ports of every length', entry: { request: { authority: 'shop:9' } } },
    { name: 'the largest port', entry: { request: { authority: 'shop:65535' } } },
    { name: 'no port but a number', entry: { request: { authority: 'shop:65536' } } },
    { name: 'IPv6 without a port', entry: { request: { authority: 'fd00::1' } } },
    { name: 'IPv6 with a port', entry: { request: { authority: '[fd00::1]:443' } } },
    { name: 'a colon and nothing', entry: { request: { authority: 'shop:' } } },
    { name: 'a port and nothing', entry: { request: { authority: ':80' } } },
    { name: 'a number', entry: { request: { authority: '80' } } },
    { name: 'a query and no path', entry: { request: { path: '?a=b' } } },
    { name: 'a mark and no query', entry: { request: { path: '/a?' } } },
    { name: 'a request id that is the stream id', entry: { common_properties: { stream_id: 'abcdefghijkl' }, request: { request_id: 'abcdefghijkl' } } },
    { name: 'one that only begins alike', entry: { common_properties: { stream_id: 'abcdefghijkl' }, request: { request_id: 'abcdefghijkm' } } },
    { name: 'a method that has no name', entry: { request: { request_method: 77 } } },
    { name: 'durations', entry: { common_properties: { duration: { seconds: 3, nanos: 7 }, time_to_last_rx_byte: { nanos: 999_999_999 } } } },
    { name: 'durations that go back', entry: { common_properties: { duration: { seconds: -1 } } }, isTaken: false },
    { name: 'large numbers', entry: { common_properties: { downstream_wire_bytes_sent: 2 ** 48 }, response: { response_headers_bytes: 2 ** 40 } } },
    { name: 'pipes', entry: { common_properties: { upstream_remote_address: { pipe: { path: '/run/a' } } } }, isTaken: false },
    {
      name: 'UDP',
      entry: { common_properties: { upstream_remote_address: { socket_address: { protocol: 1, address: '::1', port_value: 53 } } } },
      isTaken: false,
    },
    { name: 'an address without a port', entry: { common_properties: { upstream_remote_address: { socket_address: { address: '::1', port_value: 0 } } } } },
    {
      name: 'names of certificates',
      entry: {
        common_properties: {
          tls_properties: {
            tls_version: 4,
            tls_cipher_suite: { value: 0x1301 },
            local_certificate_properties: { subject_alt_name: [{ dns: 'a' }, { uri: 'spiffe://a' }], subject: 'CN=a' },
          },
        },
      },
    },
    { name: 'upstream logs', entry: { common_properties: { access_log_type: 9 }, request: { request_body_bytes: 3 } }, isTaken: false },
  ])('says the same of $name', ({ entry, isTaken = true }) => {
    const ways = new BothWays()
    // The second has to see nothing of the first.
    ways.check(messageOf(entry))
    ways.check(messageOf({ request: { scheme: 'http' } }))
    ways.check(messageOf(entry))
    expect(ways.share).toEqual({ taken: isTaken ? 3 : 1, rows: 3 })
  })

  test('leaves an entry with too many headers', () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`x-${n}`, 'a']))
    const ways = new BothWays()
    ways.check(messageOf({ request: { request_headers: many } }))
    ways.check(messageOf({ request: { request_headers: { 'x-1': 'a' } } }))
    expect(ways.share).toEqual({ taken: 1, rows: 2 })
  })

  test('takes fields that come twice, out of order, or that nobody knows, on the general way', () => {
    const ways = new BothWays()
    const entry = (write: (writer: ProtobufWriter) => void): Uint8Array => {
      const writer = new ProtobufWriter()
      writer.message(2, () => writer.message(1, () => write(writer)))
      return writer.finish()
    }
    ways.check(entry((writer) => writer.message(3, () => writer.string(6, 'a').string(6, 'b'))))
    ways.check(entry((writer) => writer.message(3, () => writer.string(6, 'a').string(2, 'http'))))
    ways.check(entry((writer) => writer.message(3, () => writer.string(6, 'a').string(99, 'x'))))
    ways.check(entry((writer) => writer.message(3, () => writer.string(6, 'a')).message(3, () => writer.string(2, 'http'))))
    expect(ways.share).toEqual({ taken: 0, rows: 4 })
  })
})
