import type { Component, Host, Settings, ShutdownOptions } from '../../component/component.ts'
import { type AuthConfig, serverAuthenticatorOf } from '../../component/kit/auth.ts'
import type { IngestHalf, IngestLink } from '../../component/link.ts'
import { durationMs } from '../../lib/duration.ts'
import type { OtlpConfig } from './config.ts'
import { GrpcFront } from './grpc_front.ts'
import { Handover } from './handover.ts'
import { HttpFront } from './http_front.ts'
import type { FrontSettings, IntakeSettings } from './intake.ts'
import type { ToIngest, ToMain, Transport } from './messages.ts'
import { Pending } from './pending.ts'
import { pendingGauges, transportInstruments } from './telemetry.ts'

/**
 * The half of the `otlp` receiver in every ingest worker: listens, checks senders, reads and decompresses requests, hands them
 * to the main half, and answers as that says.
 */
export class OtlpIngest implements Component, IngestHalf<ToIngest> {
  readonly #settings: Settings
  readonly #config: OtlpConfig
  readonly #handover: Handover
  readonly #pending: Pending
  #fronts: (GrpcFront | HttpFront)[] = []

  constructor(settings: Settings, config: OtlpConfig, link: IngestLink<ToMain>) {
    this.#settings = settings
    this.#config = config
    const { requests_max: requestsMax, bytes_max: bytesMax } = config.pending
    this.#handover = new Handover(link)
    this.#pending = new Pending({ requestsMax, bytesMax }, pendingGauges(settings.telemetry, settings.id.text))
  }

  async start(host: Host): Promise<void> {
    const { grpc, http } = this.#config.protocols
    if (grpc !== undefined) this.#fronts.push(new GrpcFront(grpc, this.#frontSettings('grpc', grpc.auth)))
    if (http !== undefined) this.#fronts.push(new HttpFront(http, this.#frontSettings('http', http.auth)))
    try {
      for (const front of this.#fronts) await front.start(host)
    } catch (error) {
      await this.#close(AbortSignal.abort())
      throw error
    }
  }

  /** Takes no new requests, answers those that are open as the pipelines say, and those left at the deadline with UNAVAILABLE. */
  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    const end = (): void => this.#handover.end({ kind: 'shutdown', message: 'the receiver is being stopped' })
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
    await this.#close(signal)
    // A client that has left without its answer still counts.
    await this.#pending.empty()
    signal.removeEventListener('abort', end)
    end()
  }

  receive(message: ToIngest): void {
    this.#handover.receive(message)
  }

  async #close(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#fronts.splice(0).map((front) => front.close(signal)))
  }

  #frontSettings(transport: Transport, auth: AuthConfig | undefined): FrontSettings {
    const { log, clock, telemetry, id } = this.#settings
    const intake: IntakeSettings = {
      transport,
      handover: this.#handover,
      pending: this.#pending,
      instruments: transportInstruments(telemetry, { receiver: id.text, transport }),
      retryAfterMs: durationMs(this.#config.pending.retry_after),
    }
    return { id, log, clock, telemetry, intake, authenticator: serverAuthenticatorOf(this.#settings, auth) }
  }
}
