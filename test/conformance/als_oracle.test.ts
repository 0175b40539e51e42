import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { EntryKind } from '../../model/access_logs.ts'
import { AccessLogDecoder, countEntries } from '../../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../../receivers/envoyals/identifier.ts'
import { type AlsSchema, encode, envoySchema, ownSchema, type Plain, readCapture, sharedFile } from './als_oracle.ts'
import { anyDamage, anyMessage, damaged } from './als_oracle_arbitrary.ts'
import { actualRow, expectedRow, type Row } from './als_oracle_rows.ts'

const own = ownSchema()
const grpcStatsType = own.message.root.lookupType('meshscope.envoy.GrpcStatsFilterObject')
const judge = {
  grpcStats: (bytes: Uint8Array): [number, number] => {
    const decoded = grpcStatsType.toObject(grpcStatsType.decode(bytes), { longs: Number, defaults: true }) as Record<string, number>
    return [decoded['request_message_count'] as number, decoded['response_message_count'] as number]
  },
}
const decoder = new AccessLogDecoder(new ByteInterner())

function decodeRows(message: Uint8Array): Row[] {
  if (decoder.logs.strings.isFull) decoder.logs.strings.renew()
  decoder.begin(message)
  const rows: Row[] = []
  while (decoder.next()) for (let i = 0; i < decoder.logs.length; i++) rows.push(actualRow(decoder.logs, i))
  return rows
}

function oracleRows(schema: AlsSchema, message: Uint8Array): Row[] {
  const decoded = schema.message.decode(message) as unknown as Record<string, Record<string, unknown[]> | null | undefined>
  const http = decoded['http_logs']?.['log_entry'] ?? decoded['httpLogs']?.['logEntry'] ?? []
  const tcp = decoded['tcp_logs']?.['log_entry'] ?? decoded['tcpLogs']?.['logEntry'] ?? []
  return [
    ...http.map((entry) => expectedRow(entry, EntryKind.http, { ...judge, any: schema.any })),
    ...tcp.map((entry) => expectedRow(entry, EntryKind.tcp, { ...judge, any: schema.any })),
  ]
}

