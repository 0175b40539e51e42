import type { Edge, Party } from '../../model/edges.ts'
import { GRPC_STATUS_NAMES, isGrpcError } from '../../model/grpc_status.ts'
import { firstResponseFlagName } from '../../model/response_flags.ts'

const COMMON = [
  'mesh.reporter',
  'service.name',
  'service.namespace',
  'service.version',
  'service.peer.name',
  'service.peer.namespace',
  'mesh.source.workload',
  'mesh.destination.workload',
  'server.address',
  'server.port',
] as const
const PROTOCOL = ['network.protocol.name', 'network.protocol.version', 'error.type'] as const

/** Attributes of `http.server.*` and `http.client.*`. */
export const OTEL_HTTP_LABELS: readonly string[] = [...COMMON, 'http.request.method', 'http.response.status_code', 'url.scheme', ...PROTOCOL]

/** Attributes of `rpc.server.call.duration` and `rpc.client.call.duration`. */
export const OTEL_RPC_LABELS: readonly string[] = [...COMMON, 'rpc.system.name', 'rpc.response.status_code', ...PROTOCOL]

/** Attributes of the TCP metrics, for which OpenTelemetry has no convention. */
export const OTEL_TCP_LABELS: readonly string[] = [...COMMON, 'network.transport', 'error.type']

/** Every attribute that occurs with `semantic: otel`. */
export const OTEL_LABELS: readonly string[] = [...new Set([...OTEL_HTTP_LABELS, ...OTEL_RPC_LABELS, ...OTEL_TCP_LABELS])]

/** What an entry adds to its edge; numbers are those of the access-log columns. */
export interface OtelOutcome {
  readonly protocol: 'http' | 'grpc' | 'tcp'
  /** 0 when there was none. */
  readonly responseCode: number
  /** -1 when there was none. */
  readonly grpcStatus: number
  readonly flagsMask: number
  /** `core.RequestMethod`. */
  readonly method: number
  /** `HTTPAccessLogEntry.HTTPVersion`. */
  readonly protocolVersion: number
  readonly scheme: string
  /** 0 when unknown. */
  readonly serverPort: number
}

const METHODS = ['_OTHER', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']
const VERSIONS = ['', '1.0', '1.1', '2', '3']

/** True when the proxy saw the call from the client's side. What cannot be told counts as the server's side. */
export function isClientSide(edge: Edge): boolean {
  return edge.reporter === 'source' || (edge.reporter === 'unknown' && edge.direction === 'outbound')
}

/** The values of all `OTEL_LABELS` by name for one edge and outcome; empty text stands for an absent attribute. */
export function otelLabels(edge: Edge, outcome: OtelOutcome): Readonly<Record<string, string>> {
  const isClient = isClientSide(edge)
  const status = outcome.protocol === 'grpc' ? grpcStatusText(outcome.grpcStatus) : ''
  return {
    'mesh.reporter': edge.reporter,
    ...serviceLabels(edge, isClient),
    'mesh.source.workload': edge.source.workload,
    'mesh.destination.workload': edge.destination.workload,
    'server.address': edge.service.host,
    'server.port': outcome.serverPort === 0 ? '' : String(outcome.serverPort),
    'http.request.method': METHODS[outcome.method] ?? '_OTHER',
    'http.response.status_code': outcome.responseCode === 0 ? '' : String(outcome.responseCode),
    'url.scheme': outcome.scheme,
    'network.protocol.name': 'http',
    'network.protocol.version': VERSIONS[outcome.protocolVersion] ?? '',
    'network.transport': 'tcp',
    'rpc.system.name': 'grpc',
    'rpc.response.status_code': status,
    'error.type': errorType(outcome, status, isClient),
  }
}

function serviceLabels({ source, destination, service }: Edge, isClient: boolean): Readonly<Record<string, string>> {
  const own = isClient ? source : destination
  const called = { name: service.name || nameOf(destination), namespace: service.namespace || destination.namespace }
  const caller = { name: nameOf(source), namespace: source.namespace }
  const peer = isClient ? called : caller
  return {
    'service.name': nameOf(own) || (isClient ? '' : service.name),
    'service.namespace': own.namespace,
    'service.version': own.version,
    'service.peer.name': peer.name,
    'service.peer.namespace': peer.namespace,
  }
}

function nameOf(party: Party): string {
  return party.service || party.app || party.workload
}

function grpcStatusText(status: number): string {
  return status < 0 ? '' : (GRPC_STATUS_NAMES[status] ?? String(status))
}

function errorType(outcome: OtelOutcome, status: string, isClient: boolean): string {
  if (outcome.protocol === 'tcp') return firstResponseFlagName(outcome.flagsMask)
  if (status !== '') return isGrpcError(outcome.grpcStatus, isClient) ? status : ''
  if (outcome.responseCode === 0) return firstResponseFlagName(outcome.flagsMask) || '_OTHER'
  return outcome.responseCode >= (isClient ? 400 : 500) ? String(outcome.responseCode) : ''
}
