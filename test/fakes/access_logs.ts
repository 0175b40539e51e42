import { ByteInterner } from '../../lib/intern.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { type AccessLogs, EntryClass, type StreamOrigin } from '../../model/access_logs.ts'
import { type Edge, type EdgeTable, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../model/edges.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'

/** Texts of a sample entry that a sender decides about. */
export interface SampleTexts {
  readonly path?: string
  readonly cluster?: string
  readonly userAgent?: string
}

const SAMPLE_ORIGIN: StreamOrigin = {
  id: 1,
  node: new Uint8Array(0),
  nodeId: 'sidecar~10.244.1.11~productpage-v1-6b746f74dc-bcdfg.bookinfo~bookinfo.svc.cluster.local',
  nodeCluster: 'productpage.bookinfo',
  logName: 'http_envoy_accesslog',
  peer: '10.244.1.11:40112',
  apiVersion: 'v3',
}

/** A batch of two decoded HTTP entries: a call that was answered, and one that was not after three attempts. */
export function sampleHttpLogs(texts: SampleTexts = {}): AccessLogs {
  const writer = new ProtobufWriter()
  writer.open(2)
  writer.message(1, () => writeHttp(writer, { ...texts, code: 200, flags: [], attempts: 1 }))
  writer.message(1, () => writeHttp(writer, { ...texts, code: 503, flags: [6, 16], attempts: 3 }))
  writer.close()
  return decode(writer.finish(), SAMPLE_ORIGIN)
}

/** A batch of `count` (32 at most) decoded HTTP entries, whose fields `write` writes. */
export function sampleEntries(write: (writer: ProtobufWriter, n: number) => void, count = 1): AccessLogs {
  const writer = new ProtobufWriter()
  writer.open(2)
  for (let n = 0; n < count; n++) writer.message(1, () => write(writer, n))
  return decode(writer.close().finish(), SAMPLE_ORIGIN)
}

/** A batch of one decoded TCP entry: the end of a connection. */
export function sampleTcpLogs(): AccessLogs {
  const writer = new ProtobufWriter()
  writer.open(3).open(1).open(1)
  writeAddress(writer, 2, '10.244.1.16', 50_123)
  writeAddress(writer, 3, '10.96.200.5', 27_017)
  writer.message(5, () => writer.varint(1, 1_767_225_600))
  writer.string(15, 'outbound|27017||mongodb.bookinfo.svc.cluster.local')
  writer.message(23, () => writer.varint(1, 42).varint(2, 500_000_000))
  writer.varint(29, 9_150).varint(30, 1_320).varint(33, 3).close()
  writer.message(2, () => writer.varint(1, 1_320).varint(2, 9_150))
  writer.close().close()
  return decode(writer.finish(), { ...SAMPLE_ORIGIN, logName: 'tcp_envoy_accesslog' })
}

/** The edge of the sample entries, as the mesh processor would fill it in; every row becomes a final entry on it. */
export function withSampleEdge(logs: AccessLogs): AccessLogs {
  const edge: Edge = {
    index: 1,
    role: 'sidecar',
    reporter: 'source',
    direction: 'outbound',
    source: { ...UNKNOWN_PARTY, workload: 'productpage-v1', namespace: 'bookinfo', evidence: 'node' },
    destination: { ...UNKNOWN_PARTY, workload: 'reviews-v2', namespace: 'bookinfo', service: 'reviews', evidence: 'peer_struct' },
    service: { host: 'reviews.bookinfo.svc.cluster.local', name: 'reviews', namespace: 'bookinfo', evidence: 'cluster' },
    mutualTls: false,
  }
  const unknown: Edge = { ...edge, index: 0, role: 'unknown', reporter: 'unknown', source: UNKNOWN_PARTY, destination: UNKNOWN_PARTY, service: UNKNOWN_SERVICE }
  const edges: EdgeTable = { epoch: 0, size: 2, get: (index) => (index === 1 ? edge : unknown) }
  logs.edges = edges
  for (let i = 0; i < logs.length; i++) {
    logs.edge[i] = 1
    logs.entryClass[i] = EntryClass.final
  }
  return logs
}

function writeHttp(writer: ProtobufWriter, entry: SampleTexts & { readonly code: number; readonly flags: readonly number[]; readonly attempts: number }): void {
  const { code, flags, attempts } = entry
  writer.open(1)
  writeAddress(writer, 2, '10.244.1.11', 41_616)
  writeAddress(writer, 3, '10.96.71.143', 9080)
  writer.message(5, () => writer.varint(1, 1_767_225_600).varint(2, 123_456_789))
  writer.string(15, entry.cluster ?? 'outbound|9080||reviews.bookinfo.svc.cluster.local')
  if (flags.length > 0) {
    writer.message(16, () => {
      for (const flag of flags) writer.bool(flag, true)
    })
  }
  if (code === 503) writer.string(18, 'delayed connect error: Connection refused')
  writer.message(23, () => writer.varint(2, 12_345_678))
  writer.varint(24, attempts).string(26, '6a3d9a9c-0000-4000-8000-000000000001')
  writer.varint(29, 1_234).varint(30, 612).varint(33, 6).close()
  writer.varint(2, 2)
  writer
    .open(3)
    .varint(1, 1)
    .string(2, 'http')
    .string(3, 'reviews:9080')
    .string(5, entry.path ?? '/reviews/0?x=1')
  writer
    .string(6, entry.userAgent ?? 'python-requests/2.32.3')
    .string(9, '6a3d9a9c-0000-4000-8000-000000000001')
    .varint(11, 612)
    .close()
  writer.open(4)
  writer.message(1, () => writer.varint(1, code))
  writer.string(6, code === 200 ? 'via_upstream' : 'upstream_reset_before_response_started').close()
}

function writeAddress(writer: ProtobufWriter, field: number, ip: string, port: number): void {
  writer.message(field, () => writer.message(1, () => writer.string(2, ip).varint(3, port)))
}

function decode(message: Uint8Array, origin: StreamOrigin): AccessLogs {
  const decoder = new AccessLogDecoder(new ByteInterner())
  decoder.begin(message)
  if (!decoder.next()) throw new Error('BUG: the sample message has no entries')
  decoder.logs.origin = origin
  return decoder.logs
}
