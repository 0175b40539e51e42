import type { InstrumentSpec } from '../../component/telemetry.ts'

export const FILE_LOADS: InstrumentSpec = {
  name: 'meshscope_bearertokenauth_file_loads',
  description: 'Times that the file with the tokens was read, by every thread that uses it.',
  unit: '{loads}',
  type: 'counter',
  labels: { extension: 'id of the extension', outcome: 'success or failure (the tokens before it stay)' },
}
