import type { Deployment, Mesh, Pod, Proxy, Service } from './bookinfo.ts'
import { NODES } from './bookinfo.ts'
import { canonicalRevision } from './identity.ts'
import type { KubeObject } from './kube_api/object_store.ts'

/** What marks the objects that the simulator has made. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'meshscope-simulate' } as const

const ENDPOINTS_PER_SLICE = 100

/** The namespaces of a mesh. */
export function namespaceObjects(mesh: Mesh): KubeObject[] {
  const names = new Set(podsOf(mesh).map(({ workload }) => workload.namespace))
  return [...names].map((name) => ({ metadata: { name, labels: { ...MANAGED_BY, 'kubernetes.io/metadata.name': name } } }))
}

/** A node without a kubelet. */
export function nodeObject(name: string): KubeObject {
  const labels = {
    ...MANAGED_BY,
    'kubernetes.io/hostname': name,
    'topology.kubernetes.io/region': 'simulated',
    'topology.kubernetes.io/zone': `zone-${name.slice(-1)}`,
  }
  return { metadata: { name, labels } }
}

export function nodeStatus(ip: string, name: string): object {
  return {
    addresses: [
      { type: 'InternalIP', address: ip },
      { type: 'Hostname', address: name },
    ],
  }
}

/** The deployments of a mesh, each once. */
export function deploymentsOf(mesh: Mesh): Deployment[] {
  return [...new Set(podsOf(mesh).map(({ workload }) => workload))]
}

/** Every pod of a mesh, with and without proxies. */
export function podsOf(mesh: Mesh): Pod[] {
  return [...mesh.proxies, ...mesh.clients]
}

export function serviceAccountObject({ namespace, serviceAccount }: Deployment): KubeObject {
  return { metadata: { name: serviceAccount, namespace, labels: MANAGED_BY } }
}

/** A pod that is bound to its node; nobody runs it. */
export function podObject(pod: Pod): KubeObject {
  const { workload, host } = pod
  return { metadata: { name: pod.pod, namespace: workload.namespace, labels: podLabels(workload) }, spec: podSpec(workload, host) }
}

/** What a kubelet would say of a pod that runs. */
export function podStatus({ ip, host, workload }: Pod, startedAt: string): object {
  const hostIP = NODES.find(({ name }) => name === host)?.ip ?? ''
  const names = containersOf(workload).map(({ name }) => name)
  return {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    hostIP,
    hostIPs: [{ ip: hostIP }],
    startTime: startedAt,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({ type, status: 'True', lastTransitionTime: startedAt })),
    containerStatuses: names.map((name) => ({
      name,
      ready: true,
      restartCount: 0,
      image: `example/${name}:1`,
      imageID: '',
      containerID: `containerd://${containerId(`${ip}/${name}`)}`,
      state: { running: { startedAt } },
    })),
  }
}

/** The ReplicaSet between a deployment and its pods; with `replicas` pods of it there its controller has nothing to do. */
export function replicaSetObject(deployment: Deployment, replicas: number): KubeObject {
  const { name, namespace, templateHash } = deployment
  const labels = podLabels(deployment)
  return {
    metadata: { name: `${name}-${templateHash}`, namespace, labels },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec(deployment) } },
  }
}

/** What ties a pod to its ReplicaSet. */
export function ownedBy({ metadata }: KubeObject): object {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }
  return { metadata: { ownerReferences: [owner] } }
}

/** The services of a mesh with the proxies behind them. */
export function servicesOf(mesh: Mesh): { readonly service: Service; readonly proxies: readonly Proxy[] }[] {
  const services = new Map<Service, Proxy[]>()
  for (const proxy of mesh.proxies) {
    const { service } = proxy.workload
    const proxies = services.get(service)
    if (proxies === undefined) services.set(service, [proxy])
    else proxies.push(proxy)
  }
  return [...services].map(([service, proxies]) => ({ service, proxies }))
}

/** `hasAddress: false` leaves the choice of a ClusterIP to the server. */
export function serviceObject({ name, namespace, port, clusterIp }: Service, app: string, hasAddress: boolean): KubeObject {
  return {
    metadata: { name, namespace, labels: { ...MANAGED_BY, app } },
    spec: {
      type: 'ClusterIP',
      ...(hasAddress ? { clusterIP: clusterIp, clusterIPs: [clusterIp] } : {}),
      ports: [{ name: portName(port), port, protocol: 'TCP' }],
    },
  }
}

/** The EndpointSlices of a service, which has no selector: nobody else makes them. `uids` are those of the pods by name. */
export function sliceObjects(service: Service, proxies: readonly Proxy[], uids: ReadonlyMap<string, string>): KubeObject[] {
  const { name, namespace, port } = service
  return Array.from({ length: Math.ceil(proxies.length / ENDPOINTS_PER_SLICE) }, (_, i) => ({
    metadata: {
      name: `${name}-simulated-${i + 1}`,
      namespace,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'meshscope-simulate', ...MANAGED_BY },
    },
    addressType: 'IPv4',
    ports: [{ name: portName(port), port, protocol: 'TCP' }],
    endpoints: proxies.slice(i * ENDPOINTS_PER_SLICE, (i + 1) * ENDPOINTS_PER_SLICE).map(({ ip, pod, host }) => ({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: host,
      targetRef: { kind: 'Pod', namespace, name: pod, uid: uids.get(pod) },
    })),
  }))
}

function portName(port: number): string {
  return port === 27017 ? 'mongo' : 'http'
}

/** Labels as the deployment gives them; the injector adds the canonical ones to pods with a proxy. */
function podLabels(workload: Deployment & { readonly role?: string }): Record<string, string> {
  const { app, version, templateHash, role } = workload
  return {
    app,
    ...(version === '' ? {} : { version }),
    'pod-template-hash': templateHash,
    ...(role === undefined ? {} : { 'service.istio.io/canonical-name': app, 'service.istio.io/canonical-revision': canonicalRevision(version) }),
    ...MANAGED_BY,
  }
}

function podSpec(workload: Deployment, host?: string): object {
  return {
    ...(host === undefined ? {} : { nodeName: host }),
    serviceAccountName: workload.serviceAccount,
    automountServiceAccountToken: false,
    // Its node has no kubelet; it must not be evicted for that.
    tolerations: [{ operator: 'Exists' }],
    terminationGracePeriodSeconds: 0,
    containers: containersOf(workload),
  }
}

function containersOf(workload: Deployment & { readonly role?: string }): { readonly name: string; readonly image: string }[] {
  const names = workload.role === 'sidecar' ? [workload.app, 'istio-proxy'] : workload.role === 'router' ? ['istio-proxy'] : [workload.app]
  return names.map((name) => ({ name, image: `example/${name}:1` }))
}

/** 64 hex digits that follow from the text. */
function containerId(text: string): string {
  return Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)
}
