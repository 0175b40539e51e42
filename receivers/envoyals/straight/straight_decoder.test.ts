import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../../lib/intern.ts'
import { WireFields } from '../../../lib/protobuf/wire_fields.ts'
import { ProtobufWriter } from '../../../lib/protobuf/writer.ts'
import { AccessLogs, EntryKind } from '../../../model/access_logs.ts'
import { encode, ownSchema, type Plain, readCapture, sharedFile } from '../../../test/conformance/als_oracle.ts'
import { meshMessages, Random } from '../../../test/conformance/als_oracle_messages.ts'
import { decodeEntry } from '../decode_entry.ts'
import { DecodeState } from '../decode_state.ts'
import { MESSAGE_BYTES_MAX } from './memory.ts'
import { StraightDecoder } from './straight_decoder.ts'

const schema = ownSchema()
const CAPTURES = ['als-mesh.productpage.http', 'als-mesh.mongodb.tcp', 'als-grpc.reviews.http', 'als-peers.reviews.http', 'als-errors.productpage.http']

interface Entry {
  readonly kind: number
  readonly bytes: Uint8Array
}

function entriesOf(messages: readonly Uint8Array[]): Entry[] {
  const found: Entry[] = []
  for (const message of messages) {
    const lists = new WireFields(message)
    while (lists.next()) {
      if (lists.field !== 2 && lists.field !== 3) continue
      const kind = lists.field === 2 ? EntryKind.http : EntryKind.tcp
      const entries = lists.message()
      while (entries.next()) found.push({ kind, bytes: entries.payload() })
    }
  }
  return found
}

/** The same entry decoded on both ways into ids of one interner. */
class BothWays {
  readonly strings = new ByteInterner()
  readonly straight = new StraightDecoder(this.strings)
  readonly #general = new DecodeState(new AccessLogs(this.strings))

  /** The row of the straight way; undefined when it leaves the entry to the other. */
  straightRow({ kind, bytes }: Entry): Readonly<Record<string, number>> | undefined {
    const message = new ProtobufWriter().bytes(1, bytes).finish()
    const { straight } = this
    straight.logs.message = message
    straight.logs.clear()
    expect(straight.begin(message)).toBe(true)
    if (straight.run(0, message.length, 0, kind) === 0) return undefined
    expect(straight.position).toBe(message.length)
    return rowOf(straight.logs)
  }

  generalRow({ kind, bytes }: Entry): Readonly<Record<string, number>> | undefined {
    const message = new ProtobufWriter().bytes(1, bytes).finish()
    const state = this.#general
    state.logs.clear()
    state.logs.message = message
    state.beginMessage(message)
    state.beginRow(0)
    return decodeEntry(state, kind, message.length - bytes.length, message.length) ? rowOf(state.logs) : undefined
  }
}

function rowOf(logs: AccessLogs): Readonly<Record<string, number>> {
  for (const column of [logs.downstreamRemote, logs.downstreamLocal, logs.directRemote, logs.upstreamRemote]) logs.address(column, 0)
  const columns = Object.entries(logs).filter(([, column]) => ArrayBuffer.isView(column)) as unknown as [string, Float64Array][]
  return Object.fromEntries(columns.map(([name, column]) => [name, column[0] as number]))
}

/** A copy with a few bytes changed, which leaves most lengths right. */
function scratched({ kind, bytes }: Entry, random: Random): Entry {
  const copy = Uint8Array.from(bytes)
  for (let changes = 1 + random.int(3); changes > 0; changes--) copy[random.int(copy.length)] = random.int(3) === 0 ? random.int(256) : random.int(8)
  return { kind, bytes: copy }
}

