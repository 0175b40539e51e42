import { createHash } from 'node:crypto'
import type {
  ConnectorFactory,
  ExporterFactory,
  ExtensionFactory,
  ExtensionUse,
  Factory,
  ListenAddress,
  ProcessorFactory,
  ReceiverFactory,
} from '../component/factory.ts'
import type { Signal } from '../component/signal.ts'
import type { ComponentSpec, GraphSpec, PipelineSpec, Registry } from '../component/spec.ts'
import { canonicalJson } from '../lib/canonical_json.ts'

/** Where an outlet leads: to a component on the same side, or (without worker threads) straight to a main half. */
export interface PlanInput {
  readonly side: 'here' | 'main'
  readonly key: string
  readonly signal: Signal
}

export type NodeKind = 'extension' | 'receiver' | 'processor' | 'connector' | 'exporter'

/** One component instance that a side of the graph shall have. Plain data. */
export interface PlanNode {
  /**
   * Names the instance. Equal keys mean equal config and placement, so that an instance whose key is still in the next
   * plan lives on with its state.
   */
  readonly key: string
  readonly kind: NodeKind
  readonly half: 'whole' | 'ingest' | 'main'
  readonly spec: ComponentSpec
  /** The signal of a processor or of an ingest half. */
  readonly signal?: Signal
  /** The pipeline of a processor. */
  readonly pipeline?: string
  /** For ingest halves: the key of the main half. */
  readonly mainKey?: string
  /** The extensions it shares with others: the key on this side by type. */
  readonly uses?: Readonly<Record<string, string>>
  readonly outputs: { readonly [S in Signal]?: readonly PlanInput[] }
  /** Data flows from lower to higher ranks only. */
  readonly rank: number
}

export interface SidePlan {
  /** Lowest rank first: the order of stopping. */
  readonly nodes: readonly PlanNode[]
}

/** What shall run in each ingest worker, and what on the main thread. */
export interface GraphPlan {
  readonly ingest: SidePlan
  readonly main: SidePlan
}

/** A graph that cannot be built as it is configured. */
export interface PlanProblem {
  readonly address: string
  readonly problem: string
  readonly hint: string
}

/** The plan has problems; `message` lists all of them, one a line. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly problems: readonly PlanProblem[]

  constructor(problems: readonly PlanProblem[]) {
    super(problems.map(({ address, problem, hint }) => `${address}: ${problem}; ${hint}`).join('\n'))
    this.problems = problems
  }
}

/** Factories by kind and type. */
export class FactoryTable {
  readonly #factories = new Map<string, Factory>()

  constructor(registry: Registry) {
    for (const factory of registry.factories) this.#factories.set(`${factory.kind}:${factory.type}`, factory)
  }

  get(kind: 'receiver', type: string): ReceiverFactory
  get(kind: 'processor', type: string): ProcessorFactory
  get(kind: 'connector', type: string): ConnectorFactory
  get(kind: 'exporter', type: string): ExporterFactory
  get(kind: 'extension', type: string): ExtensionFactory
  get(kind: NodeKind, type: string): Factory
  get(kind: NodeKind, type: string): Factory {
    const factory = this.#factories.get(`${kind}:${type}`)
    if (factory === undefined) throw new Error(`BUG: no ${kind} of type ${type}; the config check should have said so`)
    return factory
  }
}

/**
 * Decides which component instances run where.
 *
 * What ingest receivers feed runs on the ingest side, up to and including the ingest halves of connectors and
 * exporters; everything else runs on the main thread. A pipeline that both kinds of receivers feed has its processors
 * on both sides. With `service.workers.threads: 0` the ingest side is on the main thread too, and what has no ingest
 * half is reached directly. Throws a `PlanError` with all problems.
 */
export function planGraph(spec: GraphSpec, registry: Registry): GraphPlan {
  const planner = new Planner(spec, new FactoryTable(registry))
  const plan = planner.plan()
  if (planner.problems.length > 0) throw new PlanError(planner.problems)
  return plan
}

/** The problems that `planGraph` would throw; empty when the graph can be built. */
export function planProblems(spec: GraphSpec, registry: Registry): readonly PlanProblem[] {
  const planner = new Planner(spec, new FactoryTable(registry))
  planner.plan()
  return planner.problems
}

