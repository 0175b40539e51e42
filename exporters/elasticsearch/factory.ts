import { defineExporter } from '../../component/factory.ts'
import { useAuthenticator } from '../../component/kit/auth.ts'
import { queueUses } from '../../component/kit/queue/store.ts'
import { config } from './config.ts'
import { ElasticsearchExporter } from './exporter.ts'

/** The `elasticsearch` exporter: indexes log records and spans in Elasticsearch or OpenSearch. */
export const elasticsearchExporter = defineExporter({
  type: 'elasticsearch',
  description: 'Indexes log records and spans in Elasticsearch or OpenSearch, through the bulk API.',
  stability: { logs: 'alpha', traces: 'alpha' },
  config,
  uses: (checked) => [...queueUses(checked), ...useAuthenticator(checked.auth, { side: 'client', path: ['auth'] })],
  main: (settings, checked) => new ElasticsearchExporter(settings, checked),
})
