import { readEntry } from '../../model/access_log_entry.ts'
import { type AccessLogs, AddressKind, EntryClass, EntryKind, LogType } from '../../model/access_logs.ts'
import type { Edge, Party } from '../../model/edges.ts'
import { responseFlagsText } from '../../model/response_flags.ts'
import { attributesText } from './attributes_text.ts'
import { pushFields } from './fields_text.ts'
import { printable, printableShort, quoted } from './printable.ts'
import { bytesText, durationText, timeText } from './units_text.ts'

/** `core.RequestMethod`. */
const METHODS = ['-', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const LOG_TYPES = new Map<number, string>(Object.entries(LogType).map(([name, value]) => [value, name]))
const CLASSES = new Map<number, string>(Object.entries(EntryClass).map(([name, value]) => [value, name]))
/** Longest path in a one-line entry. */
const PATH_MAX = 200

/** One line for a whole batch: how many entries, from whom. */
export function batchLine(logs: AccessLogs): string {
  let http = 0
  for (let i = 0; i < logs.length; i++) if (logs.kind[i] === EntryKind.http) http++
  const { nodeId, logName, peer } = logs.origin
  return `access logs: ${logs.length} entries (${http} HTTP, ${logs.length - http} TCP) from ${quoted(nodeId || 'unidentified')} log ${quoted(logName)} at ${quoted(peer)}`
}

/** The line of what the batch is about; nothing when no processor has found that out. */
export function resourceLine({ resource }: AccessLogs): string {
  return resource === undefined || resource.attributes.size === 0 ? '' : `resource: ${attributesText(resource.attributes)}\n`
}

/**
 * One line for one entry, as an operator reads it: when, who called whom, what, how it ended, how long it took, bytes
 * in and out as the downstream side saw them, and which proxy says so.
 */
export function entryLine(logs: AccessLogs, i: number): string {
  const edge = logs.edges?.get(logs.edge[i] as number)
  const parts = [timeText(logs.startMs(i)), `${sourceText(logs, i, edge)} → ${destinationText(logs, i, edge)}`]
  parts.push(logs.kind[i] === EntryKind.http ? requestText(logs, i) : connectionText(logs, i))
  parts.push(responseFlagsText(logs.flags[i] as number), durationText(logs.duration[i] as number), trafficText(logs, i))
  if ((logs.attempts[i] as number) > 1) parts.push(`attempts=${logs.attempts[i]}`)
  const type = logs.logType[i] as number
  if (type !== LogType.downstreamEnd && type !== LogType.tcpConnectionEnd && type !== LogType.notSet) parts.push(LOG_TYPES.get(type) ?? `type ${type}`)
  const failure = logs.strings.text((logs.upstreamFailure[i] as number) || (logs.downstreamFailure[i] as number))
  if (failure !== '') parts.push(`failure="${printableShort(failure, PATH_MAX)}"`)
  if (edge !== undefined) parts.push(`(${edge.reporter})`)
  return parts.join('  ')
}

function requestText(logs: AccessLogs, i: number): string {
  const path = logs.textAt(logs.pathAt[i] as number, logs.pathLength[i] as number)
  const grpc = (logs.grpcStatus[i] as number) >= 0 ? ` grpc=${logs.grpcStatus[i]}` : ''
  return `${METHODS[logs.method[i] as number] ?? '-'} ${printableShort(path || '-', PATH_MAX)} ${logs.responseCode[i]}${grpc}`
}

function connectionText(logs: AccessLogs, i: number): string {
  const sni = logs.strings.text(logs.sni[i] as number)
  return sni === '' ? 'TCP' : `TCP sni=${printableShort(sni, PATH_MAX)}`
}

function trafficText(logs: AccessLogs, i: number): string {
  const isHttp = logs.kind[i] === EntryKind.http
  const received = firstNumber(
    logs.downstreamWireReceived[i],
    isHttp ? (logs.requestHeaderBytes[i] as number) + (logs.requestBodyBytes[i] as number) : logs.tcpReceived[i],
  )
  const sent = firstNumber(
    logs.downstreamWireSent[i],
    isHttp ? (logs.responseHeaderBytes[i] as number) + (logs.responseBodyBytes[i] as number) : logs.tcpSent[i],
  )
  return `in ${bytesText(received)} out ${bytesText(sent)}`
}

/** Wire bytes where the proxy tells them, else what it tells of headers and body. */
function firstNumber(wire: number | undefined, other: number | undefined): number {
  return wire === undefined || Number.isNaN(wire) ? (other ?? 0) : wire
}

function sourceText(logs: AccessLogs, i: number, edge: Edge | undefined): string {
  const party = edge === undefined ? '' : partyText(edge.source)
  if (party !== '') return printable(party)
  return printable(addressText(logs, logs.address(logs.downstreamRemote, i), logs.downstreamRemotePort[i], logs.downstreamRemoteKind[i]) || 'unknown')
}

function destinationText(logs: AccessLogs, i: number, edge: Edge | undefined): string {
  const { strings } = logs
  const service =
    edge === undefined ? '' : edge.service.namespace === '' ? edge.service.name || edge.service.host : `${edge.service.name}.${edge.service.namespace}`
  const workload = edge === undefined ? '' : edge.destination.workload
  if (service !== '') return printable(workload === '' || edge?.service.name === workload ? service : `${service} [${workload}]`)
  if (workload !== '' && edge !== undefined) return printable(partyText(edge.destination))
  const name = strings.text(logs.upstreamCluster[i] as number) || strings.text(logs.authority[i] as number)
  return printable(name || addressText(logs, logs.address(logs.downstreamLocal, i), logs.downstreamLocalPort[i], logs.downstreamLocalKind[i]) || 'unknown')
}

function partyText(party: Party): string {
  if (party.workload !== '') return party.namespace === '' ? party.workload : `${party.workload}.${party.namespace}`
  return party.principal || party.service
}

function addressText(logs: AccessLogs, text: number, port: number | undefined, kind: number | undefined): string {
  const address = logs.strings.text(text)
  if (kind !== AddressKind.socket || address === '') return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** The line of an entry, and under it everything that the entry and its edge hold, indented. */
export function entryDetails(logs: AccessLogs, i: number): string {
  const lines = [entryLine(logs, i)]
  pushFields(lines, '  ', { ...readEntry(logs, i) })
  const edge = logs.edges?.get(logs.edge[i] as number)
  if (edge !== undefined) {
    lines.push('  mesh:')
    const { index: _index, ...facts } = edge
    pushFields(lines, '    ', { class: CLASSES.get(logs.entryClass[i] as number) ?? 'unknown', ...facts })
  }
  return lines.join('\n')
}
