import { type Arbitrary, sample } from 'fast-check'
import type { Signal } from '../../../component/signal.ts'
import { AttributeSet } from '../../../model/attributes.ts'
import { type DataPoints, dataPointCount } from '../../../model/data_points.ts'
import { type LogRecords, logRecordCount, newLogRecord } from '../../../model/log_records.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../../model/otlp/encode.ts'
import { logsJson, metricsJson, parseLogsJson, parseMetricsJson, parseTracesJson, tracesJson } from '../../../model/otlp/json.ts'
import { newSpan, spanCount, type Traces } from '../../../model/traces.ts'
import { dataPoints, logRecords, traces } from '../../fakes/otlp_arbitraries.ts'

export interface Batch {
  readonly signal: Signal
  readonly bytes: Uint8Array
  /** The same in JSON. */
  readonly text: string
  readonly items: number
}

const SEED = 20_261_124
const BATCHES = 40

const asBatch = {
  logs: (logs: LogRecords): Batch => ({ signal: 'logs', bytes: encodeLogs(logs), text: logsJson(logs), items: logRecordCount(logs) }),
  metrics: (metrics: DataPoints): Batch => ({ signal: 'metrics', bytes: encodeMetrics(metrics), text: metricsJson(metrics), items: dataPointCount(metrics) }),
  traces: (spans: Traces): Batch => ({ signal: 'traces', bytes: encodeTraces(spans), text: tracesJson(spans), items: spanCount(spans) }),
}

/** Generated batches of all signals, the same every time; without numbers that JSON does not have, and none is empty. */
export function batches(): readonly Batch[] {
  return [...generated(logRecords, asBatch.logs), ...generated(dataPoints, asBatch.metrics), ...generated(traces, asBatch.traces)]
}

function generated<T>(arbitrary: Arbitrary<T>, make: (batch: T) => Batch): Batch[] {
  return sample(arbitrary, { numRuns: 4 * BATCHES, seed: SEED })
    .map(make)
    .filter(({ items, text }) => items > 0 && !/NaN|Infinity/.test(text))
    .slice(0, BATCHES)
}

/** One batch of each signal as real senders make them: every kind of value, and every type of metric. */
export function goldenBatches(): readonly Batch[] {
  const resource = {
    attributes: AttributeSet.of({ 'service.name': 'cart', 'service.instance.id': 'cart-1' }),
    schemaUrl: 'https://opentelemetry.io/schemas/1.38.0',
  }
  const scope = { name: 'shop', version: '1.2', attributes: AttributeSet.of({ tier: 'gold' }) }
  const [startTimeNs, timeNs] = [1_795_000_000_000_000_000n, 1_795_000_060_000_000_001n]
  const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const attributes = AttributeSet.of({
    text: 'Grüße, 世界',
    yes: true,
    no: false,
    small: -1n,
    large: 2n ** 63n - 1n,
    half: 0.5,
    bytes: new Uint8Array([0, 255]),
    list: ['a', 1n, null],
    map: AttributeSet.of({ inner: AttributeSet.of({ depth: 2n }) }),
    empty: '',
  })
  const point = { attributes, startTimeNs, timeNs, flags: 0, exemplars: [{ timeNs, value: 1.5, ...ids, filteredAttributes: AttributeSet.of({ a: 'b' }) }] }
  const named = (name: string, unit: string) => ({ name, unit, description: `The ${name}.` })
  const distribution = { ...point, count: 3n, sum: 4.5, min: 0.5, max: 3 }
  return [
    asBatch.logs({
      groups: [
        {
          resource,
          scope,
          records: [
            newLogRecord({
              timeNs,
              observedNs: timeNs,
              severityNumber: 17,
              severityText: 'ERROR',
              body: 'declined',
              attributes,
              flags: 1,
              ...ids,
              eventName: 'pay',
            }),
            newLogRecord({ body: AttributeSet.of({ code: 402n }), droppedAttributesCount: 2 }),
          ],
        },
      ],
    }),
    asBatch.metrics({
      groups: [
        {
          resource,
          scope,
          metrics: [
            { ...named('queue', '{items}'), type: 'gauge', points: [{ ...point, value: 7n }] },
            { ...named('calls', '{calls}'), type: 'sum', temporality: 'cumulative', isMonotonic: true, points: [{ ...point, value: 12.5 }] },
            {
              ...named('duration', 's'),
              type: 'histogram',
              temporality: 'delta',
              points: [{ ...distribution, bounds: [0.5, 1], bucketCounts: [1n, 0n, 2n] }],
            },
            {
              ...named('size', 'By'),
              type: 'exponential_histogram',
              temporality: 'cumulative',
              points: [
                {
                  ...distribution,
                  scale: 2,
                  zeroCount: 1n,
                  zeroThreshold: 0.001,
                  positive: { offset: -1, counts: [1n, 1n] },
                  negative: { offset: 0, counts: [] },
                },
              ],
            },
            { ...named('old', 's'), type: 'summary', points: [{ ...point, exemplars: [], count: 2n, sum: 3, quantiles: [{ quantile: 0.5, value: 1 }] }] },
          ],
        },
      ],
    }),
    asBatch.traces({
      groups: [
        {
          resource,
          scope,
          spans: [
            newSpan({ ...ids, name: 'POST /cart', kind: 'server', startTimeNs, endTimeNs: timeNs, attributes, traceState: 'a=b' }),
            newSpan({
              traceId: ids.traceId,
              spanId: '00f067aa0ba902b7',
              parentSpanId: ids.spanId,
              name: 'query',
              kind: 'client',
              startTimeNs,
              endTimeNs: timeNs,
            }),
          ],
        },
      ],
    }),
  ]
}

/** A document of JSON as we write it, so that what may be written in several ways, and the order of fields, does not count. */
export function sameText(signal: Signal, text: string): string {
  if (signal === 'logs') return logsJson(parseLogsJson(text))
  return signal === 'metrics' ? metricsJson(parseMetricsJson(text)) : tracesJson(parseTracesJson(text))
}
