/** What is remembered of streams: a bounded number of them, and none longer than it is heard of. */
export class StreamTable<State extends object> {
  readonly #states = new Map<string, { state: State; heardMs: number }>()
  readonly #streamsMax: number

  /** `streamsMax` 0 is no limit. */
  constructor(streamsMax: number) {
    this.#streamsMax = streamsMax
  }

  get size(): number {
    return this.#states.size
  }

  /** The state of a stream that is heard of now. */
  get(key: string, nowMs: number): State | undefined {
    const found = this.#states.get(key)
    if (found === undefined) return undefined
    found.heardMs = nowMs
    return found.state
  }

  /** Remembers a state. False when the stream is new and there is no room for it. */
  set(key: string, state: State, nowMs: number): boolean {
    const found = this.#states.get(key)
    if (found !== undefined) {
      found.state = state
      found.heardMs = nowMs
      return true
    }
    if (this.#streamsMax > 0 && this.#states.size >= this.#streamsMax) return false
    this.#states.set(key, { state, heardMs: nowMs })
    return true
  }

  delete(key: string): void {
    this.#states.delete(key)
  }

  /** Forgets the streams that were not heard of since `cutoffMs`; returns how many. */
  expire(cutoffMs: number): number {
    let expired = 0
    for (const [key, { heardMs }] of this.#states) {
      if (heardMs >= cutoffMs) continue
      this.#states.delete(key)
      expired++
    }
    return expired
  }
}
