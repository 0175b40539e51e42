import type { Component, Host, Settings, Status } from '../component/component.ts'
import type { SharingComponent } from '../component/factory.ts'
import { SIGNALS, type Signal } from '../component/signal.ts'
import { endpointsConflict, parseEndpoint } from '../lib/endpoint.ts'
import { createInstance, type Instance, type InstanceSurroundings } from './instance.ts'
import { isShared, listensOf, type PlanNode, type SidePlan } from './plan.ts'
import type { Branch, Inlet, Outlet } from './wire.ts'

/** What one side of the graph needs from the thread it lives in. */
export interface SideSurroundings extends InstanceSurroundings {
  /** `report` and `refresh` of a host are the graph's own; the rest comes from here. */
  hostFor(node: PlanNode): Omit<Host, 'report' | 'refresh'>
  report(node: PlanNode, status: Status): void
  /** The instance is gone for good: forget its status, and tell its main half. */
  removed(node: PlanNode): void
  refresh(node: PlanNode): Promise<void>
}

/** A component could not be started or created; nothing of the attempt is left open. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly address: string

  constructor(address: string, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause)
    super(message.startsWith(`${address}:`) ? message : `${address}: ${message}`, { cause })
    this.address = address
  }
}

/** How long a component may run over the deadline after its signal has aborted, before the graph goes on without it. */
const GRACE_MS = 250

/** What a shared extension reports that was stopped for one that then did not start. */
const CANNOT_COME_BACK = 'was stopped to make room for its successor, which did not start; those that share it cannot go on with another one'

/**
 * The part of the graph that lives in one thread.
 *
 * Every change of plan has steps. `prepare` makes and starts what the next plan has and the present one does not,
 * while everything old goes on; `commit` connects the wires anew, and `finish` stops what is no longer in the plan.
 * `abort` takes a prepared change back. A start is a change from nothing.
 */
export class SideGraph {
  readonly #around: SideSurroundings
  #instances = new Map<string, Instance>()
  #change: Change | undefined
  /** Left out by the last commit and not yet stopped. */
  #leaving: Instance[] = []
  #upstream = new Map<string, readonly string[]>()

  constructor(around: SideSurroundings) {
    this.#around = around
  }

  /** An instance by key; also one that is only prepared, or that is being stopped. */
  find(key: string): Instance | undefined {
    return this.#change?.next.get(key) ?? this.#instances.get(key) ?? this.#leaving.find(({ node }) => node.key === key)
  }

  /** Keys of the components that feed this one directly. */
  upstreamOf(key: string): readonly string[] {
    return this.#upstream.get(key) ?? []
  }

