import { defineExporter } from '../../component/factory.ts'
import { config, type FileConfig } from './config.ts'
import { FileExporter } from './exporter.ts'
import { FileIngest } from './ingest.ts'

export const fileExporter = defineExporter<FileConfig>({
  type: 'file',
  description: 'Writes access logs, metrics and traces to a file as lines of JSON.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  config,
  ingest: { logs: (settings, _checked, link) => new FileIngest(settings, link) },
  main: (settings, checked) => new FileExporter(settings, checked),
})
