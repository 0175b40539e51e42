import { createHash } from 'node:crypto'
import { type Course, courseOf, hasIngestHalf, type Step } from '../component/course.ts'
import type { ConnectorFactory, ExporterFactory, ExtensionUse } from '../component/factory.ts'
import type { Signal } from '../component/signal.ts'
import type { ComponentSpec, GraphSpec, PipelineSpec, Registry } from '../component/spec.ts'
import { canonicalJson } from '../lib/canonical_json.ts'
import { FactoryTable, type GraphPlan, PlanError, type PlanInput, type PlanNode, type PlanProblem, type SidePlan } from './plan.ts'

/**
 * Decides which component instances run where.
 *
 * What ingest receivers feed runs on the ingest side, up to and including the ingest halves of connectors, exporters and
 * the processor that takes the data across (see `courseOf`); everything else runs on the main thread. A pipeline that both
 * kinds of receivers feed has the processors before the crossing on both sides. With `service.workers.threads: 0` the ingest
 * side is on the main thread too, and the plan is the same. Throws a `PlanError` with all problems.
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
type Uses = Readonly<Record<string, string>>

/** Extensions start before and stop after everything else, in the listed order. */
const EXTENSION_RANK = 1_000_000

class Planner {
  readonly problems: PlanProblem[] = []
  readonly #spec: GraphSpec
  readonly #factories: FactoryTable
  readonly #ingest: Side = new Map()
  readonly #main: Side = new Map()

  constructor(spec: GraphSpec, factories: FactoryTable) {
    this.#spec = spec
    this.#factories = factories
  }

