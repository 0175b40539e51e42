import type { LogRecords } from '../../model/log_records.ts'
import type { FamilyPoints, Metrics } from '../../model/metrics.ts'
import { logsJson, metricsJson, tracesJson } from '../../model/otlp/json.ts'
import type { Traces } from '../../model/traces.ts'

/** Most series in one line, so that no line becomes huge and the event loop gets its turn between lines. */
const LINE_POINTS_MAX = 1000

/** Characters that JSON allows unescaped but terminals and line readers trip over: DEL and C1 controls, U+2028, U+2029. */
const UNESCAPED = /[\u007f-\u009f\u2028\u2029]/g

/** Log records as one line of OTLP JSON (`{"resourceLogs": …}`), which the Collector's `otlpjsonfile` receiver reads, as all lines here. */
export function logsLine(logs: LogRecords): string {
  return safe(logsJson(logs))
}

/** Spans as one line of OTLP JSON (`{"resourceSpans": …}`). */
export function tracesLine(traces: Traces): string {
  return safe(tracesJson(traces))
}

/** Metrics as lines of OTLP JSON (`{"resourceMetrics": …}`): a batch of points as one, series a thousand of a family at a time. */
export function* metricsLines(metrics: Metrics): Generator<{ readonly line: string; readonly points: number }> {
  if ('groups' in metrics) {
    const points = metrics.groups.reduce((sum, group) => sum + group.metrics.reduce((inner, { points: own }) => inner + own.length, 0), 0)
    yield { line: safe(metricsJson(metrics)), points }
    return
  }
  for (const family of metrics.families) {
    for (let from = 0; from < family.series.length; from += LINE_POINTS_MAX) {
      const part = partOf(family, from, Math.min(family.series.length, from + LINE_POINTS_MAX))
      yield { line: safe(metricsJson({ ...metrics, families: [part] })), points: part.series.length }
    }
  }
}

/** The series of a family from one to another. */
function partOf(points: FamilyPoints, from: number, end: number): FamilyPoints {
  const { exemplar } = points
  return {
    ...points,
    series: points.series.slice(from, end),
    offset: points.offset + from * points.stride,
    startTimesMs: points.startTimesMs.subarray(from, end),
    updatedMs: points.updatedMs.subarray(from, end),
    ...(exemplar === undefined ? {} : { exemplar: (i: number) => exemplar(from + i) }),
  }
}

/** JSON on one line that is safe to print. */
function safe(json: string): string {
  return json.search(UNESCAPED) < 0 ? json : json.replace(UNESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
