import type { InstrumentSpec } from '../../component/telemetry.ts'

const PROCESSOR = { processor: 'id of the processor' }

export const POINTS: InstrumentSpec = {
  name: 'meshscope_cumulativetodelta_points',
  description: 'Cumulative points by what became of them; points of other kinds pass and are not counted here.',
  unit: '{datapoints}',
  type: 'counter',
  labels: {
    ...PROCESSOR,
    outcome:
      '`converted`; `initial`: the first of its stream, only remembered; `out_of_order`: not newer than the one before; `no_value`; `limit`: there are `max_streams` streams',
  },
}

export const STREAMS: InstrumentSpec = {
  name: 'meshscope_cumulativetodelta_streams',
  description: 'Streams whose last value is remembered.',
  unit: '{streams}',
  type: 'gauge',
  labels: PROCESSOR,
}
