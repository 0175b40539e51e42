/** What somebody said about an address, kept as a plain list; the simplest thing that can be right. For tests. */
export interface Life {
  readonly ip: string
  readonly id: string
  readonly rank: number
  readonly isHost: boolean
  readonly ports: readonly number[]
  fromMs: number
  untilMs: number
  terminatingMs: number
}

const OPEN = Number.POSITIVE_INFINITY

/** Answers "whose was it" by going through all lives, as the rule in `ClaimRule`'s description says, word for word. */
export class LivesOracle {
  lives: Life[] = []
  readonly #skewMs: number
  readonly #rememberMs: number

  constructor(skewMs: number, rememberMs: number) {
    this.#skewMs = skewMs
    this.#rememberMs = rememberMs
  }

  whose(ip: string, port: number, timeMs: number): string | undefined {
    const here = this.lives.filter((life) => life.ip === ip)
    const isNode = here.some(({ isHost, rank }) => isHost || rank === 3)
    const eligible = here.filter((life) => (life.isHost || (isNode && life.rank === 2) ? port !== 0 && life.ports.includes(port) : true))
    const covering = eligible.filter(({ fromMs, untilMs }) => fromMs <= timeMs && timeMs < untilMs)
    const soon = eligible.filter(({ fromMs, untilMs }) => timeMs < fromMs && fromMs - timeMs <= this.#skewMs && fromMs < untilMs)
    const ended = eligible.filter(({ untilMs }) => untilMs <= timeMs && timeMs - untilMs < this.#rememberMs)
    const lastEnd = Math.max(...ended.map(({ untilMs }) => untilMs))
    const last = ended.filter(({ untilMs }) => lastEnd - untilMs <= this.#skewMs)
    return (
      first(covering, ({ rank, terminatingMs, fromMs }) => [rank, terminatingMs <= timeMs ? 1 : 0, -fromMs]) ??
      first(soon, ({ rank, fromMs }) => [rank, fromMs, -fromMs]) ??
      first(last, ({ rank, untilMs, fromMs }) => [rank, -untilMs, -fromMs])
    )?.id
  }

  /** After each event: of those alike that have ended, only the last few are remembered. */
  forgetMany(): void {
    this.lives = this.lives.filter((life) => {
      if (life.untilMs === OPEN) return true
      const alike = this.lives.filter((other) => other.ip === life.ip && other.rank === life.rank && other.isHost === life.isHost && other.untilMs !== OPEN)
      const sorted = alike.sort((a, b) => b.untilMs - a.untilMs || b.fromMs - a.fromMs || (a.id < b.id ? -1 : 1))
      return sorted.indexOf(life) < (life.isHost ? 16 : 3)
    })
  }

  sweep(nowMs: number): void {
    this.lives = this.lives.filter(({ untilMs }) => untilMs + this.#rememberMs > nowMs)
  }
}

/** The least by a list of numbers, then by id. */
function first(lives: readonly Life[], order: (life: Life) => readonly [number, number, number]): Life | undefined {
  return [...lives].sort((a, b) => {
    const [one, other] = [order(a), order(b)]
    for (const i of [0, 1, 2] as const) if (one[i] !== other[i]) return one[i] - other[i]
    return a.id < b.id ? -1 : 1
  })[0]
}
