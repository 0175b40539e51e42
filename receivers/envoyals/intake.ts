import type { Clock, Logger } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { ByteInterner } from '../../lib/intern.ts'
import type { AccessLogs, StreamOrigin } from '../../model/access_logs.ts'
import { AccessLogDecoder, countEntries, findIdentifier } from './decode.ts'
import type { Instruments } from './telemetry.ts'

/** A stream, as the intake sees it. */
export interface MessageSource {
  /** Who sends; replaced by `identify`. */
  readonly origin: StreamOrigin
  /** A message carried an identifier; `bytes` are valid during the call. */
  identify(bytes: Uint8Array): void
  /** The first message of the stream is about to be decoded or shed and has carried no identifier. */
  begun(): void
  /** A message could not be cut into entries. */
  unframeable(): void
  /** All messages of the stream that were pushed before `end` are done with. */
  drained(): void
}

export interface IntakeSettings {
  readonly clock: Clock
  readonly log: Logger
  readonly instruments: Instruments
  readonly queueBytesMax: number
}

/**
 * How long decoding may hold up the event loop before sockets are read again. Short slices cost more: what does not fit
 * in one is copied, and the rest of the loop is gone through for less work. Envoy holds 16 MiB for a reader that pauses, and
 * the receive buffers of UDP sockets in the same thread bear a pause of this length too.
 */
const SLICE_MS = 100
/**
 * The same for a backlog. A slice then lasts as long as the loop was away reading sockets, so that a flood leaves half of
 * the time for decoding instead of being read only to be shed.
 */
const SLICE_MS_MAX = 200
/** What a queued message costs beyond its bytes. */
const OVERHEAD_BYTES = 96
/** A trouble that goes on is logged no more often than this. */
const LOG_INTERVAL_MS = 10_000

interface Queued {
  readonly source: MessageSource
  /** Undefined marks the end of a stream. */
  readonly bytes: Uint8Array | undefined
  readonly receivedMs: number
}

/**
 * Decodes messages and hands them on. A message is decoded where it arrives as long as the event loop is not held up for
 * more than a slice; the others wait in a queue that is bounded by bytes, so that sockets are always read. When it is full
 * the oldest messages are shed and their entries counted: a sender whose stream is not read would drop entries in silence.
 */
export class Intake {
  readonly #next: Consumer<AccessLogs>
  readonly #settings: IntakeSettings
  readonly #decoder = new AccessLogDecoder(new ByteInterner())
  #queue: (Queued | undefined)[] = []
  #head = 0
  #queuedBytes = 0
  #sliceStart = 0
  #sliceEnd = 0
  #isSliceOpen = false
  #lastLogMs = Number.NEGATIVE_INFINITY
  #whenEmpty: (() => void)[] = []

  constructor(next: Consumer<AccessLogs>, settings: IntakeSettings) {
    this.#next = next
    this.#settings = settings
  }

  get isEmpty(): boolean {
    return this.#head === this.#queue.length
  }

