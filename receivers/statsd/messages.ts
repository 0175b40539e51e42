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
  /** It could listen for datagrams, and waits until it is told to. */
  | { readonly kind: 'standby' }
  /** It listens for datagrams on these ports. */
  | { readonly kind: 'udp_ports'; readonly ports: readonly number[] }
  /** It listens, and its thread has had no rest for a while. */
  | { readonly kind: 'busy' }
  /** It is about to close its sockets; what the kernel has dropped up to then. */
  | { readonly kind: 'kernel'; readonly rows: readonly UdpSocketRow[] }
  /** The answer to a question. */
  | { readonly kind: 'report'; readonly id: number; readonly report: WorkerReport }
  /** Lines of events and service checks. */
  | { readonly kind: 'records'; readonly records: readonly RecordLine[]; readonly dropped: number }

/** What the main half tells an ingest half. */
export type ToIngest =
  /** The text of the mapping; it has been checked. Undefined: the config has no mapping file. */
  | { readonly kind: 'mapping'; readonly text: string | undefined; readonly file: string }
  /** A question; the answer has its id. */
  | { readonly kind: 'report'; readonly id: number }
  /** To one on standby: it shall listen. */
  | { readonly kind: 'listen' }

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
