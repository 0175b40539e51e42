import { defineExtension } from '../../component/factory.ts'
import { config } from './config.ts'
import { HealthCheck } from './extension.ts'

export const healthCheckExtension = defineExtension({
  type: 'health_check',
  description: 'Answers liveness and readiness probes and tells the status of every component over HTTP.',
  stability: 'alpha',
  config,
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  create: (settings, checked, view) => new HealthCheck(settings, checked, view),
})
