import type { Edge, Party } from '../../model/edges.ts'

/** Labels of `istio_requests_total` and the histograms, in the proxy's order. */
export const HTTP_LABELS: readonly string[] = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
]

const without = (...names: readonly string[]): readonly string[] => HTTP_LABELS.filter((label) => !names.includes(label))

/** Labels of the TCP metrics. */
export const TCP_LABELS: readonly string[] = without('response_code', 'grpc_response_status')

/** Labels of the gRPC message counters. */
export const MESSAGE_LABELS: readonly string[] = without('response_code', 'grpc_response_status', 'response_flags', 'connection_security_policy')

/** What an entry adds to its edge. */
export interface Outcome {
  readonly protocol: 'http' | 'grpc' | 'tcp'
  /** 0 when there was none. */
  readonly responseCode: number
  /** -1 when there was none. */
  readonly grpcStatus: number
  /** The `response_flags` label. */
  readonly flags: string
}

/**
 * The values of all `HTTP_LABELS` by name for one edge and outcome; metrics with fewer labels pick theirs.
 *
 * Placeholders are those of Istio's proxies: what a proxy knows about itself stands as it is (it may be empty), what it
 * should have learned about the peer becomes `unknown` (revisions: `latest`) when it did not.
 */
export function istioLabels(edge: Edge, outcome: Outcome): Readonly<Record<string, string>> {
  const isServer = edge.reporter === 'destination'
  const source = edge.reporter === 'source' ? ownSide(edge, edge.source) : peerSide(edge.source, 'latest')
  const destination = isServer ? ownSide(edge, edge.destination) : peerSide(edge.destination, edge.reporter === 'waypoint' ? 'unknown' : 'latest')
  return {
    reporter: edge.reporter,
    source_workload: source.workload,
    source_canonical_service: source.service,
    source_canonical_revision: source.revision,
    source_workload_namespace: source.namespace,
    source_principal: source.principal,
    source_app: source.app,
    source_version: source.version,
    source_cluster: source.cluster,
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: destination.principal,
    destination_app: destination.app,
    destination_version: destination.version,
    destination_canonical_service: destination.service,
    destination_canonical_revision: destination.revision,
    destination_cluster: destination.cluster,
    ...serviceLabels(edge),
    request_protocol: outcome.protocol,
    response_code: String(outcome.responseCode),
    grpc_response_status: outcome.protocol === 'grpc' && outcome.grpcStatus >= 0 ? String(outcome.grpcStatus) : '',
    response_flags: outcome.flags,
    connection_security_policy: securityPolicy(edge),
  }
}

type Side = Pick<Party, 'workload' | 'namespace' | 'service' | 'revision' | 'app' | 'version' | 'cluster' | 'principal'>

function ownSide(edge: Edge, party: Party): Side {
  return isIstioNode(edge, party) ? { ...party, principal: party.principal || 'unknown' } : peerSide(party, 'latest')
}

/** Whether an Istio proxy describes itself; a plain Envoy has no Istio metadata whose gaps would mean anything. */
function isIstioNode({ role }: Edge, { evidence }: Party): boolean {
  return evidence === 'node' && role !== 'proxy' && role !== 'unknown'
}

function peerSide(party: Party, revision: 'latest' | 'unknown'): Side {
  return {
    workload: party.workload || 'unknown',
    namespace: party.namespace || 'unknown',
    service: party.service || 'unknown',
    revision: party.revision || revision,
    app: party.app || 'unknown',
    version: party.version || 'unknown',
    cluster: party.cluster || 'unknown',
    principal: party.principal || 'unknown',
  }
}

function serviceLabels(edge: Edge): Readonly<Record<string, string>> {
  const { reporter, service, destination } = edge
  const canonical = reporter === 'destination' ? destination.service : ''
  return {
    destination_service: service.host || canonical || 'unknown',
    destination_service_name: service.name || canonical || 'unknown',
    destination_service_namespace: serviceNamespace(edge),
  }
}

function serviceNamespace(edge: Edge): string {
  const { reporter, service, destination } = edge
  if (reporter === 'destination' && isIstioNode(edge, destination)) return destination.namespace
  if (reporter === 'waypoint') return service.namespace || 'unknown'
  return service.namespace || destination.namespace || 'unknown'
}

function securityPolicy({ reporter, mutualTls }: Edge): string {
  if (reporter === 'source' || reporter === 'unknown') return 'unknown'
  return mutualTls ? 'mutual_tls' : 'none'
}
