import type { LogRecord, LogRecords } from '../../model/log_records.ts'
import { attributesText } from './metrics_text.ts'
import { quoted } from './printable.ts'
import { timeText } from './units_text.ts'

/** One line for a whole batch. */
export function logRecordsBatchLine({ records }: LogRecords): string {
  return `logs: ${records.length} records`
}

/** One line per record; with `isDetailed` its attributes below it. */
export function pushLogRecords(lines: string[], logs: LogRecords, isDetailed: boolean): void {
  if (isDetailed && logs.resource.attributes.size > 0) lines.push(`resource: ${attributesText(logs.resource.attributes)}`)
  for (const record of logs.records) {
    lines.push(recordLine(record))
    if (isDetailed && record.attributes.size > 0) lines.push(`  attributes: ${attributesText(record.attributes)}`)
  }
}

function recordLine({ timeMs, severityText, eventName, body }: LogRecord): string {
  return `${timeText(timeMs)}  ${severityText}  ${eventName === '' ? '' : `${quoted(eventName)}  `}${quoted(body)}`
}
