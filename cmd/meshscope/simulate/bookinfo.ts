/** Version that the simulated proxies say they are; with it come peer metadata as a Struct under `upstream_peer`. */
export const ISTIO_VERSION = '1.29.0'
export const TRUST_DOMAIN = 'cluster.local'
export const CLUSTER_ID = 'Kubernetes'

/** A Kubernetes service of the simulated mesh. */
export interface Service {
  readonly name: string
  readonly namespace: string
  readonly port: number
  readonly clusterIp: string
}

/** A deployment of the simulated cluster. */
export interface Deployment {
  readonly name: string
  readonly namespace: string
  readonly app: string
  /** The `version` label; empty when the pods have none. */
  readonly version: string
  readonly serviceAccount: string
  /** As in the names of its pods. */
  readonly templateHash: string
}

/** A deployment whose pods have proxies. */
export interface Workload extends Deployment {
  readonly role: 'sidecar' | 'router'
  readonly service: Service
  readonly logs: readonly ProxyLog[]
}

/** Which access logs a proxy has traffic for; each is a stream of its own. */
export type ProxyLog = 'http' | 'tcp'

/** One pod. */
export interface Pod {
  readonly workload: Deployment
  readonly replica: number
  readonly pod: string
  readonly ip: string
  readonly host: string
}

/** One pod with its Envoy. */
export interface Proxy extends Pod {
  /** Unique among the proxies, from 0. */
  readonly index: number
  readonly workload: Workload
  /** `identifier.node.id`. */
  readonly nodeId: string
  /** SPIFFE id in its certificate. */
  readonly principal: string
}

const BOOKINFO = 'bookinfo'

const service = (name: string, port: number, clusterIp: string, namespace = BOOKINFO): Service => ({ name, namespace, port, clusterIp })
const productpageService = service('productpage', 9080, '10.96.71.10')
const detailsService = service('details', 9080, '10.96.102.44')
const reviewsService = service('reviews', 9080, '10.96.71.143')
const ratingsService = service('ratings', 9080, '10.96.18.231')
const mongodbService = service('mongodb', 27017, '10.96.200.5')
const gatewayService = service('istio-ingressgateway', 80, '10.96.33.1', 'istio-system')

const sidecar = (app: string, version: string, templateHash: string, of: Service, logs: readonly ProxyLog[] = ['http']): Workload => ({
  name: `${app}-${version}`,
  namespace: BOOKINFO,
  role: 'sidecar',
  app,
  version,
  serviceAccount: `bookinfo-${app}`,
  templateHash,
  service: of,
  logs,
})

const GATEWAY: Workload = {
  name: 'istio-ingressgateway',
  namespace: 'istio-system',
  role: 'router',
  app: 'istio-ingressgateway',
  version: '',
  serviceAccount: 'istio-ingressgateway-service-account',
  templateHash: '7d9f5c6b8',
  service: gatewayService,
  logs: ['http'],
}

/** The deployments of the Bookinfo sample, with the ratings version that keeps its data in MongoDB. */
const WORKLOADS = {
  gateway: GATEWAY,
  productpage: sidecar('productpage', 'v1', '6b746f74dc', productpageService),
  details: sidecar('details', 'v1', '5f4d584748', detailsService),
  reviewsV1: sidecar('reviews', 'v1', '5f7dfb6bf6', reviewsService),
  reviewsV2: sidecar('reviews', 'v2', '65c4dc6fdc', reviewsService),
  reviewsV3: sidecar('reviews', 'v3', '6f8b6c7d9', reviewsService),
  ratings: sidecar('ratings', 'v2', '7f9fdbcd55', ratingsService, ['http', 'tcp']),
  mongodb: sidecar('mongodb', 'v1', '754f49f8dd', mongodbService, ['tcp']),
} as const satisfies Readonly<Record<string, Workload>>

/** Calls into the mesh without a proxy of its own, so that access logs know it by its address only. */
const PLAIN_CLIENT: Deployment = {
  name: 'reports',
  namespace: 'batch',
  app: 'reports',
  version: 'v3',
  serviceAccount: 'reports',
  templateHash: '58c9d7f4bb',
}

/** The cluster's nodes and their addresses. Outside calls come to the gateway by way of the last. */
export const NODES = [
  { name: 'worker-1', ip: '10.0.0.1' },
  { name: 'worker-2', ip: '10.0.0.2' },
  { name: 'worker-3', ip: '10.0.0.3' },
] as const

export type WorkloadKey = keyof typeof WORKLOADS

/** The pods of the mesh by workload, every workload with the same number of replicas. */
export type Mesh = Readonly<Record<WorkloadKey, readonly Proxy[]>> & {
  readonly proxies: readonly Proxy[]
  /** The pods without proxies. */
  readonly clients: readonly Pod[]
}

/** Lays out a mesh with `replicas` pods (1 to 250) of every workload. Names and addresses depend on nothing else. */
export function bookinfoMesh(replicas: number): Mesh {
  const proxies: Proxy[] = []
  const byWorkload = Object.entries(WORKLOADS).map(([key, workload], order) => {
    const pods = Array.from({ length: replicas }, (_, replica) => proxyOf(workload, order, replica, proxies.length + replica))
    proxies.push(...pods)
    return [key, pods] as const
  })
  const clients = Array.from({ length: replicas }, (_, replica) => podOf(PLAIN_CLIENT, byWorkload.length, replica))
  return { ...(Object.fromEntries(byWorkload) as Record<WorkloadKey, Proxy[]>), proxies, clients }
}

/** The host name of a service in the mesh's registry. */
export function hostOf(of: Service): string {
  return `${of.name}.${of.namespace}.svc.cluster.local`
}

function podOf(workload: Deployment, order: number, replica: number): Pod {
  const pod = `${workload.name}-${workload.templateHash}-${podSuffix(order, replica)}`
  return { workload, replica, pod, ip: `10.244.${1 + replica}.${10 + order}`, host: (NODES[replica % NODES.length] ?? NODES[0]).name }
}

function proxyOf(workload: Workload, order: number, replica: number, index: number): Proxy {
  const base = podOf(workload, order, replica)
  const { ip, pod } = base
  const { namespace } = workload
  return {
    ...base,
    index,
    workload,
    nodeId: `${workload.role}~${ip}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    principal: `spiffe://${TRUST_DOMAIN}/ns/${namespace}/sa/${workload.serviceAccount}`,
  }
}

/** Five characters out of those that Kubernetes uses for generated names. */
function podSuffix(order: number, replica: number): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789'
  let rest = (order + 1) * 48_611 + replica * 7_919
  let suffix = ''
  for (let i = 0; i < 5; i++) {
    suffix += letters[rest % letters.length]
    rest = Math.floor(rest / letters.length) * 31 + 11 * (i + 3)
  }
  return suffix
}
