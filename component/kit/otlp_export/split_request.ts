import type { Metric, MetricGroup } from '../../../model/data_points.ts'
import { dataPointCount } from '../../../model/data_points.ts'
import { type LogGroup, logRecordCount } from '../../../model/log_records.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../../model/otlp/decode.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../../model/otlp/encode.ts'
import { OtlpError } from '../../../model/otlp/error.ts'
import { type SpanGroup, spanCount } from '../../../model/traces.ts'
import type { QueueItem } from '../queue/store.ts'

/**
 * Takes an OTLP request apart into ones of at most `itemsMax` items each, in order (`SplitItem`). Resources and scopes are
 * repeated where their items are divided. A request that cannot be read is given back whole: what is damaged is for the server to say.
 */
export function splitRequest(item: QueueItem, itemsMax: number): readonly QueueItem[] {
  try {
    return [...pieces(item, itemsMax)]
  } catch (error) {
    if (error instanceof OtlpError) return [item]
    throw error
  }
}

function* pieces({ signal, bytes }: QueueItem, itemsMax: number): Generator<QueueItem> {
  if (signal === 'logs') {
    const { groups } = decodeLogs(bytes)
    const split = divided(groups, { itemsMax, countOf: ({ records }) => records.length, slice: sliceLogs })
    for (const part of split) yield { signal, bytes: encodeLogs({ groups: part }), items: logRecordCount({ groups: part }) }
  } else if (signal === 'traces') {
    const { groups } = decodeTraces(bytes)
    const split = divided(groups, { itemsMax, countOf: ({ spans }) => spans.length, slice: sliceSpans })
    for (const part of split) yield { signal, bytes: encodeTraces({ groups: part }), items: spanCount({ groups: part }) }
  } else {
    const { groups } = decodeMetrics(bytes)
    const split = divided(groups, { itemsMax, countOf: (group) => dataPointCount({ groups: [group] }), slice: sliceMetrics })
    for (const part of split) yield { signal, bytes: encodeMetrics({ groups: part }), items: dataPointCount({ groups: part }) }
  }
}

interface Division<G> {
  readonly itemsMax: number
  readonly countOf: (group: G) => number
  /** The items of a group from one number up to another, in a group of their own. */
  readonly slice: (group: G, from: number, to: number) => G
}

/** Deals out groups, and parts of them, in lists of `itemsMax` items; the last one has what is left. */
function* divided<G>(groups: readonly G[], { itemsMax, countOf, slice }: Division<G>): Generator<G[]> {
  let part: G[] = []
  let room = itemsMax
  for (const group of groups) {
    const count = countOf(group)
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + room)
      part.push(from === 0 && to === count ? group : slice(group, from, to))
      room -= to - from
      from = to
      if (room > 0) continue
      yield part
      part = []
      room = itemsMax
    }
  }
  if (part.length > 0) yield part
}

function sliceLogs(group: LogGroup, from: number, to: number): LogGroup {
  return { ...group, records: group.records.slice(from, to) }
}

function sliceSpans(group: SpanGroup, from: number, to: number): SpanGroup {
  return { ...group, spans: group.spans.slice(from, to) }
}

function sliceMetrics(group: MetricGroup, from: number, to: number): MetricGroup {
  const metrics: Metric[] = []
  let at = 0
  for (const metric of group.metrics) {
    const [first, end] = [Math.max(0, from - at), Math.min(metric.points.length, to - at)]
    if (first < end) metrics.push({ ...metric, points: metric.points.slice(first, end) } as Metric)
    at += metric.points.length
  }
  return { ...group, metrics }
}
