import { defineExporter } from '../../component/factory.ts'
import { useAuthenticator } from '../../component/kit/auth.ts'
import { queueUses } from '../../component/kit/queue/store.ts'
import { config } from './config.ts'
import { ZipkinExporter } from './exporter.ts'

/** The `zipkin` exporter: sends spans to Zipkin and what understands its JSON. */
export const zipkinExporter = defineExporter({
  type: 'zipkin',
  description: "Sends spans to Zipkin, or to whatever takes Zipkin's JSON.",
  stability: { traces: 'alpha' },
  config,
  uses: (checked) => [...queueUses(checked), ...useAuthenticator(checked.auth, { side: 'client', path: ['auth'] })],
  main: (settings, checked) => new ZipkinExporter(settings, checked),
})
