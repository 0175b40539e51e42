import type { Counter, Gauge, InstrumentSpec, Telemetry } from '../../component/telemetry.ts'

const LEDGER_LABELS = { receiver: 'id of the receiver', transport: 'always grpc' }
const OWN_LABELS = { receiver: 'id of the receiver' }

export { failedConnections } from '../../component/kit/failed_connections.ts'

/** The ledger: received = accepted + refused + dropped, in entries. */
export const acceptedLogRecords: InstrumentSpec = {
  name: 'otelcol_receiver_accepted_log_records',
  description: 'Log entries that the pipeline took over.',
  unit: '{records}',
  type: 'counter',
  labels: LEDGER_LABELS,
}
export const refusedLogRecords: InstrumentSpec = {
  name: 'otelcol_receiver_refused_log_records',
  description: 'Log entries that the pipeline did not take over.',
  unit: '{records}',
  type: 'counter',
  labels: LEDGER_LABELS,
}
export const receivedLogRecords: InstrumentSpec = {
  name: 'meshscope_receiver_received_log_records',
  description: 'Log entries that arrived.',
  unit: '{records}',
  type: 'counter',
  labels: LEDGER_LABELS,
}
export const droppedLogRecords: InstrumentSpec = {
  name: 'meshscope_receiver_dropped_log_records',
  description: 'Log entries that were lost in the receiver.',
  unit: '{records}',
  type: 'counter',
  labels: { ...LEDGER_LABELS, reason: 'malformed (not decodable), overload (shed, oldest first), shutdown (left over at the drain deadline)' },
}

export const openStreams: InstrumentSpec = {
  name: 'meshscope_envoyals_streams',
  description: 'Streams that are open.',
  unit: '{streams}',
  type: 'gauge',
  labels: OWN_LABELS,
}
export const openedStreams: InstrumentSpec = {
  name: 'meshscope_envoyals_streams_opened',
  description: 'Streams that were opened.',
  unit: '{streams}',
  type: 'counter',
  labels: OWN_LABELS,
}
export const unidentifiedStreams: InstrumentSpec = {
  name: 'meshscope_envoyals_streams_without_identifier',
  description: 'Streams whose first message did not say who sends; their entries are taken, the role of the proxy stays unknown.',
  unit: '{streams}',
  type: 'counter',
  labels: OWN_LABELS,
}
export const messages: InstrumentSpec = {
  name: 'meshscope_envoyals_messages',
  description: 'Messages that arrived whole.',
  unit: '{messages}',
  type: 'counter',
  labels: OWN_LABELS,
}
export const messageBytes: InstrumentSpec = {
  name: 'meshscope_envoyals_bytes',
  description: 'Bytes of the messages that arrived whole.',
  unit: 'By',
  type: 'counter',
  labels: OWN_LABELS,
}
export const streamErrors: InstrumentSpec = {
  name: 'meshscope_envoyals_stream_errors',
  description: 'What went wrong on streams. The entries of a message that never became whole cannot be counted; this and the discarded bytes tell of them.',
  unit: '{errors}',
  type: 'counter',
  labels: {
    ...OWN_LABELS,
    reason:
      'unframeable (lengths in a message are broken), too_large (message over the limit), compression (unknown encoding or bad data), framing (not gRPC), cut (stream ended within a message), identifier (not decodable)',
  },
}
export const discardedBytes: InstrumentSpec = {
  name: 'meshscope_envoyals_discarded_bytes',
  description: 'Bytes that were read and thrown away because no message could be made of them.',
  unit: 'By',
  type: 'counter',
  labels: { ...OWN_LABELS, reason: 'too_large, compression, framing or cut' },
}
export const invalidUtf8: InstrumentSpec = {
  name: 'meshscope_envoyals_invalid_utf8',
  description: 'Custom tags that were not UTF-8; their bad bytes are replaced.',
  unit: '{tags}',
  type: 'counter',
  labels: OWN_LABELS,
}
export const queuedBytes: InstrumentSpec = {
  name: 'meshscope_envoyals_queue_bytes',
  description: 'Bytes of messages that wait to be decoded.',
  unit: 'By',
  type: 'gauge',
  labels: OWN_LABELS,
}

/** What can go wrong on a stream; the reasons of `meshscope_envoyals_stream_errors`. */
export type StreamFault = 'unframeable' | 'too_large' | 'compression' | 'framing' | 'cut' | 'identifier'
export const STREAM_FAULTS: readonly StreamFault[] = ['unframeable', 'too_large', 'compression', 'framing', 'cut', 'identifier']

/** Why entries are lost in the receiver. */
export type DropReason = 'malformed' | 'overload' | 'shutdown'

/** The instruments of one receiver, made once so that counting creates nothing. */
export interface Instruments {
  readonly accepted: Counter
  readonly refused: Counter
  readonly received: Counter
  readonly dropped: Readonly<Record<DropReason, Counter>>
  readonly streams: Gauge
  readonly opened: Counter
  readonly unidentified: Counter
  readonly messages: Counter
  readonly bytes: Counter
  readonly faults: Readonly<Record<StreamFault, Counter>>
  readonly discarded: Readonly<Record<StreamFault, Counter>>
  readonly invalidUtf8: Counter
  readonly queued: Gauge
}

/** `receiver` is the id as in the config, `envoyals/edge`. */
export function createInstruments(telemetry: Telemetry, receiver: string): Instruments {
  const ledger = { receiver, transport: 'grpc' }
  const byFault = (spec: InstrumentSpec) =>
    Object.fromEntries(STREAM_FAULTS.map((reason) => [reason, telemetry.counter(spec, { receiver, reason })])) as Record<StreamFault, Counter>
  const dropped = (reason: DropReason) => telemetry.counter(droppedLogRecords, { ...ledger, reason })
  return {
    accepted: telemetry.counter(acceptedLogRecords, ledger),
    refused: telemetry.counter(refusedLogRecords, ledger),
    received: telemetry.counter(receivedLogRecords, ledger),
    dropped: { malformed: dropped('malformed'), overload: dropped('overload'), shutdown: dropped('shutdown') },
    streams: telemetry.gauge(openStreams, { receiver }),
    opened: telemetry.counter(openedStreams, { receiver }),
    unidentified: telemetry.counter(unidentifiedStreams, { receiver }),
    messages: telemetry.counter(messages, { receiver }),
    bytes: telemetry.counter(messageBytes, { receiver }),
    faults: byFault(streamErrors),
    discarded: byFault(discardedBytes),
    invalidUtf8: telemetry.counter(invalidUtf8, { receiver }),
    queued: telemetry.gauge(queuedBytes, { receiver }),
  }
}
