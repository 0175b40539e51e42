import { defineProcessor } from '../../component/factory.ts'
import { useIdentity } from '../../component/kit/identity.ts'
import { config, type MeshConfig } from './config.ts'
import { identityNeeds } from './needs.ts'
import { MeshProcessor } from './processor.ts'

/** The `mesh` processor: puts on every access-log entry who called whom, as far as the proxy's log and the identity index tell. */
export const meshProcessor = defineProcessor<MeshConfig>({
  type: 'mesh',
  description: 'Works out from Envoy access logs who called whom, and which entries count.',
  stability: { logs: 'alpha' },
  runs: 'ingest',
  provides: 'mesh',
  turns: 'records_into_access_logs',
  config,
  uses: (mesh) => (mesh.kubernetes === 'never' ? [] : [useIdentity(identityNeeds(mesh), { isOptional: mesh.kubernetes === 'auto' })]),
  create: { logs: (settings, meshConfig, next) => new MeshProcessor(settings, meshConfig, next) },
})