  /** Takes a message; its bytes are copied when it has to wait. */
  push(source: MessageSource, bytes: Uint8Array): void {
    const { instruments, clock } = this.#settings
    instruments.messages.add(1)
    instruments.bytes.add(bytes.length)
    this.#openSlice()
    if (this.isEmpty && clock.monotonic() - this.#sliceStart < SLICE_MS) this.#decode(source, bytes, clock.now())
    else this.#enqueue({ source, bytes: new Uint8Array(bytes), receivedMs: clock.now() })
  }

  /** Calls `source.drained` when all it pushed before is done with. */
  end(source: MessageSource): void {
    if (this.isEmpty) source.drained()
    else this.#enqueue({ source, bytes: undefined, receivedMs: 0 })
  }

  /** Resolves when nothing waits any more. */
  async emptied(): Promise<void> {
    if (!this.isEmpty) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }

  /** Drops everything that waits and counts it. */
  abandon(): void {
    while (!this.isEmpty) this.#shed('shutdown')
    this.#afterShift()
  }

  #openSlice(): void {
    if (this.#isSliceOpen) return
    this.#isSliceOpen = true
    this.#sliceStart = this.#settings.clock.monotonic()
    setImmediate(() => this.#nextSlice())
  }

  #nextSlice(): void {
    this.#isSliceOpen = false
    if (this.isEmpty) return
    const { clock } = this.#settings
    this.#openSlice()
    const sliceMs = Math.min(Math.max(SLICE_MS, this.#sliceStart - this.#sliceEnd), SLICE_MS_MAX)
    do {
      const { source, bytes, receivedMs } = this.#shift()
      if (bytes === undefined) source.drained()
      else this.#decode(source, bytes, receivedMs)
    } while (!this.isEmpty && clock.monotonic() - this.#sliceStart < sliceMs)
    this.#sliceEnd = clock.monotonic()
    this.#afterShift()
  }

  #enqueue(entry: Queued): void {
    const bytes = (entry.bytes?.length ?? 0) + OVERHEAD_BYTES
    let shed = 0
    while (!this.isEmpty && this.#queuedBytes + bytes > this.#settings.queueBytesMax) shed += this.#shed('overload')
    if (shed > 0) this.#warn({ entries: shed, queue_bytes_max: this.#settings.queueBytesMax }, 'overload: oldest messages dropped')
    this.#queue.push(entry)
    this.#queuedBytes += bytes
    this.#settings.instruments.queued.set(this.#queuedBytes)
  }

  #shift(): Queued {
    const entry = this.#queue[this.#head] as Queued
    this.#queue[this.#head++] = undefined
    this.#queuedBytes -= (entry.bytes?.length ?? 0) + OVERHEAD_BYTES
    // The front of the array is given back in large steps, so that shifting stays cheap.
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return entry
  }

  #afterShift(): void {
    this.#settings.instruments.queued.set(this.#queuedBytes)
    if (!this.isEmpty) return
    this.#queue = []
    this.#head = 0
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  /** Drops the oldest message; who sends is learnt from it all the same. Returns how many entries it held. */
  #shed(reason: 'overload' | 'shutdown'): number {
    const { instruments } = this.#settings
    const { source, bytes } = this.#shift()
    if (bytes === undefined) {
      source.drained()
      return 0
    }
    const entries = countEntries(bytes)
    instruments.received.add(entries)
    instruments.dropped[reason].add(entries)
    const identifier = findIdentifier(bytes)
    if (identifier !== undefined) source.identify(identifier)
    source.begun()
    return entries
  }

  #decode(source: MessageSource, bytes: Uint8Array, receivedMs: number): void {
    const { instruments } = this.#settings
    const decoder = this.#decoder
    const { logs } = decoder
    if (logs.strings.isFull) logs.strings.renew()
    decoder.begin(bytes)
    if (decoder.identifier !== undefined) source.identify(decoder.identifier)
    source.begun()
    logs.origin = source.origin
    logs.receivedMs = receivedMs
    let rows = 0
    while (decoder.next()) {
      rows += logs.length
      this.#handOn(logs)
    }
    instruments.received.add(rows + decoder.malformed)
    if (decoder.malformed > 0) instruments.dropped.malformed.add(decoder.malformed)
    if (decoder.invalidUtf8 > 0) instruments.invalidUtf8.add(decoder.invalidUtf8)
    if (!decoder.isFramed) source.unframeable()
  }

  #handOn(logs: AccessLogs): void {
    const { instruments } = this.#settings
    // A consumer may change `length` (filters do); what is counted is what was handed on.
    const rows = logs.length
    logs.edges = undefined
    logs.resource = undefined
    try {
      const taken = this.#next.consume(logs)
      if (taken === undefined) instruments.accepted.add(rows)
      else
        taken.then(
          () => instruments.accepted.add(rows),
          (error: unknown) => this.#refuse(rows, error),
        )
    } catch (error) {
      this.#refuse(rows, error)
    }
  }

  #refuse(rows: number, error: unknown): void {
    this.#settings.instruments.refused.add(rows)
    this.#warn({ entries: rows, error: error instanceof Error ? error.message : String(error) }, 'batch refused by the pipeline')
  }

  #warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    const now = this.#settings.clock.monotonic()
    if (now - this.#lastLogMs < LOG_INTERVAL_MS) return
    this.#lastLogMs = now
    this.#settings.log.warn(fields, message)
  }
}
