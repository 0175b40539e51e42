import { defineExporter } from '../../component/factory.ts'
import { useAuthenticator } from '../../component/kit/auth.ts'
import { OtlpExporter } from '../../component/kit/otlp_export/exporter.ts'
import { queueUses } from '../../component/kit/queue/store.ts'
import { OtlpHttpClient } from './client.ts'
import { config } from './config.ts'

/** The `otlp_http` exporter: sends log records, metrics and spans by OTLP over HTTP. */
export const otlpHttpExporter = defineExporter({
  type: 'otlp_http',
  aliases: ['otlphttp'],
  description: 'Sends log records, metrics and spans by OTLP over HTTP, in protobuf or JSON.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  config,
  uses: (checked) => [...queueUses(checked), ...useAuthenticator(checked.auth, { side: 'client', path: ['auth'] })],
  main: (settings, checked) => new OtlpExporter(settings, checked, new OtlpHttpClient(settings, checked)),
})
