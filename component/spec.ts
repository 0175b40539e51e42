import type { ComponentId } from './component.ts'
import type { Factory } from './factory.ts'
import type { Signal } from './signal.ts'

/** One configured component: plain data, so that it can be sent to a worker thread. */
export interface ComponentSpec {
  readonly id: ComponentId
  /** `receivers.envoyals/edge`. */
  readonly address: string
  /** Checked, with defaults filled in. */
  readonly config: unknown
  /**
   * Of extensions: what all components that use it want of it (`ExtensionUse.needs`), without repetitions and in an order
   * that does not depend on the order of the config.
   */
  readonly uses?: readonly unknown[]
}

/** One pipeline; the lists hold ids (`type/name`, canonical types), connectors among receivers and exporters. */
export interface PipelineSpec {
  /** `logs` or `logs/name`. */
  readonly id: string
  readonly signal: Signal
  readonly receivers: readonly string[]
  readonly processors: readonly string[]
  readonly exporters: readonly string[]
}

/** A checked config as the graph needs it. Plain data; only components that are used are in it. */
export interface GraphSpec {
  readonly receivers: Readonly<Record<string, ComponentSpec>>
  readonly processors: Readonly<Record<string, ComponentSpec>>
  readonly connectors: Readonly<Record<string, ComponentSpec>>
  readonly exporters: Readonly<Record<string, ComponentSpec>>
  /** In start order; at most one of a type that others use, and never fewer than these need. */
  readonly extensions: readonly ComponentSpec[]
  readonly pipelines: readonly PipelineSpec[]
  /** The processor that turns access logs into log records where a pipeline needs one and names none. */
  readonly crossing?: ComponentSpec
  readonly service: ServiceSpec
}

/** The `service` section without extensions and pipelines. */
export interface ServiceSpec {
  readonly telemetry: {
    readonly logs: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly encoding: 'console' | 'json' }
    readonly metrics: {
      readonly level: 'none' | 'basic' | 'normal' | 'detailed'
      /** `host:port` of the own-metrics endpoint. */
      readonly address: string
    }
    readonly resource: Readonly<Record<string, string>>
  }
  readonly workers: {
    /** Number of ingest workers; 0 runs everything on the main thread. */
    readonly threads: 'auto' | number
    /** Old-space limit of each worker's heap; 0 leaves it to Node.js. */
    readonly heap_mib_max: number
  }
  /** How long a stop may take before it is forced, as a duration. */
  readonly drain_timeout: string
}

/**
 * The built-in components by kind and type; aliases are resolved by the config loader and never reach a registry. There may be more
 * of them later, when a config has named more.
 */
export interface Registry {
  readonly factories: readonly Factory[]
}
