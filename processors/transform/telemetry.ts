import type { InstrumentSpec } from '../../component/telemetry.ts'

const processor = 'Id of the processor, such as `transform`.'

export const failures: InstrumentSpec = {
  name: 'meshscope_transform_failures',
  description:
    'Statements and conditions that failed on an item, which they left as it was. With `error_mode: propagate` each one refused a batch. Series of our own are looked at once, not at each scrape.',
  unit: '{failures}',
  type: 'counter',
  labels: {
    processor,
    signal: '`logs`, `metrics` or `traces`.',
    function: 'The editor of the statement, such as `set`; `conditions` for a condition of a group.',
  },
}

export const collisions: InstrumentSpec = {
  name: 'meshscope_transform_colliding_series',
  description:
    'Series whose attributes statements have made the same as those of another series of their metric, in the last batch. Exporters show one of them only.',
  unit: '{series}',
  type: 'gauge',
  labels: { processor },
}

export const conversions: InstrumentSpec = {
  name: 'meshscope_transform_converted_points',
  description: 'Points of our own series that had to be turned into objects, because statements read or set more than attributes, names, scopes and resources.',
  unit: '{points}',
  type: 'counter',
  labels: { processor },
}
