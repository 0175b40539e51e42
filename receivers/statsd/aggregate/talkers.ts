import type { AttributeSet } from '../../../model/attributes.ts'
import { type FamilyKind, familyKind } from './descriptor.ts'
import type { SeriesIndex } from './series_index.ts'
import type { SeriesList } from './series_list.ts'
import type { StatShardReader } from './shard_reader.ts'

/** A series, and how much is said to it. */
export interface Talker {
  /** Name of the metric as it is handed on, before an exporter translates it. */
  readonly name: string
  readonly kind: FamilyKind
  readonly attributes: AttributeSet
  /** Samples since the series began. */
  readonly samples: number
  /** Samples per second over the last 10 to 20 seconds, or since the series began or the first look if that is less. */
  readonly ratePerS: number
  /** Milliseconds since the epoch. */
  readonly lastSeenMs: number
}

interface Look {
  readonly atMs: number
  readonly samples: Float64Array
}

const LOOK_MS = 10_000

/** Knows which series get the most samples, by looking at their rows now and then. */
export class Talkers {
  readonly #index: SeriesIndex
  #older: Look | undefined
  #newer: Look | undefined

  constructor(index: SeriesIndex) {
    this.#index = index
  }

  /** Takes a look when the last one is old. */
  note(shards: readonly StatShardReader[], nowMs: number): void {
    if (this.#newer !== undefined && nowMs - this.#newer.atMs < LOOK_MS) return
    this.#older = this.#newer
    this.#newer = { atMs: nowMs, samples: this.#samples(shards) }
  }

  /** The numbers of these series will be given to others. */
  forget(ids: readonly number[]): void {
    for (const look of [this.#older, this.#newer]) for (const id of ids) if (look !== undefined && id < look.samples.length) look.samples[id] = 0
  }

  /** The series with the most samples per second; among equals, with the most samples. */
  top(shards: readonly StatShardReader[], limit: number, nowMs: number): Talker[] {
    const samples = this.#samples(shards)
    const rates = new Float64Array(samples.length)
    const ids: number[] = []
    for (let id = 0; id < samples.length; id++) {
      if (this.#index.lists[id] === undefined) continue
      rates[id] = this.#rate(id, samples[id] as number, nowMs)
      ids.push(id)
    }
    ids.sort((a, b) => (rates[b] as number) - (rates[a] as number) || (samples[b] as number) - (samples[a] as number))
    return ids.slice(0, limit).map((id) => this.#talker(id, samples[id] as number, rates[id] as number))
  }

  #rate(id: number, samples: number, nowMs: number): number {
    const look = [this.#older, this.#newer].find((one) => one !== undefined && one.atMs < nowMs)
    if (look === undefined) return 0
    const seconds = (nowMs - look.atMs) / 1000
    return Math.max(0, samples - (look.samples[id] ?? 0)) / seconds
  }

  #talker(id: number, samples: number, ratePerS: number): Talker {
    const list = this.#index.lists[id] as SeriesList
    const index = this.#index.indexes[id] as number
    const { family, aggregation } = list.of
    const attributes = list.series[index] as AttributeSet
    return { name: family.name, kind: familyKind(aggregation), attributes, samples, ratePerS, lastSeenMs: list.updatedMs[index] as number }
  }

  #samples(shards: readonly StatShardReader[]): Float64Array {
    const samples = this.#index.samples.slice(0, this.#index.end)
    for (const shard of shards) {
      for (let row = 0, { rows } = shard; row < rows; row++) {
        const id = (shard.seriesOf[row] as number) - 1
        if (id >= 0) samples[id] = (samples[id] as number) + shard.samplesOf(row)
      }
    }
    return samples
  }
}
