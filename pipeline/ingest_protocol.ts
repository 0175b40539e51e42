import type { MessagePort } from 'node:worker_threads'
import type { Status } from '../component/component.ts'
import type { GraphSpec } from '../component/spec.ts'
import type { LogRecord } from '../telemetry/log_source.ts'
import type { SlotMessage } from '../telemetry/slots.ts'
import type { LinkEnds } from './links.ts'

/** Cells of the Int32Array that a worker shares with the main thread to show that it is alive. */
export const Beat = {
  count: 0,
  lagMicros: 1,
  /** The longest since the main thread last took it; that puts 0 in its place. */
  delayMaxMicros: 2,
} as const
export const BEAT_CELLS = 3

/** How often a worker shows that it is alive. */
export const BEAT_INTERVAL_MS = 250

/** What an ingest worker starts with. */
export interface IngestTask {
  readonly port: MessagePort
  readonly beat: Int32Array
  readonly worker: number
  readonly life: number
  readonly spec: GraphSpec
  readonly ports: ChosenPorts
}

/** Ports the system has chosen for configured port 0: by component address and configured address, `portKey`. */
export type ChosenPorts = Readonly<Record<string, number>>

export function portKey(componentAddress: string, configured: string): string {
  return `${componentAddress} ${configured}`
}

/** A component in some worker got its listener. */
export interface Listening {
  /** The component's address. */
  readonly address: string
  readonly configured: string
  readonly host: string
  readonly port: number
}

/** Commands are obeyed in turn and answered in order by a `reply` with the same `request`. */
export type WorkerCommand =
  | { readonly type: 'prepare'; readonly request: number; readonly spec: GraphSpec; readonly ports: ChosenPorts }
  | { readonly type: 'commit' | 'abort'; readonly request: number }
  | { readonly type: 'finish' | 'stop'; readonly request: number; readonly drainMs: number }

/** Commands, and messages of main halves to ingest halves, which are delivered at once. */
export type ToWorker = WorkerCommand | { readonly type: 'deliver'; readonly half: string; readonly message: unknown }

export type FromWorker =
  | { readonly type: 'reply'; readonly request: number; readonly error?: string; readonly missed?: readonly string[] }
  | { readonly type: 'link'; readonly ends: LinkEnds; readonly message: unknown }
  | { readonly type: 'gone'; readonly ends: LinkEnds }
  | { readonly type: 'status'; readonly owner: { readonly key: string; readonly address: string; readonly kind: string }; readonly status: Status }
  | { readonly type: 'removed'; readonly key: string }
  | { readonly type: 'log'; readonly record: LogRecord }
  | { readonly type: 'telemetry'; readonly message: SlotMessage }
  | { readonly type: 'listening'; readonly listening: Listening }

/** The request number that stands for the start itself. */
export const START_REQUEST = 0
