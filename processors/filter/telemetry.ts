import type { InstrumentSpec } from '../../component/telemetry.ts'

const filter = 'Id of the processor, such as `filter`.'

export const filteredLogs: InstrumentSpec = {
  name: 'otelcol_processor_filter_logs_filtered',
  description: 'Log records that conditions have dropped.',
  unit: '{records}',
  type: 'counter',
  labels: { filter },
}

export const filteredSpans: InstrumentSpec = {
  name: 'otelcol_processor_filter_spans_filtered',
  description: 'Spans that conditions have dropped.',
  unit: '{spans}',
  type: 'counter',
  labels: { filter },
}

export const filteredEvents: InstrumentSpec = {
  name: 'meshscope_filter_span_events_filtered',
  description: 'Events that conditions have dropped from spans that were kept.',
  unit: '{events}',
  type: 'counter',
  labels: { filter },
}

export const filteredPoints: InstrumentSpec = {
  name: 'otelcol_processor_filter_datapoints_filtered',
  description: 'Data points that conditions have dropped; a series of our own counts at each scrape.',
  unit: '{points}',
  type: 'counter',
  labels: { filter },
}

export const failures: InstrumentSpec = {
  name: 'meshscope_filter_failures',
  description:
    'Conditions that failed on an item, which they did not drop. With `error_mode: propagate` each one refused a batch. Series of our own are looked at once, not at each scrape.',
  unit: '{failures}',
  type: 'counter',
  labels: { filter, signal: '`logs`, `metrics` or `traces`.', context: 'What the condition is about, such as `log`.' },
}

export const conversions: InstrumentSpec = {
  name: 'meshscope_filter_converted_points',
  description: 'Points of our own series that had to be turned into objects, because conditions read more than attributes, names, scopes and resources.',
  unit: '{points}',
  type: 'counter',
  labels: { filter },
}
