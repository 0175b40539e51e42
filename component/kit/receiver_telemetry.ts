import type { Counter, InstrumentSpec } from '../telemetry.ts'

/**
 * The metrics of receivers of items that others made, under the Collector's names. What was sent to such a receiver and could be
 * decoded is accepted + refused + failed.
 */

const LABELS = { receiver: 'id of the receiver', transport: 'how it came, such as grpc or http' }

function spec(outcome: keyof ItemCounters, item: 'log_records' | 'metric_points' | 'spans'): InstrumentSpec {
  const [unit, noun] = ITEMS[item]
  return { name: `otelcol_receiver_${outcome}_${item}`, description: `${noun} ${OUTCOMES[outcome]}`, unit, type: 'counter', labels: LABELS }
}

const ITEMS = { log_records: ['{records}', 'Log records'], metric_points: ['{datapoints}', 'Metric points'], spans: ['{spans}', 'Spans'] } as const
const OUTCOMES = {
  accepted: 'that the pipelines took over.',
  refused: 'that a pipeline did not take over; the sender was told so.',
  failed: 'that were not taken over because of an error in the receiver; the sender was told so.',
} as const

/** Specs by signal and outcome. */
export const RECEIVED_ITEMS = {
  logs_accepted: spec('accepted', 'log_records'),
  logs_refused: spec('refused', 'log_records'),
  logs_failed: spec('failed', 'log_records'),
  metrics_accepted: spec('accepted', 'metric_points'),
  metrics_refused: spec('refused', 'metric_points'),
  metrics_failed: spec('failed', 'metric_points'),
  traces_accepted: spec('accepted', 'spans'),
  traces_refused: spec('refused', 'spans'),
  traces_failed: spec('failed', 'spans'),
} as const

/** What became of the items of a signal. */
export interface ItemCounters {
  readonly accepted: Counter
  readonly refused: Counter
  readonly failed: Counter
}
