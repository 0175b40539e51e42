import type { GraphSpec } from '../component/spec.ts'

/**
 * The ingest side of the graph as the main thread handles it, whether it is in worker threads or right here. The steps
 * are those of `SideGraph`; between `prepare` and `commit` or `abort` nothing else is asked of it.
 */
export interface IngestSide {
  prepare(spec: GraphSpec): Promise<void>
  commit(): Promise<void>
  finish(signal: AbortSignal): Promise<readonly string[]>
  abort(): Promise<void>
  /** Stops everything and ends the threads. Returns who missed the deadline. */
  stop(signal: AbortSignal): Promise<readonly string[]>
  /** True when every replica is up. */
  readonly isUp: boolean
}
