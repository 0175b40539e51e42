import { type AccessLogs, EntryClass, EntryKind, LogType } from '../access_logs.ts'
import { GRPC_STATUS_NAMES, isGrpcError } from '../grpc_status.ts'
import { firstResponseFlagName, responseFlagsMask } from '../response_flags.ts'

/** OpenTelemetry's severity numbers that outcomes map to. */
export const Severity = { info: 9, warn: 13, error: 17 } as const

/** Flags that say the proxy or the upstream failed, whatever the code. */
const FAILURES = responseFlagsMask(['LH', 'UH', 'UT', 'LR', 'UR', 'UF', 'UC', 'UO', 'NR', 'RLSE', 'URX', 'SI', 'UMSDR', 'NFCF', 'DT', 'UPE', 'NC', 'OM', 'DF'])

/**
 * The severity of row `i`. Error: a code of 500 or more, a gRPC status that is the server's fault, a flag of a failed
 * connection or upstream, a refused TLS handshake. Warning: a code of 400 to 499, any other gRPC status but OK, a client that
 * went away, a finished request without an answer. Info: all else, and everything that is not finished yet.
 */
export function severityOf(logs: AccessLogs, i: number): number {
  const code = logs.responseCode[i] as number
  if (code >= 500) return Severity.error
  const grpc = logs.grpcStatus[i] as number
  if (isGrpcError(grpc, false)) return Severity.error
  if (code >= 400 || grpc > 0) return Severity.warn
  const flags = logs.flags[i] as number
  if ((flags & FAILURES) !== 0 || logs.entryClass[i] === EntryClass.refusedHandshake) return Severity.error
  if (flags !== 0 && (flags & CLIENT_GONE) !== 0) return Severity.warn
  if (logs.kind[i] === EntryKind.tcp) return logs.downstreamFailure[i] !== 0 || logs.upstreamFailure[i] !== 0 ? Severity.warn : Severity.info
  return code === 0 && logs.logType[i] === LogType.downstreamEnd ? Severity.warn : Severity.info
}

const CLIENT_GONE = responseFlagsMask(['DC', 'DR', 'DPE'])

/**
 * True for the end of a request or connection, as opposed to its start, its periodic reports, single attempts, second records
 * and the mesh's own traffic. Without a `mesh` processor the type of the entry decides.
 */
export function isEnd(logs: AccessLogs, i: number): boolean {
  const entryClass = logs.entryClass[i] as number
  if (entryClass !== EntryClass.unknown) return entryClass === EntryClass.final || entryClass === EntryClass.refusedHandshake
  const type = logs.logType[i] as number
  return type === LogType.notSet || type === LogType.tcpConnectionEnd || type === LogType.downstreamEnd || type === LogType.udpSessionEnd
}

/**
 * `error.type` of row `i`; empty when it is no error: the gRPC status, the status code where the semantic conventions call it
 * an error (from 400 on for clients, from 500 on for servers), else the first flag of a failure by its name in the protocol.
 */
export function errorType(logs: AccessLogs, i: number, isClient: boolean): string {
  const grpc = logs.grpcStatus[i] as number
  if (isGrpcError(grpc, isClient)) return GRPC_STATUS_NAMES[grpc] ?? String(grpc)
  const code = logs.responseCode[i] as number
  if (code >= (isClient ? 400 : 500)) return String(code)
  if (grpc > 0 || code >= 400) return ''
  const flags = (logs.flags[i] as number) & (FAILURES | CLIENT_GONE)
  if (flags !== 0) return firstResponseFlagName(flags)
  return logs.entryClass[i] === EntryClass.refusedHandshake ? 'refused_handshake' : ''
}
