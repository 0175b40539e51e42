/** Senders of StatsD and OTLP are pods of a real API server: by the address that they send from, or by what they say they are. */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../../../cmd/meshscope/simulate/kube_api/object_store.ts'
import { AttributeSet } from '../../../model/attributes.ts'
import { newLogRecord } from '../../../model/log_records.ts'
import { encodeLogs } from '../../../model/otlp/encode.ts'
import { freePort } from '../../free_port.ts'
import { temporaryFolder } from '../child.ts'
import { type RunningDaemon, runConfig, samplesOf } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { type Kube, startKube } from './kube.ts'

/** Of pods that send. Every address of 127.0.0.0/8 is this machine's. */
const CART = { namespace: 'shop', name: 'cart-6b746f74dc-9stvs', ip: '127.0.71.1' }
const MAIL = { namespace: 'shop', name: 'mail-0', ip: '127.0.71.2' }
/** An address that no pod has. */
const NOBODY = '127.0.71.9'
const CONTAINER = 'c'.repeat(64)

const DEPLOYMENT_UID = '5f0d5f6e-9d0c-4c5c-8d52-0b9a8f7a1f03'

const RESOURCE_KEYS = ['k8s.namespace.name', 'k8s.pod.name', 'k8s.deployment.name', 'k8s.deployment.uid', 'k8s.statefulset.uid', 'team']

suite('who sends StatsD and OTLP, by a real API server', ['etcd', 'kube-apiserver'], (paths) => {
  const folder = temporaryFolder('kube-senders')
  const logFile = join(folder.path, 'logs.jsonl')
  let kube: Kube
  let daemon: Pick<RunningDaemon, 'stop'> | undefined
  let ports: { readonly statsd: number; readonly stream: number; readonly metrics: number; readonly grpc: number; readonly http: number }
  let mail: KubeObject

  beforeAll(async () => {
    kube = await startKube({ paths })
    await kube.client.createNamespace('shop')
    const replicaSet = await createReplicaSet(kube, { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: DEPLOYMENT_UID, controller: true })
    const statefulSet = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'mail', uid: '5f0d5f6e-9d0c-4c5c-8d52-0b9a8f7a1f02', controller: true }
    await kube.client.createPod({ ...CART, ips: [CART.ip], labels: { 'pod-template-hash': '6b746f74dc', team: 'blue' }, ownerReferences: [replicaSet] })
    mail = await kube.client.createPod({ ...MAIL, ips: [MAIL.ip], labels: { team: 'red' }, ownerReferences: [statefulSet] })
    const container = { name: 'main', image: 'example/main:1', imageID: '', ready: true, restartCount: 0, containerID: `containerd://${CONTAINER}` }
    await kube.client.patchStatus('pods', MAIL.namespace, MAIL.name, { containerStatuses: [container] })
    await startSenderDaemon()
  })
  afterAll(async () => {
    await daemon?.stop()
    await kube?.stop()
    folder.remove()
  })

  /** Its start waits for the metadata, so that the first data is resolved. */
  async function startSenderDaemon(): Promise<void> {
    ports = { statsd: await freePort(), stream: await freePort(), metrics: await freePort(), grpc: await freePort(), http: await freePort() }
    const [health, explain] = [await freePort(), await freePort()]
    const config = {
      receivers: {
        'statsd/udp': { endpoint: `127.0.0.1:${ports.statsd}`, sender: 'kubernetes', dialect: 'dogstatsd' },
        'statsd/tcp': { endpoint: `127.0.0.1:${ports.stream}`, sender: 'kubernetes', transport: 'tcp' },
        otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${ports.grpc}` }, http: { endpoint: `127.0.0.1:${ports.http}` } } },
      },
      processors: {
        k8s_attributes: {
          pod_association: [{ sources: [{ from: 'connection' }] }],
          extract: { metadata: RESOURCE_KEYS.slice(0, -1), labels: [{ tag_name: 'team', key: 'team' }] },
        },
      },
      exporters: { prometheus: { endpoint: `127.0.0.1:${ports.metrics}` }, file: { path: logFile, flush_interval: '50ms' } },
      extensions: {
        health_check: { endpoint: `127.0.0.1:${health}` },
        k8s_metadata: {
          endpoint: `127.0.0.1:${explain}`,
          auth_type: 'kubeConfig',
          kubeconfig: kube.kubeconfig,
          scope: 'cluster',
          exact_owners: true,
          start_jitter: '0s',
          wait_for_metadata: true,
          wait_for_metadata_timeout: '30s',
        },
      },
      service: {
        extensions: ['health_check', 'k8s_metadata'],
        workers: { threads: 2 },
        telemetry: { metrics: { level: 'none' } },
        pipelines: {
          metrics: { receivers: ['statsd/udp', 'statsd/tcp'], exporters: ['prometheus'] },
          logs: { receivers: ['otlp'], processors: ['k8s_attributes'], exporters: ['file'] },
        },
      },
    }
    daemon = await runConfig(config, { folder, health })
  }

  /** The values of a counter by the labels that tell its senders, once they add up to `total`. */
  async function scraped(metric: string, total: number): Promise<string[]> {
    const read = async (): Promise<string[]> => {
      const page = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text()
      const text = (labels: Readonly<Record<string, string>>): string =>
        ['k8s_namespace_name', 'k8s_deployment_name', 'k8s_statefulset_name', 'k8s_pod_name'].map((key) => labels[key] ?? '-').join(' ')
      return samplesOf(page, metric)
        .map(({ labels, value }) => `${text(labels)} = ${value}`)
        .sort()
    }
    return await settled(read, (found) => found.reduce((sum, line) => sum + Number(line.split(' = ')[1]), 0) >= total)
  }

  /** Sends a log record over OTLP from an address; its resource attributes as they came out. */
  async function resourceOf(way: 'http' | 'grpc', address: string, body: string): Promise<Record<string, string>> {
    const logs = {
      groups: [
        {
          resource: { attributes: AttributeSet.of({ 'service.name': 'x' }) },
          scope: { name: '', version: '' },
          records: [newLogRecord({ timeNs: BigInt(Date.now()) * 1_000_000n, body })],
        },
      ],
    }
    await (way === 'http' ? sendHttp : sendGrpc)(way === 'http' ? ports.http : ports.grpc, address, encodeLogs(logs))
    const read = (): readonly string[] => readFileSync(logFile, 'utf8').split('\n').slice(0, -1)
    const lines = await settled(
      async () => read().filter((line) => line.includes(`"${body}"`)),
      (found) => found.length === 1,
    )
    const { resourceLogs } = JSON.parse(lines[0] ?? '{}') as { resourceLogs: { resource: { attributes: { key: string; value: { stringValue: string } }[] } }[] }
    const all = (resourceLogs[0]?.resource.attributes ?? []).map(({ key, value }) => [key, value.stringValue])
    return Object.fromEntries(all.filter(([key]) => RESOURCE_KEYS.includes(key as string)))
  }

  test('StatsD datagrams: by address, by entity id and by container id, and nobody else', async () => {
    await sendUdp(ports.statsd, CART.ip, 'orders:3|c')
    await sendUdp(ports.statsd, MAIL.ip, 'orders:5|c')
    await sendUdp(ports.statsd, NOBODY, `orders:7|c|#dd.internal.entity_id:${mail.metadata.uid}\norders:11|c|c:ci-${CONTAINER}\norders:13|c`)
    expect(await scraped('orders_total', 39)).toEqual(['- - - - = 13', `shop - mail ${MAIL.name} = 23`, `shop cart - ${CART.name} = 3`])
  })

  test('StatsD streams: by the address of the connection', async () => {
    await sendTcp(ports.stream, CART.ip, 'sales:1|c\nsales:1|c\n')
    await sendTcp(ports.stream, NOBODY, 'sales:4|c\n')
    expect(await scraped('sales_total', 6)).toEqual(['- - - - = 4', `shop cart - ${CART.name} = 2`])
  })

  test.for(['http', 'grpc'] as const)('OTLP over %s: by the address of the connection', async (way) => {
    expect(await resourceOf(way, CART.ip, `cart by ${way}`)).toEqual({
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': CART.name,
      'k8s.deployment.name': 'cart',
      'k8s.deployment.uid': DEPLOYMENT_UID,
      team: 'blue',
    })
    expect(await resourceOf(way, MAIL.ip, `mail by ${way}`)).toEqual({
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': MAIL.name,
      'k8s.statefulset.uid': '5f0d5f6e-9d0c-4c5c-8d52-0b9a8f7a1f02',
      team: 'red',
    })
    expect(await resourceOf(way, NOBODY, `nobody by ${way}`)).toEqual({})
  })

  test('an address that has another pod now is that pod', async () => {
    await kube.client.delete('pods', CART.namespace, CART.name)
    await kube.client.createPod({ namespace: 'shop', name: 'heir', ips: [CART.ip] })
    let sent = 0
    const found = await settled(
      async () => await resourceOf('http', CART.ip, `heir ${sent++}`),
      (attributes) => attributes['k8s.pod.name'] === 'heir',
    )
    expect(found).toEqual({ 'k8s.namespace.name': 'shop', 'k8s.pod.name': 'heir' })
  })
})

