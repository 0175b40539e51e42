import type { InstrumentSpec } from '../../component/telemetry.ts'

const labels = { exporter: 'Id of the exporter.' }

/** Points taken over from pipelines; the Collector's name. */
export const sentMetricPoints: InstrumentSpec = {
  name: 'otelcol_exporter_sent_metric_points',
  description: 'Number of metric points successfully sent to destination.',
  unit: '{datapoints}',
  type: 'counter',
  labels,
}

export const droppedMetricPoints: InstrumentSpec = {
  name: 'meshscope_exporter_dropped_metric_points',
  description: 'Metric points that an exporter could not keep.',
  unit: '{datapoints}',
  type: 'counter',
  labels: {
    ...labels,
    reason:
      '`out_of_order`: older than the point known; `series_max`: a new series when there was no room; `no_temporality`: neither delta nor cumulative; `negative_buckets`: an exponential histogram of negative values; `malformed`: buckets that do not fit their bounds.',
  },
}

export const seriesRejected: InstrumentSpec = {
  name: 'meshscope_prometheus_series_rejected',
  description: 'Series that are not exposed, counted once each when that was decided.',
  unit: '{series}',
  type: 'counter',
  labels: {
    ...labels,
    reason:
      '`type_conflict`, `name_conflict`: another family has the name; `label_conflict`: a reserved label name; `duplicate`: another series has the same labels; `labels_too_long`; `series_max`: counted in the overflow series instead.',
  },
}

export const helpConflicts: InstrumentSpec = {
  name: 'meshscope_prometheus_help_conflicts',
  description: 'Sources of a metric whose description differs from the one that is exposed; their series are exposed under the first one.',
  unit: '{sources}',
  type: 'counter',
  labels,
}

export const exposedSeries: InstrumentSpec = {
  name: 'meshscope_prometheus_series',
  description: 'Series in the last complete scrape; a histogram is one.',
  unit: '{series}',
  type: 'gauge',
  labels,
}

export const scrapes: InstrumentSpec = {
  name: 'meshscope_prometheus_scrapes',
  description: 'Answered scrapes.',
  unit: '{requests}',
  type: 'counter',
  labels: {
    ...labels,
    format: '`text` or `openmetrics`.',
    outcome: '`ok`; `aborted`: the client went away; `failed`: the answer was cut; `refused`: too many scrapes at once.',
  },
}

export const scrapeBytes: InstrumentSpec = {
  name: 'meshscope_prometheus_scrape_bytes',
  description: 'Bytes rendered for scrapes, before compression; scrapes that come together share a rendering.',
  unit: 'By',
  type: 'counter',
  labels,
}

export const scrapeSeconds: InstrumentSpec = {
  name: 'meshscope_prometheus_scrape_duration',
  description: 'Time from request to the last byte handed to the connection, summed over complete scrapes.',
  unit: 's',
  type: 'counter',
  labels,
}

export const staleScrapes: InstrumentSpec = {
  name: 'meshscope_prometheus_stale_renderings',
  description: 'Renderings that did not wait any longer for the newest values, and show those of the collection before.',
  unit: '{renderings}',
  type: 'counter',
  labels: { ...labels, reason: '`timeout` or `error`.' },
}
