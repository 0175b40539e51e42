import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { HTTP_LABELS, TCP_LABELS } from '../../connectors/mesh_metrics/istio_labels.ts'
import type { Sample } from '../../connectors/mesh_metrics/testing.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { DATA, hasData, Pipeline } from './istio_golden_pipeline.ts'

type Vars = Readonly<Record<string, string>>
interface Metadata {
  readonly [key: string]: string | Metadata
}

const CLIENT_PORT = '12345'
const HTTP_200 = { code: 200, cluster: 'outbound|9080||server.default.svc.cluster.local' }

/** Text of a Go template after its conditions and variables; the few forms that Istio's test data use. */
function rendered(file: string, vars: Vars): string {
  const text = readFileSync(new URL(`istio-proxy/${file}`, DATA), 'utf8')
  const isTrue = (condition: string): boolean => {
    const equal = /^eq \.Vars\.(\w+) "(.*)"$/.exec(condition)
    return equal === null ? (vars[condition.replace('.Vars.', '')] ?? '') !== '' : vars[equal[1] as string] === equal[2]
  }
  const out: string[] = []
  // Per open `if`: whether its current branch is printed, and whether one has been.
  const open: { isOn: boolean; wasOn: boolean }[] = []
  for (const line of text.split('\n')) {
    const step = /\{\{-? *(?:(if|else if) (.+?)|(else|end)) *\}\}/.exec(line)
    if (step === null) {
      if (open.every(({ isOn }) => isOn)) out.push(line.replaceAll(/\{\{ *\.(?:Vars|Ports)\.(\w+) *\}\}/g, (_, name: string) => vars[name] ?? ''))
      continue
    }
    const last = open.at(-1)
    if (step[1] === 'if') open.push({ isOn: isTrue(step[2] as string), wasOn: isTrue(step[2] as string) })
    else if (step[3] === 'end') open.pop()
    else if (last !== undefined) {
      last.isOn = !last.wasOn && (step[3] === 'else' || isTrue(step[2] as string))
      last.wasOn ||= last.isOn
    }
  }
  return out.join('\n')
}

interface Golden {
  readonly name: string
  /** In the template's order. */
  readonly labels: readonly (readonly [string, string])[]
}

function golden(file: string, vars: Vars = {}): Golden {
  const text = rendered(`metric/${file}`, { RequestCount: '1', ClientPort: CLIENT_PORT, ...vars })
  const name = /^name: (\S+)$/m.exec(text)?.[1] ?? ''
  const labels = [...text.matchAll(/- name: (\S+)\n\s+value: (.*)$/gm)].map(([, key, value]) => [key as string, (value as string).replaceAll('"', '')] as const)
  return { name, labels }
}

function nodeMetadata(file: string, own: Metadata = {}): Metadata {
  return { ...(parse(`{${rendered(`node/${file}`, {})}}`) as Metadata), ...own }
}

/** Writes a `google.protobuf.Struct` into the current message. */
function writeStruct(writer: ProtobufWriter, fields: Metadata): void {
  for (const [key, value] of Object.entries(fields)) {
    writer.message(1, () => {
      writer.string(1, key)
      writer.message(2, () => {
        if (typeof value === 'string') writer.string(3, value)
        else writer.message(5, () => writeStruct(writer, value))
      })
    })
  }
}

/** What Istio's metadata exchange tells about a proxy with this node metadata. */
function peerOf(metadata: Metadata, identity = ''): Metadata {
  const labels = metadata.LABELS as Metadata
  return {
    workload: metadata.WORKLOAD_NAME as string,
    namespace: metadata.NAMESPACE as string,
    cluster: metadata.CLUSTER_ID as string,
    service: labels['service.istio.io/canonical-name'] as string,
    revision: labels['service.istio.io/canonical-revision'] as string,
    app: labels.app as string,
    version: labels.version as string,
    ...(identity === '' ? {} : { identity }),
  }
}

interface Call {
  readonly own: Metadata
  readonly peer: Metadata
  readonly peerKey: 'upstream_peer' | 'downstream_peer'
  readonly cluster: string
  readonly code?: number
  readonly grpcStatus?: string
  readonly authority?: string
}

