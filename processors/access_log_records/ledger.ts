import type { Settings } from '../../component/component.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { Outcomes } from './record_writer.ts'
import { RECORDS, REDUCED } from './telemetry.ts'

/** Counts every entry by what became of it, once per batch. */
export class Ledger {
  readonly sent: Counter
  readonly refused: Counter
  readonly queueFull: Counter
  readonly #notIncluded: Counter
  readonly #sampled: Counter
  readonly #tooLarge: Counter
  readonly #outcomes: Outcomes = { written: 0, notIncluded: 0, sampled: 0, tooLarge: 0 }

  constructor({ telemetry, id, pipeline = '' }: Settings) {
    const labels = { processor: id.text, pipeline }
    this.sent = telemetry.counter(RECORDS, { ...labels, outcome: 'sent' })
    this.refused = telemetry.counter(RECORDS, { ...labels, outcome: 'refused' })
    this.queueFull = telemetry.counter(RECORDS, { ...labels, outcome: 'queue_full' })
    this.#notIncluded = telemetry.counter(RECORDS, { ...labels, outcome: 'not_included' })
    this.#sampled = telemetry.counter(RECORDS, { ...labels, outcome: 'sampled' })
    this.#tooLarge = telemetry.counter(REDUCED, labels)
  }

  /** What is to be filled for the next batch; the same object each time. */
  begin(): Outcomes {
    const outcomes = this.#outcomes
    outcomes.written = 0
    outcomes.notIncluded = 0
    outcomes.sampled = 0
    outcomes.tooLarge = 0
    return outcomes
  }

  /** Counts what was left out of the batch; what was written counts when it is known what becomes of it. */
  flush(): void {
    const { notIncluded, sampled, tooLarge } = this.#outcomes
    if (notIncluded > 0) this.#notIncluded.add(notIncluded)
    if (sampled > 0) this.#sampled.add(sampled)
    if (tooLarge > 0) this.#tooLarge.add(tooLarge)
  }
}
