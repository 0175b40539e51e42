import { expect, test } from 'vitest'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { EntryClass, LogType } from '../../model/access_logs.ts'
import { responseFlagsMask } from '../../model/response_flags.ts'
import { classifyEntry, ENTRY_CLASS_NAMES } from './entry_class.ts'
import { BatchBuilder, originOf, type TestEntry } from './testing.ts'

function classOf(entry: TestEntry, log: { readonly isTyped?: boolean; readonly isInfrastructure?: boolean } = {}): string {
  const logs = new BatchBuilder().batch(originOf({}), [entry])
  return ENTRY_CLASS_NAMES[classifyEntry(logs, 0, { isTyped: false, isInfrastructure: false, ...log })] as string
}

test.for([
  { type: LogType.tcpUpstreamConnected, expected: 'start' },
  { type: LogType.tcpPeriodic, expected: 'periodic' },
  { type: LogType.tcpConnectionEnd, expected: 'final' },
  { type: LogType.downstreamStart, expected: 'start' },
  { type: LogType.downstreamPeriodic, expected: 'periodic' },
  { type: LogType.downstreamEnd, expected: 'final' },
  { type: LogType.upstreamPoolReady, expected: 'attempt' },
  { type: LogType.upstreamPeriodic, expected: 'attempt' },
  { type: LogType.upstreamEnd, expected: 'attempt' },
  { type: LogType.downstreamTunnelEstablished, expected: 'start' },
  { type: LogType.udpTunnelUpstreamConnected, expected: 'start' },
  { type: LogType.udpPeriodic, expected: 'periodic' },
  { type: LogType.udpSessionEnd, expected: 'final' },
  { type: LogType.tcpConnectionStart, expected: 'start' },
])('type $type is $expected', ({ type, expected }) => {
  expect(classOf({ type, tcp: type !== LogType.downstreamEnd })).toBe(expected)
})

test('a type of the future counts only when something has ended', () => {
  expect(classOf({ type: 99, durationNs: 5 })).toBe('final')
  expect(classOf({ type: 99, durationNs: Number.NaN })).toBe('start')
})

test('traffic of the mesh itself is infrastructure whatever its type', () => {
  expect(classOf({ type: LogType.downstreamEnd }, { isInfrastructure: true })).toBe('infrastructure')
})

test.for<{ readonly name: string; readonly entry: TestEntry; readonly isTyped: boolean; readonly expected: string }>([
  { name: 'a connection of an Envoy without types', entry: { tcp: true, cluster: 'db' }, isTyped: false, expected: 'final' },
  { name: 'a connection in the log of a listener', entry: { tcp: true, cluster: 'db' }, isTyped: true, expected: 'duplicate' },
  {
    name: 'a connection that matched no filter chain',
    entry: { tcp: true, cluster: 'db', flags: responseFlagsMask(['NR']) },
    isTyped: true,
    expected: 'final',
  },
  { name: 'a connection without a cluster', entry: { tcp: true }, isTyped: true, expected: 'final' },
  { name: 'an HTTP request of an Envoy without types', entry: { cluster: 'web', code: 200, authority: 'web' }, isTyped: true, expected: 'final' },
  { name: 'a listener’s record by an HTTP logger', entry: { cluster: 'web', method: 0 }, isTyped: true, expected: 'duplicate' },
])('without a type, $name is $expected', ({ entry, isTyped, expected }) => {
  expect(classOf({ ...entry, type: LogType.notSet }, { isTyped })).toBe(expected)
})

test('an intermediate entry of a release without types is periodic', () => {
  const common = new ProtobufWriter().string(26, 'stream').bool(27, true).finish()
  const bytes = new ProtobufWriter().bytes(1, common).finish()
  expect(classOf({ type: LogType.notSet, tcp: true, durationNs: Number.NaN, bytes })).toBe('periodic')
  expect(classOf({ type: LogType.notSet, tcp: true, durationNs: Number.NaN, bytes: bytes.subarray(0, 4) })).toBe('final')
})

test('a refused handshake is no connection; a reset after bytes were exchanged is', () => {
  const refused = { tcp: true, cluster: 'inbound|27017||', downstreamFailure: 'TLS_error:PEER_DID_NOT_RETURN_A_CERTIFICATE' }
  expect(classOf(refused)).toBe('refused_handshake')
  expect(classOf({ ...refused, tcpBytes: 3 })).toBe('final')
  expect(classOf({ ...refused, tcp: false, type: LogType.downstreamEnd })).toBe('final')
})

test('every class has a name', () => {
  expect(ENTRY_CLASS_NAMES).toHaveLength(Object.keys(EntryClass).length)
})
