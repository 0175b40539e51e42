import type { Clock, Settings, Status } from '../component/component.ts'
import type { ProcessView } from '../component/factory.ts'
import type { GraphSpec, Registry } from '../component/spec.ts'
import type { Telemetry } from '../component/telemetry.ts'
import { canSharePorts } from '../lib/port_sharing.ts'
import type { LogLevel, LogSource } from '../telemetry/log_source.ts'
import { HalfInbox } from './half_inbox.ts'
import { type ChosenPorts, type Listening, portKey } from './ingest_protocol.ts'
import type { LinkEnds } from './links.ts'
import { FactoryTable, listensOf, type PlanNode, type SidePlan } from './plan.ts'
import { planGraph } from './planner.ts'
import { SideGraph, type SideSurroundings } from './side_graph.ts'

/** Where the news of an ingest side go: messages to the main thread, or calls when it is there already. */
export interface IngestNews {
  link(ends: LinkEnds, message: unknown, transfer: readonly ArrayBuffer[]): void
  gone(ends: LinkEnds): void
  status(owner: { readonly key: string; readonly address: string; readonly kind: string }, status: Status): void
  removed(key: string): void
  listening(listening: Listening): void
}

/** Gives the components that a graph is made of, and perhaps more. Rejects when one cannot be loaded. */
export type RegistrySource = (spec: GraphSpec) => Registry | Promise<Registry>

export interface IngestReplicaOptions {
  /** The components of a graph, at least. */
  readonly registryFor: RegistrySource
  readonly worker: number
  readonly logs: LogSource
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly news: IngestNews
}

/** One replica of the ingest side of the graph, in a worker or on the main thread. */
export class IngestReplica {
  readonly #options: IngestReplicaOptions
  readonly #factories = new FactoryTable({ factories: [] })
  readonly #graph: SideGraph
  readonly #inbox: HalfInbox
  #ports: ChosenPorts = {}
  #level: LogLevel | undefined

  constructor(options: IngestReplicaOptions) {
    this.#options = options
    this.#graph = new SideGraph(this.#surroundings())
    this.#inbox = new HalfInbox((key) => this.#graph.find(key), options.logs)
  }

  /** See `SideGraph`; the steps are the same. */
  async prepare(spec: GraphSpec, ports: ChosenPorts): Promise<void> {
    this.#ports = ports
    this.#level = spec.service.telemetry.logs.level
    const registry = await this.#options.registryFor(spec)
    this.#factories.add(registry)
    await this.#graph.prepare(this.#planFor(spec, registry))
  }

  commit(): void {
    this.#graph.commit()
    this.#options.logs.level = this.#level ?? this.#options.logs.level
  }

  finish(signal: AbortSignal): Promise<string[]> {
    return this.#graph.finish(signal)
  }

  abort(signal: AbortSignal): Promise<void> {
    return this.#graph.abort(signal)
  }

  stop(signal: AbortSignal): Promise<string[]> {
    return this.#graph.stop(signal)
  }

  /** Hands a message of the main half to an ingest half, also to one that is only prepared; one that is gone misses it. */
  receive(half: string, message: unknown): void {
    this.#inbox.receive(half, message)
  }

  /** Unix sockets cannot be shared: a receiver that listens on one is in the first worker only. */
  #planFor(spec: GraphSpec, registry: Registry): SidePlan {
    const { ingest } = planGraph(spec, registry)
    if (this.#options.worker === 0) return ingest
    return { nodes: ingest.nodes.filter((node) => !this.#listensOnUnix(node)) }
  }

  #listensOnUnix(node: PlanNode): boolean {
    if (node.kind !== 'receiver') return false
    return listensOf(node, this.#factories).some(({ network }) => network === 'unix')
  }

  #surroundings(): SideSurroundings {
    const { news, worker } = this.#options
    return {
      factories: this.#factories,
      view: NO_VIEW,
      settingsFor: (node) => settingsFor(node, this.#options),
      linkFor: (node) => ({ worker, send: (message, transfer = []) => news.link(endsOf(node), message, transfer) }),
      hostFor: (node) => ({
        sharesPorts: canSharePorts(),
        chosenPort: (address) => this.#ports[portKey(node.spec.address, address)] ?? 0,
        listening: (listener) => news.listening({ address: node.spec.address, ...listener }),
      }),
      report: (node, status) => news.status({ key: node.key, address: node.spec.address, kind: node.kind }, status),
      removed: (node) => {
        news.removed(node.key)
        if (node.mainKey !== undefined) news.gone(endsOf(node))
      },
      // Only main halves of exporters are asked for data on demand.
      refresh: async () => {},
    }
  }
}

/** The two ends of the link of an ingest half. */
export function endsOf({ key, mainKey }: PlanNode): LinkEnds {
  if (mainKey === undefined) throw new Error(`BUG: ${key} is not an ingest half`)
  return { main: mainKey, half: key }
}

/** The settings of a node's component, without what depends on the other instances of its side. */
export function settingsFor(
  node: PlanNode,
  from: { readonly logs: LogSource; readonly telemetry: Telemetry; readonly clock: Clock },
): Omit<Settings, 'shared'> {
  return {
    id: node.spec.id,
    address: node.spec.address,
    log: from.logs.for(node.spec.address),
    telemetry: from.telemetry,
    clock: from.clock,
    ...(node.signal === undefined ? {} : { signal: node.signal }),
    ...(node.pipeline === undefined ? {} : { pipeline: node.pipeline }),
  }
}

/** The main halves of extensions, the only ones to look, run on the main thread. */
const NO_VIEW: ProcessView = { components: () => [], isReady: () => false, lastReload: () => undefined, startedAt: 0 }
