import { expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import { logRecordsBatchLine, pushLogRecords } from './log_records_text.ts'

const record = newLogRecord({
  severityNumber: 13,
  severityText: 'WARN',
  body: 'it\nfell',
  attributes: AttributeSet.of({ env: 'dev' }),
  eventName: 'dogstatsd.event',
})
const unnamed = record.copy()
unnamed.eventName = ''
const logs: LogRecords = {
  groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [record, unnamed] }],
}

test('a batch is one line', () => {
  expect(logRecordsBatchLine(logs)).toBe('logs: 2 records')
})

test('a record is one line, with its attributes below when they are wanted', () => {
  const short: string[] = []
  pushLogRecords(short, logs, false)
  expect(short).toHaveLength(2)
  expect(short[0]).toMatch(/^1970-01-01T00:00:00.000Z {2}WARN {2}\S*dogstatsd.event\S* {2}.*it\\nfell/)
  expect(short[1]).not.toContain('dogstatsd.event')
  const detailed: string[] = []
  pushLogRecords(detailed, logs, true)
  expect(detailed).toHaveLength(4)
  expect(detailed[1]).toContain('env')
})
