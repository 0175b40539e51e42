import type { InstrumentSpec } from '../../component/telemetry.ts'

const EXTENSION = { extension: 'id of the extension' }

export const STORED_BYTES: InstrumentSpec = {
  name: 'meshscope_file_storage_bytes',
  description: 'Bytes that the files of all queues take.',
  unit: 'By',
  type: 'gauge',
  labels: EXTENSION,
}

export const CAPACITY_BYTES: InstrumentSpec = {
  name: 'meshscope_file_storage_capacity_bytes',
  description: 'Bytes that they may take, as `max_size_mib` says.',
  unit: 'By',
  type: 'gauge',
  labels: EXTENSION,
}

export const WRITTEN_BYTES: InstrumentSpec = {
  name: 'meshscope_file_storage_written_bytes',
  description: 'Bytes of requests that were stored.',
  unit: 'By',
  type: 'counter',
  labels: EXTENSION,
}

export const FAILED_WRITES: InstrumentSpec = {
  name: 'meshscope_file_storage_failed_writes',
  description: 'Writes that failed; the requests in them were refused.',
  unit: '{writes}',
  type: 'counter',
  labels: EXTENSION,
}

export const FAILED_UPKEEP: InstrumentSpec = {
  name: 'meshscope_file_storage_failed_upkeep',
  description: 'Operations that failed and cost no data: what they concern may be sent twice after a restart, or takes space until then.',
  unit: '{operations}',
  type: 'counter',
  labels: EXTENSION,
}

export const DAMAGED_RECORDS: InstrumentSpec = {
  name: 'meshscope_file_storage_damaged_records',
  description: 'Stored requests that could not be read again.',
  unit: '{records}',
  type: 'counter',
  labels: {
    ...EXTENSION,
    reason:
      '`torn`: the last one of a file, incomplete after a crash; it had not been taken over, except after a power failure without `fsync`. `missing`: lost between others. `unreadable`: known, and counted by the exporter as dropped, reason `damaged`',
  },
}

export const RECOVERED_REQUESTS: InstrumentSpec = {
  name: 'meshscope_file_storage_recovered_requests',
  description: 'Requests that an earlier process had left.',
  unit: '{requests}',
  type: 'counter',
  labels: EXTENSION,
}
