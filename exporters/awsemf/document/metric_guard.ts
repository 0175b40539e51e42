import type { Clock } from '../../../component/component.ts'

const HOUR = 3_600_000

/**
 * Counts the custom metrics (namespace, name and dimension values) of the hour, for each of which CloudWatch bills, and says
 * which still are within the limit. First come, first served; each hour of the wall clock begins with none.
 */
export class MetricGuard {
  readonly #max: number
  readonly #clock: Clock
  readonly #known = new Set<string>()
  #hour = -1

  /** `max` 0 is no limit. */
  constructor(max: number, clock: Clock) {
    this.#max = max
    this.#clock = clock
  }

  /** The number of the hour; what was admitted in another hour must be asked for again. */
  hour(): number {
    const hour = Math.floor(this.#clock.now() / HOUR)
    if (hour !== this.#hour) {
      this.#known.clear()
      this.#hour = hour
    }
    return hour
  }

  /** Metrics that were admitted in this hour; 0 without a limit, when nothing is remembered. */
  get metrics(): number {
    return this.#known.size
  }

  get isLimited(): boolean {
    return this.#max > 0
  }

  /** True for a metric within the limit. */
  admits(identity: string): boolean {
    if (this.#max === 0 || this.#known.has(identity)) return true
    if (this.#known.size >= this.#max) return false
    this.#known.add(identity)
    return true
  }
}
