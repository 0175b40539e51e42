import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { defineProcessor } from '../../component/factory.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics } from '../../model/metrics.ts'
import type { Traces } from '../../model/traces.ts'
import { config, type ResourceDetectionConfig } from './config.ts'
import { ResourceDetection } from './processor.ts'
import { sharedDetection } from './shared_detection.ts'

function create<T extends Logs | Metrics | Traces>(settings: Settings, checked: ResourceDetectionConfig, next: Consumer<T>): ResourceDetection<T> {
  return new ResourceDetection({ detection: sharedDetection(settings, checked), config: checked }, next)
}

/** The `resourcedetection` processor: puts on resources where this daemon runs. */
export const resourceDetectionProcessor = defineProcessor({
  type: 'resourcedetection',
  aliases: ['resource_detection'],
  description: 'Adds to resources what is known of the machine, node, task or instance that the daemon runs on.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'ingest',
  config,
  create: {
    logs: (settings, checked, next) => create<Logs>(settings, checked, next),
    metrics: (settings, checked, next) => create<Metrics>(settings, checked, next),
    traces: (settings, checked, next) => create<Traces>(settings, checked, next),
  },
})
