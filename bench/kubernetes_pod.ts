/** A pod as a cluster with Istio has it: 14 KB of JSON, half of it what nobody reads. */

/** What is different from pod to pod. */
export interface PodFacts {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  /** Of the Deployment. */
  readonly workload: string
  readonly templateHash: string
  readonly ownerUid: string
  readonly node: string
  readonly nodeIp: string
  /** Seconds since the epoch. */
  readonly createdSeconds: number
  /** Absent until the pod has started. */
  readonly ip?: string
  /** Set while the pod is being ended: seconds since the epoch. */
  readonly deletedSeconds?: number
}

const FIELDS = ['name', 'namespace', 'uid', 'version', 'workload', 'hash', 'ownerUid', 'node', 'nodeIp', 'created', 'deletion', 'status'] as const
type Field = (typeof FIELDS)[number]

/** Writes pods: the text that is the same for all of them is made once, so that a server of thousands a second costs little. */
export class PodWriter {
  readonly #texts: readonly string[]
  readonly #fields: readonly Field[]
  readonly #status: { readonly texts: readonly string[]; readonly fields: readonly string[] }

  constructor() {
    const pod = cut(JSON.stringify(podObject()).replace('"@{deletion}":0,', '@{deletion}').replace('"@{status}"', '@{status}'))
    this.#texts = pod.texts
    this.#fields = pod.fields as readonly Field[]
    this.#status = cut(JSON.stringify(runningStatus()))
  }

  /** The pod as JSON. */
  json(facts: PodFacts): string {
    const created = timestamp(facts.createdSeconds)
    const values: Record<Field, string> = {
      name: facts.name,
      namespace: facts.namespace,
      uid: facts.uid,
      version: facts.resourceVersion,
      workload: facts.workload,
      hash: facts.templateHash,
      ownerUid: facts.ownerUid,
      node: facts.node,
      nodeIp: facts.nodeIp,
      created,
      deletion: facts.deletedSeconds === undefined ? '' : `"deletionTimestamp":"${timestamp(facts.deletedSeconds)}","deletionGracePeriodSeconds":30,`,
      status: this.#statusJson(facts, created),
    }
    return filled(this.#texts, (at) => values[this.#fields[at] as Field])
  }

  #statusJson({ ip, nodeIp, uid, workload }: PodFacts, created: string): string {
    if (ip === undefined) return JSON.stringify({ phase: 'Pending', qosClass: 'Burstable', hostIP: nodeIp, hostIPs: [{ ip: nodeIp }], startTime: created })
    const values: Readonly<Record<string, string>> = { ip, nodeIp, created, workload, id: uid.replaceAll('-', '') }
    return filled(this.#status.texts, (at) => values[this.#status.fields[at] as string] as string)
  }
}

/** A time as the API writes it. */
export function timestamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}

function cut(json: string): { readonly texts: readonly string[]; readonly fields: readonly string[] } {
  const parts = json.split(/@\{(\w+)\}/)
  return { texts: parts.filter((_, at) => at % 2 === 0), fields: parts.filter((_, at) => at % 2 === 1) }
}

function filled(texts: readonly string[], value: (at: number) => string): string {
  let json = texts[0] as string
  for (let at = 1; at < texts.length; at++) json += value(at - 1) + (texts[at] as string)
  return json
}

const RESOURCES = { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '100m', memory: '128Mi' } }
const IMAGE = { app: 'registry.example.com/shop/@{workload}:1.27.3', proxy: 'docker.io/istio/proxyv2:1.24.2' }
const DIGEST = { app: `sha256:${'5b'.repeat(32)}`, proxy: `sha256:${'c4'.repeat(32)}` }
const TOKEN_MOUNT = { name: 'kube-api-access-7hx2p', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }

function podObject(): object {
  return { kind: 'Pod', apiVersion: 'v1', metadata: podMetadata(), spec: podSpec(), status: '@{status}' }
}

