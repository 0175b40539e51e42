import { defineExporter } from '../../component/factory.ts'
import { config, type DebugConfig } from './config.ts'
import { DebugExporter } from './exporter.ts'
import { DebugIngest } from './ingest.ts'

export const debugExporter = defineExporter<DebugConfig>({
  type: 'debug',
  description: 'Prints access logs, metrics and traces as a person would read them.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  config,
  ingest: { logs: (settings, checked, link) => new DebugIngest(settings, checked, link) },
  main: (settings, checked) => new DebugExporter(settings, checked),
})
