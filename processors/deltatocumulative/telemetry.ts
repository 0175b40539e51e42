import type { InstrumentSpec } from '../../component/telemetry.ts'

const PROCESSOR = { processor: 'id of the processor' }

export const POINTS: InstrumentSpec = {
  name: 'otelcol_deltatocumulative_datapoints',
  description: 'Delta points by what became of them; points of other kinds pass and are not counted here.',
  unit: '{datapoints}',
  type: 'counter',
  labels: {
    ...PROCESSOR,
    outcome:
      '`added`; `out_of_order`: they end before what is known; `older_start`: they begin before what is known ended, so they would count twice; `no_value`; `limit`: there are `max_streams` streams',
  },
}

export const STREAMS: InstrumentSpec = {
  name: 'otelcol_deltatocumulative_streams_tracked',
  description: 'Streams whose total is remembered.',
  unit: '{streams}',
  type: 'gauge',
  labels: PROCESSOR,
}
