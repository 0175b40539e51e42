import type { InstrumentSpec } from '../../component/telemetry.ts'

export const ENTRIES: InstrumentSpec = {
  name: 'meshscope_mesh_traces_entries',
  description: 'Log records that came to the connector, by what became of them.',
  unit: '{records}',
  type: 'counter',
  labels: {
    connector: 'id of the connector',
    outcome:
      '`sent` as a span; no span: `no_trace_context`, `not_sampled`, `not_an_end` (starts, periodic reports, single attempts, the mesh’s own traffic), `not_access_logs`; dropped: `queue_full` because the pipelines are slower than the data, `refused` by them',
  },
}