function podMetadata(): object {
  return {
    name: '@{name}',
    generateName: '@{workload}-@{hash}-',
    namespace: '@{namespace}',
    uid: '@{uid}',
    resourceVersion: '@{version}',
    creationTimestamp: '@{created}',
    '@{deletion}': 0,
    labels: {
      app: '@{workload}',
      version: 'v1',
      'app.kubernetes.io/name': '@{workload}',
      'app.kubernetes.io/part-of': 'shop',
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/version': '1.27.3',
      'helm.sh/chart': 'shop-service-4.12.0',
      'pod-template-hash': '@{hash}',
      'security.istio.io/tlsMode': 'istio',
      'service.istio.io/canonical-name': '@{workload}',
      'service.istio.io/canonical-revision': 'v1',
    },
    annotations: {
      'checksum/config': 'a3'.repeat(32),
      'istio.io/rev': 'default',
      'kubectl.kubernetes.io/default-container': '@{workload}',
      'kubectl.kubernetes.io/restartedAt': '2026-10-02T09:14:44+02:00',
      'prometheus.io/path': '/stats/prometheus',
      'prometheus.io/port': '15020',
      'prometheus.io/scrape': 'true',
      'sidecar.istio.io/status': JSON.stringify({
        initContainers: ['istio-init', 'istio-proxy'],
        containers: null,
        volumes: ['workload-socket', 'credential-socket', 'workload-certs', 'istio-envoy', 'istio-data', 'istio-podinfo', 'istio-token', 'istiod-ca-cert'],
        imagePullSecrets: null,
        revision: 'default',
      }),
    },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: '@{workload}-@{hash}', uid: '@{ownerUid}', controller: true, blockOwnerDeletion: true },
    ],
    managedFields: [
      { manager: 'kube-controller-manager', operation: 'Update', apiVersion: 'v1', time: '@{created}', fieldsType: 'FieldsV1', fieldsV1: specFields() },
      {
        manager: 'kubelet',
        operation: 'Update',
        apiVersion: 'v1',
        time: '@{created}',
        fieldsType: 'FieldsV1',
        fieldsV1: statusFields(),
        subresource: 'status',
      },
    ],
  }
}

/** Which fields the controller owns, as server-side apply keeps book of it. */
function specFields(): object {
  const keys = (names: readonly string[], prefix = 'f:'): object => Object.fromEntries(names.map((name) => [`${prefix}${name}`, {}]))
  const labels = ['app', 'version', 'app.kubernetes.io/name', 'app.kubernetes.io/part-of', 'helm.sh/chart', 'pod-template-hash', 'security.istio.io/tlsMode']
  const container = (name: string, env: readonly string[], mounts: readonly string[]): object => ({
    [`k:{"name":"${name}"}`]: {
      '.': {},
      ...keys(['image', 'imagePullPolicy', 'name', 'terminationMessagePath', 'terminationMessagePolicy', 'args']),
      'f:env': { '.': {}, ...Object.fromEntries(env.map((one) => [`k:{"name":"${one}"}`, { '.': {}, ...keys(['name', 'value']) }])) },
      'f:ports': { '.': {}, 'k:{"containerPort":8080,"protocol":"TCP"}': { '.': {}, ...keys(['containerPort', 'name', 'protocol']) } },
      'f:readinessProbe': { '.': {}, ...keys(['failureThreshold', 'periodSeconds', 'successThreshold', 'timeoutSeconds']) },
      'f:resources': { '.': {}, 'f:limits': { '.': {}, ...keys(['cpu', 'memory']) }, 'f:requests': { '.': {}, ...keys(['cpu', 'memory']) } },
      'f:volumeMounts': { '.': {}, ...Object.fromEntries(mounts.map((one) => [`k:{"mountPath":"${one}"}`, { '.': {}, ...keys(['mountPath', 'name']) }])) },
    },
  })
  return {
    'f:metadata': {
      'f:annotations': { '.': {}, ...keys(['checksum/config', 'istio.io/rev', 'prometheus.io/path', 'prometheus.io/port', 'sidecar.istio.io/status']) },
      'f:generateName': {},
      'f:labels': { '.': {}, ...keys(labels) },
      'f:ownerReferences': { '.': {}, 'k:{"uid":"@{ownerUid}"}': {} },
    },
    'f:spec': {
      'f:containers': {
        ...container('@{workload}', ['DB_HOST', 'LOG_LEVEL', 'JAVA_TOOL_OPTIONS'], ['/etc/config']),
        ...container('istio-proxy', PROXY_ENV, ['/etc/istio/pod', '/etc/istio/proxy', '/var/lib/istio/data']),
      },
      ...keys(['dnsPolicy', 'enableServiceLinks', 'restartPolicy', 'schedulerName', 'securityContext', 'serviceAccount', 'terminationGracePeriodSeconds']),
    },
  }
}

