import { type ItemCounters, RECEIVED_ITEMS } from '../../component/kit/receiver_telemetry.ts'
import { SIGNALS, type Signal } from '../../component/signal.ts'
import type { Counter, Gauge, InstrumentSpec, Telemetry } from '../../component/telemetry.ts'
import { FAULT_KINDS } from './answers.ts'
import type { Outcome, Transport } from './messages.ts'

export { failedConnections } from '../../component/kit/failed_connections.ts'

/** What became of the items in requests that could be decoded. */
export const ITEMS = { ...RECEIVED_ITEMS }

const LABELS = { receiver: 'id of the receiver', transport: 'grpc or http' }

export const REQUESTS: InstrumentSpec = {
  name: 'meshscope_otlp_requests',
  description:
    'Requests to export, by what became of them. Items are counted of those that could be decoded: accepted, refused, throttled, rejected and failed ones.',
  unit: '{requests}',
  type: 'counter',
  labels: {
    ...LABELS,
    signal: 'logs, metrics or traces',
    outcome:
      'accepted; partial (some of its items are not OTLP, the others were accepted); by the pipelines: refused, throttled (they said when to come again), rejected (for good), failed (an error in the daemon), no_pipeline; by the receiver: invalid (not OTLP), overload (pending.…_max), too_large, unauthenticated, encoding (unknown compression), media_type, shutdown, cut (the client left before the request was whole)',
  },
}
export const MALFORMED_ITEMS: InstrumentSpec = {
  name: 'meshscope_otlp_malformed_items',
  description: 'Items that are not OTLP in requests whose other items were accepted; the sender was told how many. They are in no other count of items.',
  unit: '{items}',
  type: 'counter',
  labels: { ...LABELS, signal: 'logs, metrics or traces' },
}
export const REQUEST_BYTES: InstrumentSpec = {
  name: 'meshscope_otlp_request_bytes',
  description: 'Bytes of requests as they came over the wire, compressed where they were.',
  unit: 'By',
  type: 'counter',
  labels: LABELS,
}
export const PENDING_REQUESTS: InstrumentSpec = {
  name: 'meshscope_otlp_pending_requests',
  description: 'Requests that are being read or wait for the pipelines.',
  unit: '{requests}',
  type: 'gauge',
  labels: { receiver: 'id of the receiver' },
}
export const PENDING_BYTES: InstrumentSpec = {
  name: 'meshscope_otlp_pending_bytes',
  description: 'Bytes of requests that are being read or wait for the pipelines.',
  unit: 'By',
  type: 'gauge',
  labels: { receiver: 'id of the receiver' },
}

/** What an ingest half counts of one transport, made once so that counting creates nothing. */
export interface TransportInstruments {
  readonly requests: Readonly<Record<Signal, Readonly<Record<Outcome['kind'], Counter>>>>
  readonly bytes: Counter
}

/** `receiver` is the id as in the config, `otlp/edge`. */
export function transportInstruments(telemetry: Telemetry, labels: { readonly receiver: string; readonly transport: Transport }): TransportInstruments {
  const byOutcome = (signal: Signal) =>
    recordOf(['accepted', 'partial', ...FAULT_KINDS] as const, (outcome) => telemetry.counter(REQUESTS, { ...labels, signal, outcome }))
  return { requests: recordOf(SIGNALS, byOutcome), bytes: telemetry.counter(REQUEST_BYTES, labels) }
}

/** What the main half counts of one transport, by signal. */
export function itemCounters(
  telemetry: Telemetry,
  labels: { readonly receiver: string; readonly transport: Transport },
): Readonly<Record<Signal, ItemCounters & { readonly malformed: Counter }>> {
  const counterOf = (signal: Signal, outcome: keyof ItemCounters): Counter => telemetry.counter(ITEMS[`${signal}_${outcome}`], labels)
  return recordOf(SIGNALS, (signal) => ({
    accepted: counterOf(signal, 'accepted'),
    refused: counterOf(signal, 'refused'),
    failed: counterOf(signal, 'failed'),
    malformed: telemetry.counter(MALFORMED_ITEMS, { ...labels, signal }),
  }))
}

/** How many requests, and bytes of them, an ingest half holds. */
export function pendingGauges(telemetry: Telemetry, receiver: string): { readonly requests: Gauge; readonly bytes: Gauge } {
  return { requests: telemetry.gauge(PENDING_REQUESTS, { receiver }), bytes: telemetry.gauge(PENDING_BYTES, { receiver }) }
}

function recordOf<K extends string, V>(keys: readonly K[], valueOf: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as Record<K, V>
}
