import { expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs, EntryClass, EntryKind, LogType } from '../access_logs.ts'
import { type ResponseFlagCode, responseFlagsMask } from '../response_flags.ts'
import { errorType, isEnd, Severity, severityOf } from './outcome.ts'

interface Row {
  readonly tcp?: boolean
  readonly type?: number
  readonly entryClass?: number
  readonly code?: number
  readonly flags?: readonly ResponseFlagCode[]
  readonly grpc?: number
}

function rowOf({
  tcp = false,
  type = tcp ? LogType.tcpConnectionEnd : LogType.downstreamEnd,
  entryClass = EntryClass.final,
  code = 0,
  flags = [],
  grpc = -1,
}: Row): AccessLogs {
  const logs = new AccessLogs(new ByteInterner())
  logs.length = 1
  logs.kind[0] = tcp ? EntryKind.tcp : EntryKind.http
  logs.logType[0] = type
  logs.entryClass[0] = entryClass
  logs.responseCode[0] = code
  logs.flags[0] = responseFlagsMask(flags)
  logs.grpcStatus[0] = grpc
  return logs
}

const { info, warn, error } = Severity

test.for([
  { name: 'an answer', row: { code: 200 }, severity: info, server: '', client: '' },
  { name: 'a redirect', row: { code: 302 }, severity: info, server: '', client: '' },
  { name: 'an injected delay', row: { code: 200, flags: ['DI'] }, severity: info, server: '', client: '' },
  { name: 'a client error', row: { code: 404 }, severity: warn, server: '', client: '404' },
  { name: 'a missing route', row: { code: 404, flags: ['NR'] }, severity: warn, server: '', client: '404' },
  { name: 'a rate limit', row: { code: 429, flags: ['RL'] }, severity: warn, server: '', client: '429' },
  { name: 'a server error', row: { code: 503, flags: ['UF', 'URX'] }, severity: error, server: '503', client: '503' },
  { name: 'a body cut short', row: { code: 200, flags: ['UPE'] }, severity: error, server: 'upstream_protocol_error', client: 'upstream_protocol_error' },
  {
    name: 'a client that went away',
    row: { flags: ['DC'] },
    severity: warn,
    server: 'downstream_connection_termination',
    client: 'downstream_connection_termination',
  },
  { name: 'a request without an answer', row: {}, severity: warn, server: '', client: '' },
  { name: 'the start of a request', row: { type: LogType.downstreamStart, entryClass: EntryClass.start }, severity: info, server: '', client: '' },
  { name: 'gRPC OK', row: { code: 200, grpc: 0 }, severity: info, server: '', client: '' },
  { name: 'gRPC NOT_FOUND', row: { code: 200, grpc: 5 }, severity: warn, server: '', client: 'NOT_FOUND' },
  { name: 'gRPC UNAVAILABLE', row: { code: 200, grpc: 14 }, severity: error, server: 'UNAVAILABLE', client: 'UNAVAILABLE' },
  { name: 'an unknown gRPC status', row: { code: 200, grpc: 99 }, severity: error, server: '99', client: '99' },
  { name: 'a connection', row: { tcp: true }, severity: info, server: '', client: '' },
  {
    name: 'a refused connection',
    row: { tcp: true, flags: ['UF', 'URX'] },
    severity: error,
    server: 'upstream_connection_failure',
    client: 'upstream_connection_failure',
  },
  {
    name: 'a refused handshake',
    row: { tcp: true, entryClass: EntryClass.refusedHandshake },
    severity: error,
    server: 'refused_handshake',
    client: 'refused_handshake',
  },
] as const)('$name', ({ row, severity, server, client }) => {
  const logs = rowOf(row)
  expect([severityOf(logs, 0), errorType(logs, 0, false), errorType(logs, 0, true)]).toEqual([severity, server, client])
})

test.for([
  { name: 'a class of the mesh processor', row: { entryClass: EntryClass.duplicate }, ends: false },
  { name: 'a refused handshake', row: { tcp: true, entryClass: EntryClass.refusedHandshake }, ends: true },
  { name: 'the type where there is none', row: { entryClass: EntryClass.unknown }, ends: true },
  { name: 'the type of an attempt', row: { entryClass: EntryClass.unknown, type: LogType.upstreamEnd }, ends: false },
  { name: 'no type', row: { entryClass: EntryClass.unknown, type: LogType.notSet }, ends: true },
])('$name tells that it is an end: $ends', ({ row, ends }) => {
  expect(isEnd(rowOf(row), 0)).toBe(ends)
})