function statusFields(): object {
  const condition = { '.': {}, 'f:lastProbeTime': {}, 'f:lastTransitionTime': {}, 'f:status': {}, 'f:type': {} }
  return {
    'f:status': {
      'f:conditions': Object.fromEntries(
        ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'].map((type) => [`k:{"type":"${type}"}`, condition]),
      ),
      'f:containerStatuses': {},
      'f:hostIP': {},
      'f:hostIPs': {},
      'f:initContainerStatuses': {},
      'f:phase': {},
      'f:podIP': {},
      'f:podIPs': { '.': {}, 'k:{"ip":"@{nodeIp}"}': { '.': {}, 'f:ip': {} } },
      'f:startTime': {},
    },
  }
}

const PROXY_ENV = [
  'PILOT_CERT_PROVIDER',
  'CA_ADDR',
  'POD_NAME',
  'POD_NAMESPACE',
  'INSTANCE_IP',
  'SERVICE_ACCOUNT',
  'HOST_IP',
  'ISTIO_CPU_LIMIT',
  'PROXY_CONFIG',
  'ISTIO_META_POD_PORTS',
  'ISTIO_META_APP_CONTAINERS',
  'GOMEMLIMIT',
  'GOMAXPROCS',
  'ISTIO_META_CLUSTER_ID',
  'ISTIO_META_NODE_NAME',
  'ISTIO_META_INTERCEPTION_MODE',
  'ISTIO_META_WORKLOAD_NAME',
  'ISTIO_META_OWNER',
  'ISTIO_META_MESH_ID',
  'TRUST_DOMAIN',
] as const

function podSpec(): object {
  const empty = (name: string, medium?: string): object => ({ name, emptyDir: medium === undefined ? {} : { medium } })
  return {
    volumes: [
      empty('workload-socket'),
      empty('credential-socket'),
      empty('workload-certs'),
      empty('istio-envoy', 'Memory'),
      empty('istio-data'),
      {
        name: 'istio-podinfo',
        downwardAPI: {
          items: ['labels', 'annotations'].map((path) => ({ path, fieldRef: { apiVersion: 'v1', fieldPath: `metadata.${path}` } })),
          defaultMode: 420,
        },
      },
      {
        name: 'istio-token',
        projected: { sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' } }], defaultMode: 420 },
      },
      { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert', defaultMode: 420 } },
      { name: 'config', configMap: { name: '@{workload}', defaultMode: 420 } },
      {
        name: TOKEN_MOUNT.name,
        projected: {
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          ],
          defaultMode: 420,
        },
      },
    ],
    initContainers: [initContainer()],
    containers: [appContainer(), proxyContainer()],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: '@{workload}',
    serviceAccount: '@{workload}',
    nodeName: '@{node}',
    securityContext: { fsGroup: 1337 },
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, podAffinityTerm: { labelSelector: { matchLabels: { app: '@{workload}' } }, topologyKey: 'kubernetes.io/hostname' } },
        ],
      },
    },
    schedulerName: 'default-scheduler',
    tolerations: ['not-ready', 'unreachable'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  }
}

