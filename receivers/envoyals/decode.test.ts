import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { TraceForm } from '../../model/access_logs.ts'
import { encode, ownSchema, type Plain, readCapture, sharedFile } from '../../test/conformance/als_oracle.ts'
import { meshMessages, Random } from '../../test/conformance/als_oracle_messages.ts'
import { AccessLogDecoder, countEntries, findIdentifier } from './decode.ts'
import { parseIdentifier } from './identifier.ts'

const schema = ownSchema()

function decoded(message: Uint8Array): AccessLogDecoder {
  const decoder = new AccessLogDecoder(new ByteInterner())
  decoder.begin(message)
  decoder.next()
  return decoder
}

const httpMessage = (entry: Plain): Uint8Array => encode(schema.message, { http_logs: { log_entry: [entry] } })
const common = (fields: Plain): AccessLogDecoder => decoded(httpMessage({ common_properties: fields }))

/** A message whose single HTTP entry has these bytes. */
function rawEntry(bytes: Uint8Array): Uint8Array {
  return new ProtobufWriter().bytes(2, new ProtobufWriter().bytes(1, bytes).finish()).finish()
}

describe('columns', () => {
  test('hold the last of several addresses in one oneof', () => {
    const both = Buffer.concat([
      encode(schema.httpEntry, { common_properties: { upstream_remote_address: { pipe: { path: '/a' } } } }),
      encode(schema.httpEntry, { common_properties: { upstream_remote_address: { socket_address: { address: '10.0.0.1', port_value: 80 } } } }),
    ])
    const { logs } = decoded(rawEntry(both))
    expect([logs.strings.text(logs.address(logs.upstreamRemote, 0)), logs.upstreamRemotePort[0], logs.upstreamRemoteKind[0]]).toEqual(['10.0.0.1', 80, 1])
  })

  test('merge what a message says about one thing in two places', () => {
    const twice = Buffer.concat([
      encode(schema.httpEntry, {
        common_properties: { duration: { seconds: 2 }, response_flags: { no_route_found: true } },
        response: { response_code: { value: 200 } },
      }),
      encode(schema.httpEntry, {
        common_properties: { duration: { nanos: 5 }, response_flags: { fault_injected: true } },
        response: { response_body_bytes: 7 },
      }),
    ])
    const { logs } = decoded(rawEntry(twice))
    expect([logs.duration[0], logs.flags[0], logs.responseCode[0], logs.responseBodyBytes[0]]).toEqual([2_000_000_005, (1 << 8) | (1 << 10), 200, 7])
  })

  test.for([
    { name: 'a custom tag before all', tags: { trace_id: 't' }, headers: { traceparent: 'p', b3: 'b' }, form: TraceForm.tag, text: 't' },
    { name: 'traceparent before B3', tags: {}, headers: { 'x-b3-traceid': 'x', traceparent: 'p' }, form: TraceForm.traceparent, text: 'p' },
    { name: 'b3 before x-b3-traceid', tags: {}, headers: { b3: 'b', 'x-b3-traceid': 'x' }, form: TraceForm.b3, text: 'b' },
    { name: 'an empty tag as none', tags: { trace_id: '' }, headers: { 'x-b3-traceid': 'x' }, form: TraceForm.b3, text: 'x' },
  ])('take the trace id from $name', ({ tags, headers, form, text }) => {
    const { logs } = decoded(httpMessage({ common_properties: { custom_tags: tags }, request: { request_headers: headers } }))
    expect([logs.traceForm[0], logs.textAt(logs.traceAt[0] as number, logs.traceLength[0] as number)]).toEqual([form, text])
  })

  test.for([
    { name: 'the trailer over the header', headers: { 'grpc-status': '0' }, trailers: { 'grpc-status': '14' }, status: 14 },
    { name: 'the header of a trailers-only answer', headers: { 'grpc-status': '5' }, trailers: {}, status: 5 },
    { name: 'nothing from what is no number', headers: {}, trailers: { 'grpc-status': 'OK' }, status: -1 },
    { name: 'nothing from nothing', headers: {}, trailers: {}, status: -1 },
  ])('take for the gRPC status $name', ({ headers, trailers, status }) => {
    const { logs } = decoded(httpMessage({ response: { response_headers: headers, response_trailers: trailers } }))
    expect(logs.grpcStatus[0]).toBe(status)
  })

  test('prefer the peer of Istio 1.24 over the older ones, wherever it stands', () => {
    const any = (value: number) => ({ type_url: 'x', value: Uint8Array.of(value) })
    const { logs } = common({ filter_state_objects: { 'wasm.upstream_peer': any(1), upstream_peer: any(3), upstream_peer_obj: any(2) } })
    expect(Buffer.from(logs.strings.bytes(logs.upstreamPeer[0] as number)).at(-1)).toBe(3)
  })

  test.for([
    { type: 6, request: 10, response: 20 },
    { type: 7, request: 20, response: 10 },
    { type: 9, request: 20, response: 10 },
  ])('have the body bytes of log type $type the right way round', ({ type, request, response }) => {
    const { logs } = decoded(
      httpMessage({ common_properties: { access_log_type: type }, request: { request_body_bytes: 10 }, response: { response_body_bytes: 20 } }),
    )
    expect([logs.requestBodyBytes[0], logs.responseBodyBytes[0]]).toEqual([request, response])
  })

  test('tell absent from zero', () => {
    const { logs } = common({ duration: {} })
    expect([logs.duration[0], logs.lastDownstreamTx[0], logs.downstreamWireSent[0], logs.grpcRequestMessages[0]]).toEqual([0, Number.NaN, Number.NaN, -1])
  })

  test('replace bytes of a custom tag that are not UTF-8, and count the tag', () => {
    const tag = new ProtobufWriter().string(1, 'upstream_cluster').bytes(2, Buffer.from('caf\xe9', 'latin1')).finish()
    const entry = new ProtobufWriter().bytes(1, new ProtobufWriter().bytes(22, tag).finish()).finish()
    const decoder = decoded(rawEntry(entry))
    expect(decoder.logs.strings.text(decoder.logs.tagUpstreamCluster[0] as number)).toBe('caf\ufffd')
    expect([decoder.invalidUtf8, decoder.malformed, decoder.logs.length]).toEqual([1, 0, 1])
  })
})

