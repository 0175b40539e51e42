import type { Clock, Logger } from '../../../component/component.ts'
import type { IngestOrigin, IngestPeer } from '../../../component/link.ts'

/** After a worker has joined the others get so much time to feel it. */
const SETTLE_MS = 1000

/** Why one more worker reads. */
export type JoinReason = 'busy' | 'kernel_drops' | 'reader_gone'

export interface ReadersSettings {
  /** So many workers, the first ones, read without being told; all others begin on standby. 0 = all read. */
  readonly first: number
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Logger
  /** Tells a worker on standby to listen. */
  readonly call: (peer: IngestPeer) => void
}

/**
 * Which ingest workers read datagrams. Every worker that does knows the series of all clients that the kernel gives it, and wakes up
 * for them: one that can bear the load alone does it for less memory and CPU time than several. So no more read than have to; one
 * that is on standby is called when those that read are busy, when the kernel had no room for datagrams, or when a reader has
 * died. Who has begun to read goes on: what waits in a socket would be lost with it.
 */
export class Readers {
  readonly #settings: ReadersSettings
  /** How many of the others shall read. */
  #wanted = 0
  #reading: readonly IngestOrigin[] = []
  #standby: readonly IngestPeer[] = []
  #settledMs = Number.NEGATIVE_INFINITY

  constructor(settings: ReadersSettings) {
    this.#settings = settings
  }

  /** How many workers read. */
  get count(): number {
    return this.#reading.length
  }

  /** A worker listens. */
  reads(peer: IngestPeer): void {
    this.#standby = without(this.#standby, peer)
    this.#reading = [...without(this.#reading, peer), peer]
  }

  /** A worker could listen. */
  standsBy(peer: IngestPeer): void {
    this.#standby = [...without(this.#standby, peer), peer].sort((a, b) => a.worker - b.worker)
    if (this.#called < this.#wanted) this.#call('reader_gone')
  }

  /** A worker is about to stop listening, as the config wants it; nobody takes its place. */
  leaves(origin: IngestOrigin): void {
    this.#standby = without(this.#standby, origin)
    this.#reading = without(this.#reading, origin)
  }

  /** A worker has ended; if it was reading, another one takes its place. */
  gone(origin: IngestOrigin): void {
    const wasReading = without(this.#reading, origin).length < this.#reading.length
    this.leaves(origin)
    if (wasReading) this.#call('reader_gone')
  }

  /** Those that read cannot bear the load: one of them has had no rest for a while, or the kernel has dropped something. */
  overloaded(reason: JoinReason): void {
    const nowMs = this.#settings.clock.monotonic()
    if (this.#standby.length === 0 || nowMs < this.#settledMs) return
    this.#settledMs = nowMs + SETTLE_MS
    this.#wanted = this.#called + 1
    this.#call(reason)
  }

  /** How many of those that began on standby read. */
  get #called(): number {
    return this.#reading.filter(({ worker }) => worker >= this.#settings.first).length
  }

  /** Lets the first one on standby read. */
  #call(reason: JoinReason): void {
    const [peer, ...others] = this.#standby
    if (peer === undefined) return
    this.#standby = others
    this.#reading = [...this.#reading, peer]
    this.#settings.log.info({ worker: peer.worker, reason, readers: this.#reading.length }, 'another worker reads datagrams')
    this.#settings.call(peer)
  }
}

function without<T extends IngestOrigin>(list: readonly T[], { worker, life }: IngestOrigin): readonly T[] {
  return list.filter((one) => one.worker !== worker || one.life !== life)
}
