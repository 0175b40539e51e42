import type { InstrumentSpec } from '../../component/telemetry.ts'

const PROCESSOR = { processor: 'id of the processor', signal: '`logs`, `metrics` or `traces`' }

export const BATCHES: InstrumentSpec = {
  name: 'meshscope_processor_batches',
  description: 'Batches that were sent, by what made them complete.',
  unit: '{batches}',
  type: 'counter',
  labels: { ...PROCESSOR, trigger: '`size`, `timeout` or `shutdown`' },
}

export const BATCH_ITEMS: InstrumentSpec = {
  name: 'meshscope_processor_batch_items',
  description: 'Items of the batches that were sent.',
  unit: '{items}',
  type: 'counter',
  labels: PROCESSOR,
}

export const DROPPED: InstrumentSpec = {
  name: 'meshscope_processor_batch_dropped_items',
  description: 'Items that had been taken and then could not be handed on.',
  unit: '{items}',
  type: 'counter',
  labels: {
    ...PROCESSOR,
    reason: '`rejected` by a consumer that will never take them, `shutdown` when nobody took them before the drain deadline',
  },
}

export const PENDING: InstrumentSpec = {
  name: 'meshscope_processor_batch_pending_items',
  description: 'Items that wait in the processor.',
  unit: '{items}',
  type: 'gauge',
  labels: PROCESSOR,
}

export const CARDINALITY: InstrumentSpec = {
  name: 'otelcol_processor_batch_metadata_cardinality',
  description: 'Combinations of header values that are batched apart.',
  unit: '{combinations}',
  type: 'gauge',
  labels: PROCESSOR,
}
