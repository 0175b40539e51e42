/** Access-log messages written by hand, and a plain gRPC client that sends them: for what no real Envoy would do. */
import * as grpc from '@grpc/grpc-js'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'

const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs'
const identity = (bytes: Buffer): Buffer => bytes

/** One stream to the daemon. */
export interface AlsStream {
  send(message: Uint8Array): void
  /** Half-closes and resolves with the status the daemon ends the stream with. */
  end(): Promise<number>
  /** The status of the end, whoever brings it about. */
  readonly ended: Promise<number>
  close(): void
}

export function openStream(port: number): AlsStream {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0 })
  let settle!: (status: number) => void
  const ended = new Promise<number>((resolve) => {
    settle = resolve
  })
  const stream = client.makeClientStreamRequest(METHOD, identity, identity, (error) => settle(error === null ? grpc.status.OK : error.code))
  return {
    ended,
    send: (message) => stream.write(Buffer.from(message)),
    end: () => {
      stream.end()
      return ended
    },
    close: () => client.close(),
  }
}

type Fields = readonly ((writer: ProtobufWriter) => unknown)[]

const text = (field: number, value: string) => (writer: ProtobufWriter) => writer.string(field, value)
const number = (field: number, value: number) => (writer: ProtobufWriter) => writer.varint(field, value)
const nested = (field: number, fields: Fields) => (writer: ProtobufWriter) => writer.message(field, () => write(writer, fields))
const address = (field: number, ip: string, port: number) => nested(field, [nested(1, [text(2, ip), number(3, port)])])
const duration = (field: number) => nested(field, [number(1, 1), number(2, 500)])

const COMMON: Fields = [
  address(2, '127.0.2.1', 40_000),
  address(3, '127.0.10.2', 9080),
  nested(4, [number(1, 4), text(3, 'reviews'), nested(4, [nested(1, [text(1, 'spiffe://cluster.local/ns/default/sa/a')])])]),
  nested(5, [number(1, 1_795_000_000), number(2, 7)]),
  ...[6, 7, 8, 9, 10, 11, 12].map(duration),
  address(13, '127.0.2.2', 9080),
  address(14, '127.0.2.1', 50_000),
  text(15, 'outbound|9080||reviews.default.svc.cluster.local'),
  nested(16, [number(2, 1)]),
  text(19, 'default'),
  address(20, '127.0.2.1', 40_000),
  nested(21, [text(1, 'upstream_peer'), nested(2, [text(1, 'type.googleapis.com/google.protobuf.Struct')])]),
  nested(22, [text(1, 'upstream_cluster'), text(2, 'outbound|9080||reviews.default.svc.cluster.local')]),
  duration(23),
  number(33, 6),
]
const REQUEST: Fields = [number(1, 1), text(2, 'http'), text(3, 'reviews'), text(5, '/x'), text(9, 'b5bbd6a5-0000-4000-9000-000000000000'), number(11, 10)]
const RESPONSE: Fields = [nested(1, [number(1, 200)]), number(2, 10), number(3, 20), text(6, 'via_upstream')]
const ENTRY: Fields = [nested(1, COMMON), number(2, 2), nested(3, REQUEST), nested(4, RESPONSE)]

/** A message without identifier: HTTP entries, each given by its fields. */
export function httpMessage(...entries: readonly Fields[]): Uint8Array {
  const writer = new ProtobufWriter()
  write(writer, [
    nested(
      2,
      entries.map((fields) => nested(1, fields)),
    ),
  ])
  return writer.finish()
}

/** A message that only says who is sending. */
export function identifierOf(workload: string): Uint8Array {
  const member = (key: string, value: string) => nested(1, [text(1, key), nested(2, [text(3, value)])])
  const id = `sidecar~127.0.2.1~${workload}-1.default~default.svc.cluster.local`
  const metadata = nested(3, [member('NAME', `${workload}-1`), member('NAMESPACE', 'default'), member('WORKLOAD_NAME', workload)])
  const writer = new ProtobufWriter()
  write(writer, [nested(1, [nested(1, [text(1, id), text(2, `${workload}.default`), metadata]), text(2, 'http_envoy_accesslog')])])
  return writer.finish()
}

/** A complete outbound entry. */
export const COMPLETE_ENTRY: Fields = ENTRY

/** Entries that each lack one field, at the top, in common_properties, the request and the response, and an empty one. */
export function entriesWithGaps(): readonly Fields[] {
  const without = (fields: Fields): Fields[] => fields.map((_, gap) => fields.filter((_field, at) => at !== gap))
  return [
    ...without(ENTRY),
    ...without(COMMON).map((common) => [nested(1, common), ...ENTRY.slice(1)]),
    ...without(REQUEST).map((request) => [nested(1, COMMON), nested(3, request), nested(4, RESPONSE)]),
    ...without(RESPONSE).map((response) => [nested(1, COMMON), nested(3, REQUEST), nested(4, response)]),
    // Sub-messages that are there and hold nothing.
    ...COMMON.map((_, at) => [
      nested(
        1,
        COMMON.map((field, other) => (other === at ? nested(at + 2, []) : field)),
      ),
      ...ENTRY.slice(1),
    ]),
    [nested(1, []), nested(3, []), nested(4, [])],
    [],
  ]
}

function write(writer: ProtobufWriter, fields: Fields): void {
  for (const field of fields) field(writer)
}
