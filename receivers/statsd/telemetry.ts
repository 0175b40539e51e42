import type { Counter, Gauge, InstrumentSpec, Telemetry } from '../../component/telemetry.ts'
import { LISTEN_FAULTS, type ListenFault } from './listen/listener.ts'
import type { Flaw, RejectReason } from './sample.ts'

const LABELS = { receiver: 'id of the receiver', transport: 'as in the config' }

/** The ledger of lines: received = accepted + rejected. */
export const RECEIVED_LINES: InstrumentSpec = {
  name: 'meshscope_statsd_received_lines',
  description: 'Lines that arrived, empty ones not counted.',
  unit: '{lines}',
  type: 'counter',
  labels: LABELS,
}
export const ACCEPTED_LINES: InstrumentSpec = {
  name: 'meshscope_statsd_accepted_lines',
  description: 'Lines that were taken, events and service checks among them.',
  unit: '{lines}',
  type: 'counter',
  labels: LABELS,
}
export const REJECTED_LINES: InstrumentSpec = {
  name: 'meshscope_statsd_rejected_lines',
  description: 'Lines that were not taken.',
  unit: '{lines}',
  type: 'counter',
  labels: { ...LABELS, reason: 'what was wrong with them; see DIALECTS.md' },
}
export const FLAWS: InstrumentSpec = {
  name: 'meshscope_statsd_flaws',
  description: 'Parts of accepted lines that were left out, replaced or read as if they were not there.',
  unit: '{parts}',
  type: 'counter',
  labels: { ...LABELS, reason: 'what was wrong with them; see DIALECTS.md' },
}

/** The ledger of samples: those of accepted lines = accepted + dropped. */
export const ACCEPTED_SAMPLES: InstrumentSpec = {
  name: 'otelcol_receiver_accepted_metric_points',
  description: 'Samples that were counted in a series, in overflow series too.',
  unit: '{datapoints}',
  type: 'counter',
  labels: LABELS,
}
export const DROPPED_SAMPLES: InstrumentSpec = {
  name: 'meshscope_receiver_dropped_metric_points',
  description: 'Samples of accepted lines that are in no series.',
  unit: '{datapoints}',
  type: 'counter',
  labels: {
    ...LABELS,
    reason:
      'mapping_drop (a rule or timer_histogram_mapping says so), profile_duplicate (the profile knows the same number under another name), bad_name, illegal_value, negative_counter (monotonic counters only)',
  },
}
export const ZERO_DELTAS: InstrumentSpec = {
  name: 'meshscope_statsd_zero_deltas',
  description: 'Counter samples of 0 that an Envoy sends for what did not change; with profile envoy they do not keep a series alive. They count as accepted.',
  unit: '{datapoints}',
  type: 'counter',
  labels: LABELS,
}

export const PACKETS: InstrumentSpec = {
  name: 'meshscope_statsd_packets',
  description: 'Datagrams, or pieces of streams, that were read.',
  unit: '{packets}',
  type: 'counter',
  labels: LABELS,
}
export const BYTES: InstrumentSpec = {
  name: 'meshscope_statsd_bytes',
  description: 'Bytes of the packets.',
  unit: 'By',
  type: 'counter',
  labels: LABELS,
}
export const LISTEN_ERRORS: InstrumentSpec = {
  name: 'meshscope_statsd_listen_errors',
  description: 'What went wrong below the lines.',
  unit: '{errors}',
  type: 'counter',
  labels: {
    ...LABELS,
    reason:
      'truncated (a unix datagram longer than 65534 bytes), cut_frame (stream ended within a frame), frame_too_long (over 1 MiB; the connection is closed), socket_error',
  },
}
export const KERNEL_DROPS: InstrumentSpec = {
  name: 'meshscope_statsd_kernel_dropped_packets',
  description: 'Datagrams that the kernel dropped because the receive buffer was full, by /proc/net/udp and udp6.',
  unit: '{packets}',
  type: 'counter',
  labels: LABELS,
}
export const KERNEL_QUEUED: InstrumentSpec = {
  name: 'meshscope_statsd_kernel_queue_bytes',
  description: 'What waits in the receive buffers, with the kernel’s own overhead.',
  unit: 'By',
  type: 'gauge',
  labels: LABELS,
}
export const RECV_BUFFER: InstrumentSpec = {
  name: 'meshscope_statsd_recv_buffer_bytes',
  description: 'Size of the receive buffers that the kernel granted, all sockets together.',
  unit: 'By',
  type: 'gauge',
  labels: LABELS,
}
export const READERS: InstrumentSpec = {
  name: 'meshscope_statsd_readers',
  description: 'Ingest workers that read datagrams of UDP; others join when these are busy.',
  unit: '{workers}',
  type: 'gauge',
  labels: { receiver: 'id of the receiver' },
}
export const CONNECTIONS: InstrumentSpec = {
  name: 'meshscope_statsd_connections',
  description: 'Connections that are open.',
  unit: '{connections}',
  type: 'gauge',
  labels: LABELS,
}
export const CONNECTIONS_OPENED: InstrumentSpec = {
  name: 'meshscope_statsd_connections_opened',
  description: 'Connections that were opened.',
  unit: '{connections}',
  type: 'counter',
  labels: LABELS,
}
export const CONNECTIONS_ENDED: InstrumentSpec = {
  name: 'meshscope_statsd_connections_ended',
  description: 'Connections that the receiver ended.',
  unit: '{connections}',
  type: 'counter',
  labels: { ...LABELS, reason: 'refused (connections_max are open), idle (idle_timeout)' },
}

