import type { IngestLink } from '../../component/link.ts'
import type { Outcome, ToIngest, ToMain } from './messages.ts'

/** The ingest side of the link: every request that is handed to the main half gets one outcome. */
export class Handover {
  readonly #link: IngestLink<ToMain>
  readonly #waiting = new Map<number, (outcome: Outcome) => void>()
  #lastId = 0
  #ending: Outcome | undefined

  constructor(link: IngestLink<ToMain>) {
    this.#link = link
  }

  /** Resolves to what became of a request; never rejects. Its bytes, the whole of their memory, are gone then. */
  send(request: Omit<ToMain, 'id'>): Promise<Outcome> {
    if (this.#ending !== undefined) return Promise.resolve(this.#ending)
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#link.send({ ...request, id }, [request.bytes.buffer])
    })
  }

  receive({ id, outcome }: ToIngest): void {
    const resolve = this.#waiting.get(id)
    this.#waiting.delete(id)
    resolve?.(outcome)
  }

  /** Ends what still waits, and all that is sent from now on, with `outcome`. */
  end(outcome: Outcome): void {
    this.#ending = outcome
    for (const resolve of this.#waiting.values()) resolve(outcome)
    this.#waiting.clear()
  }
}
