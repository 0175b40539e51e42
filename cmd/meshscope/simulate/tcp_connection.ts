import type { ProtobufWriter } from '../../../lib/protobuf/writer.ts'
import { type ResponseFlagCode, responseFlagsMask, responseFlagsText } from '../../../model/response_flags.ts'
import { hostOf, type Proxy } from './bookinfo.ts'
import {
  calledLabels,
  edgeLabels,
  encode,
  type Knowledge,
  writeDuration,
  writeFlags,
  writeMutualTls,
  writePeer,
  writeSocketAddress,
  writeTime,
} from './http_call_site.ts'
import type { TruthLabels } from './truth.ts'

const TCP_PERIODIC = 2
const TCP_CONNECTION_END = 3

/** One proxy's view of a TCP connection: what its entries have in common and what was already reported. */
export interface TcpEnd {
  readonly reporter: Proxy
  /** Row of the truth. */
  readonly row: number
  readonly connection: TcpConnection
  /** common_properties 2 to 4. */
  readonly addresses: Uint8Array
  /** common_properties 13 to 22. */
  readonly upstream: Uint8Array
  /** stream_id: a UUID per connection and proxy, ASCII. */
  readonly streamId: Uint8Array
  /** What was handed to the stream up to now; the receiver has it if the stream ends well. */
  readonly told: TcpTold
  /** What streams that ended well have told. */
  readonly confirmed: TcpTold
}

/** The part of a connection that was reported. */
export interface TcpTold {
  isOpened: boolean
  receivedBytes: number
  sentBytes: number
}

/** A connection from a client's pod to a server's pod, through both proxies. Bytes as the downstream side counts them. */
export class TcpConnection {
  readonly client: Proxy
  readonly server: Proxy
  readonly startUs: number
  readonly flags: readonly ResponseFlagCode[]
  readonly ends: readonly TcpEnd[]
  receivedBytes = 0
  sentBytes = 0
  /** Nominal time of the last periodic entry, microseconds. */
  reportedAtUs: number
  /** How many more queries it will carry. */
  queriesLeft: number

  constructor(options: {
    readonly client: Proxy
    readonly server: Proxy
    readonly startUs: number
    readonly nominalUs: number
    readonly queries: number
    readonly port: number
    /** Flags of a connection that was refused; such a one has no server end. */
    readonly flags: readonly ResponseFlagCode[]
    readonly knowledge: Knowledge
    readonly newId: () => Uint8Array
    readonly rowOf: (labels: TruthLabels) => number
  }) {
    const { client, server, port, newId, rowOf } = options
    this.client = client
    this.server = server
    this.startUs = options.startUs
    this.flags = options.flags
    this.reportedAtUs = options.nominalUs
    this.queriesLeft = options.queries
    const isRefused = options.flags.length > 0
    const end = (reporter: Proxy, addresses: Uint8Array, upstream: Uint8Array, labels: TruthLabels): TcpEnd => ({
      reporter,
      row: rowOf(labels),
      connection: this,
      addresses,
      upstream,
      streamId: newId(),
      told: { isOpened: false, receivedBytes: 0, sentBytes: 0 },
      confirmed: { isOpened: false, receivedBytes: 0, sentBytes: 0 },
    })
    const source = end(
      client,
      clientAddresses(client, server, port),
      clientUpstream(client, server, port, options.flags),
      clientLabels(client, server, options.flags, options.knowledge),
    )
    this.ends = isRefused
      ? [source]
      : [source, end(server, serverAddresses(client, server, port), serverUpstream(client, server, port), serverLabels(client, server))]
  }
}

function clientAddresses(client: Proxy, server: Proxy, port: number): Uint8Array {
  return encode((writer) => {
    writeSocketAddress(writer, 2, client.ip, port)
    writeSocketAddress(writer, 3, server.workload.service.clusterIp, server.workload.service.port)
  })
}

function clientUpstream(client: Proxy, server: Proxy, port: number, flags: readonly ResponseFlagCode[]): Uint8Array {
  const { service } = server.workload
  const isRefused = flags.length > 0
  const cluster = `outbound|${service.port}||${hostOf(service)}`
  return encode((writer) => {
    writeSocketAddress(writer, 13, server.ip, service.port)
    if (!isRefused) writeSocketAddress(writer, 14, client.ip, port)
    writer.string(15, cluster)
    writeFlags(writer, responseFlagsMask(flags))
    if (isRefused) writer.string(18, 'delayed connect error: Connection refused')
    writeSocketAddress(writer, 20, client.ip, port)
    if (!isRefused) writePeer(writer, 'upstream_peer', server)
    writer.message(22, () => writer.string(1, 'upstream_cluster').string(2, cluster))
  })
}

function serverAddresses(client: Proxy, server: Proxy, port: number): Uint8Array {
  return encode((writer) => {
    writeSocketAddress(writer, 2, client.ip, port)
    writeSocketAddress(writer, 3, server.ip, server.workload.service.port)
    writeMutualTls(writer, server, client, server.workload.service)
  })
}

function serverUpstream(client: Proxy, server: Proxy, port: number): Uint8Array {
  const { service } = server.workload
  return encode((writer) => {
    writeSocketAddress(writer, 13, server.ip, service.port)
    writeSocketAddress(writer, 14, '127.0.0.6', port)
    writer.string(15, `inbound|${service.port}||`)
    writeSocketAddress(writer, 20, client.ip, port)
    writePeer(writer, 'downstream_peer', client)
  })
}

function clientLabels(client: Proxy, server: Proxy, flags: readonly ResponseFlagCode[], knowledge: Knowledge): TruthLabels {
  return {
    ...edgeLabels('outbound', client, flags.length > 0 ? undefined : server, knowledge === 'addresses' ? server : undefined),
    ...calledLabels(server.workload.service, '', ''),
    request_protocol: 'tcp',
    response_flags: responseFlagsText(responseFlagsMask(flags)),
    connection_security_policy: 'unknown',
  }
}

function serverLabels(client: Proxy, server: Proxy): TruthLabels {
  return {
    ...edgeLabels('inbound', server, client),
    ...calledLabels(server.workload.service, '', ''),
    request_protocol: 'tcp',
    response_flags: '-',
    connection_security_policy: 'mutual_tls',
  }
}

/** Appends `tcp_logs.log_entry`: the connection's end, or a periodic record with the bytes so far. */
export function writeTcpEntry(writer: ProtobufWriter, end: TcpEnd, nowUs: number, isEnd: boolean): void {
  const { connection } = end
  const durationUs = Math.max(0, nowUs - connection.startUs)
  const isRefused = connection.flags.length > 0
  writer.open(1).open(1).raw(end.addresses)
  writeTime(writer, connection.startUs)
  if (!isRefused) writeDuration(writer, 9, 400)
  writer.raw(end.upstream)
  if (isEnd) writeDuration(writer, 23, durationUs)
  writer.varint(24, 1).bytes(26, end.streamId)
  if (!isEnd) writer.bool(27, true)
  if (connection.sentBytes > 0) writer.varint(29, connection.sentBytes)
  if (connection.receivedBytes > 0) writer.varint(30, connection.receivedBytes)
  if (connection.receivedBytes > 0) writer.varint(31, connection.receivedBytes)
  if (connection.sentBytes > 0) writer.varint(32, connection.sentBytes)
  writer.varint(33, isEnd ? TCP_CONNECTION_END : TCP_PERIODIC).close()
  writer.open(2)
  if (connection.receivedBytes > 0) writer.varint(1, connection.receivedBytes)
  if (connection.sentBytes > 0) writer.varint(2, connection.sentBytes)
  writer.close().close()
}
