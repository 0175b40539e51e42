import { expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { readEntry } from '../../model/access_log_entry.ts'
import { AccessLogs } from '../../model/access_logs.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'
import { ownSchema } from '../../test/conformance/als_oracle.ts'
import { meshMessages } from '../../test/conformance/als_oracle_messages.ts'
import { HeldRows, removeRows } from './held_rows.ts'
import { originOf } from './testing.ts'

/** Columns that hold ids of strings: the same text has different ids here and there. */
const TEXT_COLUMNS =
  /^(upstreamCluster|routeName|authority|scheme|.*Failure|.*Peer|.*Principal|.*San|sni|tagUpstream.*|downstreamRemote|downstreamLocal|directRemote|upstreamRemote)$/
const PLACE_COLUMNS = /At$|^entryEnd$/

/** Everything a row says, whatever batch it stands in. */
function described(logs: AccessLogs, i: number): Record<string, unknown> {
  const columns = logs as unknown as Record<string, Int32Array>
  const row: Record<string, unknown> = { entry: readEntry(logs, i), startMs: logs.startMs(i) }
  for (const [name, column] of Object.entries(columns)) {
    if (!ArrayBuffer.isView(column) || PLACE_COLUMNS.test(name)) continue
    const isText = TEXT_COLUMNS.test(name)
    row[name] = isText ? Buffer.from(logs.strings.bytes(logs.address(column, i))).toString('base64') : column[i]
  }
  for (const part of ['path', 'requestId', 'streamId'] as const) row[part] = logs.textAt(logs[`${part}At`][i] as number, logs[`${part}Length`][i] as number)
  return row
}

test('rows come out as they went in, whatever became of their batch', () => {
  const held = new HeldRows()
  const expected: Record<string, unknown>[] = []
  const decoder = new AccessLogDecoder(new ByteInterner())
  for (const message of meshMessages(ownSchema(), { count: 12, entriesPerMessage: 10 })) {
    decoder.begin(message)
    while (decoder.next()) {
      const { logs } = decoder
      logs.origin = originOf({ id: 'x' })
      for (let i = 0; i < logs.length; i += 2) {
        expected.push(described(logs, i))
        held.add(logs, i, 0)
      }
    }
    decoder.logs.strings.renew()
  }
  const rows = Array.from({ length: held.size }, (_, i) => i)
  const seen: Record<string, unknown>[] = []
  const collect = (batch: AccessLogs): void => {
    for (let i = 0; i < batch.length; i++) seen.push(described(batch, i))
  }
  expect(expected.length).toBeGreaterThan(50)
  held.take(
    rows.filter((i) => i % 3 === 0),
    collect,
  )
  held.take(
    Array.from({ length: held.size }, (_, i) => i),
    collect,
  )
  const order = [...rows.filter((i) => i % 3 === 0), ...rows.filter((i) => i % 3 !== 0)]
  expect(seen).toEqual(order.map((i) => expected[i]))
  expect([held.size, held.bytes]).toEqual([0, 0])
})

test('taking rows out of a batch moves up the rows behind', () => {
  const logs = new AccessLogs(new ByteInterner())
  logs.length = 5
  for (let i = 0; i < 5; i++) {
    logs.responseCode[i] = i
    logs.duration[i] = i * 1.5
  }
  removeRows(logs, [0, 3])
  expect(logs.length).toBe(3)
  expect([...logs.responseCode.subarray(0, 3)]).toEqual([1, 2, 4])
  expect([...logs.duration.subarray(0, 3)]).toEqual([1.5, 3, 6])
})
