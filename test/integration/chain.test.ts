import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { registry } from '../../cmd/meshscope/components.ts'
import type { GraphSpec } from '../../component/spec.ts'
import { loadConfig } from '../../config/load.ts'
import { framesOf, hasCaptures, readShared } from '../conformance/mesh_captures.ts'
import { ServiceRun, until } from '../fakes/service_run.ts'

/** The real components in a row: access logs of a real Envoy over gRPC in, a Prometheus page out. */

const WORKER = new URL('../../cmd/meshscope/ingest_worker.ts', import.meta.url)
const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs'
const CAPTURES = [
  'mesh.gateway.http',
  'mesh.gateway.tcp',
  'mesh.mongodb.tcp',
  'mesh.productpage.http',
  'mesh.productpage.tcp',
  'mesh.reviews.http',
  'errors.productpage.http',
  'grpc.reviews.http',
]

const runs: ServiceRun[] = []
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()))
})

async function started(threads: number, spec: GraphSpec = specOf(threads)): Promise<ServiceRun> {
  const run = new ServiceRun(registry, WORKER)
  runs.push(run)
  await run.service.start(spec)
  return run
}

function specOf(threads: number, { mesh = {}, envoyals = {} }: { readonly mesh?: object; readonly envoyals?: object } = {}): GraphSpec {
  const text = JSON.stringify({
    receivers: { envoyals: { endpoint: '127.0.0.1:0', max_recv_msg_size_mib: 1, ...envoyals } },
    processors: { mesh },
    connectors: { mesh_metrics: {} },
    exporters: { prometheus: { endpoint: '127.0.0.1:0' } },
    service: {
      drain_timeout: '2s',
      workers: { threads },
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        logs: { receivers: ['envoyals'], processors: ['mesh'], exporters: ['mesh_metrics'] },
        metrics: { receivers: ['mesh_metrics'], exporters: ['prometheus'] },
      },
    },
  })
  const { spec, problems } = loadConfig({ sources: [`yaml:${text}`], registry, env: {} })
  if (spec === undefined) throw new Error(JSON.stringify(problems))
  return spec
}

/** Sends messages on a stream (and a connection) of its own; resolves to the status that the server ends it with. */
function sendStream(target: number | string, messages: readonly Uint8Array[]): Promise<status> {
  const client = new Client(typeof target === 'string' ? target : `127.0.0.1:${target}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const pass = (bytes: Buffer): Buffer => bytes
  return new Promise((resolve) => {
    const call = client.makeClientStreamRequest(METHOD, pass, pass, new Metadata(), (error) => {
      client.close()
      resolve(error?.code ?? status.OK)
    })
    call.on('error', () => {})
    for (const message of messages) call.write(Buffer.from(message))
    call.end()
  })
}

async function scrape(run: ServiceRun): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${run.port('exporters.prometheus')}/metrics`)
  return (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

/** Lines in one order, with sums of durations rounded: adding in another order gives other last digits. */
const comparable = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/ (\S+)$/, (_, value: string) => ` ${Number(Number(value).toPrecision(9))}`)).sort()

const messagesOf = (capture: string): readonly Buffer[] => framesOf(readShared(`envoy-capture/als-${capture}.bin`))

describe.skipIf(!hasCaptures)('captures of a real Envoy', () => {
  const pages = new Map<number, string[]>()

  test.for([0, 1, 2, 4])('give the same page whatever the number of ingest workers: %i', async (threads) => {
    const run = await started(threads)
    const port = run.port('receivers.envoyals')
    const ends = await Promise.all(CAPTURES.map((capture) => sendStream(port, messagesOf(capture))))
    expect(new Set(ends)).toEqual(new Set([status.OK]))
    const lines = comparable(await scrape(run))
    expect(lines.filter((line) => line.startsWith('istio_requests_total')).length).toBeGreaterThan(10)
    pages.set(threads, lines)
    expect(lines).toEqual(pages.get(0))
    expect(ledgerOf(run).gap).toBe(0)
  })
})

