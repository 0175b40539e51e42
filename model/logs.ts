import type { AccessLogs } from './access_logs.ts'
import type { LogRecords } from './log_records.ts'

/** What a logs pipeline carries: access logs in ingest workers, log records on the main thread. */
export type Logs = AccessLogs | LogRecords
