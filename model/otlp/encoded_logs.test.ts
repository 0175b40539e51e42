import { expect, test } from 'vitest'
import { AttributeSet } from '../attributes.ts'
import { copyLogRecords, logRecordCount, newLogRecord } from '../log_records.ts'
import { encodeLogs } from './encode.ts'
import { EncodedLogs } from './encoded_logs.ts'

const records = ['one', 'two'].map((body) => newLogRecord({ body }))
const BYTES = encodeLogs({ groups: [{ resource: { attributes: AttributeSet.of({ a: 'b' }) }, scope: { name: 's', version: '' }, records }] })

test('what nobody has looked into is the request that it came as', () => {
  const logs = new EncodedLogs(BYTES, 2)
  expect('groups' in logs).toBe(true)
  expect(logRecordCount(logs)).toBe(2)
  expect(logs.encoded?.bytes).toBe(BYTES)
})

test('what somebody has looked into is its groups, with the changes made to them', () => {
  const logs = new EncodedLogs(BYTES, 2)
  const [group] = logs.groups
  expect(group?.records.map(({ body }) => body)).toEqual(['one', 'two'])
  group?.records.pop()
  expect(logs.encoded).toBeUndefined()
  expect(logRecordCount(logs)).toBe(1)
  expect(encodeLogs(logs).length).toBeLessThan(BYTES.length)
})

test('a copy has groups of its own and no request', () => {
  const logs = new EncodedLogs(BYTES, 2)
  const copy = copyLogRecords(logs)
  copy.groups[0]?.records.pop()
  expect(copy.encoded).toBeUndefined()
  expect(logRecordCount(logs)).toBe(2)
})

test('is all of one consumer’s until it is shared, if its memory holds nothing else', () => {
  const own = new EncodedLogs(Uint8Array.from(BYTES), 2)
  expect(own.encoded?.isSole).toBe(true)
  own.share()
  expect(own.encoded).toMatchObject({ items: 2, isSole: false })
  expect(new EncodedLogs(new Uint8Array(BYTES.length + 1).subarray(1), 2).encoded?.isSole).toBe(false)
})
