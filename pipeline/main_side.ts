import type { Clock } from '../component/component.ts'
import type { MainComponent, ProcessView } from '../component/factory.ts'
import type { Registry } from '../component/spec.ts'
import type { Telemetry } from '../component/telemetry.ts'
import { canSharePorts } from '../lib/port_sharing.ts'
import type { LogSource } from '../telemetry/log_source.ts'
import { HalfInbox } from './half_inbox.ts'
import { endsOf, settingsFor } from './ingest_replica.ts'
import type { IngestThread, LinkHub } from './links.ts'
import { FactoryTable, isShared, type PlanNode } from './plan.ts'
import type { PortBook } from './port_book.ts'
import { SideGraph } from './side_graph.ts'
import type { StatusBoard } from './status.ts'
import { flushFailures } from './telemetry.ts'

export interface MainSideOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly logs: LogSource
  readonly telemetry: Telemetry
  readonly board: StatusBoard
  readonly ports: PortBook
  readonly view: ProcessView
  readonly links: LinkHub
  /** Tells the ingest halves on this side from those in the lives of workers. */
  readonly life: number
}

/**
 * The main thread's part of the graph: extensions, main halves, and the pipelines that these and main receivers feed. Connectors
 * in these pipelines have an ingest half here, whose messages to the main half are calls.
 */
export class MainSide {
  readonly graph: SideGraph
  /** The number of the ingest halves that are made here from now on: that after the last ingest worker's. */
  worker = 1
  readonly #options: MainSideOptions
  readonly #flushes = new Map<string, Flush>()
  /** The threads that ingest halves on this side stand for, by key. */
  readonly #threads = new Map<string, IngestThread>()

  constructor(options: MainSideOptions) {
    this.#options = options
    const { board, ports, links, life } = options
    const ownerOf = (node: PlanNode) => ({ key: `main ${node.key}`, address: node.spec.address, kind: node.kind })
    const inbox = new HalfInbox((key) => this.graph.find(key), options.logs)
    this.graph = new SideGraph({
      factories: new FactoryTable(options.registry),
      view: options.view,
      settingsFor: (node) => settingsFor(node, options),
      linkFor: (node) => {
        const { worker } = this
        const thread: IngestThread = { worker, life, post: (half, message) => inbox.receive(half, message) }
        this.#threads.set(node.key, thread)
        return { worker, send: (message) => links.deliver(endsOf(node), message, thread) }
      },
      hostFor: (node) => ({
        // The old one must not make room for the new one before all who share the new one are there.
        sharesPorts: isShared(node) && canSharePorts(),
        chosenPort: () => 0,
        listening: (listener) => ports.add({ address: node.spec.address, ...listener }),
      }),
      report: (node, status) => void board.set(ownerOf(node), status),
      removed: (node) => {
        board.remove(`main ${node.key}`)
        this.#flushes.delete(node.key)
        const thread = this.#threads.get(node.key)
        if (thread !== undefined) links.gone(endsOf(node), thread)
        this.#threads.delete(node.key)
      },
      refresh: (node) => this.#refresh(node.key, new Set()),
    })
  }

  mainHalf(key: string): MainComponent | undefined {
    return this.graph.find(key)?.component
  }

  /** Lets everything upstream of a component hand on what it has, the farthest first. */
  async #refresh(key: string, visited: Set<string>): Promise<void> {
    for (const feeding of this.graph.upstreamOf(key)) {
      if (visited.has(feeding)) continue
      visited.add(feeding)
      await this.#refresh(feeding, visited)
      await this.#flush(feeding)
    }
  }

  /**
   * Flushes a component. One that is busy flushing for somebody else does so again afterwards, once for all who have
   * asked meanwhile: what they get is never older than their question.
   */
  #flush(key: string): Promise<void> {
    const component: MainComponent | undefined = this.graph.find(key)?.component
    if (component?.flush === undefined) return Promise.resolve()
    let flush = this.#flushes.get(key)
    if (flush === undefined) {
      flush = new Flush(() => this.#flushOnce(key))
      this.#flushes.set(key, flush)
    }
    return flush.request()
  }

  async #flushOnce(key: string): Promise<void> {
    const instance = this.graph.find(key)
    if (instance === undefined) return
    const { address } = instance.node.spec
    try {
      await instance.component.flush?.()
    } catch (error) {
      // Who asked serves what it has; the loss shows here.
      this.#options.telemetry.counter(flushFailures, { component: address }).add(1)
      this.#options.logs.for(address).warn({ error }, 'flush failed')
    }
  }
}

/** Runs one thing at a time and at most one more time for all who ask while it runs. */
class Flush {
  readonly #run: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(run: () => Promise<void>) {
    this.#run = run
  }

  request(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined
      return this.request()
    })
    return this.#next
  }
}
