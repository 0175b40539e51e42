/**
 * Spans as Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/), by OpenTelemetry's mapping
 * (https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/). Pure: spans in, plain objects out.
 */
import { isIP } from 'node:net'
import type { AttributeSet, AttributeValue, Resource, Scope } from '../../model/attributes.ts'
import { plainObject, plainText } from '../../model/plain_json.ts'
import type { Span, SpanEvent, SpanKind, SpanLink, Traces } from '../../model/traces.ts'

/** A service at one end of a call. */
export interface ZipkinEndpoint {
  serviceName?: string
  ipv4?: string
  ipv6?: string
  port?: number
}

/** A span as Zipkin takes it; times in microseconds. */
export interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly name: string
  readonly kind?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER'
  readonly timestamp: number
  readonly duration?: number
  readonly localEndpoint: ZipkinEndpoint
  readonly remoteEndpoint?: ZipkinEndpoint
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[]
  readonly tags: Readonly<Record<string, string>>
}

const KINDS: { readonly [K in SpanKind]?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER' } = {
  client: 'CLIENT',
  server: 'SERVER',
  producer: 'PRODUCER',
  consumer: 'CONSUMER',
}

/** All spans of a batch, in order. `defaultServiceName` is for those whose resource has no `service.name`. */
export function zipkinSpans(traces: Traces, defaultServiceName: string): ZipkinSpan[] {
  return traces.groups.flatMap((group) => {
    const resourceTags = tagsOfGroup(group)
    const serviceName = plainText(group.resource.attributes.get('service.name') ?? null) || defaultServiceName
    return group.spans.map((span) => zipkinSpan(span, { serviceName, resourceTags }))
  })
}

function zipkinSpan(
  span: Span,
  { serviceName, resourceTags }: { readonly serviceName: string; readonly resourceTags: Readonly<Record<string, string>> },
): ZipkinSpan {
  const { attributes, events, links } = span
  const kind = KINDS[span.kind]
  const remote = span.kind === 'client' || span.kind === 'producer' ? remoteEndpoint(attributes) : undefined
  const duration = durationUs(span)
  return {
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentSpanId === '' ? {} : { parentId: span.parentSpanId }),
    name: span.name,
    ...(kind === undefined ? {} : { kind }),
    timestamp: microseconds(span.startTimeNs),
    ...(duration === undefined ? {} : { duration }),
    localEndpoint: { serviceName },
    ...(remote === undefined ? {} : { remoteEndpoint: remote }),
    ...(events.length === 0 ? {} : { annotations: events.map(annotation) }),
    tags: { ...resourceTags, ...tagsOf(attributes), ...linkTags(links), ...stateTags(span) },
  }
}

/** What the spans of a group have in common; the service name stands in the endpoint. */
function tagsOfGroup({ resource, scope }: { readonly resource: Resource; readonly scope: Scope }): Record<string, string> {
  return {
    ...tagsOf(resource.attributes.without('service.name')),
    ...(scope.name === '' ? {} : { 'otel.scope.name': scope.name }),
    ...(scope.version === '' ? {} : { 'otel.scope.version': scope.version }),
  }
}

function tagsOf({ keys, values }: AttributeSet): Record<string, string> {
  return Object.fromEntries(keys.map((key, index) => [key, plainText(values[index] ?? null)]))
}

/** Links as the Collector writes them, which it also reads back. */
function linkTags(links: readonly SpanLink[]): Record<string, string> {
  return Object.fromEntries(
    links.map(({ traceId, spanId, traceState, attributes, droppedAttributesCount }, index) => [
      `otlp.link.${index}`,
      [traceId, spanId, traceState, JSON.stringify(plainObject(attributes)), droppedAttributesCount].join('|'),
    ]),
  )
}

function stateTags(span: Span): Record<string, string> {
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount, traceState, status } = span
  const tags: Record<string, string> = {}
  if (traceState !== '') tags['w3c.tracestate'] = traceState
  if (droppedAttributesCount > 0) tags['otel.dropped_attributes_count'] = String(droppedAttributesCount)
  if (droppedEventsCount > 0) tags['otel.dropped_events_count'] = String(droppedEventsCount)
  if (droppedLinksCount > 0) tags['otel.dropped_links_count'] = String(droppedLinksCount)
  if (status === 'ok') tags['otel.status_code'] = 'OK'
  if (status === 'error') {
    tags['otel.status_code'] = 'ERROR'
    tags['error'] = span.statusMessage
  }
  return tags
}

function annotation({ timeNs, name, attributes }: SpanEvent): { timestamp: number; value: string } {
  const value = attributes.size === 0 ? name : `${JSON.stringify(name)}: ${JSON.stringify(plainObject(attributes))}`
  return { timestamp: microseconds(timeNs), value }
}

/** Attributes that tell the other end by name, best first; with the attribute of its port. */
const REMOTE: readonly { readonly name: string; readonly port?: string }[] = [
  { name: 'peer.service' },
  { name: 'service.peer.name' },
  { name: 'server.address', port: 'server.port' },
  { name: 'net.peer.name', port: 'net.peer.port' },
  { name: 'network.peer.address', port: 'network.peer.port' },
  { name: 'server.socket.domain', port: 'server.socket.port' },
  { name: 'server.socket.address', port: 'server.socket.port' },
  { name: 'net.sock.peer.name', port: 'net.sock.peer.port' },
  { name: 'net.sock.peer.addr', port: 'net.sock.peer.port' },
  { name: 'peer.hostname' },
  { name: 'peer.address' },
  { name: 'db.name' },
]

function remoteEndpoint(attributes: AttributeSet): ZipkinEndpoint | undefined {
  for (const { name, port: portKey } of REMOTE) {
    const value = plainText(attributes.get(name) ?? null)
    if (value === '') continue
    const port = portKey === undefined ? undefined : portOf(attributes.get(portKey))
    const family = isIP(value)
    const host = family === 4 ? { ipv4: value } : family === 6 ? { ipv6: value } : { serviceName: value }
    return { ...host, ...(port === undefined ? {} : { port }) }
  }
  return undefined
}

function portOf(value: AttributeValue | undefined): number | undefined {
  const port = Number(value ?? 0)
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined
}

function microseconds(ns: bigint): number {
  return Number(ns / 1000n)
}

/** Zipkin takes 0 for unknown, so that what took less than a microsecond took one. */
function durationUs({ startTimeNs, endTimeNs }: Span): number | undefined {
  return endTimeNs < startTimeNs ? undefined : Math.max(1, Number((endTimeNs - startTimeNs + 500n) / 1000n))
}
