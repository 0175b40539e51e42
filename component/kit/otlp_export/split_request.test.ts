import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dataPointCount, type Metric } from '../../../model/data_points.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../../model/otlp/decode.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../../model/otlp/encode.ts'
import { dataPoints, logRecords, traces } from '../../../test/fakes/otlp_arbitraries.ts'
import { splitRequest } from './split_request.ts'

const max = fc.integer({ min: 1, max: 5 })

/** That parts are as large as they may be, and none larger. */
function expectSizes(parts: readonly { readonly items: number }[], itemsMax: number, all: number): void {
  const expected = Array.from({ length: Math.ceil(all / itemsMax) }, (_, i) => Math.min(itemsMax, all - i * itemsMax))
  expect(parts.map(({ items }) => items)).toEqual(expected)
}

test('the parts of logs have all records with their resources and scopes, in order', () => {
  fc.assert(
    fc.property(logRecords, max, (logs, itemsMax) => {
      const parts = splitRequest({ signal: 'logs', bytes: encodeLogs(logs), items: 0 }, itemsMax)
      const all = decodeLogs(encodeLogs(logs)).groups.flatMap(({ resource, scope, records }) => records.map((record) => [resource, scope, record]))
      const got = parts.flatMap(({ bytes }) => decodeLogs(bytes).groups.flatMap(({ resource, scope, records }) => records.map((r) => [resource, scope, r])))
      expect(JSON.stringify(got, jsonable)).toBe(JSON.stringify(all, jsonable))
      expectSizes(parts, itemsMax, all.length)
    }),
  )
})

test('the parts of traces have all spans', () => {
  fc.assert(
    fc.property(traces, max, (batch, itemsMax) => {
      const parts = splitRequest({ signal: 'traces', bytes: encodeTraces(batch), items: 0 }, itemsMax)
      const all = decodeTraces(encodeTraces(batch)).groups.flatMap(({ resource, scope, spans }) => spans.map((span) => [resource, scope, span]))
      const got = parts.flatMap(({ bytes }) => decodeTraces(bytes).groups.flatMap(({ resource, scope, spans }) => spans.map((s) => [resource, scope, s])))
      expect(JSON.stringify(got, jsonable)).toBe(JSON.stringify(all, jsonable))
      expectSizes(parts, itemsMax, all.length)
    }),
  )
})

test('the parts of metrics have all points of every type, each with its metric', () => {
  const pointsOf = (groups: readonly { readonly resource: object; readonly scope: object; readonly metrics: readonly Metric[] }[]): unknown[] =>
    groups.flatMap(({ resource, scope, metrics }) =>
      metrics.flatMap(({ points, ...metric }) => (points as readonly object[]).map((point) => [resource, scope, metric, point])),
    )
  fc.assert(
    fc.property(dataPoints, max, (batch, itemsMax) => {
      const parts = splitRequest({ signal: 'metrics', bytes: encodeMetrics(batch), items: 0 }, itemsMax)
      const got = pointsOf(parts.flatMap(({ bytes }) => decodeMetrics(bytes).groups))
      expect(JSON.stringify(got, jsonable)).toBe(JSON.stringify(pointsOf(decodeMetrics(encodeMetrics(batch)).groups), jsonable))
      expectSizes(parts, itemsMax, dataPointCount(batch))
    }),
  )
})

test('what cannot be read stays whole', () => {
  const item = { signal: 'logs', bytes: new Uint8Array([0x0a, 200]), items: 9 } as const
  expect(splitRequest(item, 2)).toEqual([item])
})

/** For comparing what JSON does not have. */
function jsonable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}
