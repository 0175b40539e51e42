import type { CalledService, Party } from './edges.ts'

/** Who had an address, and for how long that answer holds. Times are milliseconds since the epoch. */
export interface AddressAnswer<T> {
  readonly value: T
  /** The owner has had the address since then. */
  readonly fromMs: number
  /** When it lost the address; `Infinity` while it still has it. */
  readonly untilMs: number
}

/**
 * Names the owners of addresses, such as pods and services of a Kubernetes cluster. Lookup is by address and time,
 * so that an address that was given to another pod is not misattributed.
 *
 * An answer for a given address and time may only change together with `version`; callers keep answers until then.
 */
export interface AddressIndex {
  /** Grows with every change. */
  readonly version: number
  /** When it last changed, milliseconds since the epoch; "unknown" is the lasting answer for later times only. */
  readonly changedMs: number
  /** The workload that had `ip` at `timeMs`. `port` tells host-network pods apart; 0 when it is not known. */
  find(ip: string, port: number, timeMs: number): AddressAnswer<Party> | undefined
  /** The service whose virtual address was `ip:port` at `timeMs`. */
  findService(ip: string, port: number, timeMs: number): AddressAnswer<CalledService> | undefined
}

/** Knows no address. */
export const NO_ADDRESSES: AddressIndex = { version: 0, changedMs: 0, find: () => undefined, findService: () => undefined }
