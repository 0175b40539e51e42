import type { AttributeSet } from '../../../model/attributes.ts'
import type { Metrics } from '../../../model/metrics.ts'
import { checkedConfig } from '../../../test/fakes/checked_config.ts'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { CloudWatchMetrics } from '../../../test/fakes/emf_reader.ts'
import { type AwsEmfConfig, config } from '../config.ts'
import type { EmfDocument } from './document.ts'
import { EmfEncoder } from './encoder.ts'
import type { MissingPlaceholder } from './log_targets.ts'

/** The settings that documents are made by, with defaults. */
export function emfConfig(given: object = {}): AwsEmfConfig {
  return checkedConfig<AwsEmfConfig>(config, { region: 'eu-central-1', namespace: 'Mesh', ...given })
}

/** An encoder, what it has made, and what CloudWatch makes of that. */
export class EmfRun {
  readonly clock: FakeClock
  readonly documents: EmfDocument[] = []
  readonly dropped: Record<string, number> = {}
  readonly changed: Record<string, number> = {}
  readonly missing: MissingPlaceholder[] = []
  #encoder: EmfEncoder
  readonly #config: AwsEmfConfig

  constructor(given: object = {}, clock = new FakeClock()) {
    this.clock = clock
    this.#config = emfConfig(given)
    this.#encoder = this.#newEncoder()
  }

  get encoder(): EmfEncoder {
    return this.#encoder
  }

  /** The process starts again: what was remembered is gone, what was sent is not. */
  restart(): void {
    this.#encoder = this.#newEncoder()
  }

  /** The documents of a batch, which are kept, too. */
  async encode(metrics: Metrics): Promise<EmfDocument[]> {
    const made: EmfDocument[] = []
    for await (const slice of this.#encoder.encode(metrics)) made.push(...slice)
    for (const document of made) this.documents.push(document)
    return made
  }

  /** The documents of a batch as objects. */
  async objects(metrics: Metrics): Promise<Record<string, unknown>[]> {
    return (await this.encode(metrics)).map(({ json }) => JSON.parse(json) as Record<string, unknown>)
  }

  /** What CloudWatch has of all documents so far. */
  cloudWatch(): CloudWatchMetrics {
    const read = new CloudWatchMetrics()
    for (const [i, { json, timestampMs }] of this.documents.entries()) read.add(json, { place: `document ${i}`, eventTimestampMs: timestampMs })
    return read
  }

  #newEncoder(): EmfEncoder {
    return new EmfEncoder(this.#config, {
      clock: this.clock,
      onDropped: (reason, points) => {
        this.dropped[reason] = (this.dropped[reason] ?? 0) + points
      },
      onChanged: (reason, points) => {
        this.changed[reason] = (this.changed[reason] ?? 0) + points
      },
      onMissing: (missing) => this.missing.push(missing),
    })
  }
}

/** A point of a sum or gauge, at a time of the clock. */
export function numberPoint(attributes: AttributeSet, value: number | bigint, times: { readonly startMs?: number; readonly timeMs: number }) {
  const startTimeNs = BigInt(Math.round(times.startMs ?? 0)) * 1_000_000n
  return { attributes, value, startTimeNs, timeNs: BigInt(Math.round(times.timeMs)) * 1_000_000n, flags: 0, exemplars: [] }
}
