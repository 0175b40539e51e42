import { type EntryObject, type EntryValue, readEntry } from '../../model/access_log_entry.ts'
import { REDACTED, type Redaction } from '../../model/access_log_otlp/redaction.ts'
import { type AccessLogs, EntryClass, EntryKind } from '../../model/access_logs.ts'
import type { Edge } from '../../model/edges.ts'
import { responseFlagsText } from '../../model/response_flags.ts'

const CLASSES = new Map<number, string>(Object.entries(EntryClass).map(([name, value]) => [value, name]))

/** The body of the record of row `i`, redacted as its attributes are. Allocates freely. */
export function bodyText(form: 'json' | 'text', logs: AccessLogs, i: number, redaction: Redaction): string {
  return form === 'json' ? entryJson(logs, i, redaction) : entryLine(logs, i, redaction)
}

/**
 * Every field of the entry under its proto3 JSON name, `proxy` with who sent it, and `mesh` with what the mesh processor made
 * of it.
 */
function entryJson(logs: AccessLogs, i: number, redaction: Redaction): string {
  const { nodeId, nodeCluster, logName, peer } = logs.origin
  const edge = logs.edges?.get(logs.edge[i] as number)
  // Made for this call, so that it can be changed.
  const entry = readEntry(logs, i) as Record<string, EntryValue>
  redact(entry['request'], redaction)
  redact(entry['response'], redaction)
  entry['proxy'] = withoutEmpty({ nodeId, cluster: nodeCluster, logName, peer })
  if (edge !== undefined) entry['mesh'] = meshOf(edge, logs.entryClass[i] as number)
  return JSON.stringify(entry)
}

const URLS = ['path', 'originalPath', 'referer']
const HEADERS = ['requestHeaders', 'responseHeaders', 'responseTrailers']

/** Redacts what a message of an entry shows of URLs and headers. */
function redact(message: EntryValue | undefined, redaction: Redaction): void {
  if (!isObject(message)) return
  const open = message as Record<string, EntryValue>
  for (const key of URLS) {
    const url = open[key]
    if (typeof url === 'string') open[key] = redaction.urlText(url)
  }
  for (const key of HEADERS) {
    const headers = open[key]
    if (isObject(headers)) open[key] = redactedHeaders(headers, redaction)
  }
}

function redactedHeaders(headers: EntryObject, redaction: Redaction): EntryObject {
  const treated = Object.entries(headers).map(([name, value]) => [name, redaction.header(name.toLowerCase()), value] as const)
  return Object.fromEntries(treated.filter(([, how]) => how !== 'left_out').map(([name, how, value]) => [name, how === 'shown' ? value : REDACTED]))
}

function isObject(value: EntryValue | undefined): value is EntryObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function meshOf(edge: Edge, entryClass: number): EntryObject {
  return {
    class: CLASSES.get(entryClass) ?? 'unknown',
    reporter: edge.reporter,
    role: edge.role,
    direction: edge.direction,
    source: withoutEmpty({ ...edge.source }),
    destination: withoutEmpty({ ...edge.destination }),
    service: withoutEmpty({ ...edge.service }),
    mutualTls: edge.mutualTls,
  }
}

function withoutEmpty(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
}

/** A line in the order of Envoy's default text format; what an entry does not tell is `-`. */
function entryLine(logs: AccessLogs, i: number, redaction: Redaction): string {
  const entry = readEntry(logs, i)
  const common = objectAt(entry, 'commonProperties')
  const request = objectAt(entry, 'request')
  const response = objectAt(entry, 'response')
  const connection = objectAt(entry, 'connectionProperties')
  const isTcp = logs.kind[i] === EntryKind.tcp
  const call = isTcp ? '- - -' : `${shown(request['requestMethod'])} ${urlOf(request, redaction)} ${shown(entry['protocolVersion'])}`
  const milliseconds = Number.isNaN(logs.duration[i]) ? '-' : Math.floor((logs.duration[i] as number) / 1e6)
  return [
    `[${shown(common['startTime'])}]`,
    `"${call}"`,
    logs.responseCode[i],
    responseFlagsText(logs.flags[i] as number),
    shown(response['responseCodeDetails']),
    shown(common['connectionTerminationDetails']),
    `"${shown(common['upstreamTransportFailureReason'])}"`,
    shown(isTcp ? connection['receivedBytes'] : logs.requestBodyBytes[i]),
    shown(isTcp ? connection['sentBytes'] : logs.responseBodyBytes[i]),
    milliseconds,
    `"${shown(request['forwardedFor'])}"`,
    `"${shown(request['userAgent'])}"`,
    `"${shown(request['requestId'])}"`,
    `"${shown(request['authority'])}"`,
    `"${addressText(common['upstreamRemoteAddress'])}"`,
    shown(common['upstreamCluster']),
    addressText(common['upstreamLocalAddress']),
    addressText(common['downstreamLocalAddress']),
    addressText(common['downstreamRemoteAddress']),
    shown(objectAt(common, 'tlsProperties')['tlsSniHostname']),
    shown(common['routeName']),
  ].join(' ')
}

function urlOf(request: EntryObject, redaction: Redaction): string {
  const path = request['path']
  return typeof path === 'string' ? redaction.urlText(path) : '-'
}

function objectAt(object: EntryObject, key: string): EntryObject {
  const value = object[key]
  return isObject(value) ? value : {}
}

function shown(value: EntryValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-'
}

function addressText(value: EntryValue | undefined): string {
  if (!isObject(value)) return '-'
  const socket = objectAt(value, 'socketAddress')
  if (typeof socket['address'] === 'string')
    return `${socket['address'].includes(':') ? `[${socket['address']}]` : socket['address']}:${shown(socket['portValue'])}`
  return shown(objectAt(value, 'pipe')['path'] ?? objectAt(value, 'envoyInternalAddress')['endpointId'])
}
