import type { Flaw, RejectReason, Sample, SampleSink } from '../sample.ts'
import { rawSeries } from './raw_series.ts'

/** A sample as a test wants to see it: texts instead of places, nothing that is absent. */
export interface SeenSample {
  readonly name: string
  readonly type: number
  readonly value: number
  readonly member?: string
  readonly isDelta?: true
  readonly weight?: number
  readonly tags?: readonly (readonly [string, string | undefined])[]
  readonly container?: string
  readonly inode?: string
  readonly external?: string
  readonly cardinality?: string
  readonly timestampS?: number
}

/** What came of some lines, in order. */
export type Seen = SeenSample | { readonly rejected: RejectReason } | { readonly flaw: Flaw; readonly part: string } | 'accepted' | 'event' | 'service check'

/** A sink that keeps all it is told. */
export class CollectingSink implements SampleSink {
  readonly seen: Seen[] = []
  /** Calls of `accepted` and `rejected`. */
  ends = 0

  sample(sample: Sample): void {
    this.seen.push(seenSample(sample))
  }

  event(): void {
    this.seen.push('event')
  }

  serviceCheck(): void {
    this.seen.push('service check')
  }

  accepted(): void {
    this.ends++
    this.seen.push('accepted')
  }

  rejected(reason: RejectReason): void {
    this.ends++
    this.seen.push({ rejected: reason })
  }

  flaw(flaw: Flaw, bytes: Uint8Array, start: number, end: number): void {
    this.seen.push({ flaw, part: Buffer.from(bytes.subarray(start, end)).toString() })
  }

  /** The samples alone. */
  get samples(): readonly SeenSample[] {
    return this.seen.filter((one) => typeof one === 'object' && 'value' in one)
  }
}

/** Copies what a sample says. */
export function seenSample(sample: Sample): SeenSample {
  const text = (start: number, end: number): string => Buffer.from(sample.bytes.subarray(start, end)).toString()
  const { name, tags } = rawSeries(sample, 'lenient')
  const container = text(sample.containerStart, sample.containerEnd)
  const external = text(sample.externalStart, sample.externalEnd)
  const cardinality = text(sample.cardinalityStart, sample.cardinalityEnd)
  return {
    name,
    type: sample.type,
    value: sample.value,
    ...(sample.type === 5 && { member: text(sample.valueStart, sample.valueEnd) }),
    ...(sample.isDelta && { isDelta: true as const }),
    ...(sample.weight !== 1 && { weight: sample.weight }),
    ...(tags.length > 0 && { tags }),
    ...(container !== '' && (sample.isInode ? { inode: container } : { container })),
    ...(external !== '' && { external }),
    ...(cardinality !== '' && { cardinality }),
    ...(sample.timestampS !== 0 && { timestampS: sample.timestampS }),
  }
}
