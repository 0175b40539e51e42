import type { InstrumentSpec } from '../component/telemetry.ts'

/** What the graph counts around the components, once per batch. */
export const processorIncoming: InstrumentSpec = {
  name: 'otelcol_processor_incoming_items',
  description: 'Items handed to the processor.',
  unit: '{items}',
  type: 'counter',
  labels: { processor: 'component id', 'otel.signal': 'logs, metrics or traces' },
}

export const processorOutgoing: InstrumentSpec = {
  name: 'otelcol_processor_outgoing_items',
  description: 'Items that the processor handed on.',
  unit: '{items}',
  type: 'counter',
  labels: { processor: 'component id', 'otel.signal': 'logs, metrics or traces' },
}

export const processorFailed: InstrumentSpec = {
  name: 'meshscope_processor_failed_items',
  description: 'Items of batches that the processor itself did not take.',
  unit: '{items}',
  type: 'counter',
  labels: { processor: 'component id', 'otel.signal': 'logs, metrics or traces', reason: 'refused (may be sent again) or failed' },
}

export const connectorConsumed: InstrumentSpec = {
  name: 'meshscope_connector_consumed_items',
  description: 'Items handed to the connector, by what became of the batch.',
  unit: '{items}',
  type: 'counter',
  labels: { connector: 'component id', 'otel.signal': 'logs, metrics or traces', outcome: 'success, refused or failed' },
}

export const exporterConsumed: InstrumentSpec = {
  name: 'meshscope_exporter_consumed_items',
  description: 'Items handed to the exporter, by what became of the batch.',
  unit: '{items}',
  type: 'counter',
  labels: { exporter: 'component id', 'otel.signal': 'logs, metrics or traces', outcome: 'success, refused or failed' },
}

export const flushFailures: InstrumentSpec = {
  name: 'meshscope_flush_failures',
  description: 'Times that a component could not hand on what it had aggregated when an exporter asked for it.',
  unit: '{flushes}',
  type: 'counter',
  labels: { component: 'address' },
}

export const workersRunning: InstrumentSpec = {
  name: 'meshscope_workers_running',
  description: 'Ingest workers that are up.',
  unit: '{threads}',
  type: 'gauge',
}

export const workerRestarts: InstrumentSpec = {
  name: 'meshscope_worker_restarts',
  description: 'Ingest workers that ended without being asked to, and were started again.',
  unit: '{restarts}',
  type: 'counter',
  labels: { reason: 'uncaught_error, out_of_memory, exit, stalled or start_failed' },
}

export const workerLag: InstrumentSpec = {
  name: 'meshscope_worker_event_loop_lag_seconds',
  description: 'How late the event loop of an ingest worker ran when it last looked.',
  unit: 's',
  type: 'gauge',
  labels: { worker: 'number from 0' },
}

export const workerDelay: InstrumentSpec = {
  name: 'meshscope_worker_event_loop_delay_seconds',
  description: 'How late the event loop of an ingest worker ran at most since the last look.',
  unit: 's',
  type: 'gauge',
  labels: { worker: 'number from 0', statistic: 'max' },
}

export const configReloads: InstrumentSpec = {
  name: 'meshscope_config_reloads',
  description: 'Attempts to load the config again.',
  unit: '{reloads}',
  type: 'counter',
}

export const configReloadFailures: InstrumentSpec = {
  name: 'meshscope_config_reload_failures',
  description: 'Attempts to load the config again that left the old one running.',
  unit: '{reloads}',
  type: 'counter',
}

export const configLastReloadSuccess: InstrumentSpec = {
  name: 'meshscope_config_last_reload_success',
  description: '1 when the config that runs is the one that was loaded last, 0 when the last attempt failed.',
  unit: '1',
  type: 'gauge',
}

/** All of them, for the generated reference. */
export const GRAPH_METRICS: readonly InstrumentSpec[] = [
  processorIncoming,
  processorOutgoing,
  processorFailed,
  connectorConsumed,
  exporterConsumed,
  flushFailures,
  workersRunning,
  workerRestarts,
  workerLag,
  workerDelay,
  configReloads,
  configReloadFailures,
  configLastReloadSuccess,
]
