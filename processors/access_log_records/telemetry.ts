import type { InstrumentSpec } from '../../component/telemetry.ts'

export const RECORDS: InstrumentSpec = {
  name: 'meshscope_access_log_records',
  description: 'Access-log entries by what became of them.',
  unit: '{records}',
  type: 'counter',
  labels: {
    processor: 'id of the processor',
    pipeline: 'id of the pipeline',
    outcome:
      '`sent` to the rest of the pipeline; dropped: `not_included` by `include`, `sampled` by `sampling`, `queue_full` because the rest of the pipeline is slower than the data, `refused` by it',
  },
}

export const REDUCED: InstrumentSpec = {
  name: 'meshscope_access_log_records_too_large',
  description: 'Records whose attributes were left out because the entry is larger than a record may be (2 MiB).',
  unit: '{records}',
  type: 'counter',
  labels: { processor: 'id of the processor', pipeline: 'id of the pipeline' },
}
