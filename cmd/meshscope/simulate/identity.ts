import { ProtobufWriter } from '../../../lib/protobuf/writer.ts'
import type { StructValue } from '../../../model/struct.ts'
import { CLUSTER_ID, ISTIO_VERSION, type Proxy, type ProxyLog, TRUST_DOMAIN } from './bookinfo.ts'

/** Writes the fields of a google.protobuf.Struct into the message that is open. */
export function writeStruct(writer: ProtobufWriter, fields: Readonly<Record<string, StructValue>>): void {
  for (const [key, value] of Object.entries(fields)) {
    writer.open(1).string(1, key).open(2)
    writeValue(writer, value)
    writer.close().close()
  }
}

function writeValue(writer: ProtobufWriter, value: StructValue): void {
  if (value === null) writer.varint(1, 0)
  else if (typeof value === 'number') writer.double(2, value)
  else if (typeof value === 'string') writer.string(3, value)
  else if (typeof value === 'boolean') writer.bool(4, value)
  else if (isList(value)) {
    writer.open(6)
    for (const item of value) writer.message(1, () => writeValue(writer, item))
    writer.close()
  } else writer.message(5, () => writeStruct(writer, value))
}

function isList(value: object): value is readonly StructValue[] {
  return Array.isArray(value)
}

/** `identifier.node.metadata` as a sidecar or gateway of Istio 1.24 and later sends it. */
export function nodeMetadata(proxy: Proxy): Record<string, StructValue> {
  const { workload } = proxy
  const port = String(workload.service.port)
  return {
    ANNOTATIONS: { 'istio.io/rev': 'default', 'kubernetes.io/config.source': 'api', 'prometheus.io/path': '/stats/prometheus', 'prometheus.io/port': '15020' },
    APP_CONTAINERS: workload.app,
    CLUSTER_ID,
    ENVOY_PROMETHEUS_PORT: 15090,
    ENVOY_STATUS_PORT: 15021,
    INSTANCE_IPS: proxy.ip,
    INTERCEPTION_MODE: 'REDIRECT',
    ISTIO_PROXY_SHA: '0d2f6a1d6ac7ff0c0c3a0a4d4e6b1d0c9a4d1c55',
    ISTIO_VERSION,
    LABELS: labelsOf(proxy),
    MESH_ID: TRUST_DOMAIN,
    NAME: proxy.pod,
    NAMESPACE: workload.namespace,
    NODE_NAME: proxy.host,
    OWNER: `kubernetes://apis/apps/v1/namespaces/${workload.namespace}/deployments/${workload.name}`,
    PILOT_SAN: ['istiod.istio-system.svc'],
    POD_PORTS: `[{"containerPort":${port},"protocol":"TCP"}]`,
    PROXY_CONFIG: {
      binaryPath: '/usr/local/bin/envoy',
      concurrency: 2,
      configPath: './etc/istio/proxy',
      controlPlaneAuthPolicy: 'MUTUAL_TLS',
      discoveryAddress: 'istiod.istio-system.svc:15012',
      drainDuration: '45s',
      proxyAdminPort: 15000,
      serviceCluster: 'istio-proxy',
      statNameLength: 189,
      statusPort: 15020,
      terminationDrainDuration: '5s',
    },
    SERVICE_ACCOUNT: workload.serviceAccount,
    WORKLOAD_NAME: workload.name,
  }
}

function labelsOf({ workload }: Proxy): Record<string, StructValue> {
  const canonical = { 'service.istio.io/canonical-name': workload.app, 'service.istio.io/canonical-revision': canonicalRevision(workload.version) }
  const labels = { app: workload.app, 'pod-template-hash': workload.templateHash, ...canonical }
  if (workload.role === 'router') return { ...labels, istio: 'ingressgateway', 'istio.io/rev': 'default' }
  return { ...labels, 'security.istio.io/tlsMode': 'istio', version: workload.version }
}

/** What the injector writes into the canonical revision label. */
export function canonicalRevision(version: string): string {
  return version === '' ? 'latest' : version
}

/** The name under which Istio's legacy access-log setting sends each kind. */
export const LOG_NAMES: Readonly<Record<ProxyLog, string>> = { http: 'http_envoy_accesslog', tcp: 'tcp_envoy_accesslog' }

/**
 * The encoded field `identifier` of the first message of a stream. With `withExtensions` it lists as many built-in
 * extensions as a real Envoy does, which makes it about 60 KB.
 */
export function encodeIdentifier(proxy: Proxy, log: ProxyLog, withExtensions: boolean): Uint8Array {
  const writer = new ProtobufWriter(4096)
  writer.open(1).open(1)
  writer.string(1, proxy.nodeId).string(2, `${proxy.workload.app}.${proxy.workload.namespace}`)
  writer.message(3, () => writeStruct(writer, nodeMetadata(proxy)))
  writer.message(4, () => void writer.string(1, 'eu-1').string(2, `eu-1${'abc'[proxy.replica % 3]}`))
  writer.string(6, 'envoy')
  writer.message(8, () => {
    writer.message(1, () => void writer.varint(1, 1).varint(2, 38))
    writer.message(2, () =>
      writeStruct(writer, { 'build.type': 'RELEASE', 'revision.sha': '3f1b0d5a6f0e8d3c', 'revision.status': 'Clean', 'ssl.version': 'BoringSSL' }),
    )
  })
  if (withExtensions) writeExtensions(writer)
  writer.close().string(2, LOG_NAMES[log]).close()
  return writer.finish()
}

/** Kinds of extensions in about the proportion in which Envoy 1.40 lists them. */
const EXTENSION_KINDS = [
  { category: 'envoy.filters.http', count: 120, type: 'envoy.extensions.filters.http' },
  { category: 'envoy.filters.network', count: 60, type: 'envoy.extensions.filters.network' },
  { category: 'envoy.matching.inputs', count: 90, type: 'envoy.extensions.matching.common_inputs' },
  { category: 'envoy.access_loggers', count: 26, type: 'envoy.extensions.access_loggers' },
  { category: 'envoy.clusters', count: 30, type: 'envoy.extensions.clusters' },
  { category: 'envoy.transport_sockets.upstream', count: 40, type: 'envoy.extensions.transport_sockets' },
  { category: 'envoy.http.stateful_header_formatters', count: 70, type: 'envoy.extensions.http.header_formatters' },
  { category: 'envoy.resource_monitors', count: 80, type: 'envoy.extensions.resource_monitors' },
] as const

function writeExtensions(writer: ProtobufWriter): void {
  for (const { category, count, type } of EXTENSION_KINDS) {
    for (let i = 0; i < count; i++) {
      const name = `${category}.simulated_extension_${String(i).padStart(3, '0')}`
      writer.open(9).string(1, name).string(2, category)
      writer.string(6, `${type}.simulated_extension_${String(i).padStart(3, '0')}.v3.Config`).close()
    }
  }
}
