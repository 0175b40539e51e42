import type { Flaw, RejectReason } from './sample.ts'
import { DROP_REASONS, type DropReason, type IngestInstruments, REJECT_REASONS } from './telemetry.ts'

/** What is shown of a rejected line. */
const SHOWN_BYTES = 256

/** A line that was rejected, for the operator to look at. */
export interface RejectedLine {
  readonly reason: RejectReason
  /** How often this worker has rejected lines for this reason. */
  readonly lines: number
  /** The start of the last one; what is not UTF-8 is replaced. */
  readonly last: string
  readonly sender: string
  /** Milliseconds since the epoch. */
  readonly atMs: number
}

/**
 * Counts what becomes of lines and samples. Counting is an addition in memory; `flush` hands the sums to the daemon's
 * telemetry once per packet. Of rejected lines the last of each reason is kept, as bytes.
 */
export class Ledger {
  /** Sums since the last flush. */
  received = 0
  accepted = 0
  samples = 0
  zeroDeltas = 0
  readonly #instruments: IngestInstruments
  readonly #rejected = new Map<RejectReason, Rejected>(
    REJECT_REASONS.map((reason) => [reason, { pending: 0, lines: 0, bytes: new Uint8Array(SHOWN_BYTES), length: 0, sender: '', atMs: 0 }]),
  )
  readonly #dropped: Record<DropReason, number> = { mapping_drop: 0, profile_duplicate: 0, bad_name: 0, illegal_value: 0, negative_counter: 0 }
  #hasRejected = false
  #hasDropped = false

  constructor(instruments: IngestInstruments) {
    this.#instruments = instruments
  }

  reject(reason: RejectReason, line: Uint8Array, start: number, end: number, { sender, atMs }: { readonly sender: string; readonly atMs: number }): void {
    const rejected = this.#rejected.get(reason) as Rejected
    rejected.pending++
    rejected.lines++
    const length = Math.min(end - start, SHOWN_BYTES)
    for (let at = 0; at < length; at++) rejected.bytes[at] = line[start + at] as number
    rejected.length = length
    rejected.sender = sender
    rejected.atMs = atMs
    this.#hasRejected = true
  }

  /** Flaws are seldom: they are counted one by one. */
  flaw(flaw: Flaw): void {
    this.#instruments.flaws[flaw].add(1)
  }

  drop(reason: DropReason, samples = 1): void {
    this.#dropped[reason] += samples
    this.#hasDropped = true
  }

  flush(packets: number, bytes: number): void {
    const { received, accepted, samples, packets: packetCount, bytes: byteCount } = this.#instruments
    packetCount.add(packets)
    byteCount.add(bytes)
    if (this.received > 0) received.add(this.received)
    if (this.accepted > 0) accepted.add(this.accepted)
    if (this.samples > 0) samples.add(this.samples)
    this.received = 0
    this.accepted = 0
    this.samples = 0
    if (this.zeroDeltas > 0) {
      this.#instruments.zeroDeltas.add(this.zeroDeltas)
      this.zeroDeltas = 0
    }
    if (this.#hasRejected) this.#flushRejected()
    if (this.#hasDropped) this.#flushDropped()
  }

  /** The last line of every reason that has any. */
  rejectedLines(): RejectedLine[] {
    return Array.from(this.#rejected).flatMap(([reason, { lines, bytes, length, sender, atMs }]) =>
      lines === 0 ? [] : [{ reason, lines, last: new TextDecoder().decode(bytes.subarray(0, length)), sender, atMs }],
    )
  }

  #flushRejected(): void {
    this.#hasRejected = false
    for (const [reason, rejected] of this.#rejected) {
      if (rejected.pending === 0) continue
      this.#instruments.rejected[reason].add(rejected.pending)
      rejected.pending = 0
    }
  }

  #flushDropped(): void {
    this.#hasDropped = false
    for (const reason of DROP_REASONS) {
      if (this.#dropped[reason] === 0) continue
      this.#instruments.dropped[reason].add(this.#dropped[reason])
      this.#dropped[reason] = 0
    }
  }
}

interface Rejected {
  pending: number
  lines: number
  readonly bytes: Uint8Array
  length: number
  sender: string
  atMs: number
}
