import type { Clock, Logger } from '../component.ts'
import type { Counter, InstrumentSpec, Telemetry } from '../telemetry.ts'

/** Connections to a gRPC listener on which no call could ever be made: how a wrong TLS setting of senders shows. */
export const failedConnections: InstrumentSpec = {
  name: 'meshscope_receiver_failed_connections',
  description: 'Connections that ended before HTTP/2 was spoken on them.',
  unit: '{connections}',
  type: 'counter',
  labels: {
    receiver: 'id of the receiver',
    reason: 'tls_handshake (refused by either side), not_http2 (the client spoke something else, such as TLS to a listener without)',
  },
}

const REASONS = {
  tls_handshake: 'clients failed at the TLS handshake; look at certificates and at tls of this receiver',
  not_http2: 'clients spoke no HTTP/2; if they use TLS (mutual TLS of the mesh, say), set tls of this receiver or switch it off for them',
} as const

export type ConnectionFault = keyof typeof REASONS

/** Between two lines of one reason; a mesh has hundreds of proxies that try again every second. */
const LOG_MS = 60_000

/** Counts failed connections, and tells of them in the log at most once a minute for each reason. */
export class FailedConnections {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #counters: Readonly<Record<ConnectionFault, Counter>>
  readonly #states = { tls_handshake: { loggedMs: Number.NEGATIVE_INFINITY, unlogged: 0 }, not_http2: { loggedMs: Number.NEGATIVE_INFINITY, unlogged: 0 } }

  /** `receiver` is the id as in the config, `envoyals/edge`. */
  constructor({ log, clock, telemetry }: { readonly log: Logger; readonly clock: Clock; readonly telemetry: Telemetry }, receiver: string) {
    this.#log = log
    this.#clock = clock
    const counter = (reason: ConnectionFault): Counter => telemetry.counter(failedConnections, { receiver, reason })
    this.#counters = { tls_handshake: counter('tls_handshake'), not_http2: counter('not_http2') }
  }

  /** `peer` is the client's address, as far as it is known; `error` what the system or the library said. */
  add(reason: ConnectionFault, peer: string | undefined, error: string): void {
    this.#counters[reason].add(1)
    const state = this.#states[reason]
    state.unlogged++
    const now = this.#clock.monotonic()
    if (now - state.loggedMs < LOG_MS) return
    this.#log.warn({ peer, connections: state.unlogged, error }, REASONS[reason])
    state.loggedMs = now
    state.unlogged = 0
  }
}
