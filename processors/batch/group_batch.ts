import type { Client } from '../../model/client.ts'
import { dataPointCount, type Metric, type MetricGroup } from '../../model/data_points.ts'
import { type LogGroup, logRecordCount } from '../../model/log_records.ts'
import { type SpanGroup, spanCount } from '../../model/traces.ts'

/** A batch that consists of groups, which can be merged and cut. */
export interface GroupBatch<Group> {
  readonly groups: Group[]
  readonly client?: Client
}

/** How batches of one kind are counted and cut. */
export interface GroupRules<Group> {
  count(batch: GroupBatch<Group>): number
  countOf(group: Group): number
  /** The first `count` items of a group, and the others. */
  cut(group: Group, count: number): readonly [Group, Group]
}

export const LOG_RULES: GroupRules<LogGroup> = {
  count: logRecordCount,
  countOf: ({ records }) => records.length,
  cut: (group, count) => [
    { ...group, records: group.records.slice(0, count) },
    { ...group, records: group.records.slice(count) },
  ],
}

export const SPAN_RULES: GroupRules<SpanGroup> = {
  count: spanCount,
  countOf: ({ spans }) => spans.length,
  cut: (group, count) => [
    { ...group, spans: group.spans.slice(0, count) },
    { ...group, spans: group.spans.slice(count) },
  ],
}

export const POINT_RULES: GroupRules<MetricGroup> = {
  count: dataPointCount,
  countOf: ({ metrics }) => metrics.reduce((sum, { points }) => sum + points.length, 0),
  cut: cutMetrics,
}

/** Cuts between points: the points of one metric may go to both sides, each under its own copy of the metric's head. */
function cutMetrics(group: MetricGroup, count: number): readonly [MetricGroup, MetricGroup] {
  const first: Metric[] = []
  const rest: Metric[] = []
  let room = count
  for (const metric of group.metrics) {
    const { length } = metric.points
    if (room >= length) first.push(metric)
    else if (room === 0) rest.push(metric)
    else {
      // The points of one metric are of one type, which the compiler cannot follow through the copies.
      first.push({ ...metric, points: metric.points.slice(0, room) } as Metric)
      rest.push({ ...metric, points: metric.points.slice(room) } as Metric)
    }
    room = Math.max(0, room - length)
  }
  return [
    { ...group, metrics: first },
    { ...group, metrics: rest },
  ]
}

/** Takes the first `count` items out of a list of groups, which loses them. */
export function takeItems<Group>(groups: Group[], count: number, rules: GroupRules<Group>): Group[] {
  const taken: Group[] = []
  let room = count
  let whole = 0
  for (; whole < groups.length; whole++) {
    const group = groups[whole] as Group
    const size = rules.countOf(group)
    if (size > room) break
    taken.push(group)
    room -= size
  }
  groups.splice(0, whole)
  const [next] = groups
  if (room > 0 && next !== undefined) {
    const [first, rest] = rules.cut(next, room)
    taken.push(first)
    groups[0] = rest
  }
  return taken
}
