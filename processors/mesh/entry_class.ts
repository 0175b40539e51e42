import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { type AccessLogs, EntryClass, EntryKind, LogType } from '../../model/access_logs.ts'

/** Names of the entry classes as metric label values; the index is the `EntryClass`. */
export const ENTRY_CLASS_NAMES: readonly string[] = ['unknown', 'final', 'start', 'periodic', 'attempt', 'duplicate', 'infrastructure', 'refused_handshake']

const NO_ROUTE = 1 << 8

/** What is known of the log an entry came from when its type is read. */
export interface LogFacts {
  /** True when the sender gives every entry of its HTTP and TCP logs a type, so that an entry without one is a listener's. */
  readonly isTyped: boolean
  /** True when the entry's cluster is one of the proxy's own, such as `xds-grpc`. */
  readonly isInfrastructure: boolean
}

/**
 * How row `i` takes part in counting, by `access_log_type`: only the end of a request or connection is `final`.
 *
 * Entries without a type come from older Envoys and from listener-level logs. The latter repeat connections that
 * the TCP log reports too, but are the only record of a connection that no filter chain matched.
 */
export function classifyEntry(logs: AccessLogs, i: number, log: LogFacts): number {
  if (log.isInfrastructure) return EntryClass.infrastructure
  switch (logs.logType[i]) {
    case LogType.tcpConnectionEnd:
      return isRefusedHandshake(logs, i) ? EntryClass.refusedHandshake : EntryClass.final
    case LogType.downstreamEnd:
    case LogType.udpSessionEnd:
      return EntryClass.final
    case LogType.notSet:
      return classifyUntyped(logs, i, log.isTyped)
    case LogType.tcpUpstreamConnected:
    case LogType.downstreamStart:
    case LogType.downstreamTunnelEstablished:
    case LogType.udpTunnelUpstreamConnected:
    case LogType.tcpConnectionStart:
      return EntryClass.start
    case LogType.tcpPeriodic:
    case LogType.downstreamPeriodic:
    case LogType.udpPeriodic:
      return EntryClass.periodic
    case LogType.upstreamPoolReady:
    case LogType.upstreamPeriodic:
    case LogType.upstreamEnd:
      return EntryClass.attempt
    default:
      // A type newer than this code: only records of something finished have a duration.
      return Number.isNaN(logs.duration[i]) ? EntryClass.start : EntryClass.final
  }
}

/**
 * A refused TLS handshake is logged as the end of a TCP connection with a cluster and an upstream address. Only the
 * failure reason tells it from a served one; a reset after bytes were exchanged has a reason, too, and was served.
 */
function isRefusedHandshake(logs: AccessLogs, i: number): boolean {
  return logs.kind[i] === EntryKind.tcp && logs.downstreamFailure[i] !== 0 && logs.tcpReceived[i] === 0 && logs.tcpSent[i] === 0
}

function classifyUntyped(logs: AccessLogs, i: number, isTyped: boolean): number {
  const isConnection = logs.kind[i] === EntryKind.tcp || isBareHttp(logs, i)
  if (isConnection && isTyped && logs.upstreamCluster[i] !== 0 && ((logs.flags[i] as number) & NO_ROUTE) === 0) return EntryClass.duplicate
  if (Number.isNaN(logs.duration[i]) && isIntermediate(logs, i)) return EntryClass.periodic
  if (isConnection && isRefusedHandshake(logs, i) && logs.upstreamCluster[i] !== 0) return EntryClass.refusedHandshake
  return EntryClass.final
}

/** An HTTP entry without a request: what an HTTP logger writes when it is attached to a listener. */
function isBareHttp(logs: AccessLogs, i: number): boolean {
  return logs.method[i] === 0 && logs.authority[i] === 0 && logs.pathLength[i] === 0 && logs.responseCode[i] === 0
}

const fields = new WireFields(new Uint8Array(0))
const INTERMEDIATE_FIELD = 27
const COMMON_PROPERTIES_FIELD = 1

/** `intermediate_log_entry` has no column: it only says more than the type in entries of a few old releases. */
function isIntermediate(logs: AccessLogs, i: number): boolean {
  if (!seek(COMMON_PROPERTIES_FIELD, 2, logs.message, logs.entryAt[i] as number, logs.entryEnd[i] as number)) return false
  return seek(INTERMEDIATE_FIELD, 0, logs.message, fields.start, fields.end) && fields.number !== 0
}

/** Leaves `fields` at the first field of that number and wire type. */
function seek(field: number, wire: number, bytes: Uint8Array, start: number, end: number): boolean {
  fields.reset(bytes, start, end)
  while (fields.next()) if (fields.field === field && fields.wire === wire) return true
  return false
}
