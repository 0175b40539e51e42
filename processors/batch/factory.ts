import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { BatchProcessor } from './processor.ts'

/** The `batch` processor: merges small batches into larger ones. */
export const batchProcessor = defineProcessor({
  type: 'batch',
  description: 'Merges small batches of log records, data points or spans into larger ones.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'main',
  config,
  create: {
    logs: (settings, checked, next) => new BatchProcessor(settings, checked, next, 'logs'),
    metrics: (settings, checked, next) => new BatchProcessor(settings, checked, next, 'metrics'),
    traces: (settings, checked, next) => new BatchProcessor(settings, checked, next, 'traces'),
  },
})
