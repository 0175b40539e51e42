import * as fc from 'fast-check'
import { AttributeSet, type AttributeValue, type Resource, type Scope } from '../../model/attributes.ts'
import type { DataPoint, DataPoints, ExponentialBuckets, Metric, PointExemplar, Temporality } from '../../model/data_points.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import { newSpan, type SpanEvent, type SpanKind, type SpanLink, type SpanStatus, type Traces } from '../../model/traces.ts'

/** Batches as a property test wants them: all types, extremes, and nothing that OTLP would read back otherwise (such as -0). */
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ minLength: 120, maxLength: 300 }))
const double = fc.double().map((value) => (value === 0 ? 0 : value))
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const uint32 = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

function idOf(bytes: number): fc.Arbitrary<string> {
  const id = fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString('hex'))
  return fc.oneof(
    fc.constant(''),
    id.filter((digits) => /[^0]/.test(digits)),
  )
}

export const { value: anyValue, set: attributeSet } = fc.letrec<{ value: AttributeValue; set: AttributeSet }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(text, fc.boolean(), int64, double, fc.uint8Array({ maxLength: 9 }), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('set'),
  ),
  set: fc.uniqueArray(fc.tuple(text, tie('value')), { maxLength: 5, selector: ([key]) => key }).map(
    (pairs) =>
      new AttributeSet(
        pairs.map(([key]) => key),
        pairs.map(([, value]) => value),
      ),
  ),
}))

const schemaUrl = fc.option(
  text.filter((url) => url !== ''),
  { nil: undefined },
)
const dropped = fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { nil: undefined })

/** Leaves out members that are undefined. */
function withoutUndefined<Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as { [Key in keyof Value]: Exclude<Value[Key], undefined> }
}

const entityRef = fc.record({ schemaUrl: text, type: text, idKeys: fc.array(text, { maxLength: 2 }), descriptionKeys: fc.array(text, { maxLength: 2 }) })