export const SERIES: InstrumentSpec = {
  name: 'meshscope_statsd_series',
  description: 'Live series at the last flush, over all workers.',
  unit: '{series}',
  type: 'gauge',
  labels: { receiver: 'id of the receiver' },
}
export const OVERFLOWED_SERIES: InstrumentSpec = {
  name: 'meshscope_statsd_overflowed_series',
  description: 'Series for which there was no room (series_max); their samples are in overflow series.',
  unit: '{series}',
  type: 'counter',
  labels: { receiver: 'id of the receiver' },
}
export const EXPIRED_SERIES: InstrumentSpec = {
  name: 'meshscope_statsd_expired_series',
  description: 'Series that ended because nothing came for their time to live.',
  unit: '{series}',
  type: 'counter',
  labels: { receiver: 'id of the receiver' },
}
export const TYPE_CONFLICTS: InstrumentSpec = {
  name: 'meshscope_statsd_type_conflicts',
  description: 'Metrics that got another name, because a metric of another type has theirs.',
  unit: '{metrics}',
  type: 'counter',
  labels: { receiver: 'id of the receiver' },
}
export const ESTIMATED_SETS: InstrumentSpec = {
  name: 'meshscope_statsd_estimated_sets',
  description: 'Sets with more members than are kept one by one: their value is an estimate.',
  unit: '{series}',
  type: 'gauge',
  labels: { receiver: 'id of the receiver' },
}
export const FORGOTTEN: InstrumentSpec = {
  name: 'meshscope_statsd_memory_renewals',
  description: 'Times that a worker forgot which line belongs to which series, and looks at each anew.',
  unit: '{renewals}',
  type: 'counter',
  labels: {
    receiver: 'id of the receiver',
    reason: 'full (too many different names and tags), swept (idle series were cleared away), mapping (it has changed)',
  },
}
export const EVENTS: InstrumentSpec = {
  name: 'meshscope_statsd_events',
  description: 'DogStatsD events and service checks.',
  unit: '{records}',
  type: 'counter',
  labels: { receiver: 'id of the receiver', kind: 'event, service_check, or any', outcome: 'sent (into a logs pipeline), no_pipeline, refused, overload' },
}
export const MAPPING_LOADS: InstrumentSpec = {
  name: 'meshscope_statsd_mapping_loads',
  description: 'Times that mapping_file was read.',
  unit: '{loads}',
  type: 'counter',
  labels: { receiver: 'id of the receiver', outcome: 'success or failure (the mapping before it stays)' },
}
export const FLUSH_FAILURES: InstrumentSpec = {
  name: 'meshscope_statsd_flush_failures',
  description: 'Periodic flushes that the next component did not take; the next flush carries the same series again.',
  unit: '{flushes}',
  type: 'counter',
  labels: { receiver: 'id of the receiver' },
}

const REJECTIONS: Readonly<Record<RejectReason, true>> = {
  no_value: true,
  empty_name: true,
  bad_name: true,
  bad_value: true,
  bad_type: true,
  bad_rate: true,
  bad_tags: true,
  bad_section: true,
  bad_timestamp: true,
  bad_container: true,
  bad_event: true,
  bad_service_check: true,
  mixed_tag_styles: true,
  not_utf8: true,
  too_long: true,
  too_many_tags: true,
}
/** Every reason of `meshscope_statsd_rejected_lines`. */
export const REJECT_REASONS = Object.keys(REJECTIONS) as readonly RejectReason[]
const FLAW_REASONS: readonly Flaw[] = [...REJECT_REASONS, 'unknown_section']

/** Why a sample of an accepted line is in no series. */
export type DropReason = 'mapping_drop' | 'profile_duplicate' | 'bad_name' | 'illegal_value' | 'negative_counter'
export const DROP_REASONS: readonly DropReason[] = ['mapping_drop', 'profile_duplicate', 'bad_name', 'illegal_value', 'negative_counter']

