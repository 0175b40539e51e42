import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { MeshProcessor } from './processor.ts'

/** The `mesh` processor: puts on every access-log entry who called whom, as far as the proxy's log tells. */
export const meshProcessor = defineProcessor({
  type: 'mesh',
  description: 'Works out from Envoy access logs who called whom, and which entries count.',
  stability: { logs: 'alpha' },
  runs: 'ingest',
  provides: 'mesh',
  config,
  create: { logs: (settings, meshConfig, next) => new MeshProcessor(settings, meshConfig, next) },
})
