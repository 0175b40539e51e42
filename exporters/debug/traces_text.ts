import type { Span, Traces } from '../../model/traces.ts'
import { attributesText } from './metrics_text.ts'
import { quoted } from './printable.ts'
import { durationText, timeText } from './units_text.ts'

/** One line for a whole batch. */
export function tracesBatchLine(traces: Traces): string {
  return `traces: ${traces.spans.length} spans of ${quoted(traces.scope.name)}`
}

/** One line per span; with `isDetailed` its parts below it. */
export function pushSpans(lines: string[], traces: Traces, isDetailed: boolean): void {
  if (isDetailed && traces.resource.attributes.size > 0) lines.push(`resource: ${attributesText(traces.resource.attributes)}`)
  for (const span of traces.spans) {
    lines.push(spanLine(span))
    if (isDetailed) pushDetails(lines, span)
  }
}

function spanLine(span: Span): string {
  const duration = durationText(Number(span.endTimeNs - span.startTimeNs))
  return `${timeText(Number(span.startTimeNs / 1_000_000n))}  ${span.kind} ${quoted(span.name)}  ${duration}  ${span.status}  trace=${quoted(span.traceId)} span=${quoted(span.spanId)}`
}

function pushDetails(lines: string[], span: Span): void {
  if (span.parentSpanId !== '') lines.push(`  parent: ${quoted(span.parentSpanId)}`)
  if (span.attributes.size > 0) lines.push(`  attributes: ${attributesText(span.attributes)}`)
}
