import type { Signal } from '../signal.ts'
import type { Counter, InstrumentSpec, Telemetry } from '../telemetry.ts'

/** The metrics of receivers of items that others made, under the Collector's names. received = accepted + refused + failed. */

const LABELS = { receiver: 'id of the receiver', transport: 'how it came: grpc or http' }

function specs(item: string, unit: string, noun: string) {
  const of = (outcome: string, description: string): InstrumentSpec => ({
    name: `otelcol_receiver_${outcome}_${item}`,
    description: `${noun} ${description}`,
    unit,
    type: 'counter',
    labels: LABELS,
  })
  return {
    accepted: of('accepted', 'that the pipelines took over.'),
    refused: of('refused', 'that a pipeline did not take over; the sender was told so.'),
    failed: of('failed', 'that were not taken over because of an error in the daemon; the sender was told so.'),
  }
}

/** By signal, in the unit of its items. */
export const RECEIVED_ITEMS = {
  logs: specs('log_records', '{records}', 'Log records'),
  metrics: specs('metric_points', '{datapoints}', 'Metric points'),
  traces: specs('spans', '{spans}', 'Spans'),
} as const satisfies Readonly<Record<Signal, unknown>>

/** What became of the items of a signal. */
export interface ItemCounters {
  readonly accepted: Counter
  readonly refused: Counter
  readonly failed: Counter
}

/** The counters of one receiver and transport, by signal. `receiver` is the id as in the config, `otlp/edge`. */
export function itemCounters(telemetry: Telemetry, labels: { readonly receiver: string; readonly transport: string }): Readonly<Record<Signal, ItemCounters>> {
  const of = (signal: Signal): ItemCounters => {
    const { accepted, refused, failed } = RECEIVED_ITEMS[signal]
    return { accepted: telemetry.counter(accepted, labels), refused: telemetry.counter(refused, labels), failed: telemetry.counter(failed, labels) }
  }
  return { logs: of('logs'), metrics: of('metrics'), traces: of('traces') }
}
