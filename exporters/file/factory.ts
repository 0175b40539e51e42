import { defineExporter } from '../../component/factory.ts'
import { config, type FileConfig } from './config.ts'
import { FileExporter } from './exporter.ts'

export const fileExporter = defineExporter<FileConfig>({
  type: 'file',
  description: 'Writes log records, metrics and traces to a file as lines of OTLP JSON.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  config,
  main: (settings, checked) => new FileExporter(settings, checked),
})
