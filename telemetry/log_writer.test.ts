import { expect, test } from 'vitest'
import { type LogRecord, LogSource } from './log_source.ts'
import { LogWriter } from './log_writer.ts'

class Lines {
  text = ''
  isTTY = false

  write(text: string): void {
    this.text += text
  }
}

const record: LogRecord = {
  level: 'warn',
  timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  address: 'receivers.envoyals/edge',
  message: 'batch dropped',
  fields: { dropped: 3, reason: 'queue full', peer: '10.0.0.1:5', none: undefined },
}

test('console lines are for people', () => {
  const lines = new Lines()
  new LogWriter({ level: 'info', encoding: 'console' }, lines).write(record)
  new LogWriter({ level: 'info', encoding: 'console' }, lines).write({ ...record, fields: {}, worker: 2 })
  expect(lines.text).toBe(
    [
      '2026-01-02T03:04:05.006Z  WARN   receivers.envoyals/edge  batch dropped  dropped=3  reason="queue full"  peer=10.0.0.1:5',
      '2026-01-02T03:04:05.006Z  WARN   receivers.envoyals/edge [worker 2]  batch dropped',
      '',
    ].join('\n'),
  )
})

test('colour is for terminals only', () => {
  const lines = new Lines()
  lines.isTTY = true
  new LogWriter({ level: 'info', encoding: 'console' }, lines).write(record)
  expect(lines.text).toContain('\u001b[33mWARN \u001b[0m')
})

test('JSON lines are for machines', () => {
  const lines = new Lines()
  new LogWriter({ level: 'info', encoding: 'json' }, lines).write({ ...record, worker: 1 })
  expect(JSON.parse(lines.text)).toEqual({
    level: 'warn',
    time: '2026-01-02T03:04:05.006Z',
    component: 'receivers.envoyals/edge',
    worker: 1,
    dropped: 3,
    reason: 'queue full',
    peer: '10.0.0.1:5',
    message: 'batch dropped',
  })
})

test('lines below the level are left out, and the level can change', () => {
  const lines = new Lines()
  const writer = new LogWriter({ level: 'error', encoding: 'console' }, lines)
  writer.write(record)
  expect(lines.text).toBe('')
  writer.options = { level: 'debug', encoding: 'json' }
  writer.write(record)
  expect(lines.text).toContain('batch dropped')
})

test('fields are made plain, so that they can cross threads', () => {
  const records: LogRecord[] = []
  const source = new LogSource(
    'info',
    (made) => records.push(made),
    () => 5,
  )
  source.for('a').debug({}, 'not shown')
  source.for('a').error(
    {
      error: new Error('outer', { cause: new Error('inner') }),
      big: 3n,
      call: () => 1,
      bytes: new Uint8Array(3),
      deep: { a: { b: { c: { d: { e: 1 } } } } },
    },
    'shown',
  )
  expect(records).toHaveLength(1)
  expect(structuredClone(records[0])).toMatchObject({
    timeMs: 5,
    address: 'a',
    fields: {
      error: { message: 'outer', cause: 'inner' },
      big: '3',
      call: expect.stringContaining('=>'),
      bytes: '3 bytes',
      deep: { a: { b: { c: { d: '…' } } } },
    },
  })
})