describe('the hand-written decoder and the generic library', () => {
  test('read the same from every well-formed message', () => {
    fc.assert(
      fc.property(anyMessage, (plain) => {
        const message = encode(own.message, plain)
        const expected = oracleRows(own, message)
        expect(decodeRows(message)).toEqual(expected)
        expect([decoder.malformed, decoder.isFramed, countEntries(message)]).toEqual([0, true, expected.length])
      }),
      { numRuns: 1000 },
    )
  })

  test('read the same from every damaged message that the library accepts', () => {
    let accepted = 0
    fc.assert(
      fc.property(anyMessage, anyDamage, (plain, damage) => {
        const message = damaged(encode(own.message, plain), damage)
        const rows = decodeRows(message)
        let expected: Row[]
        try {
          expected = oracleRows(own, message)
        } catch {
          return
        }
        const isRefused = decoder.malformed > 0 || !decoder.isFramed
        if (hasBothKinds(message) || (isRefused && mayHaveEndlessVarint(message))) return
        accepted++
        expect(rows.map(settled)).toEqual(expected.map(settled))
        expect([decoder.malformed, decoder.isFramed]).toEqual([0, true])
      }),
      { numRuns: 3000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test('find the same identifier', () => {
    fc.assert(
      fc.property(anyMessage, (plain) => {
        decoder.begin(encode(own.message, plain))
        const identifier = plain['identifier'] as { node?: Plain; log_name?: string } | undefined
        expect(decoder.identifier === undefined).toBe(identifier === undefined)
        if (decoder.identifier === undefined || identifier === undefined) return
        const parsed = parseIdentifier(decoder.identifier)
        expect(parsed?.logName).toBe(identifier.log_name ?? '')
        expect(parsed?.nodeId).toBe(identifier.node?.['id'] ?? '')
        expect(parsed?.nodeCluster).toBe(identifier.node?.['cluster'] ?? '')
        expect(own.node.toObject(own.node.decode(parsed?.node ?? new Uint8Array(0)))).toEqual(own.node.toObject(own.node.fromObject(identifier.node ?? {})))
      }),
    )
  })
})

/** The library keeps the last member of the oneof; we keep the entries of both, as losing some would help nobody. */
function hasBothKinds(message: Uint8Array): boolean {
  const reader = protobuf.Reader.create(message)
  const fields = new Set<number>()
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    fields.add(tag)
    reader.skipType(tag & 7)
  }
  return fields.has(18) && fields.has(26)
}

/** The library skips a varint however long it is; protobuf has at most ten bytes of one, and we take no more. */
function mayHaveEndlessVarint(message: Uint8Array): boolean {
  let run = 0
  return message.some((byte) => (run = byte > 0x7f ? run + 1 : 0) >= 10)
}

/** Explicit zeros are absent to the library; peers are compared by content, not by how their bytes were written. */
function settled(row: Row): Row {
  const copy = { ...row }
  for (const name of ['downstreamWireSent', 'downstreamWireReceived']) if (copy[name] === 0) copy[name] = Number.NaN
  for (const name of ['upstreamPeer', 'downstreamPeer', 'peerPrincipal', 'localPrincipal'])
    copy[name] = Buffer.from(own.any.encode(own.any.decode(Buffer.from(String(row[name]), 'hex'))).finish()).toString('hex')
  return copy
}

const captured = sharedFile('envoy-capture/als-mesh.json')

describe.skipIf(captured === undefined)('captures of a real Envoy (skipped without the shared data)', () => {
  const folder = dirname(captured ?? '')
  const files = captured === undefined ? [] : readdirSync(folder)
  const envoy = envoySchema()

  test.for(files.filter((file) => /^als-.*\.bin$/.test(file)).map((file) => ({ file })))(
    '$file decodes as the library does with the schema out of Envoy',
    ({ file }) => {
      for (const message of readCapture(`${folder}/${file}`)) {
        const rows = decodeRows(message)
        expect([decoder.malformed, decoder.isFramed, countEntries(message)]).toEqual([0, true, rows.length])
        let expected: Row[]
        try {
          expected = oracleRows(envoy ?? own, message)
        } catch (error) {
          // The library loses every entry of a message with one custom tag that is not UTF-8.
          expect(file).toContain('als-odd')
          expect(String(error)).toMatch(/utf-?8/i)
          expect(decoder.invalidUtf8).toBeGreaterThan(0)
          continue
        }
        expect(rows).toEqual(expected)
      }
    },
  )

  test.for(files.filter((file) => /^als-.*\.json$/.test(file)).map((file) => ({ file })))(
    '$file: the entries that were expected are the entries that are decoded',
    ({ file }) => {
      const scenario = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Scenario
      const expected = countsExpected(scenario)
      expect(sharingRaces(countsDecoded(folder, scenario), expected)).toEqual(sharingRaces(expected, expected))
    },
  )

  test('all 118 entries of als-odd are there although two messages hold bytes that are not UTF-8', () => {
    let entries = 0
    let invalid = 0
    for (const file of files.filter((name) => /^als-odd.*\.bin$/.test(name))) {
      for (const message of readCapture(`${folder}/${file}`)) {
        entries += decodeRows(message).length
        invalid += decoder.invalidUtf8
      }
    }
    expect(entries).toBe(118)
    expect(invalid).toBeGreaterThanOrEqual(2)
  })
})

const synthetic = sharedFile('synthetic/istio129-waypoint.v3.bin')

describe.skipIf(synthetic === undefined)('synthetic messages (skipped without the shared data)', () => {
  const folder = dirname(synthetic ?? '')
  const files = synthetic === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith('.v3.bin'))

  test.for(files.map((file) => ({ file })))('$file decodes as the library does', ({ file }) => {
    const message = readFileSync(`${folder}/${file}`)
    const rows = decodeRows(message)
    expect(rows.length).toBeGreaterThan(0)
    expect([decoder.malformed, decoder.isFramed]).toEqual([0, true])
    expect(rows).toEqual(oracleRows(envoySchema() ?? own, message))
  })
})

interface Scenario {
  readonly streams: readonly { readonly file: string; readonly nodeId: string; readonly logName: string; readonly kind: string; readonly entries: number }[]
  readonly expectedEntries: readonly Record<'node' | 'logName' | 'cluster' | 'flags' | 'type', string>[] &
    readonly { readonly count: number; readonly code?: number }[]
}

const TYPE_NAMES = [
  'NotSet',
  'TcpUpstreamConnected',
  'TcpPeriodic',
  'TcpConnectionEnd',
  'DownstreamStart',
  'DownstreamPeriodic',
  'DownstreamEnd',
  'UpstreamPoolReady',
  'UpstreamPeriodic',
  'UpstreamEnd',
  'DownstreamTunnelSuccessfullyEstablished',
  'UdpTunnelUpstreamConnected',
  'UdpPeriodic',
  'UdpSessionEnd',
  'TcpConnectionStart',
]
const FLAG_CODES = 'LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF DT UPE NC OM DF DR'.split(' ')

function countsDecoded(folder: string, scenario: Scenario): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const stream of scenario.streams) {
    let entries = 0
    let nodeId = ''
    let logName = ''
    for (const message of readCapture(`${folder}/${stream.file}`)) {
      for (const row of decodeRows(message)) {
        entries++
        const type = TYPE_NAMES[row['logType'] as number] as string
        if (type.includes('Periodic')) continue
        const flags = FLAG_CODES.filter((_, bit) => ((row['flags'] as number) >>> bit) & 1).join(',')
        const key = [stream.file.split('.')[1], stream.logName, stream.kind, row['upstreamCluster'], row['responseCode'], flags, type].join(' ')
        counts[key] = (counts[key] ?? 0) + 1
      }
      const identifier = decoder.identifier === undefined ? undefined : parseIdentifier(decoder.identifier)
      if (identifier !== undefined) {
        nodeId = identifier.nodeId
        logName = identifier.logName
      }
    }
    expect([entries, nodeId, logName]).toEqual([stream.entries, stream.nodeId, stream.logName])
  }
  return counts
}

function countsExpected(scenario: Scenario): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const entry of scenario.expectedEntries) {
    const kind = scenario.streams.find((stream) => stream.logName === entry.logName)?.kind
    const key = [entry.node, entry.logName, kind, entry.cluster, entry.code ?? 0, entry.flags, entry.type].join(' ')
    counts[key] = (counts[key] ?? 0) + entry.count
  }
  return counts
}

/**
 * Where the driver could not know whether Envoy would name the cluster it wrote `?`: the counts of all clusters that
 * differ in nothing else are added up then.
 */
function sharingRaces(counts: Record<string, number>, expected: Record<string, number>): Record<string, number> {
  const open = (key: string) => key.replace(/^(\S+ \S+ \S+) \S* /, '$1 ? ')
  const races = new Set(Object.keys(expected).filter((key) => key.split(' ')[3] === '?'))
  const shared: Record<string, number> = {}
  for (const [key, count] of Object.entries(counts)) {
    const name = races.has(open(key)) ? open(key) : key
    shared[name] = (shared[name] ?? 0) + count
  }
  return shared
}
