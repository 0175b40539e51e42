export { parseLogsJson, parseMetricsJson, parseTracesJson } from './json_parse.ts'
export { logsJson, metricsJson, tracesJson } from './json_write.ts'
