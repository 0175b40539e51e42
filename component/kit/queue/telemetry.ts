import type { InstrumentSpec } from '../../telemetry.ts'
import {
  DROPPED_METRIC_POINTS as DROPPED_POINTS,
  DROPPED_LOG_RECORDS as DROPPED_RECORDS,
  DROPPED_SPANS as DROPPED_TRACE_SPANS,
  FAILED_LOG_RECORDS,
  FAILED_METRIC_POINTS,
  FAILED_SPANS,
  SENT_LOG_RECORDS,
  SENT_METRIC_POINTS,
  SENT_SPANS,
} from '../exporter_telemetry.ts'

/**
 * The metrics of a sending queue, under the Collector's names where it has them; to be exported from the `telemetry.ts` of
 * every exporter that has one. For each signal: offered = enqueue_failed + sent + Σ dropped{reason} + what the queue holds.
 * `send_failed` is the Collector's view of a part of the dropped ones.
 */

const EXPORTER = { exporter: 'id of the exporter' }
const QUEUE = { ...EXPORTER, data_type: '`logs`, `metrics` or `traces`' }

/** Why items left the queue unsent; the values of the label `reason` of the dropped ones. */
export type DropReason = 'permanent' | 'retries_exhausted' | 'shutdown' | 'damaged' | 'rejected'

const DROPPED = {
  ...EXPORTER,
  reason:
    '`permanent`: the backend will never take them; `rejected`: it took the request without them; `retries_exhausted`: `max_elapsed_time` has passed, or `retry_on_failure` is off; `shutdown`: not sent before the end, and not on disk; `damaged`: unreadable on disk',
}

/** Why items were not taken by the queue; the values of the label `reason` of enqueue_failed. */
export type RefuseReason = 'queue_full' | 'too_large' | 'storage' | 'shutdown'

const REFUSED = {
  ...EXPORTER,
  reason: '`queue_full`: no room; `too_large`: larger than the whole queue; `storage`: the disk did not take them; `shutdown`: the exporter was stopping',
}

export { FAILED_LOG_RECORDS, FAILED_METRIC_POINTS, FAILED_SPANS, SENT_LOG_RECORDS, SENT_METRIC_POINTS, SENT_SPANS }

export const DROPPED_LOG_RECORDS: InstrumentSpec = { ...DROPPED_RECORDS, labels: DROPPED }
export const DROPPED_METRIC_POINTS: InstrumentSpec = { ...DROPPED_POINTS, labels: DROPPED }
export const DROPPED_SPANS: InstrumentSpec = { ...DROPPED_TRACE_SPANS, labels: DROPPED }

export const ENQUEUE_FAILED_LOG_RECORDS: InstrumentSpec = {
  name: 'otelcol_exporter_enqueue_failed_log_records',
  description: 'Log records that the sending queue did not take; the pipeline was told.',
  unit: '{records}',
  type: 'counter',
  labels: REFUSED,
}

export const ENQUEUE_FAILED_METRIC_POINTS: InstrumentSpec = {
  name: 'otelcol_exporter_enqueue_failed_metric_points',
  description: 'Metric points that the sending queue did not take; the pipeline was told.',
  unit: '{datapoints}',
  type: 'counter',
  labels: REFUSED,
}

export const ENQUEUE_FAILED_SPANS: InstrumentSpec = {
  name: 'otelcol_exporter_enqueue_failed_spans',
  description: 'Spans that the sending queue did not take; the pipeline was told.',
  unit: '{spans}',
  type: 'counter',
  labels: REFUSED,
}

export const QUEUE_SIZE: InstrumentSpec = {
  name: 'otelcol_exporter_queue_size',
  description: 'What the sending queue holds, what is being sent included, in units of its sizer.',
  unit: '{batches}',
  type: 'gauge',
  labels: QUEUE,
}

export const QUEUE_CAPACITY: InstrumentSpec = {
  name: 'otelcol_exporter_queue_capacity',
  description: 'What the sending queue may hold, in units of its sizer.',
  unit: '{batches}',
  type: 'gauge',
  labels: QUEUE,
}

export const IN_FLIGHT_REQUESTS: InstrumentSpec = {
  name: 'otelcol_exporter_in_flight_requests',
  description: 'Requests that are being sent or wait for their next attempt.',
  unit: '{requests}',
  type: 'gauge',
  labels: QUEUE,
}

export const FAILED_ATTEMPTS: InstrumentSpec = {
  name: 'meshscope_exporter_failed_attempts',
  description: 'Attempts to send a request that failed and may be repeated.',
  unit: '{attempts}',
  type: 'counter',
  labels: QUEUE,
}

export const QUEUED_ITEMS: InstrumentSpec = {
  name: 'meshscope_exporter_queued_items',
  description: 'Log records, metric points or spans in the sending queue, what is being sent included.',
  unit: '{items}',
  type: 'gauge',
  labels: QUEUE,
}
