import type { Host, Settings, ShutdownOptions, Status } from '../../component/component.ts'
import type { SharingComponent } from '../../component/factory.ts'
import { HttpServer } from '../../component/kit/http_server.ts'
import type { IngestOrigin, IngestPeer, MainHalf } from '../../component/link.ts'
import { durationMs } from '../../lib/duration.ts'
import type { IdentityHandles } from '../../model/identity/handles.ts'
import type { IdentityNeeds } from '../../model/identity/index.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import type { K8sMetadataConfig } from './config.ts'
import { Explainer } from './explainer.ts'
import { healthOf, WatchLog } from './health.ts'
import type { Hello } from './ingest.ts'
import { LookupCounters } from './lookup_counters.ts'
import { chooseAccess, collectNeeds } from './needs.ts'
import { OldMemory } from './old_memory.ts'
import { ReportMetrics } from './report_metrics.ts'
import { threadRestarts } from './telemetry.ts'
import type { WatchOptions, WatchReport } from './watch_protocol.ts'
import { WatchThread, type WatchThreadOptions } from './watch_thread.ts'
import { needsNode, planWatches, type Watch } from './watches.ts'

export interface K8sMetadataSurroundings {
  /** The `IdentityNeeds` of all components that use the index. */
  readonly uses: readonly unknown[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** The module that the watch thread runs. */
  readonly workerEntry: URL
  /** True when an older graph is at work: then nobody loses anything by waiting for the first lists. */
  readonly isReload: boolean
}

/** A pod with a sidecar as JSON: what a list and each change of one costs the API server. */
const POD_BYTES = 14_000

/**
 * The extension's main half: owns the thread that watches the API server, hands its shared memory to every ingest half, and
 * shows how it goes. It never fails because of the API server: without it, data flows with what it says itself.
 */
export class K8sMetadata implements SharingComponent, MainHalf<Hello> {
  readonly shared = new SharedIdentityIndex()
  readonly #settings: Settings
  readonly #config: K8sMetadataConfig
  readonly #needs: IdentityNeeds
  readonly #around: K8sMetadataSurroundings
  readonly #node: string
  readonly #watches: readonly Watch[]
  readonly #counters: LookupCounters
  readonly #metrics: ReportMetrics
  readonly #watchLog: WatchLog
  readonly #server: HttpServer
  readonly #peers = new Map<number, IngestPeer>()
  #thread: WatchThread | undefined
  #handles: IdentityHandles | undefined
  readonly #oldMemory: OldMemory
  #report: WatchReport | undefined
  #threadError = ''
  #isOverdue = false
  #cancelOverdue: (() => void) | undefined
  #host: Host | undefined
  #status: Status = { kind: 'ok' }
  #onSynced: (() => void) | undefined

