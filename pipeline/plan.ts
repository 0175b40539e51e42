import type { ConnectorFactory, ExporterFactory, ExtensionFactory, Factory, ListenAddress, ProcessorFactory, ReceiverFactory } from '../component/factory.ts'
import type { Signal } from '../component/signal.ts'
import type { ComponentSpec, Registry } from '../component/spec.ts'

/** Where an outlet leads: to a component on the same side. */
export interface PlanInput {
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
  /** An ingest half may be on the main thread, too, for the pipelines there. */
  readonly half: 'whole' | 'ingest' | 'main'
  readonly spec: ComponentSpec
  /** The signal of a processor or of an ingest half. */
  readonly signal?: Signal
  /** The pipeline of a processor. */
  readonly pipeline?: string
  /** For ingest halves: the key of the main half. */
  readonly mainKey?: string
  /** The extensions it shares with others: the key on this side by `ExtensionUse.extension`. */
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

/** Factories by kind and type, those included that come into the registry later. */
export class FactoryTable {
  readonly #registry: Registry
  readonly #factories = new Map<string, Factory>()

  constructor(registry: Registry) {
    this.#registry = registry
    this.add(registry)
  }

  add({ factories }: Registry): void {
    for (const factory of factories) this.#factories.set(`${factory.kind}:${factory.type}`, factory)
  }

  get(kind: 'receiver', type: string): ReceiverFactory
  get(kind: 'processor', type: string): ProcessorFactory
  get(kind: 'connector', type: string): ConnectorFactory
  get(kind: 'exporter', type: string): ExporterFactory
  get(kind: 'extension', type: string): ExtensionFactory
  get(kind: NodeKind, type: string): Factory
  get(kind: NodeKind, type: string): Factory {
    const key = `${kind}:${type}`
    if (!this.#factories.has(key)) this.add(this.#registry)
    const factory = this.#factories.get(key)
    if (factory === undefined) throw new Error(`BUG: no ${kind} of type ${type}; the config check should have said so`)
    return factory
  }
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
