import type { Gauge } from '../../component/telemetry.ts'

export interface PendingLimits {
  readonly requestsMax: number
  readonly bytesMax: number
}

/** How many requests, and bytes of them, one worker holds: those that are being read, and those that wait for the pipelines. */
export class Pending {
  readonly #limits: PendingLimits
  readonly #gauges: { readonly requests: Gauge; readonly bytes: Gauge }
  #requests = 0
  #bytes = 0
  #whenEmpty: (() => void)[] = []

  constructor(limits: PendingLimits, gauges: { readonly requests: Gauge; readonly bytes: Gauge }) {
    this.#limits = limits
    this.#gauges = gauges
  }

  /** A place for one more request, or undefined when all are taken. It must be left. */
  enter(): PendingPlace | undefined {
    if (this.#requests >= this.#limits.requestsMax) return undefined
    this.#requests++
    this.#gauges.requests.set(this.#requests)
    let held = 0
    let isLeft = false
    const change = (bytes: number): void => {
      this.#bytes += bytes - held
      held = bytes
      this.#gauges.bytes.set(this.#bytes)
    }
    return {
      hold: (bytes) => {
        if (isLeft || (bytes > held && this.#bytes - held + bytes > this.#limits.bytesMax)) return false
        change(bytes)
        return true
      },
      leave: () => {
        if (isLeft) return
        isLeft = true
        change(0)
        this.#requests--
        this.#gauges.requests.set(this.#requests)
        if (this.#requests === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
      },
    }
  }

  /** Resolves when there is no request. */
  async empty(): Promise<void> {
    if (this.#requests > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }
}

/** What one request takes up. */
export interface PendingPlace {
  /** Says how many bytes the request holds now. False when all together would be too many: then nothing has changed. */
  hold(bytes: number): boolean
  /** Safe twice. */
  leave(): void
}
