import type { Signal } from './signal.ts'
import type { Telemetry } from './telemetry.ts'

/** Where a component stands in its life; the names are the OpenTelemetry Collector's component status. */
export type StatusKind = 'starting' | 'ok' | 'recoverable_error' | 'permanent_error' | 'fatal_error' | 'stopping' | 'stopped'

/** A component's report about itself. `error` is a sentence for the operator, without the component's address. */
export interface Status {
  readonly kind: StatusKind
  readonly error?: string
  /** True with a recoverable error that does not keep data out: the process stays ready. */
  readonly staysReady?: boolean
}

/**
 * Anything with a life in the graph.
 *
 * The constructor does no I/O. `start` opens things and resolves when they are open; if it fails half way it closes what
 * it opened. `shutdown` stops taking data, flushes, closes, and resolves by its deadline; it is safe without `start`
 * and safe twice.
 */
export interface Component {
  start?(host: Host): void | Promise<void>
  shutdown?(options: ShutdownOptions): void | Promise<void>
}

export interface ShutdownOptions {
  /** Aborts when the drain deadline has passed; whatever is still open then is closed hard and counted as dropped. */
  readonly signal: AbortSignal
}

/** What the process offers to a started component. */
export interface Host {
  /** Reports a change of status after `start` has returned; `fatal_error` ends the process with exit code 4. */
  report(status: Status): void
  /**
   * True in an ingest worker that shares its listening ports with other workers, and for an extension that shares something
   * with other components or the main half of a receiver, which must be up before its predecessor is stopped. A component that listens on TCP or UDP then
   * opens its sockets with `reusePort: true`.
   */
  readonly sharesPorts: boolean
  /**
   * The port to use instead of the port 0 in `address` (`host:port`), when another replica of this component has
   * already been given one by the system; 0 otherwise. Only meaningful for configured port 0.
   */
  chosenPort(address: string): number
  /** Tells which address a listener got. `configured` is the address as written in the config. */
  listening(listener: { readonly configured: string; readonly host: string; readonly port: number }): void
  /**
   * Asks every component upstream of this one that aggregates (connectors, receivers with a series store) to hand on
   * what it has now, and resolves when they have. Exporters that are read on demand call it before they answer.
   */
  refresh(): Promise<void>
}

/** Which component this is. */
export interface ComponentId {
  readonly kind: ComponentKind
  readonly type: string
  /** The part after the slash; empty when there is none. */
  readonly name: string
  /** `type` or `type/name`, as in the config. */
  readonly text: string
}

export type ComponentKind = 'receiver' | 'processor' | 'connector' | 'exporter' | 'extension'

/** What the program supplies to every component when it creates one. */
export interface Settings {
  readonly id: ComponentId
  /** The YAML path, such as `receivers.envoyals/edge`: the component's name in errors, logs and metric labels. */
  readonly address: string
  readonly log: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** The signal of the pipeline, for processors and connectors; undefined for components shared by several signals. */
  readonly signal?: Signal
  /** The id of the pipeline (`logs/mesh`) a processor stands in; undefined for components shared by pipelines. */
  readonly pipeline?: string
  /**
   * What an extension shares with the components of this thread (`SharingComponent.shared`), by `ExtensionUse.extension`: its
   * type, or its id as the config names it. Undefined when the config has no such extension, or it has no half in this
   * thread. Only for those that the component's factory names in `uses`.
   */
  readonly shared: (extension: string) => unknown
}

/** Structured logging; messages are constant lower-case phrases, everything variable is a field beside them. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

export type LogFields = Readonly<Record<string, unknown>>

/** The time, and timers, so that tests can move it. Timers do not keep the process alive. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds that only ever grow; for measuring and for deadlines. */
  monotonic(): number
  /** Calls `run` every `intervalMs` until the returned function is called. */
  every(intervalMs: number, run: () => void): () => void
  /** Calls `run` once after `delayMs` unless the returned function is called first. */
  after(delayMs: number, run: () => void): () => void
}
