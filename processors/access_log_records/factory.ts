import { defineProcessor } from '../../component/factory.ts'
import { type AccessLogRecordsConfig, config } from './config.ts'
import { AccessLogRecordsIngest } from './ingest.ts'
import { AccessLogRecordsMain } from './main.ts'

/** The `access_log_records` processor: Envoy access logs in, OpenTelemetry log records out. */
export const accessLogRecordsProcessor = defineProcessor<AccessLogRecordsConfig>({
  type: 'access_log_records',
  description: 'Turns Envoy access logs into OpenTelemetry log records with the attributes of the semantic conventions.',
  stability: { logs: 'alpha' },
  runs: 'main',
  turns: 'access_logs_into_records',
  config,
  create: { logs: (settings, checked, next) => new AccessLogRecordsMain(settings, checked, next) },
  ingest: { logs: (settings, checked, link) => new AccessLogRecordsIngest(settings, checked, link) },
})
