import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { FilterMetrics } from './metrics.ts'
import { FilterLogs, FilterTraces } from './processor.ts'

/** The `filter` processor: drops telemetry by conditions in OTTL. */
export const filterProcessor = defineProcessor({
  type: 'filter',
  description: 'Drops log records, spans, span events, metrics and data points by conditions in the OpenTelemetry Transformation Language (OTTL).',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'main',
  config,
  create: {
    logs: (settings, checked, next) => new FilterLogs(settings, checked, next),
    metrics: (settings, checked, next) => new FilterMetrics(settings, checked, next),
    traces: (settings, checked, next) => new FilterTraces(settings, checked, next),
  },
})
