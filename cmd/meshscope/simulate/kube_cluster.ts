import type { Clock } from '../../../component/component.ts'
import type { Mesh } from './bookinfo.ts'
import { NODES } from './bookinfo.ts'
import type { KubeObject } from './kube_api/object_store.ts'
import { timestamp } from './kube_api/object_store.ts'
import { type KubeResource, pathOf } from './kube_api/resources.ts'
import {
  deploymentsOf,
  MANAGED_BY,
  namespaceObjects,
  nodeObject,
  nodeStatus,
  ownedBy,
  podObject,
  podStatus,
  podsOf,
  replicaSetObject,
  serviceAccountObject,
  serviceObject,
  servicesOf,
  sliceObjects,
} from './kube_objects.ts'
import { KubeWriteError, type KubeWriter } from './kube_writer.ts'

export interface SimulatedClusterOptions {
  readonly writer: KubeWriter
  readonly mesh: Mesh
  readonly clock: Clock
  /** Told what is not as expected but does no harm. */
  readonly warn: (message: string) => void
}

const CONCURRENT = 8

/**
 * The simulated mesh as objects of a real API server: its nodes, services, endpoint slices and pods, with the addresses
 * that its access logs carry. No kubelet runs the pods. `create`, and `remove` at the end.
 *
 * Objects of an earlier run that was killed are taken over; others of the same name are left alone: namespaces, nodes
 * and service accounts are then used as they are, anything else is an error.
 */
export class SimulatedCluster {
  readonly #options: SimulatedClusterOptions
  /** Paths of what is ours, in the order in which it was made. */
  readonly #ours: string[] = []

  constructor(options: SimulatedClusterOptions) {
    this.#options = options
  }

  /** How many objects there are now that `remove` will remove. */
  get size(): number {
    return this.#ours.length
  }

  /** Creates everything; after a rejection `remove` removes what there is. */
  async create(): Promise<void> {
    const { mesh } = this.#options
    // Namespaces stay: an API server without controllers would never finish their deletion.
    await inParallel(namespaceObjects(mesh), async (object) => void (await this.#useOrCreate('namespaces', object)))
    await inParallel(NODES, (node) => this.#createNode(node))
    await this.#createServiceAccounts()
    const uids = new Map<string, string>()
    await inParallel(podsOf(mesh), async (pod) => {
      const { metadata } = await this.#create('pods', podObject(pod))
      uids.set(pod.pod, metadata.uid ?? '')
      await this.#patch('pods', pod.workload.namespace, `${pod.pod}/status`, { status: podStatus(pod, timestamp(this.#options.clock.now())) })
    })
    await inParallel(deploymentsOf(mesh), async (deployment) => {
      const pods = podsOf(mesh).filter(({ workload }) => workload === deployment)
      const replicaSet = await this.#create('replicasets', replicaSetObject(deployment, pods.length))
      for (const { pod } of pods) await this.#patch('pods', deployment.namespace, pod, ownedBy(replicaSet))
    })
    await inParallel(servicesOf(mesh), async ({ service, proxies }) => {
      await this.#createService(service, proxies[0]?.workload.app ?? service.name)
      for (const slice of sliceObjects(service, proxies, uids)) await this.#create('endpointslices', slice)
    })
  }

  /** Removes what was created, the last first. What is gone already is no problem; the rest is told to `warn`. */
  async remove(): Promise<void> {
    const { writer, warn } = this.#options
    // One kind after the other: pods must be gone before their nodes.
    const kinds = Map.groupBy(this.#ours.splice(0).toReversed(), (path) => path.replace(/\/[^/]+$/, ''))
    for (const paths of kinds.values()) {
      await inParallel(paths, async (path) => {
        try {
          // Our pods have no kubelet that would end their grace period, and their ReplicaSets must not take them along.
          await writer.delete(`${path}?gracePeriodSeconds=0&propagationPolicy=${path.includes('/replicasets/') ? 'Orphan' : 'Background'}`)
        } catch (error) {
          if (!(error instanceof KubeWriteError && error.code === 404)) warn(`cannot remove ${path}: ${(error as Error).message}`)
        }
      })
    }
  }

  /** Closes the connections. */
  close(): void {
    this.#options.writer.close()
  }

  async #createNode({ name, ip }: { readonly name: string; readonly ip: string }): Promise<void> {
    if (await this.#useOrCreate('nodes', nodeObject(name))) await this.#patch('nodes', '', `${name}/status`, { status: nodeStatus(ip, name) })
    else this.#options.warn(`node ${name} is there already and is used as it is`)
  }

  /** Admission wants the accounts of pods to exist; the demo's API server has none. */
  async #createServiceAccounts(): Promise<void> {
    await inParallel(deploymentsOf(this.#options.mesh), async (deployment) => {
      const path = `/api/v1/namespaces/${deployment.namespace}/serviceaccounts`
      try {
        await this.#options.writer.create(path, serviceAccountObject(deployment))
        this.#ours.push(`${path}/${deployment.serviceAccount}`)
      } catch (error) {
        if (!(error instanceof KubeWriteError && (error.code === 404 || error.code === 409))) throw error
      }
    })
  }

  async #createService(service: Parameters<typeof serviceObject>[0], app: string): Promise<void> {
    try {
      await this.#create('services', serviceObject(service, app, true))
    } catch (error) {
      // The cluster has another range for services, or the address is taken.
      if (!(error instanceof KubeWriteError && error.code === 422)) throw error
      this.#options.warn(`service ${service.name} cannot have the address ${service.clusterIp} here and gets another, which the access logs do not carry`)
      await this.#create('services', serviceObject(service, app, false))
    }
  }

  /** Creates an object, or takes over that of an earlier run. */
  async #create(resource: KubeResource, object: KubeObject): Promise<KubeObject> {
    const { writer } = this.#options
    const { namespace = '', name } = object.metadata
    try {
      const created = await writer.create(pathOf(resource, namespace), object)
      this.#ours.push(pathOf(resource, namespace, name))
      return created
    } catch (error) {
      if (!(error instanceof KubeWriteError && error.code === 409)) throw error
      const there = await writer.get(pathOf(resource, namespace, name))
      if (!isOurs(there))
        throw new Error(`${resource} ${namespace}/${name} is there already and not the simulator's; use a cluster without it`, { cause: error })
      this.#ours.push(pathOf(resource, namespace, name))
      return there
    }
  }

  /** Creates a cluster-wide object unless there is one; true when it is ours. */
  async #useOrCreate(resource: 'namespaces' | 'nodes', object: KubeObject): Promise<boolean> {
    const { writer } = this.#options
    const path = pathOf(resource, '', object.metadata.name)
    let isMine = true
    try {
      await writer.create(pathOf(resource), object)
    } catch (error) {
      if (!(error instanceof KubeWriteError && error.code === 409)) throw error
      isMine = isOurs(await writer.get(path))
    }
    if (isMine && resource === 'nodes') this.#ours.push(path)
    return isMine
  }

  async #patch(resource: KubeResource, namespace: string, nameAndPart: string, patch: object): Promise<void> {
    await this.#options.writer.patch(`${pathOf(resource, namespace)}/${nameAndPart}`, patch)
  }
}

function isOurs({ metadata }: KubeObject): boolean {
  return Object.entries(MANAGED_BY).every(([key, value]) => metadata.labels?.[key] === value)
}

/** Runs `act` for every item, a few at a time; rejects with the first error after all that began have ended. */
async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const workers = Array.from({ length: CONCURRENT }, async () => {
    for (const item of queue) await act(item)
  })
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
