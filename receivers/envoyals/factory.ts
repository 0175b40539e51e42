import { defineReceiver } from '../../component/factory.ts'
import { type EnvoyAlsConfig, envoyAlsConfig } from './config.ts'
import { EnvoyAls } from './receiver.ts'

/** Access logs that Envoys stream over gRPC. */
export const envoyAlsReceiver = defineReceiver<EnvoyAlsConfig>({
  type: 'envoyals',
  description: 'Receives the access logs of Envoys over gRPC (access log service v3 and v2).',
  stability: { logs: 'alpha' },
  runs: 'ingest',
  config: envoyAlsConfig,
  listens: (config) => [{ network: config.transport, address: config.endpoint, path: ['endpoint'] }],
  create: (settings, config, next) => new EnvoyAls(settings, config, next),
})