/** One message with a node and one finished request, or one TCP connection when there is no code. */
function messageOf(call: Call): Uint8Array {
  const writer = new ProtobufWriter()
  writer.message(1, () => {
    writer.message(1, () => {
      writer.string(1, 'sidecar~10.52.0.34~pod.default~default.svc.cluster.local')
      writer.message(3, () => writeStruct(writer, call.own))
    })
    writer.string(2, 'log')
  })
  const isHttp = call.code !== undefined
  writer.message(isHttp ? 2 : 3, () =>
    writer.message(1, () => {
      writer.message(1, () => writeCommon(writer, call, isHttp))
      if (!isHttp) return
      writer.message(3, () => {
        if (call.authority !== undefined) writer.string(3, call.authority)
        if (call.grpcStatus !== undefined) writeMapEntry(writer, 13, 'content-type', 'application/grpc')
      })
      writer.message(4, () => {
        writer.message(1, () => writer.varint(1, call.code as number))
        if (call.grpcStatus !== undefined) writeMapEntry(writer, 5, 'grpc-status', call.grpcStatus)
      })
    }),
  )
  return writer.finish()
}

function writeCommon(writer: ProtobufWriter, { cluster, peer, peerKey }: Call, isHttp: boolean): void {
  writer.string(15, cluster)
  writer.message(21, () => {
    writer.string(1, peerKey)
    writer.message(2, () => {
      writer.string(1, 'type.googleapis.com/google.protobuf.Struct')
      writer.message(2, () => writeStruct(writer, peer))
    })
  })
  writer.message(23, () => writer.varint(2, 5_000_000))
  // DownstreamEnd or TcpConnectionEnd.
  writer.varint(33, isHttp ? 6 : 3)
}

function writeMapEntry(writer: ProtobufWriter, field: number, key: string, value: string): void {
  writer.message(field, () => {
    writer.string(1, key)
    writer.string(2, value)
  })
}

async function seriesOf(call: Call, mesh: ConstructorParameters<typeof Pipeline>[0] = {}): Promise<readonly Sample[]> {
  const pipeline = new Pipeline(mesh)
  pipeline.open('10.52.0.34:1')
  expect(pipeline.take(messageOf(call))).toBe(1)
  const samples = await pipeline.harness.samples()
  await pipeline.harness.stop()
  return samples
}

function labelsOf(samples: readonly Sample[], name: string): (readonly [string, string])[] {
  const [sample] = samples.filter((candidate) => candidate.name === name)
  return Object.entries(sample?.labels ?? {})
}