/** The ReplicaSet of the pod `CART`, as an owner reference of it. Nobody makes pods of it here. */
async function createReplicaSet(kube: Kube, owner: object): Promise<object> {
  const name = 'cart-6b746f74dc'
  const labels = { 'pod-template-hash': '6b746f74dc' }
  const { metadata } = await kube.client.ask('POST', `/apis/apps/v1/namespaces/${CART.namespace}/replicasets`, {
    metadata: { name, labels, ownerReferences: [owner] },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'example/main:1' }] } },
    },
  })
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: metadata.uid, controller: true }
}

async function sendUdp(port: number, from: string, text: string): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, from, resolve))
  await new Promise<void>((resolve, reject) => socket.send(text, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))))
  socket.close()
}

async function sendTcp(port: number, from: string, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from })
    socket.on('error', reject).on('close', () => resolve())
    socket.resume().end(text)
  })
}

async function sendHttp(port: number, from: string, bytes: Uint8Array): Promise<void> {
  const { statusCode } = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': bytes.length }
    const request = httpRequest({ host: '127.0.0.1', port, path: '/v1/logs', method: 'POST', headers, localAddress: from, agent: false }, resolve)
    request.on('error', reject).end(bytes)
  })
  expect(statusCode).toBe(200)
}

/** One unary call by hand: no client of gRPC takes the local address. */
async function sendGrpc(port: number, from: string, bytes: Uint8Array): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection: () => connect({ host: '127.0.0.1', port, localAddress: from }) })
  const frame = Buffer.alloc(5 + bytes.length)
  frame.writeUInt32BE(bytes.length, 1)
  frame.set(bytes, 5)
  try {
    const status = await new Promise<unknown>((resolve, reject) => {
      session.on('error', reject)
      const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
      const call = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
      call.on('trailers', (trailers) => resolve(trailers['grpc-status']))
      call.on('error', reject).resume().end(frame)
    })
    expect(status).toBe('0')
  } finally {
    session.close()
  }
}