  constructor(settings: Settings, config: K8sMetadataConfig, around: K8sMetadataSurroundings) {
    this.#settings = settings
    this.#config = config
    this.#around = around
    this.#needs = collectNeeds(around.uses)
    this.#node = config.node === '' ? (around.env[config.node_from_env_var] ?? '') : config.node
    this.#watches = planWatches(config, this.#needs, this.#node)
    this.#counters = new LookupCounters(this.shared, settings.telemetry, settings.id.text)
    this.#metrics = new ReportMetrics(settings.telemetry, settings.id.text)
    this.#watchLog = new WatchLog(settings.log)
    this.#oldMemory = new OldMemory(settings.clock)
    const explainer = new Explainer({
      clock: settings.clock,
      index: this.shared,
      needs: this.#needs,
      report: () => this.#report,
      explain: (question) => (this.#thread === undefined ? undefined : this.#thread.explain(question)),
    })
    this.#server = new HttpServer(config, { log: settings.log, clock: settings.clock, handle: (request, response) => explainer.answer(request, response) })
  }

  async start(host: Host): Promise<void> {
    this.#host = host
    if (this.#node === '' && needsNode(this.#config, this.#needs)) throw new Error(nodeMissing(this.#config))
    await this.#server.start(host)
    const { clock, log } = this.#settings
    this.#counters.start(clock)
    if (this.#watches.length === 0) {
      log.warn({}, 'nothing is watched: no component needs Kubernetes metadata')
      return
    }
    this.#announce()
    const thread = new WatchThread({ ...this.#threadOptions(), watch: this.#watchOptions() })
    this.#thread = thread
    thread.start()
    this.#cancelOverdue = clock.after(durationMs(this.#config.wait_for_metadata_timeout), () => {
      this.#isOverdue = true
      this.#showHealth()
    })
    await this.#waitForMetadata()
  }

  receive(_hello: Hello, from: IngestPeer): void {
    this.#peers.set(from.life, from)
    if (this.#handles !== undefined) from.send(this.#handles)
  }

  gone(from: IngestOrigin): void {
    this.#peers.delete(from.life)
  }

  async shutdown(options: ShutdownOptions): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    this.#onSynced?.()
    this.#cancelOverdue?.()
    this.#counters.stop()
    this.#oldMemory.stop()
    await Promise.all([this.#server.close(options), thread?.stop()])
  }

  #threadOptions(): Omit<WatchThreadOptions, 'watch'> {
    const { clock, log, telemetry, id } = this.#settings
    return {
      entry: this.#around.workerEntry,
      clock,
      onHandles: (handles) => this.#relay(handles),
      onReport: (report, life) => this.#receiveReport(report, life),
      onEnd: ({ reason, error, delayMs }) => {
        telemetry.counter(threadRestarts, { extension: id.text, reason }).add(1)
        log.error({ reason, error, delayMs }, 'watch thread ended; it is started again')
        this.#threadError = `the thread that watches the API server ended (${reason}: ${error.message}) and is started again`
        this.#showHealth()
      },
    }
  }

  #watchOptions(): WatchOptions {
    const config = this.#config
    return {
      access: { ...chooseAccess(config, this.#around.uses), kubeConfigFile: config.kubeconfig, server: config.api_server },
      watches: this.#watches,
      needs: this.#needs,
      clusterDomain: config.cluster_domain,
      isClusterWide: config.scope === 'cluster' && this.#watches.some(({ resource }) => resource === 'pods'),
      startJitterMs: durationMs(config.start_jitter),
      rememberGoneMs: durationMs(config.remember_gone),
      clockSkewMs: durationMs(config.clock_skew),
      memoryMibMax: config.memory_mib_max,
    }
  }

  /** Resolves when everything has been listed, or when that takes too long: then it goes on without. */
  async #waitForMetadata(): Promise<void> {
    const { wait_for_metadata: waits, wait_for_metadata_timeout: timeout } = this.#config
    const waitMs = Math.max(waits || this.#around.isReload ? durationMs(timeout) : 0, this.#needs.waitForMetadataMs)
    if (waitMs <= 0 || this.#report?.isSynced === true) return
    const { clock, log } = this.#settings
    const isSynced = await new Promise<boolean>((resolve) => {
      const cancel = clock.after(waitMs, () => resolve(false))
      this.#onSynced = () => {
        cancel()
        resolve(true)
      }
    })
    this.#onSynced = undefined
    if (!isSynced) log.warn({ waitMs }, 'Kubernetes metadata is not complete yet; going on without')
  }

  #relay(handles: IdentityHandles): void {
    this.#handles = handles
    this.shared.attach(handles)
    this.#oldMemory.replaced(handles)
    for (const peer of this.#peers.values()) peer.send(handles)
  }

  #receiveReport(report: WatchReport, life: number): void {
    if (report.isSynced && this.#report?.isSynced !== true) this.#tellLoad(report)
    this.#report = report
    this.#threadError = ''
    this.#metrics.show(report, { life, nowMs: this.#settings.clock.now() })
    this.#watchLog.note(report)
    this.#showHealth()
    if (report.isSynced) this.#onSynced?.()
  }

  #showHealth(): void {
    const status = this.#health()
    if (status.kind === this.#status.kind && status.error === this.#status.error) return
    this.#status = status
    this.#host?.report(status)
  }

  #health(): Status {
    const degraded = (error: string): Status => ({ kind: 'recoverable_error', error, staysReady: true })
    if (this.#threadError !== '') return degraded(this.#threadError)
    if (this.#report !== undefined) return healthOf(this.#report, this.#isOverdue)
    return this.#isOverdue ? degraded('the thread that watches the API server has not said anything yet') : { kind: 'ok' }
  }

  #announce(): void {
    const { log } = this.#settings
    const { scope } = this.#config
    const resources = [...new Set(this.#watches.map(({ resource }) => resource))]
    log.info({ scope, node: this.#node === '' ? undefined : this.#node, resources, watches: this.#watches.length }, 'watching the Kubernetes API')
    const looksLikeAgent = (this.#around.env[this.#config.node_from_env_var] ?? '') !== ''
    if (scope === 'cluster' && looksLikeAgent)
      log.warn(
        { scope },
        'this looks like a daemon on every node: with scope cluster the API server sends every pod to each of them; scope node is meant for that',
      )
  }

  /** What watching all pods costs the API server: a list per daemon, and five events of 14 KB for every pod that changes. */
  #tellLoad({ store }: WatchReport): void {
    if (this.#config.scope !== 'cluster') return
    const pods = store.objects.pod
    const listMib = Math.ceil((pods * POD_BYTES) / 2 ** 20)
    const kibPerPodChange = Math.ceil((5 * POD_BYTES) / 1024)
    this.#settings.log.info({ pods, listMib, kibPerPodChange }, 'estimated load on the API server by this daemon; multiply by the number of daemons')
  }
}

function nodeMissing({ node_from_env_var: name }: K8sMetadataConfig): string {
  return [
    `node: not known, and environment variable ${name} is not set`,
    'expected  the name of the node this daemon runs on, whose pods it watches',
    `hint      add to the container of the pod: env: [{ name: ${name}, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]; outside of a cluster set scope: cluster`,
  ].join('\n  ')
}