describe.skipIf(!hasData)('golden metrics of istio/proxy', () => {
  test.for([
    { name: 'HTTP', vars: {}, grpc: {} },
    { name: 'gRPC', vars: { GrpcResponseStatus: '7' }, grpc: { grpcStatus: '7' } },
  ])("a client's $name request has exactly the proxy's labels, in its order", async ({ vars, grpc }) => {
    const expected = golden('client_request_total.yaml.tmpl', vars)
    const own = nodeMetadata('client_node_metadata.json.tmpl')
    const peer = peerOf(nodeMetadata('server_node_metadata.json.tmpl'))
    const samples = await seriesOf({ own, peer, peerKey: 'upstream_peer', ...HTTP_200, ...grpc })
    expect(expected.labels.map(([label]) => label)).toEqual(HTTP_LABELS)
    expect(labelsOf(samples, expected.name)).toEqual(expected.labels)
  })

  test.for([
    { name: 'an HTTP request', vars: {}, call: {} },
    { name: 'an HTTP request that failed', vars: { ResponseCode: '403' }, call: { code: 403 } },
    { name: 'a gRPC request', vars: { GrpcResponseStatus: '0' }, call: { grpcStatus: '0' } },
  ])("$name at the server has exactly the proxy's labels", async ({ vars, call }) => {
    const expected = golden('server_request_total.yaml.tmpl', vars)
    const own = nodeMetadata('server_node_metadata.json.tmpl')
    const peer = peerOf(nodeMetadata('client_node_metadata.json.tmpl'))
    const cluster = 'inbound|9080|http|server.default.svc.cluster.local'
    const samples = await seriesOf({ own, peer, peerKey: 'downstream_peer', code: 200, cluster, ...call })
    expect(labelsOf(samples, expected.name)).toEqual(expected.labels)
  })

  test("a client's TCP connection has exactly the proxy's labels", async () => {
    const expected = golden('tcp_client_connection_open.yaml.tmpl')
    // Envoy does not log the certificate it shows to upstreams: the account stands for it, when the operator says so.
    const own = nodeMetadata('client_node_metadata.json.tmpl', { SERVICE_ACCOUNT: 'client' })
    const peer = peerOf(nodeMetadata('server_node_metadata.json.tmpl'), 'spiffe://cluster.local/ns/default/sa/server')
    const { cluster } = HTTP_200
    const samples = await seriesOf({ own, peer, peerKey: 'upstream_peer', cluster }, { mesh: { trust_domain: 'cluster.local' } })
    expect(expected.labels.map(([label]) => label)).toEqual(TCP_LABELS)
    expect(labelsOf(samples, expected.name)).toEqual(expected.labels)
  })

  test('a cluster that names no service leaves the Host header to name it', async () => {
    const expected = golden('host_header_fallback.yaml.tmpl')
    const own = nodeMetadata('client_node_metadata.json.tmpl')
    const peer = peerOf(nodeMetadata('server_node_metadata.json.tmpl'))
    const authority = `127.0.0.1:${CLIENT_PORT}`
    const samples = await seriesOf({ own, peer, peerKey: 'upstream_peer', code: 200, cluster: 'PassthroughCluster', authority })
    // The special cluster keeps its name (spec: als.md §5.2); everything else is as with a cluster without metadata.
    const labels = expected.labels.map(([label, value]) => [label, label === 'destination_service_name' ? 'PassthroughCluster' : value])
    expect(labelsOf(samples, expected.name)).toEqual(labels)
  })

  test('the build of a proxy has its labels', async () => {
    const expected = golden('istio_build.yaml')
    const own = nodeMetadata('client_node_metadata.json.tmpl')
    const samples = await seriesOf({ own, peer: peerOf(own), peerKey: 'upstream_peer', ...HTTP_200 })
    expect(labelsOf(samples, expected.name)).toEqual(expected.labels)
  })

  test.for([
    'client_node_metadata.json.tmpl',
    'cloud_run_client_node_metadata.json.tmpl',
    'cloud_run_server_node_metadata.json.tmpl',
    'gce_client_node_metadata.json.tmpl',
    'gce_server_node_metadata.json.tmpl',
    'generic_client_node_metadata.json.tmpl',
    'generic_server_node_metadata.json.tmpl',
    'server_node_metadata.json.tmpl',
  ])("the reporting side's labels are the node's own metadata: %s", async (file) => {
    const own = nodeMetadata(file)
    const samples = await seriesOf({ own, peer: peerOf(nodeMetadata('server_node_metadata.json.tmpl')), peerKey: 'upstream_peer', ...HTTP_200 })
    const labels = Object.fromEntries(labelsOf(samples, 'istio_requests_total'))
    const expected = peerOf({ LABELS: {}, ...own })
    expect({
      workload: labels.source_workload,
      namespace: labels.source_workload_namespace,
      cluster: labels.source_cluster,
      service: labels.source_canonical_service,
      revision: labels.source_canonical_revision,
      app: labels.source_app,
      version: labels.source_version,
    }).toEqual(Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, value ?? ''])))
  })

  test('a waypoint, which has little metadata of its own, shows the target it forwards to', async () => {
    const own = nodeMetadata('server_waypoint_proxy_node_metadata.json.tmpl')
    const peer = peerOf(nodeMetadata('server_node_metadata.json.tmpl'), 'spiffe://cluster.local/ns/default/sa/server')
    const pipeline = new Pipeline()
    pipeline.open('10.52.0.34:1')
    const message = messageOf({ own, peer, peerKey: 'upstream_peer', code: 200, cluster: 'inbound-vip|9080|http|server.default.svc.cluster.local' })
    pipeline.take(Buffer.from(Buffer.from(message).toString('latin1').replace('sidecar~10.52.0.34~pod.default', 'waypoint~10.52.0.3~pod.default'), 'latin1'))
    const labels = Object.fromEntries(labelsOf(await pipeline.harness.samples(), 'istio_requests_total'))
    await pipeline.harness.stop()
    expect(labels).toMatchObject({
      reporter: 'waypoint',
      source_workload: 'unknown',
      source_canonical_revision: 'latest',
      destination_workload: 'ratings-v1',
      destination_principal: 'spiffe://cluster.local/ns/default/sa/server',
      destination_service: 'server.default.svc.cluster.local',
      destination_service_name: 'server',
      destination_service_namespace: 'default',
    })
  })
})
