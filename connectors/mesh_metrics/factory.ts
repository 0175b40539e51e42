import { defineConnector } from '../../component/factory.ts'
import { config } from './config.ts'
import { MeshMetricsIngest } from './ingest.ts'
import { MeshMetricsMain } from './main.ts'

/** The `mesh_metrics` connector: access logs in, service metrics out. */
export const meshMetricsConnector = defineConnector({
  type: 'mesh_metrics',
  description: 'Turns Envoy access logs into service metrics: Istio standard metrics or OpenTelemetry semantic conventions.',
  config,
  from: 'logs',
  to: 'metrics',
  stability: 'alpha',
  needs: 'mesh',
  ingest: (settings, checked, link) => new MeshMetricsIngest(settings, checked, link),
  main: (settings, checked, next) => new MeshMetricsMain(settings, checked, next),
})
