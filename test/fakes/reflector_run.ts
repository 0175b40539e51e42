import type { KubeResource } from '../../cmd/meshscope/simulate/kube_api/resources.ts'
import type { FakeKubeApi } from '../../cmd/meshscope/simulate/kube_api/server.ts'
import { openAccess } from '../../extensions/k8s_metadata/api/access.ts'
import { ApiClient } from '../../extensions/k8s_metadata/api/client.ts'
import type { Access } from '../../extensions/k8s_metadata/api/credentials.ts'
import { Reflector, type ReflectorOptions } from '../../extensions/k8s_metadata/watch/reflector.ts'
import type { ApiObject, ResourceSink } from '../../extensions/k8s_metadata/watch/sink.ts'
import type { ReflectorStatus, WatchedResource } from '../../extensions/k8s_metadata/watch/status.ts'
import { FakeClock } from './clock.ts'

/** A sink that mirrors a resource as `namespace/name` → version, by mark and sweep. */
export class MirrorSink implements ResourceSink {
  readonly versions = new Map<string, string>()
  readonly calls: string[] = []
  #marked: Set<string> | undefined

  listing(): void {
    this.calls.push('listing')
    this.#marked = new Set()
  }

  put({ metadata }: ApiObject): void {
    const key = `${metadata.namespace}/${metadata.name}`
    this.#marked?.add(key)
    this.versions.set(key, metadata.resourceVersion)
  }

  gone({ metadata }: ApiObject): void {
    this.versions.delete(`${metadata.namespace}/${metadata.name}`)
  }

  listed(): void {
    this.calls.push('listed')
    for (const key of this.versions.keys()) if (this.#marked?.has(key) !== true) this.versions.delete(key)
    this.#marked = undefined
  }
}

export interface ReflectorRunOptions extends Partial<Omit<ReflectorOptions, 'resource'>> {
  readonly access?: Access
  /** What is different from pods. */
  readonly resource?: Partial<WatchedResource>
}

/** A reflector of pods in a test, with what it said. Its times pass when the test moves `clock`. */
export class ReflectorRun {
  readonly clock = new FakeClock()
  readonly sink = new MirrorSink()
  readonly statuses: ReflectorStatus[] = []
  readonly reflector: Reflector
  readonly client: ApiClient
  /** The end of the reflector. */
  readonly stopped: Promise<void>
  readonly #api: FakeKubeApi
  readonly #abort = new AbortController()

  constructor(api: FakeKubeApi, options: ReflectorRunOptions = {}) {
    const { access, resource, ...more } = options
    const { clock } = this
    this.#api = api
    this.client = new ApiClient(access ?? openAccess({ authType: 'none', server: api.url, clock }), { clock })
    this.reflector = new Reflector({
      client: this.client,
      sink: this.sink,
      clock,
      // No wait but those that the server asks for.
      random: () => 0,
      onStatus: (status) => this.statuses.push(status),
      ...more,
      resource: { ...PODS, ...resource },
    })
    this.stopped = this.reflector.run(this.#abort.signal)
  }

  /** Waits for something that I/O brings about, and gives up after ten seconds; `stepMs` of the clock pass with every look. */
  async until(what: string, isSo: () => boolean, stepMs = 0): Promise<void> {
    const deadline = performance.now() + 10_000
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`waited in vain until ${what}; ${JSON.stringify(this.reflector.status)}`)
      if (stepMs > 0) this.clock.advance(stepMs)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Waits until the reflector is synced and its sink holds exactly what the server holds. */
  async untilMirrored(resource: KubeResource = 'pods', stepMs = 0): Promise<void> {
    const isMirrored = (): boolean => {
      const truth = this.#api.store.list(resource)
      const keyOf = ({ metadata }: (typeof truth)[number]): string => `${metadata.namespace ?? ''}/${metadata.name}`
      return (
        this.reflector.status.state === 'synced' &&
        truth.length === this.sink.versions.size &&
        truth.every((object) => this.sink.versions.get(keyOf(object)) === object.metadata.resourceVersion)
      )
    }
    await this.until(`the sink equals the server's ${resource}`, isMirrored, stepMs)
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('the test has ended'))
    await this.stopped
    this.client.close()
  }
}

export const PODS: WatchedResource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  namespace: '',
  fieldSelector: '',
  labelSelector: '',
  isMetadataOnly: false,
  isOptional: false,
  startsFromCache: false,
}