test.for([0, 2])('a reload in the middle of a stream, and one that moves the ingest side, lose no entry and no series, with %i threads', async (threads) => {
  const run = await started(threads)
  const port = run.port('receivers.envoyals')
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const pass = (bytes: Buffer): Buffer => bytes
  const ended = Promise.withResolvers<status>()
  const call = client.makeClientStreamRequest(METHOD, pass, pass, new Metadata(), (error) => ended.resolve(error?.code ?? status.OK))
  const good = Buffer.from(httpMessage([GOOD, GOOD, GOOD]))
  call.write(good)
  await until('the first entries are counted', () => ledgerOf(run).accepted === 3)
  await run.service.reload(specOf(threads, { mesh: { edges_max: 1000 } }))
  call.write(good)
  call.end()
  expect(await ended.promise).toBe(status.OK)
  client.close()
  await run.service.reload(specOf(threads === 0 ? 1 : 0, { mesh: { edges_max: 1000 } }))
  expect(await sendStream(port, [good])).toBe(status.OK)
  const requests = (await scrape(run)).filter((line) => line.startsWith('istio_requests_total'))
  expect(requests).toHaveLength(1)
  expect(requests[0]).toMatch(/ 9$/)
  expect(ledgerOf(run)).toMatchObject({ received: 9, accepted: 9, gap: 0 })
})

test('a unix socket, which threads cannot share, is served by one of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-chain-'))
  const endpoint = join(folder, 'als.sock')
  const run = await started(2, specOf(2, { envoyals: { transport: 'unix', endpoint } }))
  expect(await sendStream(`unix:${endpoint}`, [httpMessage([GOOD, GOOD])])).toBe(status.OK)
  expect(ledgerOf(run)).toMatchObject({ received: 2, accepted: 2, gap: 0 })
  expect(run.service.view.components().filter(({ kind }) => kind === 'receiver')).toHaveLength(1)
  expect(run.service.view.isReady()).toBe(true)
  await run.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Ledger {
  readonly received: number
  readonly accepted: number
  readonly dropped: number
  /** What no counter explains, over all stages; 0 when everything balances. */
  readonly gap: number
}

/** Reads the sums of every stage and how far they are apart. */
function ledgerOf({ telemetry }: ServiceRun): Ledger {
  const received = telemetry.value('meshscope_receiver_received_log_records')
  const accepted = telemetry.value('otelcol_receiver_accepted_log_records')
  const refused = telemetry.value('otelcol_receiver_refused_log_records')
  const dropped = telemetry.value('meshscope_receiver_dropped_log_records')
  const intoMesh = telemetry.value('otelcol_processor_incoming_items', { processor: 'mesh' })
  const outOfMesh = telemetry.value('otelcol_processor_outgoing_items', { processor: 'mesh' })
  const consumed = telemetry.value('meshscope_connector_consumed_items', { connector: 'mesh_metrics' })
  const outcomes = telemetry.value('meshscope_connector_log_records', { connector: 'mesh_metrics' })
  const steps = [received - accepted - refused - dropped, accepted + refused - intoMesh, intoMesh - outOfMesh, outOfMesh - consumed, consumed - outcomes]
  return { received, accepted, dropped, gap: steps.reduce((sum, step) => sum + Math.abs(step), 0) }
}

/** An HTTP log message with the given entries: field 2 (`http_logs`) with field 1 (`log_entry`) in it. */
function httpMessage(entries: readonly Uint8Array[]): Uint8Array {
  const field = (tag: number, bytes: readonly number[]): number[] => [tag, ...varint(bytes.length), ...bytes]
  return Uint8Array.from(
    field(
      0x12,
      entries.flatMap((entry) => field(0x0a, [...entry])),
    ),
  )
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** `common_properties` (field 1) with `upstream_cluster` (field 15). */
const GOOD = Uint8Array.of(0x0a, 5, 0x7a, 3, 0x61, 0x62, 0x63)
/** `common_properties` that says it is longer than the entry. */
const BAD = Uint8Array.of(0x0a, 99, 0x7a, 3, 0x61)
/** A message that says it is longer than it is: no entry can be found in it. */
const UNFRAMED = Uint8Array.of(0x12, 0x7f, 0x01)

describe('the ledger', () => {
  test.for([0, 2])('balances to the item for good, bad and excess input, with %i threads', async (threads) => {
    const run = await started(threads)
    const port = run.port('receivers.envoyals')
    const good = httpMessage([GOOD, GOOD, GOOD])
    const streams = [
      sendStream(port, [good, good]),
      sendStream(port, [httpMessage([GOOD, BAD, GOOD]), good]),
      sendStream(port, [good, UNFRAMED]),
      sendStream(port, [good, new Uint8Array((1 << 20) + 1)]),
      sendStream(port, []),
    ]
    expect(await Promise.all(streams)).toEqual([status.OK, status.OK, status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED, status.OK])
    await until('everything is counted', () => ledgerOf(run).accepted === 17)
    const { received, dropped, gap } = ledgerOf(run)
    expect({ received, dropped, gap }).toEqual({ received: 18, dropped: 1, gap: 0 })
    expect(run.service.view.isReady()).toBe(true)
  })
})
