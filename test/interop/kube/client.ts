import { Agent, request as httpsRequest } from 'node:https'
import type { KubeObject } from '../../../cmd/meshscope/simulate/kube_api/object_store.ts'
import { type KubeResource, pathOf } from '../../../cmd/meshscope/simulate/kube_api/resources.ts'

export interface KubeResponse {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** An answer that a test did not expect, with the server's own words. */
export class KubeRequestError extends Error {
  readonly code: number

  constructor(what: string, { code, text }: KubeResponse) {
    super(`${what}: ${code} ${text.slice(0, 500)}`)
    this.code = code
  }
}

const TIMEOUT_MS = 20_000

/** What a pod is made of. Nobody schedules it: node, addresses and phase are as given. */
export interface PodPlan {
  readonly namespace: string
  readonly name: string
  readonly node?: string
  readonly ips?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly object[]
  readonly isHostNetwork?: boolean
  readonly ports?: readonly number[]
  readonly phase?: string
}

/** Talks to a real API server as one user. */
export class KubeClient {
  readonly url: string
  readonly token: string
  readonly #ca: string
  readonly #agent: Agent

  constructor(options: { readonly url: string; readonly token: string; readonly ca: string }) {
    this.url = options.url
    this.token = options.token
    this.#ca = options.ca
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 })
  }

  /** The same server as another user. */
  as(token: string): KubeClient {
    return new KubeClient({ url: this.url, token, ca: this.#ca })
  }

  close(): void {
    this.#agent.destroy()
  }

  /** One request; any answer counts. Rejects when there is none in time. */
  async send(method: string, path: string, body?: object, contentType = 'application/json'): Promise<KubeResponse> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = {
      authorization: `Bearer ${this.token}`,
      accept: 'application/json',
      ...(text === '' ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
    }
    return await new Promise<KubeResponse>((resolve, reject) => {
      const request = httpsRequest(`${this.url}${path}`, { method, headers, ca: this.#ca, agent: this.#agent, timeout: TIMEOUT_MS }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }))
        response.on('error', reject)
      })
      request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer within ${TIMEOUT_MS} ms`)))
      request.on('error', reject)
      request.end(text)
    })
  }

  /** One request that must succeed; resolves with the object it is answered with. */
  async ask<T = KubeObject>(method: string, path: string, body?: object, contentType?: string): Promise<T> {
    const response = await this.send(method, path, body, contentType)
    if (response.code >= 300) throw new KubeRequestError(`${method} ${path}`, response)
    return JSON.parse(response.text) as T
  }

  async list(
    resource: KubeResource,
    query = '',
  ): Promise<{ readonly metadata: { readonly resourceVersion: string; readonly continue?: string }; readonly items: readonly KubeObject[] }> {
    return await this.ask('GET', `${pathOf(resource)}${query === '' ? '' : `?${query}`}`)
  }

  async create(resource: KubeResource, object: KubeObject): Promise<KubeObject> {
    return await this.ask('POST', pathOf(resource, object.metadata.namespace ?? ''), object)
  }

  async delete(resource: KubeResource, namespace: string, name: string): Promise<void> {
    // Without a kubelet nobody would end a pod's grace period.
    await this.ask('DELETE', `${pathOf(resource, namespace, name)}?gracePeriodSeconds=0`)
  }

  async patchStatus(resource: KubeResource, namespace: string, name: string, status: object): Promise<KubeObject> {
    return await this.ask('PATCH', `${pathOf(resource, namespace, name)}/status`, { status }, 'application/merge-patch+json')
  }

  async createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.create('namespaces', { metadata: { name, labels } })
  }

  async createNode(name: string, ip: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.create('nodes', { metadata: { name, labels } })
    await this.patchStatus('nodes', '', name, { addresses: [{ type: 'InternalIP', address: ip }] })
  }

  /** Creates a pod and says that it runs, with its addresses. */
  async createPod(plan: PodPlan): Promise<KubeObject> {
    const { namespace, name, labels = {}, annotations = {}, ownerReferences = [], isHostNetwork = false, ports = [] } = plan
    await this.create('pods', {
      metadata: { namespace, name, labels, annotations, ownerReferences },
      spec: {
        ...(plan.node === undefined ? {} : { nodeName: plan.node }),
        hostNetwork: isHostNetwork,
        containers: [
          { name: 'main', image: 'example/main:1', ports: ports.map((port) => ({ containerPort: port, ...(isHostNetwork ? { hostPort: port } : {}) })) },
        ],
      },
    })
    return await this.setPodStatus(plan)
  }

  /** Sets phase and addresses of a pod, as its kubelet would. */
  async setPodStatus({ namespace, name, ips = [], phase = 'Running' }: PodPlan): Promise<KubeObject> {
    const addresses = ips.length === 0 ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }
    return await this.patchStatus('pods', namespace, name, { phase, startTime: new Date().toISOString().replace(/\.\d+/, ''), ...addresses })
  }

  async createService(namespace: string, name: string, clusterIP: string, port: number): Promise<KubeObject> {
    return await this.create('services', { metadata: { namespace, name }, spec: { clusterIP, ports: [{ name: 'http', port }] } })
  }

  /** The endpoints of a service: addresses and the pods that have them. */
  async createSlice(
    namespace: string,
    service: string,
    port: number,
    endpoints: readonly { readonly ip: string; readonly pod: KubeObject }[],
  ): Promise<KubeObject> {
    return await this.create('endpointslices', {
      metadata: { namespace, name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port, protocol: 'TCP' }],
      endpoints: endpoints.map(({ ip, pod }) => ({
        addresses: [ip],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', namespace, name: pod.metadata.name, uid: pod.metadata.uid },
      })),
    })
  }

  async createServiceAccount(namespace: string, name: string): Promise<void> {
    await this.ask('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } })
  }

  async deleteServiceAccount(namespace: string, name: string): Promise<void> {
    await this.ask('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`)
  }

  /** A token of a service account; ten minutes are the least that the server gives. */
  async createToken(namespace: string, name: string): Promise<string> {
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } }
    const { status } = await this.ask<{ readonly status: { readonly token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      request,
    )
    return status.token
  }

  /** Gives a service account of a namespace these rights everywhere; replaces those it has. */
  async allow(namespace: string, account: string, rules: readonly object[]): Promise<void> {
    const path = '/apis/rbac.authorization.k8s.io/v1'
    // Roles are created by an update as well.
    await this.ask('PUT', `${path}/clusterroles/${account}`, { metadata: { name: account }, rules })
    const bound = await this.send('POST', `${path}/clusterrolebindings`, {
      metadata: { name: account },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: account },
      subjects: [{ kind: 'ServiceAccount', namespace, name: account }],
    })
    if (bound.code >= 300 && bound.code !== 409) throw new KubeRequestError(`bind ${account}`, bound)
  }

  /** Creates any object of a manifest, such as those that `meshscope rbac` prints. */
  async apply(object: KubeObject): Promise<void> {
    const plural = `${(object.kind ?? '').toLowerCase()}s`
    const root = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`
    const scope = object.metadata.namespace === undefined ? '' : `/namespaces/${object.metadata.namespace}`
    await this.ask('POST', `${root}${scope}/${plural}`, object)
  }
}
