import { type ItemCounters, RECEIVED_ITEMS } from '../../component/kit/receiver_telemetry.ts'
import type { InstrumentSpec, Telemetry } from '../../component/telemetry.ts'

const { metrics_accepted, metrics_refused, metrics_failed } = RECEIVED_ITEMS

/** What became of the points that were handed on; the label `transport` is `http`. */
export const POINTS = { metrics_accepted, metrics_refused, metrics_failed } as const

const JOB = { receiver: 'id of the receiver', job: 'job_name of the scrape config' }

export const SCRAPES: InstrumentSpec = {
  name: 'meshscope_prometheus_target_scrapes',
  description: 'Scrapes, by how they ended. All but ok count as failed: their target has up 0, and its series end until it is back.',
  unit: '{scrapes}',
  type: 'counter',
  labels: {
    ...JOB,
    outcome:
      'ok; connection (none, or an error of it), timeout, status (not 200), content_type (neither text format nor OpenMetrics), encoding (broken or unknown compression), too_large (body_size_limit), sample_limit, credentials (a file cannot be read), cut (the page is not whole), stopped (the receiver is)',
  },
}
export const PAGE_BYTES: InstrumentSpec = {
  name: 'meshscope_prometheus_page_bytes',
  description: 'Bytes of pages, decompressed.',
  unit: 'By',
  type: 'counter',
  labels: JOB,
}
export const SAMPLES: InstrumentSpec = {
  name: 'meshscope_prometheus_samples',
  description: 'Samples that could be read, of pages that were read whole.',
  unit: '{samples}',
  type: 'counter',
  labels: JOB,
}
export const DROPPED_SAMPLES: InstrumentSpec = {
  name: 'meshscope_prometheus_dropped_samples',
  description: 'Samples that are not handed on although they could be read. Incomplete ones are counted by series.',
  unit: '{samples}',
  type: 'counter',
  labels: {
    ...JOB,
    reason:
      'relabel (by metric_relabel_configs), duplicate (the page has the series already), invalid_name (no name after relabelling), invalid_label (le or quantile is no number), incomplete (a histogram without count, or whose buckets fall; a _created without its series), scrape_failed (the page had been read in part)',
  },
}
export const MALFORMED_LINES: InstrumentSpec = {
  name: 'meshscope_prometheus_malformed_lines',
  description: 'Lines that could not be read; the other lines of the page are not harmed.',
  unit: '{lines}',
  type: 'counter',
  labels: { ...JOB, reason: 'what is wrong: name, labels, duplicate_label, value, timestamp, exemplar or metadata' },
}
export const TARGETS: InstrumentSpec = {
  name: 'meshscope_prometheus_targets',
  description: 'Targets.',
  unit: '{targets}',
  type: 'gauge',
  labels: {
    ...JOB,
    state:
      'active (being scraped), dropped (by relabel_configs), invalid (no address, one that is none, or times that are none), duplicate (same page and labels as another)',
  },
}

/** Counters of the points that one receiver hands on. */
export function pointCounters(telemetry: Telemetry, receiver: string): ItemCounters {
  const labels = { receiver, transport: 'http' }
  return {
    accepted: telemetry.counter(POINTS.metrics_accepted, labels),
    refused: telemetry.counter(POINTS.metrics_refused, labels),
    failed: telemetry.counter(POINTS.metrics_failed, labels),
  }
}