  plan(): GraphPlan {
    const { pipelines, extensions } = this.#spec
    for (const pipeline of pipelines) for (const id of pipeline.exporters) this.#addMainSink(id)
    for (const pipeline of pipelines) {
      const ingestFeeds = pipeline.receivers.filter((id) => this.#runsIngest(id))
      if (ingestFeeds.length > 0) this.#feed(this.#ingest, ingestFeeds, pipeline.signal, this.#enter(pipeline, 'ingest'))
      const mainFeeds = pipeline.receivers.filter((id) => !this.#runsIngest(id))
      if (mainFeeds.length > 0) this.#feed(this.#main, mainFeeds, pipeline.signal, this.#enter(pipeline, 'main'))
    }
    rank(this.#ingest)
    rank(this.#main)
    for (const [i, extension] of extensions.entries()) this.#addExtension(extension, EXTENSION_RANK - i)
    return { ingest: sorted(this.#ingest), main: sorted(this.#main) }
  }

  #addExtension(spec: ComponentSpec, rankOfIt: number): void {
    const common = { kind: 'extension', spec, outputs: {}, rank: rankOfIt } as const
    const key = extensionKey(spec)
    const isSplit = this.#factories.get('extension', spec.id.type).ingest !== undefined
    this.#main.set(key, { ...common, key, half: isSplit ? 'main' : 'whole' })
    if (!isSplit) return
    const ingestKey = ingestHalfKey(key)
    this.#ingest.set(ingestKey, { ...common, outputs: {}, key: ingestKey, half: 'ingest', mainKey: key })
  }

  /** The extensions that a component, or a half of it, shares with others on its side; undefined when it names none. */
  #usesOf(spec: ComponentSpec, side: Side, half: PlanNode['half'] = 'whole'): { readonly uses?: Uses } {
    const { kind, type } = spec.id
    const uses = this.#factories.get(kind, type).uses?.(spec.config) ?? []
    if (uses.length === 0) return {}
    return { uses: Object.fromEntries(uses.flatMap((use) => this.#extensionFor(use, { spec, side, half }))) }
  }

  #extensionFor(use: ExtensionUse, user: { readonly spec: ComponentSpec; readonly side: Side; readonly half: PlanNode['half'] }): [string, string][] {
    const { extension, isOptional, named } = use
    const { address } = user.spec
    const [found, ...others] = this.#spec.extensions.filter(({ id }) => (named === undefined ? id.type === extension : this.#isCalled(id, extension)))
    if (others.length > 0) throw new Error(`BUG: ${address} uses ${extension}, and there are several; the config check should have said so`)
    const isInWorkers = user.side === this.#ingest
    if (found !== undefined && !(isInWorkers && this.#factories.get('extension', found.id.type).ingest === undefined)) {
      const key = extensionKey(found)
      return [[extension, isInWorkers ? ingestHalfKey(key) : key]]
    }
    // The main half of the same component has it.
    const isForOtherHalf = found !== undefined && user.half === 'ingest'
    if (isForOtherHalf || (isOptional && named === undefined)) return []
    if (found === undefined || named === undefined) throw new Error(`BUG: ${address} needs ${extension} on its thread, where there is none`)
    this.#addProblem({ address, problem: `runs in ingest workers, where ${extension} is not`, hint: 'take it out of the settings' })
    return []
  }

  /** Is this the extension that a setting names? It may name it by another spelling of its type. */
  #isCalled(id: ComponentSpec['id'], text: string): boolean {
    const [type = '', name = ''] = text.split('/', 2).map((part) => part.trim())
    return id.name === name && (id.type === type || this.#factories.get('extension', id.type).aliases?.includes(type) === true)
  }

  #addProblem(problem: PlanProblem): void {
    if (!this.problems.some((other) => other.address === problem.address && other.problem === problem.problem)) this.problems.push(problem)
  }

  #runsIngest(id: string): boolean {
    const receiver = this.#spec.receivers[id]
    return receiver !== undefined && this.#factories.get('receiver', receiver.id.type).runs === 'ingest'
  }

  #course({ signal, processors, exporters }: PipelineSpec, from: 'ingest' | 'main'): Course {
    const { crossing } = this.#spec
    return courseOf(
      {
        signal,
        processors: processors.map((id) => this.#factories.get('processor', this.#processorSpec(id).id.type)),
        exporters: exporters.map((id) => this.#sinkFactory(id)),
        crossing: crossing && this.#factories.get('processor', crossing.id.type),
      },
      from,
    )
  }

  #processorSpec(id: string): ComponentSpec {
    const spec = this.#spec.processors[id]
    if (spec === undefined) throw new Error(`BUG: no processor ${id}; the config check should have said so`)
    return spec
  }

  #sinkSpec(id: string): ComponentSpec {
    const spec = this.#spec.connectors[id] ?? this.#spec.exporters[id]
    if (spec === undefined) throw new Error(`BUG: no connector or exporter ${id}; the config check should have said so`)
    return spec
  }

  #sinkFactory(id: string): ConnectorFactory | ExporterFactory {
    const { type } = this.#sinkSpec(id).id
    return this.#spec.connectors[id] === undefined ? this.#factories.get('exporter', type) : this.#factories.get('connector', type)
  }

  /** Signals that a connector or exporter takes in ingest workers, through its ingest half. */
  #ingestSignals(id: string): Signal[] {
    const signals = new Set<Signal>()
    for (const pipeline of this.#spec.pipelines) {
      const i = pipeline.exporters.indexOf(id)
      if (i < 0 || !pipeline.receivers.some((receiver) => this.#runsIngest(receiver))) continue
      const { early, late, places } = this.#course(pipeline, 'ingest')
      if ((places.early === 'ingest' && early.includes(i)) || (places.late === 'ingest' && late.includes(i))) signals.add(pipeline.signal)
    }
    return [...signals].sort()
  }

  #mainSinkKey(id: string): string {
    const spec = this.#sinkSpec(id)
    return `${spec.address}#${digest([spec.config, this.#ingestSignals(id), ...usesPart(this.#usesOf(spec, this.#main))])}`
  }

  #addMainSink(id: string): void {
    const key = this.#mainSinkKey(id)
    const spec = this.#sinkSpec(id)
    if (this.#main.has(key)) return
    const { kind } = this.#sinkFactory(id)
    this.#main.set(key, { key, kind, half: 'main', spec, ...this.#usesOf(spec, this.#main), outputs: {}, rank: 0 })
  }

  /** Puts a pipeline's components in the way of the data that enters it on one side; returns where it enters. */
  #enter(pipeline: PipelineSpec, from: 'ingest' | 'main'): PlanInput[] {
    const course = this.#course(pipeline, from)
    for (const i of course.stuck.exporters) this.#mustRunOnMain(this.#sinkSpec(pipeline.exporters[i] as string), pipeline)
    for (const i of course.stuck.processors) this.#mustRunOnMain(this.#processorSpec(pipeline.processors[i] as string), pipeline)
    const sinks = (indexes: readonly number[], place: 'ingest' | 'main'): PlanInput[] =>
      indexes.map((i) => this.#sink(pipeline.exporters[i] as string, pipeline.signal, place))
    let next = sinks(course.late, course.places.late)
    const early = sinks(course.early, course.places.early)
    for (const step of course.steps.toReversed()) {
      const entry = this.#step(step, pipeline, next)
      next = step === course.steps.at(-1) ? [entry, ...early] : [entry]
    }
    return next
  }

  #mustRunOnMain(spec: ComponentSpec, { id, signal }: PipelineSpec): void {
    this.#addProblem({
      address: spec.address,
      problem: `cannot run in ingest workers, where ${JSON.stringify(id)} runs`,
      hint: `take it out of that pipeline; nothing built in takes ${signal} from there to the main thread`,
    })
  }

