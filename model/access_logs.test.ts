import { expect, test } from 'vitest'
import { ByteInterner } from '../lib/intern.ts'
import { AccessLogs } from './access_logs.ts'

test('starts with every cell at the value that means absent', () => {
  const logs = new AccessLogs(new ByteInterner())
  expect(logs.duration[31]).toBeNaN()
  expect(logs.downstreamWireReceived[0]).toBeNaN()
  expect(logs.grpcResponseMessages[31]).toBe(-1)
  expect(logs.grpcStatus[31]).toBe(-1)
  expect(logs.requestBodyBytes[31]).toBe(0)
  expect(logs.edge[31]).toBe(0)
})

test('keeps its rows when it grows and starts the new ones as absent', () => {
  const logs = new AccessLogs(new ByteInterner())
  logs.duration[3] = 5
  logs.startSeconds[31] = 7
  logs.kind[0] = 1
  logs.grow(65)
  expect([logs.capacity, logs.duration.length, logs.kind.length]).toEqual([128, 128, 128])
  expect([logs.duration[3], logs.startSeconds[31], logs.kind[0]]).toEqual([5, 7, 1])
  expect(logs.duration[64]).toBeNaN()
  expect([logs.grpcStatus[64], logs.grpcRequestMessages[127], logs.startSeconds[64], logs.kind[127]]).toEqual([-1, -1, 0, 0])
})

test('is empty after clear, in every column', () => {
  const logs = new AccessLogs(new ByteInterner())
  const fresh = new AccessLogs(logs.strings) as unknown as Record<string, unknown>
  for (const column of Object.values(logs)) if (ArrayBuffer.isView(column)) (column as unknown as Uint8Array).fill(9)
  logs.length = 5
  logs.clear()
  expect(logs.length).toBe(0)
  for (const [name, column] of Object.entries(logs)) if (ArrayBuffer.isView(column)) expect(column, name).toEqual(fresh[name])
})

test('clears one row and leaves its neighbours alone', () => {
  const logs = new AccessLogs(new ByteInterner())
  const fresh = new AccessLogs(logs.strings) as unknown as Record<string, Float64Array>
  for (const column of Object.values(logs)) if (ArrayBuffer.isView(column)) (column as unknown as Uint8Array).fill(9)
  logs.clearRow(5)
  for (const [name, column] of Object.entries(logs)) {
    if (!ArrayBuffer.isView(column) || name === 'message') continue
    const cells = column as unknown as Float64Array
    expect([cells[4], cells[5], cells[6]], name).toEqual([9, (fresh[name] as Float64Array)[5], 9])
  }
})
