import { OBJECT_HEADER_WORDS, OBJECT_KINDS } from './encode.ts'
import { ClaimFlag, Control, claimCount, claimsOffset, claimWords, Rank, timeAt } from './layout.ts'
import type { IdentityMemory } from './memory.ts'

/** Most claims about one key. */
export const CLAIMS_MAX = 200

/** How an answer came about. */
export type Verdict = 'covers' | 'begins_soon' | 'ended_lately' | 'none'

const NOBODY = -1
const SERVICE = OBJECT_KINDS.indexOf('service')

/**
 * Decides whose an address was: the rule of the identity index, over the claims of one binding. Creates nothing.
 *
 * A claim is `[from, until)`: a pod's begins with its `startedMs` (else when it was created or first seen) and ends when it
 * ended (`endedMs`) or was removed. It is eligible for a port when
 * - its claimant is a host-network pod: it has that port;
 * - it is a service's: it has that port, or no ports at all, or the port asked for is 0;
 * - it is an endpoint's at the address of a node (a node or a host-network pod claims it too, at whatever time): it has that port;
 * - it is any other: always.
 *
 * Among the eligible claims, at a time t:
 * 1. Those that cover t: the one of the best rank (pod, workload entry, endpoint, node; service, service entry); of those, one
 *    that is not terminating at t before one that is; of those, the one that began last. A newer claimant thus takes the address
 *    over from an older one when it begins, and a terminating one that lingers never takes it back.
 * 2. None covers t: those that begin within the clock skew after t: the best rank, then the earliest.
 * 3. Nor that: those that ended less than the remembered time before t. Ends that lie within the clock skew of the last end count
 *    as one: the best rank, then the last that ended, then the one that began last.
 *
 * What is still equal is decided by the order of claims in the binding, which is that of the names.
 */
export class ClaimRule {
  /** Since and until when the answer is the same; the time asked for lies within. */
  fromMs = 0
  untilMs = 0
  verdict: Verdict = 'none'
  readonly #memory: IdentityMemory
  readonly #clockSkewMs: number
  readonly #rememberGoneMs: number
  #count = 0
  /** The eligible claims: where each stands, and what it says. */
  readonly #at = new Int32Array(CLAIMS_MAX)
  readonly #rank = new Int32Array(CLAIMS_MAX)
  readonly #from = new Float64Array(CLAIMS_MAX)
  readonly #until = new Float64Array(CLAIMS_MAX)
  readonly #terminating = new Float64Array(CLAIMS_MAX)

  constructor(memory: IdentityMemory) {
    this.#memory = memory
    this.#clockSkewMs = memory.control[Control.clockSkewMs] as number
    this.#rememberGoneMs = memory.control[Control.rememberGoneMs] as number
  }

