import { ProtobufWriter } from '../../../lib/protobuf/writer.ts'
import { responseFlagsText } from '../../../model/response_flags.ts'
import type { StructValue } from '../../../model/struct.ts'
import { CLUSTER_ID, hostOf, NODES, type Pod, type Proxy, type Service } from './bookinfo.ts'
import { canonicalRevision, writeStruct } from './identity.ts'
import { type Endpoint, flagsMask, type Outcome } from './outcomes.ts'
import type { TruthLabels } from './truth.ts'

/** One side of one kind of call: who reports it, who is at the other end, what was asked and how it ended. */
export interface HttpCall {
  readonly direction: 'inbound' | 'outbound'
  readonly reporter: Proxy
  /** The client of an inbound call, the server of an outbound one; undefined when it has no proxy. */
  readonly peer: Proxy | undefined
  /** The client of an inbound call that has no proxy. */
  readonly plainClient?: Pod
  /** The called service; undefined when it is outside the mesh or the call was never routed. */
  readonly service: Service | undefined
  readonly endpoint: Endpoint
  readonly outcome: Outcome
}

/** `AccessLogType` DownstreamEnd and TcpConnectionEnd etc. are numbers of envoy.data.accesslog.v3. */
const DOWNSTREAM_END = 6
const HTTP11 = 2
const EXTERNAL_IP = '198.51.100.20'
/** A load balancer sends to a node's port, so the gateway sees the node's address. */
const GATEWAY_NODE = NODES[2]

/**
 * The parts of a log entry that are the same for every call of one kind, encoded once. What differs per call (times,
 * ports, ids, sizes) is written between them.
 */
export interface HttpCallSite {
  readonly call: HttpCall
  /** Row of the truth that an entry counts into. */
  readonly row: number
  readonly downstreamRemoteIp: string
  /** Address of the physical peer: differs from the remote address behind the gateway, where that comes from a header. */
  readonly directRemoteIp: string
  readonly isForwarded: boolean
  readonly upstreamLocalIp: string
  /** common_properties 3 and 4. */
  readonly localAndTls: Uint8Array
  /** common_properties 13. */
  readonly upstreamRemote: Uint8Array
  /** common_properties 15 to 19. */
  readonly clusterToRoute: Uint8Array
  /** common_properties 21 and 22. */
  readonly peers: Uint8Array
  /** common_properties 24. */
  readonly attempts: Uint8Array
  /** request 1 to 6 and 8. */
  readonly requestLine: Uint8Array
  /** response 1. */
  readonly code: Uint8Array
  /** response 6. */
  readonly details: Uint8Array
}