/** The instruments of an ingest half, made once so that counting creates nothing. */
export interface IngestInstruments {
  readonly received: Counter
  readonly accepted: Counter
  readonly rejected: Readonly<Record<RejectReason, Counter>>
  readonly flaws: Readonly<Record<Flaw, Counter>>
  readonly samples: Counter
  readonly dropped: Readonly<Record<DropReason, Counter>>
  readonly zeroDeltas: Counter
  readonly packets: Counter
  readonly bytes: Counter
  readonly faults: Readonly<Record<ListenFault, Counter>>
  readonly recvBuffer: Gauge
  readonly connections: Gauge
  readonly opened: Counter
  readonly ended: Readonly<Record<'refused' | 'idle', Counter>>
  readonly forgotten: Readonly<Record<'full' | 'swept' | 'mapping', Counter>>
  readonly overflowed: Counter
}

/** `receiver` is the id as in the config, `statsd/edge`. */
export function ingestInstruments(telemetry: Telemetry, receiver: string, transport: string): IngestInstruments {
  const labels = { receiver, transport }
  const counter = (spec: InstrumentSpec): Counter => telemetry.counter(spec, labels)
  const by = <R extends string>(spec: InstrumentSpec, reasons: readonly R[]) =>
    Object.fromEntries(reasons.map((reason) => [reason, telemetry.counter(spec, { ...labels, reason })])) as Record<R, Counter>
  const forgotten = (reason: string): Counter => telemetry.counter(FORGOTTEN, { receiver, reason })
  return {
    received: counter(RECEIVED_LINES),
    accepted: counter(ACCEPTED_LINES),
    rejected: by(REJECTED_LINES, REJECT_REASONS),
    flaws: by(FLAWS, FLAW_REASONS),
    samples: counter(ACCEPTED_SAMPLES),
    dropped: by(DROPPED_SAMPLES, DROP_REASONS),
    zeroDeltas: counter(ZERO_DELTAS),
    packets: counter(PACKETS),
    bytes: counter(BYTES),
    faults: by(LISTEN_ERRORS, LISTEN_FAULTS),
    recvBuffer: telemetry.gauge(RECV_BUFFER, labels),
    connections: telemetry.gauge(CONNECTIONS, labels),
    opened: counter(CONNECTIONS_OPENED),
    ended: by(CONNECTIONS_ENDED, ['refused', 'idle']),
    forgotten: { full: forgotten('full'), swept: forgotten('swept'), mapping: forgotten('mapping') },
    overflowed: telemetry.counter(OVERFLOWED_SERIES, { receiver }),
  }
}

/** What becomes of events and service checks. */
export interface RecordCounters {
  readonly event: RecordOutcomes
  readonly service_check: RecordOutcomes
  /** Of either kind. */
  readonly overload: Counter
}

export interface RecordOutcomes {
  readonly sent: Counter
  readonly noPipeline: Counter
  readonly refused: Counter
}

/** The instruments of the main half. */
export interface MainInstruments {
  readonly series: Gauge
  readonly estimatedSets: Gauge
  readonly overflowed: Counter
  readonly expired: Counter
  readonly conflicts: Counter
  readonly kernelDrops: Counter
  readonly kernelQueued: Gauge
  readonly readers: Gauge
  readonly mappingLoads: Readonly<Record<'success' | 'failure', Counter>>
  readonly flushFailures: Counter
  readonly records: RecordCounters
}

export function mainInstruments(telemetry: Telemetry, receiver: string, transport: string): MainInstruments {
  const of = { receiver }
  const outcomes = (kind: string): RecordOutcomes => ({
    sent: telemetry.counter(EVENTS, { receiver, kind, outcome: 'sent' }),
    noPipeline: telemetry.counter(EVENTS, { receiver, kind, outcome: 'no_pipeline' }),
    refused: telemetry.counter(EVENTS, { receiver, kind, outcome: 'refused' }),
  })
  const loads = (outcome: string): Counter => telemetry.counter(MAPPING_LOADS, { receiver, outcome })
  return {
    series: telemetry.gauge(SERIES, of),
    estimatedSets: telemetry.gauge(ESTIMATED_SETS, of),
    overflowed: telemetry.counter(OVERFLOWED_SERIES, of),
    expired: telemetry.counter(EXPIRED_SERIES, of),
    conflicts: telemetry.counter(TYPE_CONFLICTS, of),
    kernelDrops: telemetry.counter(KERNEL_DROPS, { receiver, transport }),
    kernelQueued: telemetry.gauge(KERNEL_QUEUED, { receiver, transport }),
    readers: telemetry.gauge(READERS, of),
    mappingLoads: { success: loads('success'), failure: loads('failure') },
    flushFailures: telemetry.counter(FLUSH_FAILURES, of),
    records: {
      event: outcomes('event'),
      service_check: outcomes('service_check'),
      overload: telemetry.counter(EVENTS, { receiver, kind: 'any', outcome: 'overload' }),
    },
  }
}
