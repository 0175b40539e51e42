import type { InstrumentSpec } from '../telemetry.ts'

/** The metrics of exporters that write what they get, under the Collector's names where it has them. */

const EXPORTER = { exporter: 'id of the exporter' }

export const SENT_LOG_RECORDS: InstrumentSpec = {
  name: 'otelcol_exporter_sent_log_records',
  description: 'Log records that were written out.',
  unit: '{records}',
  type: 'counter',
  labels: EXPORTER,
}

export const SENT_METRIC_POINTS: InstrumentSpec = {
  name: 'otelcol_exporter_sent_metric_points',
  description: 'Metric points that were written out.',
  unit: '{datapoints}',
  type: 'counter',
  labels: EXPORTER,
}

export const SENT_SPANS: InstrumentSpec = {
  name: 'otelcol_exporter_sent_spans',
  description: 'Spans that were written out.',
  unit: '{spans}',
  type: 'counter',
  labels: EXPORTER,
}

export const FAILED_LOG_RECORDS: InstrumentSpec = {
  name: 'otelcol_exporter_send_failed_log_records',
  description: 'Log records that could not be written because of an error.',
  unit: '{records}',
  type: 'counter',
  labels: EXPORTER,
}

export const FAILED_METRIC_POINTS: InstrumentSpec = {
  name: 'otelcol_exporter_send_failed_metric_points',
  description: 'Metric points that could not be written because of an error.',
  unit: '{datapoints}',
  type: 'counter',
  labels: EXPORTER,
}

export const FAILED_SPANS: InstrumentSpec = {
  name: 'otelcol_exporter_send_failed_spans',
  description: 'Spans that could not be written because of an error.',
  unit: '{spans}',
  type: 'counter',
  labels: EXPORTER,
}

const DROPPED = {
  ...EXPORTER,
  reason: '`sampled` by sampling options, `queue_full` because the output is slower than the data, `shutdown` when the drain deadline passed',
}

export const DROPPED_LOG_RECORDS: InstrumentSpec = {
  name: 'meshscope_exporter_dropped_log_records',
  description: 'Log records that were not written, by reason.',
  unit: '{records}',
  type: 'counter',
  labels: DROPPED,
}

export const DROPPED_METRIC_POINTS: InstrumentSpec = {
  name: 'meshscope_exporter_dropped_metric_points',
  description: 'Metric points that were not written, by reason.',
  unit: '{datapoints}',
  type: 'counter',
  labels: DROPPED,
}

export const DROPPED_SPANS: InstrumentSpec = {
  name: 'meshscope_exporter_dropped_spans',
  description: 'Spans that were not written, by reason.',
  unit: '{spans}',
  type: 'counter',
  labels: DROPPED,
}