describe('messages', () => {
  test('with more entries than the columns have rows come in several batches', () => {
    const entries = Array.from({ length: 150 }, (_, i) => ({ response: { response_code: { value: i } } }))
    const decoder = new AccessLogDecoder(new ByteInterner())
    decoder.begin(encode(schema.message, { http_logs: { log_entry: entries } }))
    const codes: number[] = []
    while (decoder.next()) codes.push(...decoder.logs.responseCode.subarray(0, decoder.logs.length))
    expect(codes).toEqual([...Array(150).keys()])
  })

  test('keep the entries before and after a malformed one, and nothing of it', () => {
    const good = encode(schema.httpEntry, { response: { response_code: { value: 200 } } })
    const list = new ProtobufWriter()
    for (const entry of [good, Buffer.concat([encode(schema.httpEntry, { request: { path: '/x' } }), Uint8Array.of(10, 50)]), good]) list.bytes(1, entry)
    const decoder = decoded(new ProtobufWriter().bytes(2, list.finish()).finish())
    expect([decoder.logs.length, decoder.malformed, decoder.isFramed]).toEqual([2, 1, true])
    expect([...decoder.logs.responseCode.subarray(0, 3)]).toEqual([200, 200, 0])
    expect([...decoder.logs.pathLength.subarray(0, 3)]).toEqual([0, 0, 0])
  })

  test.for([
    { name: 'a list over the end', bytes: [18, 50, 10, 0], malformed: 0 },
    { name: 'an entry over the end of its list', bytes: [18, 4, 10, 0, 10, 9], malformed: 1 },
    { name: 'a tag without a value', bytes: [18, 2, 10, 0, 8], malformed: 0 },
    { name: 'field number 0', bytes: [18, 2, 10, 0, 2, 0], malformed: 0 },
  ])('with $name end there', ({ bytes, malformed }) => {
    const message = Uint8Array.from(bytes)
    const decoder = decoded(message)
    decoder.next()
    expect([decoder.isFramed, decoder.malformed]).toEqual([false, malformed])
    expect(countEntries(message)).toBe(bytes[1] === 50 ? 0 : 1 + malformed)
  })

  test('that are empty have no entries and are well-formed', () => {
    const decoder = decoded(new Uint8Array(0))
    expect([decoder.logs.length, decoder.isFramed, decoder.identifier]).toEqual([0, true, undefined])
  })

  test('may have entries of both kinds and an identifier behind them', () => {
    const message = Buffer.concat([
      httpMessage({}),
      encode(schema.message, { tcp_logs: { log_entry: [{ connection_properties: { received_bytes: 5 } }] } }),
      encode(schema.message, { identifier: { log_name: 'late' } }),
    ])
    const { logs, identifier } = decoded(message)
    expect([...logs.kind.subarray(0, logs.length)]).toEqual([1, 2])
    expect(parseIdentifier(identifier ?? new Uint8Array(0))?.logName).toBe('late')
  })
})