  #sink(id: string, signal: Signal, place: 'ingest' | 'main'): PlanInput {
    const mainKey = this.#mainSinkKey(id)
    const factory = this.#sinkFactory(id)
    // On the main thread only connectors still need their ingest half: it is what they consume with.
    if (place === 'main' && !(factory.kind === 'connector' && hasIngestHalf(factory, signal))) return { key: mainKey, signal }
    const key = `${mainKey}/${signal}`
    const side = place === 'ingest' ? this.#ingest : this.#main
    const spec = this.#sinkSpec(id)
    if (!side.has(key)) {
      side.set(key, { key, kind: factory.kind, half: 'ingest', spec, signal, mainKey, ...this.#usesOf(spec, side, 'ingest'), outputs: {}, rank: 0 })
    }
    return { key, signal }
  }

  /** Puts one processor before `next`; returns where the data enters it. */
  #step(step: Step, pipeline: PipelineSpec, next: PlanInput[]): PlanInput {
    const { id, signal } = pipeline
    const spec = step.processor === undefined ? this.#spec.crossing : this.#processorSpec(pipeline.processors[step.processor] as string)
    if (spec === undefined) throw new Error(`BUG: nothing to insert in ${id}`)
    const side = step.place === 'ingest' ? this.#ingest : this.#main
    const isSplit = this.#factories.get('processor', spec.id.type).ingest?.[signal] !== undefined
    const uses = this.#usesOf(spec, side)
    // An inserted one is the same as long as what follows it is; there may be one more for what enters on the main thread.
    const inserted = step.processor === undefined ? [{ before: pipeline.processors[step.before] ?? '', place: step.place }] : []
    const key = `${spec.address}@${id}#${digest([spec.config, ...usesPart(uses), ...inserted])}`
    const common = { kind: 'processor', spec, signal, pipeline: id, rank: 0 } as const
    side.set(key, { ...common, key, half: isSplit ? 'main' : 'whole', ...uses, outputs: { [signal]: next } })
    if (step.place !== 'crossing') return { key, signal }
    const half = ingestHalfKey(key)
    this.#ingest.set(half, { ...common, key: half, half: 'ingest', mainKey: key, ...this.#usesOf(spec, this.#ingest, 'ingest'), outputs: {} })
    return { key: half, signal }
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
    const uses = this.#usesOf(spec, side)
    const key = `${spec.address}#${digest([spec.config, [...signals].sort(), ...usesPart(uses)])}`
    const known = side.get(key)
    if (known !== undefined) return known
    const isSplit = this.#factories.get('receiver', spec.id.type).ingest !== undefined
    const node: MutableNode = { key, kind: 'receiver', half: isSplit ? 'main' : 'whole', spec, ...uses, outputs: {}, rank: 0 }
    side.set(key, node)
    if (isSplit) this.#addListeningHalf(node)
    return node
  }

  /** The half of a receiver that listens; nothing is connected to it. */
  #addListeningHalf({ key: mainKey, spec }: MutableNode): void {
    const key = ingestHalfKey(mainKey)
    this.#ingest.set(key, { key, kind: 'receiver', half: 'ingest', spec, mainKey, ...this.#usesOf(spec, this.#ingest, 'ingest'), outputs: {}, rank: 0 })
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
    for (const key of followers(node)) {
      const following = side.get(key)
      if (following !== undefined) raise(following, to + 1)
    }
    visiting.delete(node.key)
  }
  for (const node of side.values()) if (node.rank === 0) raise(node, 0)
}

/** What gets data of a node; the main half of an ingest half may be on another side. */
function followers({ outputs, mainKey }: MutableNode): string[] {
  const wired = Object.values(outputs).flatMap((inputs) => inputs.map(({ key }) => key))
  return mainKey === undefined ? wired : [...wired, mainKey]
}

function sorted(side: Side): SidePlan {
  return { nodes: [...side.values()].sort((a, b) => a.rank - b.rank) }
}

function extensionKey({ address, config, uses = [] }: ComponentSpec): string {
  return `${address}#${digest([config, uses])}`
}

function ingestHalfKey(mainKey: string): string {
  return `${mainKey}/ingest`
}

/** Who shares an extension is made anew together with it, so that nobody holds on to what the old one shared. */
function usesPart({ uses }: { readonly uses?: Uses }): unknown[] {
  return uses === undefined ? [] : [uses]
}

/** The order in which a user wrote settings does not make another config. */
function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)
}