/** Encodes the constant parts of a call's entries. `rowOf` gives the truth's row for its labels. */
export function httpCallSite(call: HttpCall, knowledge: Knowledge, rowOf: (labels: TruthLabels) => number): HttpCallSite {
  const { direction, reporter, peer, endpoint, outcome } = call
  const clientIp = (peer ?? call.plainClient)?.ip ?? EXTERNAL_IP
  const isGateway = reporter.workload.role === 'router'
  const isInbound = direction === 'inbound'
  const hasHost = outcome.reached === 'host' || outcome.reached === 'upstream'
  return {
    call,
    row: rowOf(httpLabels(call, knowledge)),
    downstreamRemoteIp: isGateway ? '203.0.113.7' : isInbound ? clientIp : reporter.ip,
    directRemoteIp: isGateway ? GATEWAY_NODE.ip : isInbound ? clientIp : reporter.ip,
    isForwarded: isGateway,
    upstreamLocalIp: outcome.reached === 'upstream' ? (isInbound ? '127.0.0.6' : reporter.ip) : '',
    localAndTls: encode((writer) => writeLocalAndTls(writer, call)),
    upstreamRemote: encode((writer) => {
      if (!hasHost) return
      const ip = isInbound ? reporter.ip : (peer?.ip ?? EXTERNAL_IP)
      writeSocketAddress(writer, 13, ip, call.service?.port ?? 80)
    }),
    clusterToRoute: encode((writer) => writeClusterToRoute(writer, call, hasHost)),
    peers: encode((writer) => writePeers(writer, call)),
    attempts: encode((writer) => void (outcome.attempts > 0 && writer.varint(24, outcome.attempts))),
    requestLine: encode((writer) => {
      writer.varint(1, endpoint.method).string(2, 'http').string(3, endpoint.authority).string(5, endpoint.path)
      writer.string(6, isGateway || isInbound ? 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' : 'python-requests/2.32.3')
      if (isGateway) writer.string(8, '203.0.113.7')
    }),
    code: encode((writer) => void (outcome.code > 0 && writer.message(1, () => writer.varint(1, outcome.code)))),
    details: encode((writer) => void writer.string(6, outcome.details)),
  }
}

function writeLocalAndTls(writer: ProtobufWriter, call: HttpCall): void {
  const { reporter, peer, service } = call
  if (call.direction === 'inbound') {
    writeSocketAddress(writer, 3, reporter.ip, reporter.workload.service.port)
    if (peer !== undefined) writeMutualTls(writer, reporter, peer, service ?? reporter.workload.service)
  } else if (reporter.workload.role === 'router') writeSocketAddress(writer, 3, reporter.ip, 8080)
  else writeSocketAddress(writer, 3, service?.clusterIp ?? EXTERNAL_IP, service?.port ?? 80)
}

/** tls_properties (4) of a downstream connection with certificates on both sides. */
export function writeMutualTls(writer: ProtobufWriter, reporter: Proxy, peer: Proxy, service: Service): void {
  writer.open(4).varint(1, 4)
  writer.message(2, () => writer.varint(1, 4865))
  writer.string(3, `outbound_.${service.port}_._.${hostOf(service)}`)
  writer.message(4, () => writer.message(1, () => writer.string(1, reporter.principal)))
  writer.message(5, () => writer.message(1, () => writer.string(1, peer.principal)).string(3, 'O=cluster.local'))
  writer.close()
}

function writeClusterToRoute(writer: ProtobufWriter, call: HttpCall, hasHost: boolean): void {
  const { outcome } = call
  if (hasHost) writer.string(15, clusterName(call))
  writeFlags(writer, flagsMask(outcome))
  if (outcome.failureReason !== undefined) writer.string(18, outcome.failureReason)
  if (outcome.reached === 'nowhere') return
  if (call.direction === 'inbound') writer.string(19, 'default')
  else writer.string(19, call.service === undefined ? 'allow_any' : call.reporter.workload.role === 'router' ? 'bookinfo' : 'default')
}

/** response_flags (16); every flag is a bool but unauthorized_details, which the simulation never sets. */
export function writeFlags(writer: ProtobufWriter, mask: number): void {
  if (mask === 0) return
  writer.open(16)
  for (let bit = 0; bit < 28; bit++) if ((mask & (1 << bit)) !== 0) writer.bool(bit + 1, true)
  writer.close()
}

function clusterName(call: HttpCall): string {
  if (call.direction === 'inbound') return `inbound|${call.reporter.workload.service.port}||`
  return call.service === undefined ? 'PassthroughCluster' : `outbound|${call.service.port}||${hostOf(call.service)}`
}

function writePeers(writer: ProtobufWriter, call: HttpCall): void {
  const { peer, outcome } = call
  const isInbound = call.direction === 'inbound'
  const knowsPeer = peer !== undefined && (isInbound || outcome.reached === 'upstream')
  if (knowsPeer) writePeer(writer, isInbound ? 'downstream_peer' : 'upstream_peer', peer)
  // As the recommended logger settings add it: an entry has no upstream_cluster of its own when no host was picked.
  if (!isInbound && outcome.reached !== 'nowhere') writeTag(writer, 'upstream_cluster', clusterName(call))
  if (knowsPeer && !isInbound) writeTag(writer, 'upstream_principal', peer.principal)
}

/** One entry of filter_state_objects (21) with the peer's metadata, as Istio 1.24 and later logs it. */
export function writePeer(writer: ProtobufWriter, key: string, peer: Proxy): void {
  const { workload } = peer
  const metadata: Record<string, StructValue> = {
    app: workload.app,
    cluster: CLUSTER_ID,
    identity: peer.principal,
    name: peer.pod,
    namespace: workload.namespace,
    revision: canonicalRevision(workload.version),
    service: workload.app,
    type: 'deployment',
    ...(workload.version === '' ? {} : { version: workload.version }),
    workload: workload.name,
  }
  writer.open(21).string(1, key).open(2)
  writer.string(1, 'type.googleapis.com/google.protobuf.Struct')
  writer.message(2, () => writeStruct(writer, metadata))
  writer.close().close()
}

function writeTag(writer: ProtobufWriter, key: string, value: string): void {
  writer.message(22, () => writer.string(1, key).string(2, value))
}

/** An address with a socket address of that ip and port; port 0 is written too, as Envoy does. */
export function writeSocketAddress(writer: ProtobufWriter, field: number, ip: string, port: number): void {
  writer.open(field).open(1).string(2, ip).varint(3, port).close().close()
}

/** Runs `write` on a writer of its own and returns the bytes. */
export function encode(write: (writer: ProtobufWriter) => unknown): Uint8Array {
  const writer = new ProtobufWriter()
  write(writer)
  return writer.finish()
}

/** The labels that Istio's standard metrics must show for an entry, as far as the entry (or its addresses) tells them. */
function httpLabels(call: HttpCall, knowledge: Knowledge): TruthLabels {
  const { outcome, endpoint, service, peer, plainClient } = call
  const isInbound = call.direction === 'inbound'
  const knowsPeer = peer !== undefined && (isInbound || outcome.reached === 'upstream')
  // A host that was picked has its address in the entry, also when it could not be reached.
  const byAddress = isInbound ? plainClient : outcome.reached === 'host' ? peer : undefined
  return {
    ...edgeLabels(call.direction, call.reporter, knowsPeer ? peer : undefined, knowledge === 'addresses' ? byAddress : undefined),
    ...(outcome.reached === 'nowhere' ? calledLabels(undefined, 'unknown', 'unknown') : calledLabels(service, 'PassthroughCluster', endpoint.authority)),
    request_protocol: 'http',
    response_code: String(outcome.code),
    response_flags: responseFlagsText(flagsMask(outcome)),
    connection_security_policy: isInbound ? (peer === undefined ? 'none' : 'mutual_tls') : 'unknown',
  }
}

/**
 * What the daemon goes by: the access logs alone, or also which pod has which address. The truth's labels differ for
 * peers that the logs do not name.
 */
export type Knowledge = 'logs' | 'addresses'

/** Labels of both sides; the reporter's own are always known. `byAddress` is who the peer is when its log entry does not say. */
export function edgeLabels(direction: 'inbound' | 'outbound', reporter: Proxy, peer: Proxy | undefined, byAddress?: Pod): Record<string, string> {
  const isInbound = direction === 'inbound'
  const other = peer ?? byAddress
  return {
    reporter: isInbound ? 'destination' : 'source',
    ...partyLabels('source', isInbound ? other : reporter),
    ...partyLabels('destination', isInbound ? reporter : other),
    // Which certificate a client's proxy showed is not in its own log, and without TLS nobody shows one.
    source_principal: isInbound ? (peer?.principal ?? 'unknown') : 'unknown',
    destination_principal: (isInbound && peer !== undefined ? reporter : peer)?.principal ?? 'unknown',
  }
}

function partyLabels(side: 'source' | 'destination', pod: Pod | undefined): Record<string, string> {
  const workload = pod?.workload
  return {
    [`${side}_workload`]: workload?.name ?? 'unknown',
    [`${side}_workload_namespace`]: workload?.namespace ?? 'unknown',
    [`${side}_canonical_service`]: workload?.app ?? 'unknown',
    [`${side}_canonical_revision`]: canonicalRevision(workload?.version ?? ''),
  }
}

/** Labels of the called service; `nameOutside` and `authority` stand for one that is not in the mesh's registry. */
export function calledLabels(service: Service | undefined, nameOutside: string, authority: string): Record<string, string> {
  if (service === undefined) return { destination_service: authority, destination_service_name: nameOutside, destination_service_namespace: 'unknown' }
  return { destination_service: hostOf(service), destination_service_name: service.name, destination_service_namespace: service.namespace }
}

/** What differs from call to call. Times are whole microseconds. One object is filled anew for every entry. */
export class HttpCallFacts {
  /** Microseconds since the epoch when the request arrived. */
  startUs = 0
  /** From arrival to the end. */
  durationUs = 0
  /** How long the upstream took; only when it answered. */
  upstreamUs = 0
  /** Source port of the connection to the reporter. */
  downstreamPort = 0
  /** Source port of the connection to the upstream. */
  upstreamPort = 0
  requestBody = 0
  responseBody = 0
  /** x-request-id, 36 ASCII bytes. */
  readonly requestId: Uint8Array = new Uint8Array(36)
  /** W3C trace context, 55 ASCII bytes. */
  readonly traceparent: Uint8Array = new Uint8Array(55)
  /** The ids that a tracing proxy logs as custom tags; undefined when it does not trace. */
  tracing: { readonly traceId: string; readonly spanId: string; readonly parentSpanId: string } | undefined
}

const REQUEST_HEADER_BYTES = 612
const RESPONSE_HEADER_BYTES = 174

/** Bytes on the wire that an entry tells: `downstream_wire_bytes_received`. */
export function requestWireBytes(facts: HttpCallFacts): number {
  return REQUEST_HEADER_BYTES + facts.requestBody
}

/** `downstream_wire_bytes_sent`; 0 when no response began. */
export function responseWireBytes(site: HttpCallSite, facts: HttpCallFacts): number {
  return site.call.outcome.code === 0 ? 0 : RESPONSE_HEADER_BYTES + facts.responseBody
}

/** Appends `http_logs.log_entry` of one call. The time the entry shows is `facts.durationUs` after its start. */
export function writeHttpEntry(writer: ProtobufWriter, site: HttpCallSite, facts: HttpCallFacts): void {
  const { outcome } = site.call
  writer.open(1).open(1)
  writeSocketAddress(writer, 2, site.downstreamRemoteIp, site.isForwarded ? 0 : facts.downstreamPort)
  writer.raw(site.localAndTls)
  writeTime(writer, facts.startUs)
  writeTimings(writer, outcome, facts)
  writer.raw(site.upstreamRemote)
  if (site.upstreamLocalIp !== '') writeSocketAddress(writer, 14, site.upstreamLocalIp, facts.upstreamPort)
  writer.raw(site.clusterToRoute)
  writeSocketAddress(writer, 20, site.directRemoteIp, facts.downstreamPort)
  writer.raw(site.peers)
  if (facts.tracing !== undefined) writeTracing(writer, facts.tracing)
  writeDuration(writer, 23, facts.durationUs)
  writer.raw(site.attempts).bytes(26, facts.requestId)
  const received = requestWireBytes(facts)
  const sent = responseWireBytes(site, facts)
  if (sent > 0) writer.varint(29, sent)
  writer.varint(30, received)
  if (outcome.reached === 'upstream') {
    writer.varint(31, received + 180)
    if (outcome.answered) writer.varint(32, sent + 40)
  }
  writer.varint(33, DOWNSTREAM_END).close()
  writer.varint(2, HTTP11)
  writer.open(3).raw(site.requestLine).bytes(9, facts.requestId).varint(11, REQUEST_HEADER_BYTES)
  if (facts.requestBody > 0) writer.varint(12, facts.requestBody)
  writer.open(13).string(1, 'traceparent').bytes(2, facts.traceparent).close().close()
  writer.open(4).raw(site.code)
  if (outcome.code > 0) {
    writer.varint(2, RESPONSE_HEADER_BYTES)
    if (facts.responseBody > 0) writer.varint(3, facts.responseBody)
  }
  writer.raw(site.details).close().close()
}

/** `%TRACE_ID%`, `%SPAN_ID%`, and the span of the request as it came, which a filter has to have kept. */
function writeTracing(writer: ProtobufWriter, { traceId, spanId, parentSpanId }: NonNullable<HttpCallFacts['tracing']>): void {
  writeTag(writer, 'trace_id', traceId)
  writeTag(writer, 'span_id', spanId)
  if (parentSpanId !== '') writeTag(writer, 'parent_span_id', parentSpanId)
}

/** start_time (5). */
export function writeTime(writer: ProtobufWriter, us: number): void {
  const seconds = Math.floor(us / 1e6)
  writer.open(5).varint(1, seconds)
  const nanos = Math.round(us - seconds * 1e6) * 1000
  if (nanos > 0) writer.varint(2, nanos)
  writer.close()
}

/** A google.protobuf.Duration. */
export function writeDuration(writer: ProtobufWriter, field: number, us: number): void {
  const seconds = Math.floor(us / 1e6)
  writer.open(field)
  if (seconds > 0) writer.varint(1, seconds)
  const nanos = Math.round(us - seconds * 1e6) * 1000
  if (nanos > 0) writer.varint(2, nanos)
  writer.close()
}

/** The proxy's own share before it sends to the upstream, and after the upstream's response ended. */
const BEFORE_US = 320
const AFTER_US = 180

/** How long a proxy's client waits when the upstream takes `upstreamUs`. */
export function throughProxyUs(upstreamUs: number): number {
  return BEFORE_US + upstreamUs + AFTER_US
}

/** time_to_… (6 to 12), in the order in which they happen. */
function writeTimings(writer: ProtobufWriter, outcome: Outcome, facts: HttpCallFacts): void {
  writeDuration(writer, 6, Math.min(70, facts.durationUs))
  if (outcome.reached === 'upstream') {
    writeDuration(writer, 7, BEFORE_US)
    writeDuration(writer, 8, BEFORE_US + 20)
    if (outcome.answered) {
      writeDuration(writer, 9, BEFORE_US + facts.upstreamUs - 60)
      writeDuration(writer, 10, BEFORE_US + facts.upstreamUs)
    }
  }
  if (outcome.code === 0) return
  writeDuration(writer, 11, Math.max(0, facts.durationUs - 90))
  writeDuration(writer, 12, Math.max(0, facts.durationUs - 30))
}