describe('identifiers', () => {
  test('come without the extensions, which are sixty kilobytes in each first message of an Envoy', () => {
    const extensions = Array.from({ length: 500 }, (_, i) => ({ name: `envoy.filters.${i}`, category: 'envoy.filters.http' }))
    const message = encode(schema.message, {
      identifier: { node: { id: 'sidecar~1', user_agent_name: 'envoy', extensions, client_features: ['a'] }, log_name: 'l' },
    })
    const identifier = parseIdentifier(findIdentifier(message) ?? new Uint8Array(0))
    expect(schema.node.toObject(schema.node.decode(identifier?.node ?? new Uint8Array(0)))).toEqual({
      id: 'sidecar~1',
      user_agent_name: 'envoy',
      client_features: ['a'],
    })
  })

  test.for([
    { name: 'a node over the end', bytes: [10, 9, 1] },
    { name: 'a field over the end of its node', bytes: [10, 2, 10, 9] },
  ])('with $name are not taken', ({ bytes }) => {
    expect(parseIdentifier(Uint8Array.from(bytes))).toBeUndefined()
  })
})

describe('any bytes', () => {
  const runs = Number(process.env['MESHSCOPE_FUZZ'] ?? 20_000)
  const captures = ['als-mesh.productpage.http.bin', 'als-mesh.mongodb.tcp.bin', 'als-odd.gateway.http.bin', 'als-grpc.reviews.http.bin']
    .flatMap((file) => sharedFile(`envoy-capture/${file}`) ?? [])
    .flatMap(readCapture)
    .filter((message) => message.length < 20_000)
  const seeds = [...meshMessages(schema, { count: 20, entriesPerMessage: 3 }), ...captures]

  test(`neither throw nor hang nor grow memory, ${runs} times (MESHSCOPE_FUZZ sets the number)`, { timeout: 60_000 + runs }, () => {
    const random = new Random(Number(process.env['MESHSCOPE_FUZZ_SEED'] ?? 7))
    const strings = new ByteInterner({ entriesMax: 10_000, bytesMax: 1 << 20 })
    const decoder = new AccessLogDecoder(strings)
    const capacity = decoder.logs.capacity
    let rows = 0
    let malformed = 0
    let unframed = 0
    for (let run = 0; run < runs; run++) {
      const message = mutated(random.pick(seeds), random)
      if (strings.isFull) strings.renew()
      decoder.begin(message)
      let entries = 0
      while (decoder.next()) entries += decoder.logs.length
      if (decoder.identifier !== undefined) parseIdentifier(decoder.identifier)
      if (entries + decoder.malformed !== countEntries(message))
        expect.fail(`run ${run}: ${entries} + ${decoder.malformed} entries, ${countEntries(message)} counted`)
      rows += entries
      malformed += decoder.malformed
      unframed += decoder.isFramed ? 0 : 1
    }
    // Each outcome must have been met, or the damage is of the wrong kind.
    expect(Math.min(rows, malformed, unframed)).toBeGreaterThan(runs / 100)
    expect(strings.size).toBeLessThan(20_000)
    expect(decoder.logs.capacity).toBe(capacity)
  })
})

/** A copy with one to eight changes: bytes set, removed, repeated, lengths made absurd, the end cut off. */
function mutated(seed: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(seed)
  for (let changes = 1 + random.int(8); changes > 0 && bytes.length > 0; changes--) {
    const at = random.int(bytes.length)
    switch (random.int(5)) {
      case 0:
        bytes = bytes.slice(0, at)
        break
      case 1:
        bytes.copyWithin(at, random.int(bytes.length))
        break
      case 2:
        bytes.fill(0xff, at, at + random.int(12))
        break
      default:
        bytes[at] = random.int(256)
    }
  }
  return bytes
}
