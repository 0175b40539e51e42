import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { ITEMS_OF } from './items.ts'
import { MemoryLimiter } from './processor.ts'

/** The `memory_limiter` processor: refuses data while memory is short. */
export const memoryLimiterProcessor = defineProcessor({
  type: 'memory_limiter',
  description: 'Refuses data while the process uses more memory than it should.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'ingest',
  config,
  create: {
    logs: (settings, checked, next) => new MemoryLimiter(settings, checked, { next, signal: 'logs', itemsOf: ITEMS_OF.logs }),
    metrics: (settings, checked, next) => new MemoryLimiter(settings, checked, { next, signal: 'metrics', itemsOf: ITEMS_OF.metrics }),
    traces: (settings, checked, next) => new MemoryLimiter(settings, checked, { next, signal: 'traces', itemsOf: ITEMS_OF.traces }),
  },
})
