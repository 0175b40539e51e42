import type { Clock, Host, Logger } from '../../../component/component.ts'

/** Takes what listeners read. Everything is synchronous; the bytes are the caller's again when a method returns. */
export interface PacketSink {
  /** Whole lines from a sender: a datagram, or a piece of a stream that ends where a line does. */
  packet(bytes: Uint8Array, sender: string): void
  /** A line, or what claims to be one, that was read over because it is longer than it may be; `start` is how it begins. */
  tooLong(start: Uint8Array, sender: string): void
  /** Bytes that no line can be made of: a datagram that was cut, or a frame without an end. */
  fault(fault: ListenFault, bytes: number): void
}

/** What goes wrong below the lines. */
export type ListenFault = 'truncated' | 'cut_frame' | 'frame_too_long' | 'socket_error'
export const LISTEN_FAULTS: readonly ListenFault[] = ['truncated', 'cut_frame', 'frame_too_long', 'socket_error']

/** What becomes of connections. */
export interface ConnectionCounts {
  /** How many are open. */
  open(connections: number): void
  opened(): void
  /** One was not taken because too many are open, or was closed because nothing came. */
  ended(reason: 'refused' | 'idle'): void
}

export interface ListenerSettings {
  readonly log: Logger
  readonly clock: Clock
  readonly sink: PacketSink
  readonly connections: ConnectionCounts
}

/** One way in: a socket, or several for the addresses of one endpoint. */
export interface Listener {
  /** Opens and tells `host`. Rejects with a sentence for the operator, with everything closed again. */
  start(host: Host): Promise<void>
  /**
   * Takes nothing new, hands on what has arrived and closes; what is still open when `signal` aborts is closed hard.
   * Safe without `start` and safe twice. `last` is called when all is read and the sockets are still there.
   */
  close(signal: AbortSignal, last?: () => void): Promise<void>
}

/** The size that the kernel gave to receive buffers, all sockets of a listener together. */
export type BufferSizes = (granted: { readonly bytes: number; readonly sockets: number }) => void
