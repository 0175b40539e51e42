import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { ResourceActions } from './processor.ts'

/** The `resource` processor: changes the attributes of resources. */
export const resourceProcessor = defineProcessor({
  type: 'resource',
  description: 'Sets, deletes, hashes, extracts and converts attributes of resources.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'ingest',
  config,
  create: {
    logs: (_settings, checked, next) => new ResourceActions(checked, next),
    metrics: (_settings, checked, next) => new ResourceActions(checked, next),
    traces: (_settings, checked, next) => new ResourceActions(checked, next),
  },
})
