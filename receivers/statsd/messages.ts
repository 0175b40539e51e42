import type { StatMessage } from './aggregate/layout.ts'
import type { ClientCounts } from './clients.ts'
import type { RejectedLine } from './ledger.ts'
import type { UdpSocketRow } from './listen/kernel_drops.ts'

/** What an ingest half tells its main half. */
export type ToMain =
  /** It has begun, and wants to know the mapping. */
  | { readonly kind: 'hello' }
  /** From its store. */
  | { readonly kind: 'stat'; readonly message: StatMessage }
  /** It listens for datagrams on these ports. */
  | { readonly kind: 'udp_ports'; readonly ports: readonly number[] }
  /** What the kernel has dropped up to the end of its sockets. */
  | { readonly kind: 'kernel'; readonly rows: readonly UdpSocketRow[] }
  /** The answer to a question. */
  | { readonly kind: 'report'; readonly id: number; readonly report: WorkerReport }
  /** Lines of events and service checks. */
  | { readonly kind: 'records'; readonly records: readonly RecordLine[]; readonly dropped: number }

/** What the main half tells an ingest half. */
export type ToIngest =
  /** The text of the mapping; it has been checked. Undefined: the config has no mapping file. */
  { readonly kind: 'mapping'; readonly text: string | undefined; readonly file: string } | { readonly kind: 'report'; readonly id: number }

/** An event or service check as it came. */
export interface RecordLine {
  readonly kind: 'event' | 'service_check'
  readonly line: Uint8Array
  readonly sender: string
  /** Milliseconds since the epoch. */
  readonly receivedMs: number
}

/** What one ingest worker knows for the debug page. */
export interface WorkerReport {
  readonly clients: readonly ClientCounts[]
  readonly rejected: readonly RejectedLine[]
  /** Numbers of the rules by name of the metric they made. */
  readonly rules: readonly (readonly [name: string, rules: readonly number[]])[]
  /** How many different lines (name, tags, type, sender) are known. */
  readonly remembered: number
}
