import type { Component, Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import { GrpcListener, takeIncoming } from '../../component/kit/grpc_server.ts'
import { durationMs } from '../../lib/duration.ts'
import type { EnvoyAlsConfig } from './config.ts'
import { Intake } from './intake.ts'
import { AlsStream, type Answer } from './stream.ts'
import { createInstruments, type Instruments } from './telemetry.ts'

const METHODS = [
  { apiVersion: 'v3', path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs' },
  { apiVersion: 'v2', path: '/envoy.service.accesslog.v2.AccessLogService/StreamAccessLogs' },
] as const

/** `StreamAccessLogsResponse` has no fields. */
const EMPTY = Buffer.alloc(0)

/** Ages of streams differ by up to this share either way, so that streams opened together do not end together. */
const AGE_JITTER = 0.1

/**
 * Receives access logs of Envoys over gRPC, decodes them into columns and hands them on, all on the thread it runs on.
 * See README.md of this folder for how it treats slow pipelines, bad messages and the ends of streams.
 */
export class EnvoyAls implements Component {
  readonly #settings: Settings
  readonly #config: EnvoyAlsConfig
  readonly #instruments: Instruments
  readonly #intake: Intake
  readonly #streams = new Set<AlsStream>()
  #listener: GrpcListener | undefined
  #whenIdle: (() => void)[] = []
  #isStopping = false

  constructor(settings: Settings, config: EnvoyAlsConfig, next: ConsumerSet) {
    if (next.logs === undefined) throw new Error(`BUG: ${settings.address} has no consumer of logs`)
    this.#settings = settings
    this.#config = config
    this.#instruments = createInstruments(settings.telemetry, settings.id.text)
    this.#intake = new Intake(next.logs, { clock: settings.clock, log: settings.log, instruments: this.#instruments, queueBytesMax: config.queue_bytes_max })
  }

  async start(host: Host): Promise<void> {
    this.#isStopping = false
    const listener = new GrpcListener(this.#config, this.#settings)
    for (const { apiVersion, path } of METHODS) {
      const method = {
        path,
        requestStream: true,
        responseStream: false,
        requestDeserialize: (bytes: Buffer) => bytes,
        requestSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
      }
      listener.server.addService(
        { StreamAccessLogs: method },
        { StreamAccessLogs: (call: object, respond: Respond) => this.#open(call, apiVersion, (error) => respond(error ?? null, EMPTY)) },
      )
    }
    await listener.start(host)
    this.#listener = listener
  }

  /**
   * Stops accepting, ends every stream with OK so that Envoys go elsewhere, takes what still arrives until they have
   * closed, and drops and counts what is left when the deadline has passed.
   */
  async shutdown(options: ShutdownOptions): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    this.#isStopping = true
    if (listener === undefined) return
    await listener.stopListening()
    for (const stream of this.#streams) stream.finish()
    listener.closeConnections()
    await listener.closed(options.signal)
    await this.#idle()
    const abandon = (): void => this.#intake.abandon()
    if (options.signal.aborted) abandon()
    options.signal.addEventListener('abort', abandon, { once: true })
    await this.#intake.emptied()
    options.signal.removeEventListener('abort', abandon)
  }

  /** Resolves when the last stream has told that it is closed. */
  async #idle(): Promise<void> {
    if (this.#streams.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  #open(call: object, apiVersion: 'v3' | 'v2', answer: Answer): void {
    let endAge: (() => void) | undefined
    const stream = new AlsStream(takeIncoming(call), {
      intake: this.#intake,
      instruments: this.#instruments,
      messageBytesMax: this.#config.max_recv_msg_size_mib * 1024 * 1024,
      apiVersion,
      answer: (error) => {
        endAge?.()
        answer(error)
      },
      closed: () => {
        endAge?.()
        this.#closed(stream)
      },
    })
    this.#streams.add(stream)
    this.#instruments.opened.add(1)
    this.#instruments.streams.set(this.#streams.size)
    const ageMs = durationMs(this.#config.max_stream_age)
    if (ageMs > 0) endAge = this.#settings.clock.after(ageMs * (1 + AGE_JITTER * (2 * Math.random() - 1)), () => stream.finish())
    // Opened on a connection that is being closed: it has not heard of that yet.
    if (this.#isStopping) stream.finish()
  }

  #closed(stream: AlsStream): void {
    this.#streams.delete(stream)
    this.#instruments.streams.set(this.#streams.size)
    if (this.#streams.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}

type Respond = (error: { readonly code: number; readonly details: string } | null, response: Buffer) => void
