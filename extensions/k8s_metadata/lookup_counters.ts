import type { Clock } from '../../component/component.ts'
import type { Counter, Telemetry } from '../../component/telemetry.ts'
import type { IdentityLookup } from '../../model/identity/index.ts'
import type { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import { lookups } from './telemetry.ts'

const COUNT_INTERVAL_MS = 1000

interface Kind {
  readonly counts: { readonly hits: number; readonly misses: number }
  readonly hits: Counter
  readonly misses: Counter
  seenHits: number
  seenMisses: number
}

/** Adds what an index counts to the own telemetry from time to time, so that a look-up costs no more than an increment. */
export class LookupCounters {
  readonly #kinds: readonly Kind[]
  #stop: (() => void) | undefined

  constructor(index: SharedIdentityIndex, telemetry: Telemetry, extension: string) {
    this.#kinds = (Object.keys(index.counts) as IdentityLookup[]).map((kind) => ({
      counts: index.counts[kind],
      hits: telemetry.counter(lookups, { extension, kind, outcome: 'hit' }),
      misses: telemetry.counter(lookups, { extension, kind, outcome: 'miss' }),
      seenHits: 0,
      seenMisses: 0,
    }))
  }

  start(clock: Clock): void {
    this.#stop ??= clock.every(COUNT_INTERVAL_MS, () => this.count())
  }

  /** Counts for the last time. Safe without `start` and safe twice. */
  stop(): void {
    this.#stop?.()
    this.#stop = undefined
    this.count()
  }

  count(): void {
    for (const kind of this.#kinds) {
      const { hits, misses } = kind.counts
      if (hits !== kind.seenHits) kind.hits.add(hits - kind.seenHits)
      if (misses !== kind.seenMisses) kind.misses.add(misses - kind.seenMisses)
      kind.seenHits = hits
      kind.seenMisses = misses
    }
  }
}
