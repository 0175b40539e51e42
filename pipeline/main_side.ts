import type { Clock } from '../component/component.ts'
import type { MainComponent, ProcessView } from '../component/factory.ts'
import type { Signal } from '../component/signal.ts'
import type { Registry } from '../component/spec.ts'
import type { Telemetry } from '../component/telemetry.ts'
import { canSharePorts } from '../lib/port_sharing.ts'
import type { LogSource } from '../telemetry/log_source.ts'
import { settingsFor } from './ingest_replica.ts'
import { FactoryTable, isShared, type PlanNode } from './plan.ts'
import type { PortBook } from './port_book.ts'
import { SideGraph } from './side_graph.ts'
import type { StatusBoard } from './status.ts'
import { flushFailures } from './telemetry.ts'
import type { Branch } from './wire.ts'

export interface MainSideOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly logs: LogSource
  readonly telemetry: Telemetry
  readonly board: StatusBoard
  readonly ports: PortBook
  readonly view: ProcessView
}

/** The main thread's part of the graph: extensions, main halves, and the pipelines that these and main receivers feed. */
export class MainSide {
  readonly graph: SideGraph
  readonly #options: MainSideOptions
  readonly #flushes = new Map<string, Flush>()

  constructor(options: MainSideOptions) {
    this.#options = options
    const { board, ports } = options
    const ownerOf = (node: PlanNode) => ({ key: `main ${node.key}`, address: node.spec.address, kind: node.kind })
    this.graph = new SideGraph({
      factories: new FactoryTable(options.registry),
      view: options.view,
      settingsFor: (node) => settingsFor(node, options),
      linkFor: (node) => {
        throw new Error(`BUG: ${node.key} is not an ingest half`)
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
      },
      refresh: (node) => this.#refresh(node.key, new Set()),
      mainInlet: (key) => {
        throw new Error(`BUG: ${key} is on this side`)
      },
    })
  }

  mainHalf(key: string): MainComponent | undefined {
    return this.graph.find(key)?.component
  }

  /** What ingest pipelines reach directly when they are on the main thread too. */
  inlet(key: string, signal: Signal): Branch<Signal> {
    return this.graph.branch(key, signal)
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
