import type { Settings } from '../../../component/component.ts'
import type { Counter } from '../../../component/telemetry.ts'
import { DOCUMENT_BYTES, REJECTED_DOCUMENTS } from '../telemetry.ts'

/** Why documents are given up; the values of the label `reason` of the rejected ones. */
export type RejectReason = 'too_old' | 'expired' | 'too_new' | 'invalid' | 'too_large' | 'damaged'

/** Shortest time between two log lines about one reason. */
const LOG_MS = 60_000

/** Counts what destinations took and what they never will, and says the latter in the log, at most once a minute for each reason. */
export class DocumentLedger {
  readonly #settings: Settings
  readonly #bytes: Counter
  readonly #told = new Map<RejectReason, { atMs: number; documents: number }>()

  constructor(settings: Settings) {
    this.#settings = settings
    this.#bytes = settings.telemetry.counter(DOCUMENT_BYTES, { exporter: settings.id.text })
  }

  taken(bytes: number): void {
    this.#bytes.add(bytes)
  }

  /** `why` is what the destination said. */
  rejected(reason: RejectReason, documents: number, why: string): void {
    const { telemetry, id, clock, log } = this.#settings
    telemetry.counter(REJECTED_DOCUMENTS, { exporter: id.text, reason }).add(documents)
    const told = this.#told.get(reason) ?? { atMs: Number.NEGATIVE_INFINITY, documents: 0 }
    this.#told.set(reason, told)
    told.documents += documents
    if (clock.monotonic() - told.atMs < LOG_MS) return
    log.warn({ documents: told.documents, reason, error: why }, 'documents given up')
    told.atMs = clock.monotonic()
    told.documents = 0
  }
}
