import { type LogRecord, type LogRecords, logRecordCount } from '../../model/log_records.ts'
import { attributesText, valueText } from './attributes_text.ts'
import { quoted } from './printable.ts'
import { nanosText } from './units_text.ts'

/** One line for a whole batch. */
export function logRecordsBatchLine(logs: LogRecords): string {
  return `logs: ${logRecordCount(logs)} records`
}

/** One line per record; with `isDetailed` its attributes below it. */
export function pushLogRecords(lines: string[], logs: LogRecords, isDetailed: boolean): void {
  for (const { resource, records } of logs.groups) {
    if (isDetailed && resource.attributes.size > 0) lines.push(`resource: ${attributesText(resource.attributes)}`)
    for (const record of records) {
      lines.push(recordLine(record))
      if (isDetailed) pushDetails(lines, record)
    }
  }
}

function recordLine({ timeNs, observedNs, severityText, eventName, body }: LogRecord): string {
  const parts = [nanosText(timeNs || observedNs), severityText, eventName === '' ? '' : quoted(eventName), body === null ? '' : valueText(body)]
  return parts.filter((part) => part !== '').join('  ')
}

function pushDetails(lines: string[], { attributes, traceId, spanId }: LogRecord): void {
  if (traceId !== '') lines.push(`  trace: ${quoted(traceId)}${spanId === '' ? '' : ` span ${quoted(spanId)}`}`)
  if (attributes.size > 0) lines.push(`  attributes: ${attributesText(attributes)}`)
}
