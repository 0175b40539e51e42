import { RefusedError } from '../../component/consumer.ts'
import { type ServerAuthenticator, UnauthenticatedError } from '../../component/kit/auth.ts'
import type { GrpcListenerSettings } from '../../component/kit/grpc_server.ts'
import type { Signal } from '../../component/signal.ts'
import type { Client } from '../../model/client.ts'
import type { Encoding } from './config.ts'
import type { Handover } from './handover.ts'
import { InflateError, inflate } from './inflate.ts'
import type { Fault, Format, Outcome, Transport } from './messages.ts'
import type { Pending, PendingPlace } from './pending.ts'
import type { TransportInstruments } from './telemetry.ts'

/** What the requests of one transport go through. */
export interface IntakeSettings {
  readonly transport: Transport
  readonly handover: Handover
  readonly pending: Pending
  readonly instruments: TransportInstruments
  /** When clients shall come again that had no place. */
  readonly retryAfterMs: number
}

/** What a transport needs. */
export interface FrontSettings extends GrpcListenerSettings {
  readonly intake: IntakeSettings
  readonly authenticator: ServerAuthenticator | undefined
}

/** A body that is whole, in memory of its own, as it came over the wire. */
export interface Body {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly format: Format
  readonly encoding: Encoding
  /** Most bytes it may have without its compression. */
  readonly bytesMax: number
}

/** What both transports do with a request between its first byte and its answer. One per request. */
export class Exchange {
  readonly #settings: IntakeSettings
  readonly #signal: Signal
  readonly #place: PendingPlace | undefined
  #wireBytes = 0
  #isEnded = false

  constructor(settings: IntakeSettings, signal: Signal) {
    this.#settings = settings
    this.#signal = signal
    this.#place = settings.pending.enter()
  }

  /** Says how many bytes of the request are here, or announced by a length that may be believed. A fault when there is no room for it. */
  hold(bytes: number): Fault | undefined {
    if (this.#place?.hold(bytes) === true) return undefined
    return { kind: 'overload', message: 'too many requests are under way', retryAfterMs: this.#settings.retryAfterMs }
  }

  /** Counts bytes that came over the wire. */
  read(bytes: number): void {
    this.#wireBytes += bytes
  }

  /** Decompresses a body and hands it to the pipelines; never rejects. */
  async submit({ bytes, format, encoding, bytesMax }: Body, client: Client): Promise<Outcome> {
    let plain = bytes
    if (encoding !== '') {
      try {
        plain = inflate(bytes, encoding, bytesMax)
      } catch (error) {
        if (!(error instanceof InflateError)) throw error
        return { kind: error.kind, message: `request ${error.message}` }
      }
      const fault = this.hold(plain.length)
      if (fault !== undefined) return fault
    }
    const { handover, transport } = this.#settings
    return handover.send({ transport, signal: this.#signal, format, bytes: plain, client })
  }

  /** Counts what became of the request; call it once the client has been answered, or is gone. Safe twice: the first counts. */
  end(outcome: Outcome): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#place?.leave()
    const { requests, bytes } = this.#settings.instruments
    requests[this.#signal][outcome.kind].add(1)
    bytes.add(this.#wireBytes)
  }
}

/** What a request is told whose sender could not be authenticated. */
export function faultOfAuth(error: unknown): Fault {
  if (error instanceof UnauthenticatedError) return { kind: 'unauthenticated', message: error.message, challenge: error.challenge }
  if (error instanceof RefusedError)
    return { kind: 'overload', message: error.message, ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) }
  return { kind: 'failed', message: 'authentication failed because of an error; see the log of the daemon' }
}