  /** An inlet with what the wires must know of it. */
  branch(key: string, signal: Signal): Branch<Signal> {
    const next = this.#change?.next ?? this.#instances
    const instance = next.get(key)
    const inlet: Inlet | undefined = instance?.inlets[signal]
    if (instance === undefined || inlet === undefined) throw new Error(`${key.split('#')[0]} does not take ${signal} on this thread`)
    return { inlet, mutates: this.#mutates(instance, signal, next) }
  }

  /** Makes and starts what is new in `plan`. Rejects with a `StartError` after closing all of it again. */
  async prepare(plan: SidePlan): Promise<void> {
    if (this.#change !== undefined) throw new Error('BUG: a change of the graph is already prepared')
    const change: Change = { plan, next: new Map(), added: [], started: [], handedOver: [] }
    this.#change = change
    try {
      this.#create(change)
      for (const node of plan.nodes) this.#checkOutputs(node)
      for (const instance of change.added) this.#connect(instance)
      await this.#handOver(change)
      for (const instance of change.added.toReversed()) {
        change.started.push(instance)
        await this.#start(instance)
      }
    } catch (error) {
      await this.abort(AbortSignal.timeout(GRACE_MS))
      throw error
    }
  }

  /** Connects everything as prepared. Synchronous: no batch sees half of the change. */
  commit(): void {
    const change = this.#prepared()
    this.#change = undefined
    this.#leaving = [...this.#instances.values()].filter((instance) => change.next.get(instance.node.key) !== instance && !change.handedOver.includes(instance))
    this.#instances = change.next
    for (const node of change.plan.nodes) (this.#instances.get(node.key) as Instance).node = node
    for (const instance of this.#instances.values()) this.#connect(instance)
    this.#upstream = upstream(change.plan)
  }

  /** Stops what the committed change has left out. Returns the addresses of those that missed the deadline. */
  async finish(signal: AbortSignal): Promise<string[]> {
    const missed = await this.#stopAll(this.#leaving, signal)
    this.#leaving = []
    return missed
  }

  /** Takes a prepared change back: closes what is new and opens again what had to make room for it. */
  async abort(signal: AbortSignal): Promise<void> {
    const change = this.#prepared()
    this.#change = undefined
    await this.#stopAll(change.started.toReversed(), signal)
    for (const { node } of change.added.filter((instance) => !change.started.includes(instance))) this.#around.removed(node)
    const [lost, renewed] = [change.handedOver.filter(({ node }) => isShared(node)), change.handedOver.filter(({ node }) => !isShared(node))]
    for (const { node } of renewed) this.#instances.set(node.key, this.#instance(node))
    for (const instance of this.#instances.values()) this.#connect(instance)
    for (const { node } of lost) this.#around.report(node, { kind: 'fatal_error', error: CANNOT_COME_BACK })
    for (const { node } of renewed.toReversed()) {
      // Going on without it would be another graph than either config asks for.
      await this.#start(this.#instances.get(node.key) as Instance).catch((error: Error) =>
        this.#around.report(node, { kind: 'fatal_error', error: error.message }),
      )
    }
  }

  /** Stops everything, upstream first. Returns the addresses of the components that missed the deadline. */
  async stop(signal: AbortSignal): Promise<string[]> {
    if (this.#change !== undefined) await this.abort(signal)
    const instances = [...this.#instances.values()]
    this.#instances = new Map()
    this.#upstream = new Map()
    // Ingest halves on this side hand what they have to their main halves, which must be found until then.
    this.#leaving = instances
    return this.finish(signal)
  }

  #prepared(): Change {
    if (this.#change === undefined) throw new Error('BUG: no change of the graph is prepared')
    return this.#change
  }

  #create(change: Change): void {
    for (const node of inOrderOfCreation(change.plan)) {
      const kept = this.#instances.get(node.key)
      if (kept !== undefined) {
        change.next.set(node.key, kept)
        continue
      }
      try {
        const made = this.#instance(node)
        change.next.set(node.key, made)
        change.added.push(made)
      } catch (error) {
        throw new StartError(node.spec.address, error)
      }
    }
    change.added.sort((a, b) => a.node.rank - b.node.rank)
  }

  #instance(node: PlanNode): Instance {
    return createInstance(node, this.#around, this.#sharedWith(node))
  }

  /** What the extensions that a component names share; they live at least as long as it does. */
  #sharedWith({ key, uses = {} }: PlanNode): Settings['shared'] {
    const extensions = new Map<string, SharingComponent>()
    for (const [type, extensionKey] of Object.entries(uses)) {
      const extension = this.find(extensionKey)
      if (extension === undefined) throw new Error(`BUG: ${key} is created before ${extensionKey}, which it uses`)
      extensions.set(type, extension.component)
    }
    return (type) => extensions.get(type)?.shared
  }

  /** Stops old instances whose address a new one needs, where both cannot be open at once. */
  async #handOver(change: Change): Promise<void> {
    const wanted = change.added.flatMap((instance) => this.#exclusiveAddresses(instance.node))
    if (wanted.length === 0) return
    for (const old of this.#instances.values()) {
      if (change.next.get(old.node.key) === old) continue
      const held = this.#exclusiveAddresses(old.node)
      const bound = held.length === 0 ? [] : old.bound.flatMap((address) => [`tcp ${address}`, `udp ${address}`])
      if ([...held, ...bound].some((taken) => wanted.some((address) => conflict(taken, address)))) change.handedOver.push(old)
    }
    await this.#stopAll(change.handedOver, AbortSignal.timeout(5000))
  }

  /** What a node listens on and cannot share with another instance. */
  #exclusiveAddresses(node: PlanNode): string[] {
    const listens = listensOf(node, this.#around.factories)
    const sharesPorts = this.#around.hostFor(node).sharesPorts
    return listens.filter(({ network }) => network === 'unix' || !sharesPorts).map(({ network, address }) => `${network} ${address}`)
  }

  /** Throws when a wire of a node has no end, so that `commit` cannot. */
  #checkOutputs(node: PlanNode): void {
    try {
      for (const signal of SIGNALS) for (const input of node.outputs[signal] ?? []) this.branch(input.key, input.signal)
    } catch (error) {
      throw new StartError(node.spec.address, error)
    }
  }

  #connect({ node, outlets }: Instance): void {
    for (const signal of SIGNALS) {
      const outlet: Outlet | undefined = outlets[signal]
      outlet?.connect((node.outputs[signal] ?? []).map(({ key, signal: of }) => this.branch(key, of)))
    }
  }

  /** Does a batch that enters here get changed, here or further down the same pipeline? */
  #mutates(instance: Instance, signal: Signal, next: ReadonlyMap<string, Instance>): boolean {
    if (instance.mutates(signal)) return true
    const node = this.#change?.plan.nodes.find(({ key }) => key === instance.node.key) ?? instance.node
    return (node.outputs[signal] ?? []).some(({ key }) => {
      const following = next.get(key)
      return following !== undefined && this.#mutates(following, signal, next)
    })
  }

  async #start(instance: Instance): Promise<void> {
    const { node, component, bound } = instance
    this.#around.report(node, { kind: 'starting' })
    let isStarted = false
    let reported: Status | undefined
    const around = this.#around.hostFor(node)
    const host: Host = {
      // What a component reports while it starts counts once it has started.
      report: (status) => {
        if (isStarted) this.#around.report(node, status)
        else reported = status
      },
      sharesPorts: around.sharesPorts,
      chosenPort: (address) => around.chosenPort(address),
      listening: (listener) => {
        bound.push(`${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${listener.port}`)
        around.listening(listener)
      },
      refresh: () => this.#around.refresh(node),
    }
    try {
      await component.start?.(host)
    } catch (error) {
      this.#around.report(node, { kind: 'permanent_error', error: error instanceof Error ? error.message : String(error) })
      throw new StartError(node.spec.address, error)
    }
    isStarted = true
    this.#around.report(node, { kind: 'ok' })
    if (reported !== undefined) this.#around.report(node, reported)
  }