  /** The address of the claim that wins; 0 when none does. */
  choose(binding: number, port: number, timeMs: number): number {
    this.#load(binding, port)
    this.verdict = 'none'
    if (this.#count === 0) return 0
    const winner = this.#covering(timeMs)
    if (winner !== NOBODY) {
      this.verdict = 'covers'
      this.fromMs = this.#from[winner] as number
      this.untilMs = this.#until[winner] as number
      if (this.#count > 1) this.#narrow(winner, timeMs)
      return this.#at[winner] as number
    }
    return this.#nearest(timeMs)
  }

  /** True when a claim is eligible for a port; for explanations. */
  isEligible(binding: number, claim: number, port: number): boolean {
    this.#load(binding, port)
    return this.#at.subarray(0, this.#count).includes(claim)
  }

  #load(binding: number, port: number): void {
    const { words } = this.#memory
    const header = words[binding] ?? 0
    const stride = claimWords(header)
    const count = Math.min(claimCount(header), CLAIMS_MAX)
    const start = binding + claimsOffset(header)
    this.#count = 0
    let isNodeAddress = false
    if (count > 1) for (let i = 0; i < count; i++) isNodeAddress ||= isOfNode(words[start + i * stride + 1] ?? 0)
    for (let i = 0; i < count; i++) {
      const at = start + i * stride
      const flags = words[at + 1] ?? 0
      if (!this.#isOpenTo(port, words[at] ?? 0, flags, isNodeAddress)) continue
      const own = this.#count++
      this.#at[own] = at
      this.#rank[own] = flags & ClaimFlag.rank
      this.#from[own] = stride > 2 ? timeAt(words, at + 2) : 0
      this.#until[own] = stride > 4 ? timeAt(words, at + 4) : Number.POSITIVE_INFINITY
      this.#terminating[own] = stride > 4 ? timeAt(words, at + 6) : Number.POSITIVE_INFINITY
    }
  }

  #isOpenTo(port: number, object: number, flags: number, isNodeAddress: boolean): boolean {
    const isHost = (flags & ClaimFlag.isHost) !== 0
    const header = this.#memory.words[object] ?? 0
    const isService = (header & 0xff) === SERVICE
    const isShared = isHost || (isNodeAddress && (flags & ClaimFlag.rank) === Rank.endpoint)
    if (!isShared && !isService) return true
    const ports = this.#memory.words[object + OBJECT_HEADER_WORDS] ?? 0
    if (isService) return port === 0 || ports === 0 || this.#memory.listHas(ports, port)
    return port !== 0 && this.#memory.listHas(ports, port)
  }

  /** The claim that wins among those that cover a time. */
  #covering(timeMs: number): number {
    let best = NOBODY
    for (let i = 0; i < this.#count; i++) {
      if ((this.#from[i] as number) > timeMs || (this.#until[i] as number) <= timeMs) continue
      if (best === NOBODY || this.#beats(i, best, timeMs)) best = i
    }
    return best
  }

  #beats(one: number, other: number, timeMs: number): boolean {
    const rank = (this.#rank[one] as number) - (this.#rank[other] as number)
    if (rank !== 0) return rank < 0
    const isTerminating = (this.#terminating[one] as number) <= timeMs
    if (isTerminating !== (this.#terminating[other] as number) <= timeMs) return !isTerminating
    return (this.#from[one] as number) > (this.#from[other] as number)
  }

  /** Narrows the validity of a covering claim to where no other wins: the winner changes only where a claim begins, ends or terminates. */
  #narrow(winner: number, timeMs: number): void {
    for (let i = 0; i < this.#count; i++) {
      if ((this.#rank[i] as number) > (this.#rank[winner] as number)) continue
      this.#narrowAt(this.#from[i] as number, winner, timeMs)
      this.#narrowAt(this.#until[i] as number, winner, timeMs)
      this.#narrowAt(this.#terminating[i] as number, winner, timeMs)
    }
  }

  #narrowAt(boundary: number, winner: number, timeMs: number): void {
    if (boundary > timeMs && boundary < this.untilMs) {
      if (this.#covering(boundary) !== winner) this.untilMs = boundary
    } else if (boundary <= timeMs && boundary > this.fromMs && this.#covering(boundary - 1) !== winner) {
      this.fromMs = boundary
    }
  }

  /** When no claim covers a time: the one that begins soon, or ended lately. */
  #nearest(timeMs: number): number {
    let lastEnd = Number.NEGATIVE_INFINITY
    for (let i = 0; i < this.#count; i++) {
      const until = this.#until[i] as number
      if (until <= timeMs && timeMs - until < this.#rememberGoneMs && until > lastEnd) lastEnd = until
    }
    let soon = NOBODY
    let lately = NOBODY
    for (let i = 0; i < this.#count; i++) {
      const from = this.#from[i] as number
      const until = this.#until[i] as number
      if (from > timeMs && from - timeMs <= this.#clockSkewMs && until > from && (soon === NOBODY || this.#isSooner(i, soon))) soon = i
      if (until <= timeMs && lastEnd - until <= this.#clockSkewMs && timeMs - until < this.#rememberGoneMs && (lately === NOBODY || this.#isLater(i, lately)))
        lately = i
    }
    const nearest = soon === NOBODY ? lately : soon
    if (nearest === NOBODY) return 0
    this.verdict = soon === NOBODY ? 'ended_lately' : 'begins_soon'
    this.#spanAround(timeMs)
    return this.#at[nearest] as number
  }

  #isSooner(one: number, other: number): boolean {
    const rank = (this.#rank[one] as number) - (this.#rank[other] as number)
    return rank === 0 ? (this.#from[one] as number) < (this.#from[other] as number) : rank < 0
  }

  #isLater(one: number, other: number): boolean {
    const rank = (this.#rank[one] as number) - (this.#rank[other] as number)
    if (rank !== 0) return rank < 0
    const end = (this.#until[one] as number) - (this.#until[other] as number)
    return end === 0 ? (this.#from[one] as number) > (this.#from[other] as number) : end > 0
  }

  /** Between the nearest times around `timeMs` at which any claim begins or ends to count. */
  #spanAround(timeMs: number): void {
    this.fromMs = 0
    this.untilMs = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#count; i++) {
      const from = this.#from[i] as number
      const until = this.#until[i] as number
      this.#spanTo(from - this.#clockSkewMs, timeMs)
      this.#spanTo(from, timeMs)
      this.#spanTo(until, timeMs)
      this.#spanTo(until + this.#rememberGoneMs, timeMs)
    }
  }

  #spanTo(boundary: number, timeMs: number): void {
    if (boundary > timeMs) this.untilMs = Math.min(this.untilMs, boundary)
    else this.fromMs = Math.max(this.fromMs, boundary)
  }
}

/** True for claims that say: this address is a node's. */
function isOfNode(flags: number): boolean {
  return (flags & ClaimFlag.isHost) !== 0 || (flags & ClaimFlag.rank) === Rank.node
}
