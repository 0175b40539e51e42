import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { TransformMetrics } from './metrics.ts'
import { TransformLogs, TransformTraces } from './processor.ts'

/** The `transform` processor: changes telemetry by statements in OTTL. */
export const transformProcessor = defineProcessor({
  type: 'transform',
  description: 'Changes log records, spans and metrics by statements in the OpenTelemetry Transformation Language (OTTL).',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'main',
  config,
  create: {
    logs: (settings, checked, next) => new TransformLogs(settings, checked, next),
    metrics: (settings, checked, next) => new TransformMetrics(settings, checked, next),
    traces: (settings, checked, next) => new TransformTraces(settings, checked, next),
  },
})
