import { type Consumer, PermanentError, RefusedError, type SignalData } from '../component/consumer.ts'
import type { Signal } from '../component/signal.ts'
import type { Counter } from '../component/telemetry.ts'
import { AccessLogs } from '../model/access_logs.ts'
import { EncodedLogs } from '../model/otlp/encoded_logs.ts'
import { type Copy, copierFor, itemsOf } from './batch.ts'

/** What an `Inlet` counts and whom it tells. */
export interface InletMeters {
  /** All items handed over, whatever becomes of them. */
  readonly incoming?: Counter
  readonly succeeded?: Counter
  readonly refused: Counter
  readonly failed: Counter
  /** Gets errors that the component itself raised, not those that passed through it. */
  readonly onError: (error: Error) => void
}

/** Which inlet's component raised an error; the others that hand it up neither count nor log it again. */
const raisedBy = new WeakMap<Error, object>()

/**
 * The graph's side of a component that consumes one signal: counts its batches and turns whatever it throws into one of
 * the two errors of the contract.
 */
export class Inlet<S extends Signal = Signal> implements Consumer<SignalData[S]> {
  readonly consumer: Consumer<SignalData[S]>
  readonly #signal: S
  readonly #address: string
  readonly #meters: InletMeters

  constructor(consumer: Consumer<SignalData[S]>, options: { readonly signal: S; readonly address: string; readonly meters: InletMeters }) {
    this.consumer = consumer
    this.#signal = options.signal
    this.#address = options.address
    this.#meters = options.meters
  }

  consume(batch: SignalData[S]): void | Promise<void> {
    const items = itemsOf(this.#signal, batch)
    this.#meters.incoming?.add(items)
    let pending: void | Promise<void>
    try {
      pending = this.consumer.consume(batch)
    } catch (error) {
      throw this.#failure(error, items)
    }
    if (pending === undefined) {
      this.#meters.succeeded?.add(items)
      return undefined
    }
    return pending.then(
      () => this.#meters.succeeded?.add(items),
      (error: unknown) => {
        throw this.#failure(error, items)
      },
    )
  }

  #failure(raised: unknown, items: number): Error {
    const error = this.#contractError(raised)
    // A component may throw the same error object for every batch.
    const isPassing = (raisedBy.get(error) ?? this) !== this
    // Connectors and exporters count every batch by outcome; processors only what they failed at themselves.
    if (!isPassing || this.#meters.succeeded !== undefined) (error instanceof RefusedError ? this.#meters.refused : this.#meters.failed).add(items)
    if (!isPassing) {
      raisedBy.set(error, this)
      this.#meters.onError(error)
    }
    return error
  }

  #contractError(raised: unknown): Error {
    if (raised instanceof RefusedError || raised instanceof PermanentError) return raised
    const message = raised instanceof Error ? raised.message : String(raised)
    return new PermanentError(`${this.#address}: ${message}`, { cause: raised })
  }
}

/** One of the consumers that an outlet feeds. */
export interface Branch<S extends Signal> {
  readonly inlet: Inlet<S>
  /** True when the inlet's component, or one that the same batch reaches through it, changes batches. */
  readonly mutates: boolean
}

/**
 * What a component gets as its `next` for one signal. Its consumers can be exchanged while data flows (reload), between
 * two batches. Without consumers a batch is taken and forgotten; a checked config has no such place.
 */
export class Outlet<S extends Signal = Signal> implements Consumer<SignalData[S]> {
  readonly #signal: S
  readonly #outgoing: Counter | undefined
  #target: Consumer<SignalData[S]> | undefined

  constructor(signal: S, outgoing?: Counter) {
    this.#signal = signal
    this.#outgoing = outgoing
  }

  connect(branches: readonly Branch<S>[]): void {
    const [only] = branches
    this.#target = branches.length === 1 && only !== undefined ? only.inlet : branches.length === 0 ? undefined : new FanOut(this.#signal, branches)
  }

  consume(batch: SignalData[S]): void | Promise<void> {
    this.#outgoing?.add(itemsOf(this.#signal, batch))
    return this.#target?.consume(batch)
  }
}

/**
 * Gives a batch to several consumers, one after the other, each whatever became of it at the others.
 *
 * Consumers that only read share the batch and come first; those that change it get copies, except the last one, which gets
 * the original when nobody reads it any more: nobody holds access logs after `consume` has returned, but who only reads
 * another batch may still be at it. Two pipelines on one receiver therefore never see each other's changes. When consumers fail, the first refusal is handed up, else the
 * first error; every one has been counted where it happened.
 */
class FanOut<S extends Signal> implements Consumer<SignalData[S]> {
  readonly #targets: readonly { readonly inlet: Inlet<S>; readonly copy: Copy<SignalData[S]> | undefined }[]
  readonly #hasReaders: boolean

  constructor(signal: S, branches: readonly Branch<S>[]) {
    const readers = branches.filter(({ mutates }) => !mutates)
    const writers = branches.filter(({ mutates }) => mutates)
    this.#hasReaders = readers.length > 0
    this.#targets = [...readers.map(({ inlet }) => ({ inlet, copy: undefined })), ...writers.map(({ inlet }) => ({ inlet, copy: copierFor(signal) }))]
  }

  consume(batch: SignalData[S]): void | Promise<void> {
    if (batch instanceof EncodedLogs) batch.share()
    const takesOriginal = this.#hasReaders && !(batch instanceof AccessLogs) ? undefined : this.#targets.at(-1)
    let failure: unknown
    let pending: Promise<void>[] | undefined
    const fail = (error: unknown): void => {
      if (failure === undefined || (error instanceof RefusedError && !(failure instanceof RefusedError))) failure = error
    }
    for (const target of this.#targets) {
      const { inlet, copy } = target
      try {
        const taken = inlet.consume(copy === undefined || target === takesOriginal ? batch : copy(batch))
        if (taken !== undefined) (pending ??= []).push(taken.catch(fail))
      } catch (error) {
        fail(error)
      }
    }
    if (pending !== undefined) {
      return Promise.all(pending).then(() => {
        if (failure !== undefined) throw failure
      })
    }
    if (failure !== undefined) throw failure
    return undefined
  }
}
