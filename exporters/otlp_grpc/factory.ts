import { defineExporter } from '../../component/factory.ts'
import { useAuthenticator } from '../../component/kit/auth.ts'
import { OtlpExporter } from '../../component/kit/otlp_export/exporter.ts'
import { queueUses } from '../../component/kit/queue/store.ts'
import { OtlpGrpcClient } from './client.ts'
import { config } from './config.ts'

/** The `otlp_grpc` exporter: sends log records, metrics and spans by OTLP over gRPC. */
export const otlpGrpcExporter = defineExporter({
  type: 'otlp_grpc',
  aliases: ['otlp'],
  description: 'Sends log records, metrics and spans by OTLP over gRPC.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  config,
  uses: (checked) => [...queueUses(checked), ...useAuthenticator(checked.auth, { side: 'client', path: ['auth'] })],
  main: (settings, checked) => new OtlpExporter(settings, checked, new OtlpGrpcClient(settings, checked)),
})
