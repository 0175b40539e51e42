import type { InstrumentSpec } from '../../component/telemetry.ts'

/** Ledger of the connector: its sum over all outcomes is the number of access logs that came in. */
export const LOG_RECORDS: InstrumentSpec = {
  name: 'meshscope_connector_log_records',
  description: 'Access-log entries taken by the connector, by what became of them.',
  unit: '{records}',
  type: 'counter',
  labels: {
    connector: 'id of the connector',
    outcome: '`counted` in a series of its own, in the `overflow` series, or `skipped`',
    reason: 'which kind of entry was counted, which limit was reached, or why the entry does not count',
  },
}

export const MISSING_VALUES: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_missing_values',
  description: 'Requests that were counted but not observed in a histogram, because their entry lacked the value.',
  unit: '{records}',
  type: 'counter',
  labels: { connector: 'id of the connector', field: 'what was missing' },
}

export const LABEL_VALUES_CUT: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_label_values_cut',
  description: 'Label values longer than `label_value_length_max` that were cut when a series was made.',
  unit: '{values}',
  type: 'counter',
  labels: { connector: 'id of the connector' },
}

export const REFUSED_HANDSHAKES: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_refused_handshakes',
  description: 'TLS handshakes that a proxy refused; not counted as connections.',
  unit: '{connections}',
  type: 'counter',
  labels: { connector: 'id of the connector' },
}

export const TCP_STATES: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_tcp_states',
  description: 'Open TCP connections whose counters are remembered.',
  unit: '{connections}',
  type: 'gauge',
  labels: { connector: 'id of the connector' },
}

export const TCP_STATES_EXPIRED: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_tcp_states_expired',
  description: 'Open TCP connections that were forgotten because no entry came for `tcp_state_expiration`.',
  unit: '{connections}',
  type: 'counter',
  labels: { connector: 'id of the connector' },
}

export const TCP_RESUMED: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_tcp_resumed',
  description: 'TCP connections older than the stream that reports them: counted from their first entry on, not from their start.',
  unit: '{connections}',
  type: 'counter',
  labels: { connector: 'id of the connector' },
}

export const TCP_RESUMED_BYTES: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_tcp_resumed_bytes',
  description: 'Bytes of resumed TCP connections that went by before their first entry and are in no series of this process.',
  unit: 'By',
  type: 'counter',
  labels: { connector: 'id of the connector' },
}

export const FLUSH_FAILURES: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_flush_failures',
  description: 'Periodic flushes that the next component did not take; the next flush carries the same series again.',
  unit: '{flushes}',
  type: 'counter',
  labels: { connector: 'id of the connector' },
}

export const SERIES: InstrumentSpec = {
  name: 'meshscope_mesh_metrics_series',
  description: 'Label tuples with series, over all ingest workers, at the last flush.',
  unit: '{tuples}',
  type: 'gauge',
  labels: { connector: 'id of the connector' },
}
