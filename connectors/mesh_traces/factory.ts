import { defineConnector } from '../../component/factory.ts'
import { config, type MeshTracesConfig } from './config.ts'
import { MeshTracesIngest } from './ingest.ts'
import { MeshTracesMain } from './main.ts'

/** The `mesh_traces` connector: access logs in, spans out. */
export const meshTracesConnector = defineConnector<MeshTracesConfig>({
  type: 'mesh_traces',
  description: 'Turns Envoy access logs with a trace context into spans of the proxies.',
  config,
  from: 'logs',
  to: 'traces',
  stability: 'alpha',
  needs: 'mesh',
  ingest: (settings, checked, link) => new MeshTracesIngest(settings, checked, link),
  main: (settings, _checked, next) => new MeshTracesMain(settings, next),
})
