import { defineReceiver } from '../../component/factory.ts'
import { useIdentity } from '../../component/kit/identity.ts'
import { endpointOf, isUnix, type StatsdConfig, statsdConfig } from './config.ts'
import { StatsdIngest } from './ingest.ts'
import { StatsdMain } from './main.ts'

/** StatsD and DogStatsD over UDP, TCP and unix sockets. */
export const statsdReceiver = defineReceiver<StatsdConfig>({
  type: 'statsd',
  description: 'Receives StatsD and DogStatsD over UDP, TCP and unix sockets, and keeps it as cumulative series.',
  stability: { metrics: 'alpha', logs: 'alpha' },
  runs: 'main',
  config: statsdConfig,
  listens: (config) => [
    { network: networkOf(config.transport), address: endpointOf(config), path: ['endpoint'] },
    ...(config.debug_endpoint === '' ? [] : [{ network: 'tcp', address: config.debug_endpoint, path: ['debug_endpoint'], half: 'main' } as const]),
  ],
  uses: ({ sender }) => (sender === 'kubernetes' ? [useIdentity(SENDER_NEEDS, { isOptional: false })] : []),
  create: (settings, config, next) => new StatsdMain(settings, config, next),
  ingest: (settings, config, link) => new StatsdIngest(settings, config, link),
})

/** Pods by their address, their UID, and the ids of their containers. */
const SENDER_NEEDS = {
  lookups: ['address', 'pod_uid', 'container'],
  resources: ['pods'],
  podLabels: [],
  podAnnotations: [],
  namespaceLabels: [],
  namespaceAnnotations: [],
  nodeLabels: [],
  nodeAnnotations: [],
  serviceLabels: [],
  containers: true,
  waitForMetadataMs: 0,
} as const

function networkOf(transport: StatsdConfig['transport']): 'tcp' | 'udp' | 'unix' {
  if (isUnix(transport)) return 'unix'
  return transport.startsWith('tcp') ? 'tcp' : 'udp'
}