describe('the straight way', () => {
  const generated = entriesOf(meshMessages(schema, { count: 40, entriesPerMessage: 10 }))
  const captured = CAPTURES.flatMap((name) => sharedFile(`envoy-capture/${name}.bin`) ?? [])
    .map(readCapture)
    .map(entriesOf)

  test('says of every entry what the general way says', () => {
    const ways = new BothWays()
    // Twice: the strings of the second round are in the cache.
    for (const entry of [...generated, ...captured.flat(), ...generated, ...captured.flat()]) {
      const straight = ways.straightRow(entry)
      if (straight !== undefined) expect(straight).toEqual(ways.generalRow(entry))
    }
  })

  test('says nothing or the same of entries with changed bytes', () => {
    const random = new Random(11)
    const ways = new BothWays()
    const seeds = [...generated, ...captured.flat()]
    let same = 0
    let left = 0
    for (let run = 0; run < 6000; run++) {
      const entry = scratched(random.pick(seeds), random)
      const straight = ways.straightRow(entry)
      if (straight === undefined) left++
      else {
        same++
        const general = ways.generalRow(entry)
        if (JSON.stringify(straight) !== JSON.stringify(general)) expect(straight, `run ${run}: ${Buffer.from(entry.bytes).toString('hex')}`).toEqual(general)
      }
    }
    expect(Math.min(same, left)).toBeGreaterThan(500)
  })

  test.skipIf(captured.length < CAPTURES.length)('is good for nearly all that a real Envoy writes', () => {
    const ways = new BothWays()
    const shares = captured.map((entries) => entries.filter((entry) => ways.straightRow(entry) !== undefined).length / entries.length)
    expect(Math.min(...shares)).toBeGreaterThan(0.95)
  })

  test.for<{ name: string; entry: Plain }>([
    { name: 'nothing', entry: {} },
    { name: 'empty messages', entry: { common_properties: {}, request: {}, response: {} } },
    { name: 'empty texts', entry: { common_properties: { upstream_cluster: '', custom_tags: { trace_id: '' }, upstream_remote_address: {} } } },
    { name: 'durations of seconds', entry: { common_properties: { duration: { seconds: 3, nanos: 7 }, start_time: { seconds: 5 } } } },
    { name: 'long texts', entry: { request: { path: `/${'p'.repeat(9000)}`, authority: 'a'.repeat(5000) } } },
    { name: 'large numbers', entry: { response: { response_body_bytes: 2 ** 48, response_code: { value: 0xffffffff } } } },
    {
      name: 'all forms of addresses',
      entry: {
        common_properties: {
          downstream_remote_address: { pipe: { path: '/run/a', mode: 0o600 } },
          upstream_remote_address: { envoy_internal_address: { server_listener_name: 'inner', endpoint_id: '10.0.0.1:80' } },
          downstream_local_address: { socket_address: { address: '10.0.0.1', port_value: 80 } },
          downstream_direct_remote_address: { socket_address: { address: '::1' } },
        },
      },
    },
    {
      name: 'certificates',
      entry: {
        common_properties: {
          tls_properties: {
            tls_version: 4,
            tls_sni_hostname: 'outbound_.80_._.a',
            local_certificate_properties: { subject_alt_name: [{ dns: 'a' }, { uri: 'spiffe://a' }, { uri: 'spiffe://b' }] },
            peer_certificate_properties: { subject: 'CN=x' },
          },
        },
      },
    },
    { name: 'upstream logs', entry: { common_properties: { access_log_type: 8 }, request: { request_body_bytes: 3 }, response: { response_body_bytes: 4 } } },
  ])('reads $name as the general way does', ({ entry }) => {
    const ways = new BothWays()
    const encoded = { kind: EntryKind.http, bytes: encode(schema.httpEntry, entry) }
    const straight = ways.straightRow(encoded)
    expect(straight).toBeDefined()
    expect(straight).toEqual(ways.generalRow(encoded))
  })

  test.for<{ name: string; entry: Plain }>([
    { name: 'text that is not ASCII in a custom tag', entry: { common_properties: { custom_tags: { x: 'é' } } } },
    { name: 'details of a denial', entry: { common_properties: { response_flags: { unauthorized_details: { reason: 1 } } } } },
    { name: 'an address without a text', entry: { common_properties: { downstream_local_address: { socket_address: { port_value: 80 } } } } },
    { name: 'negative times', entry: { common_properties: { duration: { seconds: -1 } } } },
  ])('leaves $name to the general way', ({ entry }) => {
    expect(new BothWays().straightRow({ kind: EntryKind.http, bytes: encode(schema.httpEntry, entry) })).toBeUndefined()
  })

  test('stays in its memory whatever lengths a message claims', () => {
    const { straight } = new BothWays()
    const longest = new Uint8Array(MESSAGE_BYTES_MAX)
    for (const filling of [10, 26, 34, 127, 170, 255]) {
      longest.fill(filling)
      // An entry of 16383 bytes at the very end, whose fields lead beyond it.
      longest.set([10, 255, 127], longest.length - 16_386)
      expect(straight.begin(longest)).toBe(true)
      expect(straight.run(longest.length - 16_386, longest.length, 0, EntryKind.http)).toBe(0)
    }
    expect(straight.begin(new Uint8Array(MESSAGE_BYTES_MAX + 1))).toBe(false)
    straight.logs.grow(straight.logs.capacity + 1)
    expect(straight.begin(new Uint8Array(1))).toBe(false)
  })
})

describe('the cache of strings', () => {
  const cluster = (name: string): Entry => ({ kind: EntryKind.http, bytes: encode(schema.httpEntry, { common_properties: { upstream_cluster: name } }) })

  test('gives the ids of the present epoch', () => {
    const ways = new BothWays()
    ways.straightRow(cluster('a'))
    ways.straightRow(cluster('b'))
    ways.strings.renew()
    for (const name of ['b', 'b', 'a', 'b']) {
      const row = ways.straightRow(cluster(name))
      expect(ways.strings.text(row?.['upstreamCluster'] as number)).toBe(name)
    }
  })

  test('holds what there is room for, and all strings keep their ids', () => {
    const ways = new BothWays()
    const names = Array.from({ length: 12_000 }, (_, i) => `outbound|80||${'x'.repeat(i % 300)}${i}`)
    const ids = names.map((name) => ways.straightRow(cluster(name))?.['upstreamCluster'])
    expect(new Set(ids).size).toBe(names.length)
    for (const [i, name] of names.entries()) if (ways.straightRow(cluster(name))?.['upstreamCluster'] !== ids[i]) expect.fail(`${name} has another id`)
  })
})
