import { type Span, spanCount, type Traces } from '../../model/traces.ts'
import { attributesText } from './attributes_text.ts'
import { quoted } from './printable.ts'
import { durationText, nanosText } from './units_text.ts'

/** One line for a whole batch. */
export function tracesBatchLine(traces: Traces): string {
  const scopes = [...new Set(traces.groups.map(({ scope }) => quoted(scope.name)))]
  return `traces: ${spanCount(traces)} spans of ${scopes.join(', ')}`
}

/** One line per span; with `isDetailed` its parts below it. */
export function pushSpans(lines: string[], traces: Traces, isDetailed: boolean): void {
  for (const { resource, spans } of traces.groups) {
    if (isDetailed && resource.attributes.size > 0) lines.push(`resource: ${attributesText(resource.attributes)}`)
    for (const span of spans) {
      lines.push(spanLine(span))
      if (isDetailed) pushDetails(lines, span)
    }
  }
}

function spanLine(span: Span): string {
  const duration = durationText(Number(span.endTimeNs - span.startTimeNs))
  return `${nanosText(span.startTimeNs)}  ${span.kind} ${quoted(span.name)}  ${duration}  ${span.status}  trace=${quoted(span.traceId)} span=${quoted(span.spanId)}`
}

function pushDetails(lines: string[], span: Span): void {
  if (span.parentSpanId !== '') lines.push(`  parent: ${quoted(span.parentSpanId)}`)
  if (span.statusMessage !== '') lines.push(`  status: ${quoted(span.statusMessage)}`)
  for (const event of span.events) lines.push(`  event: ${nanosText(event.timeNs)} ${quoted(event.name)}${attributesText(event.attributes)}`)
  for (const link of span.links) lines.push(`  link: trace ${quoted(link.traceId)} span ${quoted(link.spanId)}${attributesText(link.attributes)}`)
  if (span.attributes.size > 0) lines.push(`  attributes: ${attributesText(span.attributes)}`)
}
