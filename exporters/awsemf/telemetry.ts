import type { InstrumentSpec } from '../../component/telemetry.ts'

export {
  DROPPED_METRIC_POINTS,
  ENQUEUE_FAILED_METRIC_POINTS,
  FAILED_ATTEMPTS,
  FAILED_METRIC_POINTS,
  IN_FLIGHT_REQUESTS,
  QUEUE_CAPACITY,
  QUEUE_SIZE,
  QUEUED_ITEMS,
  SENT_METRIC_POINTS,
} from '../../component/kit/queue/telemetry.ts'

const EXPORTER = { exporter: 'id of the exporter' }

export const UNENCODED_POINTS: InstrumentSpec = {
  name: 'meshscope_awsemf_unencoded_points',
  description: 'Metric points that are in no document.',
  unit: '{datapoints}',
  type: 'counter',
  labels: {
    ...EXPORTER,
    reason:
      '`initial`: the first value of a cumulative series, from which the next ones count; `no_value`: marked so by the sender; `not_finite`, `out_of_range`: a number that CloudWatch refuses; `out_of_order`: older than the one before; `undeclared`: by `undeclared_metrics`; `series_limit`: beyond `delta_series_max`; `too_large`: alone larger than `max_event_bytes`; `empty`: a histogram that has seen nothing since, or a sum that has not grown with `zero_deltas: omit`; `aborted`: given up in a stop',
  },
}

export const CHANGED_POINTS: InstrumentSpec = {
  name: 'meshscope_awsemf_changed_points',
  description: 'Metric points that were counted in another way than they came; of names, once when they are first seen.',
  unit: '{datapoints}',
  type: 'counter',
  labels: {
    ...EXPORTER,
    reason:
      '`label_name`, `label_value`, `metric_name`, `namespace`: of other characters, or shorter, as CloudWatch wants them; `dimensions_cut`: to 30; `custom_metrics_limit`: under `other`, beyond `max_custom_metrics`; `missing_placeholder`: filed under `placeholder_default`; `log_streams_limit`: filed together, beyond `log_streams_max`',
  },
}

export const SERIES: InstrumentSpec = {
  name: 'meshscope_awsemf_series',
  description: 'Series that are remembered.',
  unit: '{series}',
  type: 'gauge',
  labels: EXPORTER,
}

export const CUSTOM_METRICS: InstrumentSpec = {
  name: 'meshscope_awsemf_custom_metrics',
  description: 'Custom metrics of this hour, which are billed; 0 where `max_custom_metrics` is 0.',
  unit: '{metrics}',
  type: 'gauge',
  labels: EXPORTER,
}

export const DOCUMENTS: InstrumentSpec = {
  name: 'meshscope_awsemf_documents',
  description: 'Documents that were made.',
  unit: '{documents}',
  type: 'counter',
  labels: EXPORTER,
}

export const DOCUMENT_BYTES: InstrumentSpec = {
  name: 'meshscope_awsemf_document_bytes',
  description: 'Bytes of the documents that were taken, as CloudWatch Logs bills them (26 more for each).',
  unit: 'By',
  type: 'counter',
  labels: EXPORTER,
}

export const REJECTED_DOCUMENTS: InstrumentSpec = {
  name: 'meshscope_awsemf_rejected_documents',
  description: 'Documents that were given up because they will never be taken; their points are among those dropped as `rejected`.',
  unit: '{documents}',
  type: 'counter',
  labels: {
    ...EXPORTER,
    reason:
      '`too_old` (14 days), `expired` (beyond the retention of the log group), `too_new` (2 hours), `invalid` (refused by the service), `too_large` for the destination, `damaged` in the queue',
  },
}

export const REQUESTS: InstrumentSpec = {
  name: 'meshscope_awsemf_requests',
  description: 'Requests to CloudWatch Logs.',
  unit: '{requests}',
  type: 'counter',
  labels: {
    ...EXPORTER,
    operation: 'such as PutLogEvents',
    outcome:
      '`ok`; `exists` or `not_found`, which is in order while streams are created; `throttled`, `unavailable`, `conflict`, `unreachable`: tried again; `proof`: signature, time or credentials; `denied`, `misdirected`: for an operator; `invalid`, `too_large`: taken apart',
  },
}

export const REQUEST_SECONDS: InstrumentSpec = {
  name: 'meshscope_awsemf_request_seconds',
  description: 'How long requests to CloudWatch Logs took, all together.',
  unit: 's',
  type: 'counter',
  labels: { ...EXPORTER, operation: 'such as PutLogEvents' },
}

export const CLOCK_OFFSET_SECONDS: InstrumentSpec = {
  name: 'meshscope_awsemf_clock_offset_seconds',
  description: 'How far the clock of CloudWatch Logs is ahead of the one here, as far as requests were refused for it; they are signed with its time then.',
  unit: 's',
  type: 'gauge',
  labels: EXPORTER,
}
