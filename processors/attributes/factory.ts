import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { LogAttributeActions, MetricAttributeActions, SpanAttributeActions } from './processor.ts'

/** The `attributes` processor: changes the attributes of log records, data points and spans. */
export const attributesProcessor = defineProcessor({
  type: 'attributes',
  description: 'Sets, deletes, hashes, extracts and converts attributes of log records, data points and spans.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'main',
  config,
  create: {
    logs: (_settings, checked, next) => new LogAttributeActions(checked, next),
    metrics: (_settings, checked, next) => new MetricAttributeActions(checked, next),
    traces: (_settings, checked, next) => new SpanAttributeActions(checked, next),
  },
})
