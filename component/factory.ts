import type { Component, Settings } from './component.ts'
import type { ConfigSchema, FieldProblem } from './config_schema.ts'
import type { Consumer, ConsumerSet, SignalData } from './consumer.ts'
import type { IngestHalf, IngestLink, MainHalf } from './link.ts'
import type { Signal } from './signal.ts'

/** How far users may rely on a component's names and behaviour; the Collector's ladder. */
export type Stability = 'development' | 'alpha' | 'beta' | 'stable' | 'deprecated'

/** A socket that a config makes its component listen on; two components on one address are a config problem. */
export interface ListenAddress {
  readonly network: 'tcp' | 'udp' | 'unix'
  /** `host:port`, or a path for unix sockets. */
  readonly address: string
  /** Where in the component's config it stands. */
  readonly path: readonly string[]
  /** Of a receiver with two halves: the half that listens; the ingest half unless it says otherwise. */
  readonly half?: 'main'
}

/** What a component wants of an extension that it shares with others (`Settings.shared`). */
export interface ExtensionUse {
  /** The extension's type, such as `k8s_metadata`; with `named` its id as the user wrote it, such as `file_storage/queue`. */
  readonly extension: string
  /**
   * What exactly is wanted, in the extension's terms; plain data, `{}` for nothing in particular. The extension gets the wants of
   * all its users, and is made anew, with all of them, when these change.
   */
  readonly needs: unknown
  /**
   * True: only if the config has the extension anyway. False: it is created with its defaults if nobody configured it. Without
   * meaning with `named`: what a config names must be there.
   */
  readonly isOptional: boolean
  /** Set when a setting names the extension by its id, as in the Collector: it must be defined and in `service.extensions`, where several of a type may be. */
  readonly named?: NamedExtension
}

/** How a setting names an extension: `storage: file_storage/queue`. */
export interface NamedExtension {
  /** What it must be at that place; an extension says in `provides` what it can be. */
  readonly as: ExtensionRole
  /** Where in the component's config the id stands. */
  readonly path: readonly (string | number)[]
}

/** What an extension can be for a component that names it by its id. */
export type ExtensionRole = 'storage' | 'server_authenticator' | 'client_authenticator'

/** What one component wants of an extension. */
export interface NamedUse {
  /** The component's address. */
  readonly address: string
  readonly needs: unknown
}

/** A want that does not go together with others or with the extension's config. */
export interface UseProblem extends FieldProblem {
  /** Whose want it is, as an index into the uses; `path` is below that component. */
  readonly use: number
}

interface FactoryBase<C> {
  /** The type in a component id, snake_case. */
  readonly type: string
  /** Other spellings that are accepted with a warning. */
  readonly aliases?: readonly string[]
  /** One sentence for `components` and the generated reference. */
  readonly description: string
  readonly config: ConfigSchema<C>
  readonly listens?: (config: C) => readonly ListenAddress[]
  /** The extensions that a component of this config shares with others. Extensions themselves share none. */
  readonly uses?: (config: C) => readonly ExtensionUse[]
}

/**
 * A receiver. One instance per id serves all pipelines that name it; `next` has a consumer for each signal used.
 * `runs: 'ingest'` puts a replica into every ingest worker, `'main'` a single one on the main thread.
 *
 * One that must see all data of a series although it listens in every worker has two halves, as a connector has: it runs
 * on the main thread, where `create` makes the half that produces data, and `ingest` makes the half in every worker, which
 * listens and reaches the other by the link. Its pipelines are on the main thread, and ask it with `flush`.
 */
export interface ReceiverFactory<C = any> extends FactoryBase<C> {
  readonly kind: 'receiver'
  readonly stability: { readonly [S in Signal]?: Stability }
  readonly runs: 'ingest' | 'main'
  readonly create: (settings: Settings, config: C, next: ConsumerSet) => MainComponent
  /** Only with `runs: 'main'`. */
  readonly ingest?: (settings: Settings, config: C, link: IngestLink<any>) => Component & Partial<IngestHalf<any>>
}

type CreateProcessor<C, S extends Signal> = (
  settings: Settings,
  config: C,
  next: Consumer<SignalData[S]>,
) => Component & Consumer<SignalData[S]> & Partial<MainHalf<any>>

type CreateProcessorIngest<C, S extends Signal> = (
  settings: Settings,
  config: C,
  link: IngestLink<any>,
) => Component & Consumer<SignalData[S]> & Partial<IngestHalf<any>>

/**
 * A processor. Every pipeline that names it has an instance of its own. `runs: 'ingest'` says that replicas need no
 * knowledge of each other; a processor that must see all data of a series, or needs log records, runs on `main`.
 *
 * One with two halves takes the data of ingest workers to the main thread: what follows it in a pipeline is there. `ingest`
 * makes the half in every worker, which consumes and reaches the other by the link; `create` makes the main half, which
 * hands on what it receives, and consumes what enters the same pipeline on the main thread. Its `shutdown` resolves when
 * `next` has taken all that it had received.
 */
export interface ProcessorFactory<C = any> extends FactoryBase<C> {
  readonly kind: 'processor'
  readonly stability: { readonly [S in Signal]?: Stability }
  readonly runs: 'ingest' | 'main'
  readonly create: { readonly [S in Signal]?: CreateProcessor<C, S> }
  /** Only with `runs: 'main'`. */
  readonly ingest?: { readonly [S in Signal]?: CreateProcessorIngest<C, S> }
  /** What this processor adds to access logs and other components may need, such as `mesh`. */
  readonly provides?: string
  /**
   * What becomes of logs. Those with `access_logs_into_records` hand on log records only; the graph inserts the one of them
   * that has two halves where a pipeline needs it and names none. Those with `records_into_access_logs` may hand on access
   * logs on the main thread, too.
   */
  readonly turns?: 'access_logs_into_records' | 'records_into_access_logs'
}

