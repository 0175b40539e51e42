import type { AccessLogs } from './access_logs.ts'

/** What a logs pipeline carries. */
export type Logs = AccessLogs