interface MutableNode extends Omit<PlanNode, 'outputs' | 'rank'> {
  readonly outputs: { [S in Signal]?: PlanInput[] }
  rank: number
}

type Side = Map<string, MutableNode>

/** Extensions start before and stop after everything else, in the listed order. */
const EXTENSION_RANK = 1_000_000

class Planner {
  readonly problems: PlanProblem[] = []
  readonly #spec: GraphSpec
  readonly #factories: FactoryTable
  readonly #hasWorkers: boolean
  readonly #ingest: Side = new Map()
  readonly #main: Side = new Map()

  constructor(spec: GraphSpec, factories: FactoryTable) {
    this.#spec = spec
    this.#factories = factories
    this.#hasWorkers = spec.service.workers.threads !== 0
  }

  plan(): GraphPlan {
    const { pipelines, extensions } = this.#spec
    for (const pipeline of pipelines) for (const id of pipeline.exporters) this.#addMainSink(id)
    for (const pipeline of pipelines) {
      const ingestFeeds = pipeline.receivers.filter((id) => this.#runsIngest(id))
      if (ingestFeeds.length > 0) this.#feed(this.#ingest, ingestFeeds, pipeline.signal, this.#ingestEntry(pipeline))
      const mainFeeds = pipeline.receivers.filter((id) => !this.#runsIngest(id))
      if (mainFeeds.length > 0) this.#feed(this.#main, mainFeeds, pipeline.signal, this.#mainEntry(pipeline))
    }
    rank(this.#ingest)
    rank(this.#main)
    for (const [i, extension] of extensions.entries()) this.#addExtension(extension, EXTENSION_RANK - i)
    return { ingest: sorted(this.#ingest), main: sorted(this.#main) }
  }

  #addExtension(spec: ComponentSpec, rankOfIt: number): void {
    const common = { kind: 'extension', spec, outputs: {}, rank: rankOfIt } as const
    const key = extensionKey(spec)
    const hasIngestHalf = this.#factories.get('extension', spec.id.type).ingest !== undefined
    this.#main.set(key, { ...common, key, half: hasIngestHalf ? 'main' : 'whole' })
    if (!hasIngestHalf) return
    const ingestKey = ingestHalfKey(key)
    this.#ingest.set(ingestKey, { ...common, outputs: {}, key: ingestKey, half: 'ingest', mainKey: key })
  }

  /** The extensions that a component on a side shares with others there, by type; undefined when it names none. */
  #usesOf(kind: 'receiver' | 'processor', spec: ComponentSpec, side: Side): Readonly<Record<string, string>> | undefined {
    const uses = this.#factories.get(kind, spec.id.type).uses?.(spec.config) ?? []
    if (uses.length === 0) return undefined
    return Object.fromEntries(uses.flatMap((use) => this.#extensionFor(use, { spec, side })))
  }

  #extensionFor({ extension: type, isOptional }: ExtensionUse, user: { readonly spec: ComponentSpec; readonly side: Side }): [string, string][] {
    const { address } = user.spec
    const [found, ...others] = this.#spec.extensions.filter(({ id }) => id.type === type)
    if (others.length > 0) throw new Error(`BUG: ${address} uses ${type}, and there are several; the config check should have said so`)
    const needsIngestHalf = user.side === this.#ingest
    if (found === undefined || (needsIngestHalf && this.#factories.get('extension', type).ingest === undefined)) {
      if (isOptional) return []
      throw new Error(`BUG: ${address} needs ${type} on its thread, where there is none`)
    }
    const key = extensionKey(found)
    return [[type, needsIngestHalf ? ingestHalfKey(key) : key]]
  }

  #runsIngest(id: string): boolean {
    const receiver = this.#spec.receivers[id]
    return receiver !== undefined && this.#factories.get('receiver', receiver.id.type).runs === 'ingest'
  }

  /** Signals that a connector or exporter takes in ingest workers, through its ingest half. */
  #ingestSignals(id: string): Signal[] {
    const signals = new Set<Signal>()
    for (const pipeline of this.#spec.pipelines) {
      if (!pipeline.exporters.includes(id) || !pipeline.receivers.some((receiver) => this.#runsIngest(receiver))) continue
      if (this.#hasIngestHalf(id, pipeline.signal)) signals.add(pipeline.signal)
    }
    return [...signals].sort()
  }

  #hasIngestHalf(id: string, signal: Signal): boolean {
    const connector = this.#spec.connectors[id]
    if (connector !== undefined) return this.#factories.get('connector', connector.id.type).ingest !== undefined
    return this.#factories.get('exporter', this.#sinkSpec(id).id.type).ingest?.[signal] !== undefined
  }

  #sinkSpec(id: string): ComponentSpec {
    const spec = this.#spec.connectors[id] ?? this.#spec.exporters[id]
    if (spec === undefined) throw new Error(`BUG: no connector or exporter ${id}; the config check should have said so`)
    return spec
  }

  #mainSinkKey(id: string): string {
    const spec = this.#sinkSpec(id)
    return `${spec.address}#${digest([spec.config, this.#ingestSignals(id)])}`
  }

  #addMainSink(id: string): void {
    const key = this.#mainSinkKey(id)
    const spec = this.#sinkSpec(id)
    if (!this.#main.has(key)) {
      this.#main.set(key, { key, kind: this.#spec.connectors[id] === undefined ? 'exporter' : 'connector', half: 'main', spec, outputs: {}, rank: 0 })
    }
  }

  #ingestEntry(pipeline: PipelineSpec): PlanInput[] {
    const sinks = pipeline.exporters.flatMap((id) => this.#ingestSink(id, pipeline))
    for (const id of pipeline.processors) {
      const spec = this.#spec.processors[id] as ComponentSpec
      if (this.#hasWorkers && this.#factories.get('processor', spec.id.type).runs === 'main') this.#mustRunOnMain(spec, pipeline)
    }
    return this.#processors(this.#ingest, pipeline, sinks)
  }

  #ingestSink(id: string, pipeline: PipelineSpec): PlanInput[] {
    const { signal } = pipeline
    const mainKey = this.#mainSinkKey(id)
    const spec = this.#sinkSpec(id)
    if (!this.#hasIngestHalf(id, signal)) {
      if (this.#hasWorkers) this.#mustRunOnMain(spec, pipeline)
      return [{ side: 'main', key: mainKey, signal }]
    }
    const key = `${mainKey}/${signal}`
    const kind = this.#spec.connectors[id] === undefined ? 'exporter' : 'connector'
    if (!this.#ingest.has(key)) this.#ingest.set(key, { key, kind, half: 'ingest', spec, signal, mainKey, outputs: {}, rank: 0 })
    return [{ side: 'here', key, signal }]
  }

  #mustRunOnMain(spec: ComponentSpec, pipeline: PipelineSpec): void {
    this.problems.push({
      address: spec.address,
      problem: `cannot run in ingest workers, where ${JSON.stringify(pipeline.id)} runs`,
      hint: 'set service.workers.threads: 0 or take it out of that pipeline',
    })
  }

  #mainEntry(pipeline: PipelineSpec): PlanInput[] {
    const { signal } = pipeline
    return this.#processors(
      this.#main,
      pipeline,
      pipeline.exporters.map((id) => ({ side: 'here', key: this.#mainSinkKey(id), signal })),
    )
  }

  /** Puts a pipeline's processors before its exporters; returns where its data enters. */
  #processors(side: Side, pipeline: PipelineSpec, sinks: PlanInput[]): PlanInput[] {
    let next = sinks
    for (const id of pipeline.processors.toReversed()) {
      const spec = this.#spec.processors[id] as ComponentSpec
      const { signal } = pipeline
      const uses = this.#usesOf('processor', spec, side)
      const key = `${spec.address}@${pipeline.id}#${digest([spec.config, ...usesPart(uses)])}`
      const node: MutableNode = { key, kind: 'processor', half: 'whole', spec, signal, pipeline: pipeline.id, outputs: { [signal]: next }, rank: 0 }
      side.set(key, uses === undefined ? node : { ...node, uses })
      next = [{ side: 'here', key, signal }]
    }
    return next
  }

  #feed(side: Side, ids: readonly string[], signal: Signal, entry: readonly PlanInput[]): void {
    for (const id of ids) {
      const node = this.#spec.connectors[id] === undefined ? this.#receiverNode(side, id) : (this.#main.get(this.#mainSinkKey(id)) as MutableNode)
      ;(node.outputs[signal] ??= []).push(...entry)
    }
  }

  #receiverNode(side: Side, id: string): MutableNode {
    const spec = this.#spec.receivers[id] as ComponentSpec
    // A receiver is told at its creation which signals it feeds.
    const signals = new Set(this.#spec.pipelines.filter(({ receivers }) => receivers.includes(id)).map(({ signal }) => signal))
    const uses = this.#usesOf('receiver', spec, side)
    const key = `${spec.address}#${digest([spec.config, [...signals].sort(), ...usesPart(uses)])}`
    const known = side.get(key)
    if (known !== undefined) return known
    const hasIngestHalf = this.#factories.get('receiver', spec.id.type).ingest !== undefined
    const node: MutableNode = {
      key,
      kind: 'receiver',
      half: hasIngestHalf ? 'main' : 'whole',
      spec,
      ...(uses === undefined ? {} : { uses }),
      outputs: {},
      rank: 0,
    }
    side.set(key, node)
    if (hasIngestHalf) this.#addIngestHalf(node)
    return node
  }

  /** The half of a receiver that listens; nothing is connected to it. */
  #addIngestHalf({ key: mainKey, spec }: MutableNode): void {
    const uses = this.#usesOf('receiver', spec, this.#ingest)
    const key = ingestHalfKey(mainKey)
    this.#ingest.set(key, { key, kind: 'receiver', half: 'ingest', spec, mainKey, ...(uses === undefined ? {} : { uses }), outputs: {}, rank: 0 })
  }
}

/** Gives every node the length of the longest way to it, so that all ways lead from lower to higher ranks. */
function rank(side: Side): void {
  const visiting = new Set<string>()
  const raise = (node: MutableNode, to: number): void => {
    if (node.rank >= to && to > 0) return
    node.rank = to
    if (visiting.has(node.key)) throw new Error(`BUG: ${node.key} is part of a cycle; the config check should have said so`)
    visiting.add(node.key)
    for (const inputs of Object.values(node.outputs))
      for (const { side: where, key } of inputs) if (where === 'here') raise(side.get(key) as MutableNode, to + 1)
    visiting.delete(node.key)
  }
  for (const node of side.values()) if (node.rank === 0) raise(node, 0)
}

function sorted(side: Side): SidePlan {
  return { nodes: [...side.values()].sort((a, b) => a.rank - b.rank) }
}

/** What a node itself listens on: of two halves, extensions listen on the main thread and receivers in the workers. */
export function listensOf({ kind, half, spec }: PlanNode, factories: FactoryTable): readonly ListenAddress[] {
  const listens = factories.get(kind, spec.id.type).listens?.(spec.config) ?? []
  if (half === 'whole') return listens
  if (kind !== 'receiver') return half === 'main' ? listens : []
  return listens.filter((listen) => (listen.half ?? 'ingest') === half)
}

/**
 * True for what others hold on to, so that it cannot be replaced before they are: an extension that shares an object with other
 * components, and the main half of a receiver, which its ingest halves have given their memory.
 */
export function isShared({ kind, half, spec }: PlanNode): boolean {
  if (kind === 'receiver') return half === 'main'
  return kind === 'extension' && (half !== 'whole' || (spec.uses ?? []).length > 0)
}

function extensionKey({ address, config, uses = [] }: ComponentSpec): string {
  return `${address}#${digest([config, uses])}`
}

function ingestHalfKey(mainKey: string): string {
  return `${mainKey}/ingest`
}

/** Who shares an extension is made anew together with it, so that nobody holds on to what the old one shared. */
function usesPart(uses: Readonly<Record<string, string>> | undefined): unknown[] {
  return uses === undefined ? [] : [uses]
}

/** The order in which a user wrote settings does not make another config. */
function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)
}