  /** Shuts instances down, rank by rank, those of one rank together. */
  async #stopAll(instances: readonly Instance[], signal: AbortSignal): Promise<string[]> {
    const missed: string[] = []
    const ranks = new Map<number, Instance[]>()
    for (const instance of instances) ranks.set(instance.node.rank, [...(ranks.get(instance.node.rank) ?? []), instance])
    for (const rank of [...ranks.keys()].sort((a, b) => a - b)) {
      await Promise.all(
        (ranks.get(rank) as Instance[]).map(async ({ node, component }) => {
          this.#around.report(node, { kind: 'stopping' })
          const isDone = await shutdownBy(component, signal)
          if (isDone !== true) missed.push(isDone === false ? node.spec.address : `${node.spec.address} (${isDone})`)
          this.#around.report(node, { kind: 'stopped' })
          this.#around.removed(node)
        }),
      )
    }
    return missed
  }
}

interface Change {
  readonly plan: SidePlan
  readonly next: Map<string, Instance>
  /** Upstream first. */
  readonly added: Instance[]
  readonly started: Instance[]
  /** Old instances that were stopped to make room. */
  readonly handedOver: Instance[]
}

/** True when the component has shut down in time, false when it has not, a message when it failed to. */
async function shutdownBy(component: Component, signal: AbortSignal): Promise<boolean | string> {
  if (component.shutdown === undefined) return true
  let timer: NodeJS.Timeout | undefined
  const overtime = new Promise<false>((resolve) => {
    const wait = (): void => {
      timer = setTimeout(() => resolve(false), GRACE_MS)
    }
    if (signal.aborted) wait()
    else signal.addEventListener('abort', wait, { once: true })
  })
  try {
    const done = (async () => {
      await component.shutdown?.({ signal })
      return true as const
    })()
    return await Promise.race([done, overtime])
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Extensions in their order of starting, because the others may ask for what these share as soon as they are created; then
 * the rest, ingest halves last, because these may send to their main halves at once.
 */
function inOrderOfCreation({ nodes }: SidePlan): readonly PlanNode[] {
  const extensions = nodes.filter(({ kind }) => kind === 'extension')
  const others = nodes.filter(({ kind }) => kind !== 'extension')
  return [...extensions.toReversed(), ...others.filter(({ half }) => half !== 'ingest'), ...others.filter(({ half }) => half === 'ingest')]
}

function upstream(plan: SidePlan): Map<string, readonly string[]> {
  const feeding = new Map<string, string[]>()
  for (const { key, outputs, mainKey } of plan.nodes) {
    const inputs = SIGNALS.flatMap((signal) => outputs[signal] ?? []).map((input) => input.key)
    for (const fed of mainKey === undefined ? inputs : [...inputs, mainKey]) feeding.set(fed, [...(feeding.get(fed) ?? []), key])
  }
  return feeding
}

function conflict(a: string, b: string): boolean {
  const [networkA = '', addressA = ''] = a.split(' ', 2)
  const [networkB = '', addressB = ''] = b.split(' ', 2)
  if (networkA !== networkB) return false
  const left = parseEndpoint(addressA)
  const right = parseEndpoint(addressB)
  return networkA !== 'unix' && left !== undefined && right !== undefined ? endpointsConflict(left, right) : addressA === addressB
}
