import type { InstrumentSpec } from '../../component/telemetry.ts'

export const FILE_LOADS: InstrumentSpec = {
  name: 'meshscope_basicauth_file_loads',
  description: 'Times that the files with users and passwords were read, by every thread that uses them.',
  unit: '{loads}',
  type: 'counter',
  labels: { extension: 'id of the extension', outcome: 'success or failure (what was read before stays)' },
}