const resource: fc.Arbitrary<Resource> = fc
  .record({
    attributes: attributeSet,
    droppedAttributesCount: dropped,
    schemaUrl,
    entityRefs: fc.option(fc.array(entityRef, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  })
  .map(withoutUndefined)

const scope: fc.Arbitrary<Scope> = fc
  .record({
    name: text,
    version: text,
    attributes: fc.option(
      attributeSet.filter(({ size }) => size > 0),
      { nil: undefined },
    ),
    droppedAttributesCount: dropped,
    schemaUrl,
  })
  .map(withoutUndefined)

/** Groups of which some share a resource object. */
function groupsOf<Items extends object>(items: fc.Arbitrary<Items>): fc.Arbitrary<({ resource: Resource; scope: Scope } & Items)[]> {
  const scopes = fc.array(fc.tuple(scope, items), { minLength: 1, maxLength: 3 })
  return fc
    .array(fc.tuple(resource, scopes), { maxLength: 3 })
    .map((resources) => resources.flatMap(([of, parts]) => parts.map(([within, one]) => ({ resource: of, scope: within, ...one }))))
}

export const logRecord = fc
  .record({
    timeNs: uint64,
    observedNs: uint64,
    severityNumber: fc.integer({ min: 0, max: 24 }),
    severityText: text,
    body: anyValue,
    attributes: attributeSet,
    droppedAttributesCount: uint32,
    flags: uint32,
    traceId: idOf(16),
    spanId: idOf(8),
    eventName: text,
  })
  .map(newLogRecord)

export const logRecords: fc.Arbitrary<LogRecords> = groupsOf(fc.record({ records: fc.array(logRecord, { maxLength: 3 }) })).map((groups) => ({ groups }))

const spanEvent: fc.Arbitrary<SpanEvent> = fc.record({ timeNs: uint64, name: text, attributes: attributeSet, droppedAttributesCount: uint32 })
const spanLink: fc.Arbitrary<SpanLink> = fc.record({
  traceId: idOf(16),
  spanId: idOf(8),
  traceState: text,
  flags: uint32,
  attributes: attributeSet,
  droppedAttributesCount: uint32,
})

export const span = fc
  .record({
    traceId: idOf(16),
    spanId: idOf(8),
    parentSpanId: idOf(8),
    traceState: text,
    flags: uint32,
    name: text,
    kind: fc.constantFrom<SpanKind>('unspecified', 'internal', 'server', 'client', 'producer', 'consumer'),
    startTimeNs: uint64,
    endTimeNs: uint64,
    attributes: attributeSet,
    droppedAttributesCount: uint32,
    events: fc.array(spanEvent, { maxLength: 2 }),
    droppedEventsCount: uint32,
    links: fc.array(spanLink, { maxLength: 2 }),
    droppedLinksCount: uint32,
    status: fc.constantFrom<SpanStatus>('unset', 'ok', 'error'),
    statusMessage: text,
  })
  .map(newSpan)

export const traces: fc.Arbitrary<Traces> = groupsOf(fc.record({ spans: fc.array(span, { maxLength: 3 }) })).map((groups) => ({ groups }))

const exemplar: fc.Arbitrary<PointExemplar> = fc.record({
  timeNs: uint64,
  value: fc.oneof(double, int64),
  traceId: idOf(16),
  spanId: idOf(8),
  filteredAttributes: attributeSet,
})

const point = {
  attributes: attributeSet,
  startTimeNs: uint64,
  timeNs: uint64,
  flags: fc.constantFrom(0, 1),
  exemplars: fc.array(exemplar, { maxLength: 2 }),
}
const optionalDouble = fc.option(double, { nil: undefined })
const totals = { count: uint64, sum: optionalDouble, min: optionalDouble, max: optionalDouble }
const buckets: fc.Arbitrary<ExponentialBuckets> = fc.record({ offset: int32, counts: fc.array(uint64, { maxLength: 4 }) })
const quantile = fc.record({ quantile: double, value: double })

const numberPoint = fc.record({ ...point, value: fc.oneof(double, int64, fc.constant(null)) })
const histogramPoint = fc.record({ ...point, ...totals, bounds: fc.array(double, { maxLength: 4 }), bucketCounts: fc.array(uint64, { maxLength: 5 }) })
const exponentialPoint = fc.record({ ...point, ...totals, scale: int32, zeroCount: uint64, zeroThreshold: double, positive: buckets, negative: buckets })
const summaryPoint = fc.record({
  ...point,
  exemplars: fc.constant<PointExemplar[]>([]),
  count: uint64,
  sum: double,
  quantiles: fc.array(quantile, { maxLength: 3 }),
})

const temporality = fc.constantFrom<Temporality>('unspecified', 'delta', 'cumulative')
const metadata = fc.option(
  attributeSet
    .filter(({ size }) => size > 0)
    .map(({ keys, values }) => keys.map((key, i): readonly [string, AttributeValue] => [key, values[i] as AttributeValue])),
  { nil: undefined },
)
const named = { name: text, description: text, unit: text, metadata }

function pointsOf<Point extends DataPoint>(one: fc.Arbitrary<Point>): fc.Arbitrary<Point[]> {
  return fc.array(one, { maxLength: 3 })
}

const metric: fc.Arbitrary<Metric> = fc
  .oneof(
    fc.record({ ...named, type: fc.constant('gauge' as const), points: pointsOf(numberPoint) }),
    fc.record({ ...named, type: fc.constant('sum' as const), temporality, isMonotonic: fc.boolean(), points: pointsOf(numberPoint) }),
    fc.record({ ...named, type: fc.constant('histogram' as const), temporality, points: pointsOf(histogramPoint) }),
    fc.record({ ...named, type: fc.constant('exponential_histogram' as const), temporality, points: pointsOf(exponentialPoint) }),
    fc.record({ ...named, type: fc.constant('summary' as const), points: pointsOf(summaryPoint) }),
    fc.record({ ...named, type: fc.constant('none' as const), points: fc.constant<[]>([]) }),
  )
  .map((one) => withoutUndefined(one) as Metric)

export const dataPoints: fc.Arbitrary<DataPoints> = groupsOf(fc.record({ metrics: fc.array(metric, { maxLength: 3 }) })).map((groups) => ({ groups }))