function initContainer(): object {
  const args = ['istio-iptables', '-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020']
  return {
    name: 'istio-init',
    image: IMAGE.proxy,
    args: [...args, '--log_output_level=default:info'],
    resources: RESOURCES,
    volumeMounts: [TOKEN_MOUNT],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: {
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      privileged: false,
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: false,
    },
  }
}

function appContainer(): object {
  return {
    name: '@{workload}',
    image: IMAGE.app,
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: [
      { name: 'DB_HOST', value: 'postgres.databases.svc.cluster.local' },
      { name: 'LOG_LEVEL', value: 'info' },
      { name: 'JAVA_TOOL_OPTIONS', value: '-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError' },
    ],
    resources: RESOURCES,
    volumeMounts: [{ name: 'config', readOnly: true, mountPath: '/etc/config' }, TOKEN_MOUNT],
    livenessProbe: {
      httpGet: { path: '/app-health/@{workload}/livez', port: 15_020, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    readinessProbe: {
      httpGet: { path: '/app-health/@{workload}/readyz', port: 15_020, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true },
  }
}

function proxyContainer(): object {
  const mounts = { 'workload-socket': '/var/run/secrets/workload-spiffe-uds', 'istio-envoy': '/etc/istio/proxy', 'istio-data': '/var/lib/istio/data' }
  return {
    name: 'istio-proxy',
    image: IMAGE.proxy,
    args: ['proxy', 'sidecar', '--domain', '$(POD_NAMESPACE).svc.cluster.local', '--proxyLogLevel=warning', '--log_output_level=default:info'],
    ports: [{ name: 'http-envoy-prom', containerPort: 15_090, protocol: 'TCP' }],
    env: PROXY_ENV.map((name) => ({ name, value: name.includes('OWNER') ? 'kubernetes://apis/apps/v1/namespaces/shop/deployments/@{workload}' : 'istiod' })),
    resources: RESOURCES,
    volumeMounts: [...Object.entries(mounts).map(([name, mountPath]) => ({ name, mountPath })), TOKEN_MOUNT],
    readinessProbe: {
      httpGet: { path: '/healthz/ready', port: 15_021, scheme: 'HTTP' },
      timeoutSeconds: 3,
      periodSeconds: 15,
      successThreshold: 1,
      failureThreshold: 4,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: {
      capabilities: { drop: ['ALL'] },
      privileged: false,
      runAsUser: 1337,
      runAsGroup: 1337,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
    },
  }
}

function runningStatus(): object {
  const ran = (name: string, image: string, digest: string, at: number): object => ({
    name,
    state:
      at === 0
        ? { terminated: { exitCode: 0, reason: 'Completed', startedAt: '@{created}', finishedAt: '@{created}' } }
        : { running: { startedAt: '@{created}' } },
    lastState: {},
    ready: true,
    restartCount: 0,
    image,
    imageID: `${image.split(':')[0]}@${digest}`,
    containerID: `containerd://${at}${'0'.repeat(31)}@{id}`,
    started: at > 0,
  })
  return {
    phase: 'Running',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: '@{created}',
    })),
    hostIP: '@{nodeIp}',
    hostIPs: [{ ip: '@{nodeIp}' }],
    podIP: '@{ip}',
    podIPs: [{ ip: '@{ip}' }],
    startTime: '@{created}',
    initContainerStatuses: [ran('istio-init', IMAGE.proxy, DIGEST.proxy, 0)],
    containerStatuses: [ran('@{workload}', IMAGE.app, DIGEST.app, 1), ran('istio-proxy', IMAGE.proxy, DIGEST.proxy, 2)],
    qosClass: 'Burstable',
  }
}