/** The main half of a connector, exporter or receiver: a component that may also receive from its ingest halves and be flushed. */
export interface MainComponent extends Component, Partial<MainHalf<any>> {
  /** Hands everything aggregated so far to the next consumers; resolves when they have taken it. */
  flush?(): Promise<void>
}

/**
 * A connector: an exporter for pipelines of signal `from` and a receiver for pipelines of signal `to`.
 * With an `ingest` half the data is consumed by it, in the workers and, for pipelines of the main thread, in one more half
 * there, and reaches the main half by the link; the main half produces the outgoing data. An ingest half for logs counts
 * access logs: log records, which may come on the main thread, are not its own. Without one, `main` must consume by itself.
 */
export interface ConnectorFactory<C = any> extends FactoryBase<C> {
  readonly kind: 'connector'
  readonly from: Signal
  readonly to: Signal
  readonly stability: Stability
  /** What must stand before it in a pipeline (see `ProcessorFactory.provides`). */
  readonly needs?: string
  readonly ingest?: (settings: Settings, config: C, link: IngestLink<any>) => Component & Consumer<any> & Partial<IngestHalf<any>>
  readonly main: (settings: Settings, config: C, next: Consumer<any>) => MainComponent & Partial<Consumer<any>>
}

/** An exporter's main half: what it consumes directly on the main thread, by signal. */
export interface ExporterMain extends MainComponent {
  readonly consumers: ConsumerSet
}

/**
 * An exporter. One instance per id serves all pipelines that name it. Data of pipelines that run in ingest workers is
 * consumed by its ingest half for that signal, in the worker; `main` never gets access logs, but records made of them.
 */
export interface ExporterFactory<C = any> extends FactoryBase<C> {
  readonly kind: 'exporter'
  readonly stability: { readonly [S in Signal]?: Stability }
  readonly ingest?: {
    readonly [S in Signal]?: (settings: Settings, config: C, link: IngestLink<any>) => Component & Consumer<SignalData[S]> & Partial<IngestHalf<any>>
  }
  readonly main: (settings: Settings, config: C) => ExporterMain
}

/** What an extension may see of the process; for health pages and the like. */
export interface ProcessView {
  /** The status of every component, workers included, by address. */
  components(): readonly ComponentView[]
  /** True when every listener is bound, every ingest worker is up and no component is failing. */
  isReady(): boolean
  /** The outcome of the last attempt to load a config after the first. */
  lastReload(): { readonly at: number; readonly error?: string } | undefined
  readonly startedAt: number
}

export interface ComponentView {
  readonly address: string
  readonly kind: string
  /** Undefined on the main thread. */
  readonly worker?: number
  readonly status: import('./component.ts').Status
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** A component that shares an object with the other components of its thread (`Settings.shared`). */
export interface SharingComponent extends Component {
  /** The same object as long as the component lives; usable from its creation on, before `start`. */
  readonly shared?: unknown
}

/**
 * An extension; runs on the main thread, starts before and stops after everything else.
 *
 * `uses` are the `ExtensionUse.needs` of all components that use it, without repetitions. With an `ingest` half it also
 * lives in every ingest worker, where it is created before and stopped after everything else; both halves may share
 * an object with the components of their thread. There is at most one extension of a type that others use by its type.
 *
 * A reload that changes the config or the uses makes a new extension, and anew everything that uses it. The old one lives
 * until the change is complete, so one that listens on a port must open it with `reusePort: host.sharesPorts`.
 */
export interface ExtensionFactory<C = any> extends FactoryBase<C> {
  readonly kind: 'extension'
  readonly stability: Stability
  readonly create: (settings: Settings, config: C, view: ProcessView, uses: readonly unknown[]) => SharingComponent & Partial<MainHalf<any>>
  readonly ingest?: (settings: Settings, config: C, link: IngestLink<any>) => SharingComponent & Partial<IngestHalf<any>>
  /** What it can be for components that name it by its id. */
  readonly provides?: readonly ExtensionRole[]
  /** Finds what is wrong with the uses taken together; part of checking a config. Pure, and never throws. */
  readonly checkUses?: (config: C, uses: readonly NamedUse[]) => readonly UseProblem[]
}

export type Factory = ReceiverFactory | ProcessorFactory | ConnectorFactory | ExporterFactory | ExtensionFactory

export function defineReceiver<C>(factory: Omit<ReceiverFactory<C>, 'kind'>): ReceiverFactory<C> {
  return { kind: 'receiver', ...factory }
}

export function defineProcessor<C>(factory: Omit<ProcessorFactory<C>, 'kind'>): ProcessorFactory<C> {
  return { kind: 'processor', ...factory }
}

export function defineConnector<C>(factory: Omit<ConnectorFactory<C>, 'kind'>): ConnectorFactory<C> {
  return { kind: 'connector', ...factory }
}

export function defineExporter<C>(factory: Omit<ExporterFactory<C>, 'kind'>): ExporterFactory<C> {
  return { kind: 'exporter', ...factory }
}

export function defineExtension<C>(factory: Omit<ExtensionFactory<C>, 'kind'>): ExtensionFactory<C> {
  return { kind: 'extension', ...factory }
}
