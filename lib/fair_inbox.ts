/** How long messages are handed on before sockets and timers get their turn. */
const SLICE_MS = 4

/**
 * Hands messages on in their order, in slices of a few milliseconds between which the event loop does what else is due.
 *
 * A `MessagePort` by itself hands on up to 1000 messages in one go. When the other side sends its next message as an answer to
 * how the last one was handled, that many are always there, and the process hears of nothing else for seconds.
 */
export class FairInbox<Message> {
  readonly #hand: (message: Message) => void
  #waiting: Message[] = []
  #sliceEndsMs = 0
  #isScheduled = false

  constructor(hand: (message: Message) => void) {
    this.#hand = hand
  }

  /** Hands `message` on now, or behind those that wait. */
  push(message: Message): void {
    if (!this.#isScheduled) this.#beginSlice()
    if (this.#waiting.length > 0 || performance.now() >= this.#sliceEndsMs) this.#waiting.push(message)
    else this.#hand(message)
  }

  /** Hands on all that waits. */
  drain(): void {
    for (const message of this.#waiting.splice(0)) this.#hand(message)
  }

  #beginSlice(): void {
    this.#sliceEndsMs = performance.now() + SLICE_MS
    this.#isScheduled = true
    setImmediate(() => this.#nextSlice())
  }

  #nextSlice(): void {
    this.#isScheduled = false
    if (this.#waiting.length === 0) return
    this.#beginSlice()
    let handed = 0
    try {
      while (handed < this.#waiting.length && performance.now() < this.#sliceEndsMs) this.#hand(this.#waiting[handed++] as Message)
    } finally {
      // Few wait: senders bound what they have under way.
      this.#waiting = this.#waiting.slice(handed)
    }
  }
}
