import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { hasUnixDatagrams } from '../../receivers/statsd/listen/unix_datagram_socket.ts'
import { sendLines, until } from '../fakes/service_run.ts'
import { frame, StatsdRun, type StatsdRunOptions, sendStream, sendUdp, sendUnixDatagrams } from '../fakes/statsd_run.ts'
import { freePort } from '../free_port.ts'

const folder = mkdtempSync(join(tmpdir(), 'meshscope-statsd-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let sockets = 0
const socketPath = (): string => join(folder, `${++sockets}.sock`)

const runs: StatsdRun[] = []
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()))
})
async function started(options: StatsdRunOptions = {}): Promise<StatsdRun> {
  const run = new StatsdRun()
  runs.push(run)
  await run.start(options)
  return run
}

const PACKETS = [
  'api.hits:1|c|#env:dev\napi.hits:2|c|#env:prod\nqueue.depth:7|g',
  'api.hits:4|c|@0.5|#env:dev\napi.time:20|ms\nusers:joe|s\nusers:ann|s',
  'queue.depth:9|g',
]
const LINES = 8
const PAGE = [
  'api_hits_total{env="dev"} 9',
  'api_hits_total{env="prod"} 2',
  expect.stringMatching(/^api_time_bucket\{le="\+Inf"\} 1$/) as string,
  'api_time_count 1',
  'api_time_sum 20',
  'queue_depth 9',
  'users 2',
]
/** Where the first bucket of a histogram begins is no business of these tests. */
const withoutBuckets = (page: readonly string[]): string[] => page.filter((line) => !/_bucket\{.*le="[^+]/.test(line))

const WAYS = [
  { name: 'udp', receiver: { transport: 'udp' }, send: (run: StatsdRun) => sendUdp(run.port(), PACKETS) },
  { name: 'tcp', receiver: { transport: 'tcp' }, send: (run: StatsdRun) => sendStream({ port: run.port(), host: '127.0.0.1' }, [PACKETS.join('\n')]) },
  { name: 'unix lines', receiver: { transport: 'unix' }, send: (_: StatsdRun, path: string) => sendStream({ path }, [`${PACKETS.join('\n')}\n`]) },
  { name: 'unix frames', receiver: { transport: 'unix' }, send: (_: StatsdRun, path: string) => sendStream({ path }, PACKETS.map(frame)) },
  { name: 'unixgram', receiver: { transport: 'unixgram' }, send: (_: StatsdRun, path: string) => sendUnixDatagrams(path, PACKETS) },
] as const

describe('every way in', () => {
  test.for(WAYS.flatMap((way) => [0, 1, 2].map((threads) => ({ ...way, threads }))))('gives the same page: $name, $threads workers', async (way, { skip }) => {
    if (way.name === 'unixgram' && !hasUnixDatagrams()) skip('the optional package for unix datagrams is not installed')
    const path = socketPath()
    const isUnix = way.receiver.transport.startsWith('unix')
    const run = await started({ threads: way.threads, receiver: { ...way.receiver, ...(isUnix ? { endpoint: path, socket_permissions: '0622' } : {}) } })
    if (isUnix) expect(statSync(path).mode & 0o777).toBe(0o622)
    await way.send(run, path)
    await run.received(LINES)
    expect(withoutBuckets(await run.page())).toEqual(PAGE)
    expect(run.value('accepted_lines')).toBe(LINES)
    expect(run.run.telemetry.value('otelcol_receiver_accepted_metric_points')).toBe(LINES)
    expect(await run.stop()).toEqual([])
  })

  test('takes IPv4 and IPv6 on one port', async () => {
    const run = await started({ receiver: { endpoint: ':0' } })
    await sendUdp(run.port(':0'), ['a:1|c'])
    await run.received(1)
    await sendUdp(run.port(':0'), ['a:1|c'], '::1').catch(() => sendUdp(run.port(':0'), ['a:1|c']))
    await run.received(2)
    expect(await run.page()).toEqual(['a_total 2'])
  })
})

describe('senders', () => {
  test.for([0, 2])('three of 3 make 9, whatever ports they send from: %i workers', async (threads) => {
    const run = await started({ threads })
    await Promise.all(Array.from({ length: 24 }, () => sendUdp(run.port(), ['hits:1|c\nhits:2|c'])))
    await run.received(48)
    expect(await run.page()).toEqual(['hits_total 72'])
  })

  test('make series of their own by address when the config says so', async () => {
    const run = await started({ receiver: { sender: 'ip' } })
    await sendUdp(run.port(), ['hits:3|c'])
    await run.received(1)
    expect(await run.page()).toEqual(['hits_total{client_address="127.0.0.1"} 3'])
  })
})

describe('the ledger', () => {
  const GOOD = ['a:1|c', 'b:2|g', 'c:3|ms|@0.1']
  const BAD = ['a', 'a:x|c', ':1|c', 'a:1|q']
  const LONG = `long:${'1'.repeat(3000)}|c`

  test.for([0, 2])('adds up to the line over udp: %i workers', async (threads) => {
    const run = await started({ threads })
    const packets = Array.from({ length: 30 }, () => [...GOOD, '', ...BAD].join('\n'))
    await Promise.all(Array.from({ length: 4 }, () => sendUdp(run.port(), packets)))
    await run.received(840)
    expect([run.value('received_lines'), run.value('accepted_lines'), run.value('rejected_lines')]).toEqual([840, 360, 480])
    expect(run.value('rejected_lines', { reason: 'bad_type' })).toBe(120)
    expect(run.value('packets')).toBe(120)
  })

  test('counts lines over the limit once, and reads on behind them', async () => {
    const run = await started({ receiver: { transport: 'tcp', line_bytes_max: 1024 } })
    const to = { port: run.port(), host: '127.0.0.1' }
    await sendStream(to, [[...GOOD, LONG, ...BAD, LONG, ...GOOD].join('\n')])
    await run.received(12)
    expect([run.value('received_lines'), run.value('accepted_lines'), run.value('rejected_lines')]).toEqual([12, 6, 6])
    expect(run.value('rejected_lines', { reason: 'too_long' })).toBe(2)
  })

  test('says what the kernel has dropped', async ({ skip }) => {
    if (process.platform !== 'linux') skip('only Linux tells')
    const run = await started({ receiver: { recv_buffer_bytes: 4096 } })
    const done = new Int32Array(new SharedArrayBuffer(4))
    const sender = new Worker(
      `const { workerData: { port, done } } = require('node:worker_threads')
       const socket = require('node:dgram').createSocket('udp4')
       let left = 500
       const next = () => left-- > 0 ? socket.send('a:1|c', port, '127.0.0.1', next) : (socket.close(), Atomics.store(done, 0, 1), Atomics.notify(done, 0))
       next()`,
      { eval: true, workerData: { port: run.port(), done } },
    )
    // This thread, which reads the socket, stands still meanwhile.
    Atomics.wait(done, 0, 0, 10_000)
    await sender.terminate()
    await until('all are counted', async () => {
      await run.page()
      return run.value('packets') + run.value('kernel_dropped_packets') === 500
    })
    expect(run.value('kernel_dropped_packets')).toBeGreaterThan(0)
    expect(await run.page()).toEqual([`a_total ${run.value('packets')}`])
  })

  test('hands on what arrived last when it is stopped', async () => {
    const path = join(folder, 'last.jsonl')
    const run = await started({
      receiver: { transport: 'tcp' },
      more: { exporters: { file: { path } } },
      pipelines: { 'metrics/file': { receivers: ['statsd'], exporters: ['file'] } },
    })
    await sendStream({ port: run.port(), host: '127.0.0.1' }, ['last:41|c\nlast:1|c'])
    await run.stop()
    expect(readFileSync(path, 'utf8')).toContain('"asDouble":42')
  })
})

test('what a worker has counted stays when it dies', async () => {
  const more = { receivers: { fake_lines: {} }, connectors: { fake_count: {} }, exporters: { fake_collect: {} } }
  const pipelines = {
    logs: { receivers: ['fake_lines'], exporters: ['fake_count'] },
    'metrics/fake': { receivers: ['fake_count'], exporters: ['fake_collect'] },
  }
  const run = await started({ threads: 1, more, pipelines })
  await sendUdp(run.port(), ['hits:5|c\ndepth:3|g'])
  await run.received(2)
  await sendLines(run.run.port('receivers.fake_lines'), [{ do: 'throw' }, { rows: [] }])
  await until('the worker is counted as ended', () => run.run.telemetry.value('meshscope_worker_restarts', { reason: 'uncaught_error' }) === 1)
  await until('the worker is up again', () => run.run.service.view.isReady())
  await sendUdp(run.port(), ['hits:6|c'])
  await run.received(3)
  expect(await run.page()).toEqual(['depth 3', 'hits_total 11'])
})

describe('a mapping', () => {
  test.for([0, 2])('that changes on disk is taken over while running: %i workers', async (threads) => {
    const file = join(folder, `mapping${threads}.yaml`)
    const mapping = (name: string): string => `mappings:\n- match: 'app.*.hits'\n  name: ${name}\n  labels: { handler: $1 }\n`
    writeFileSync(file, mapping('first_total'))
    const run = await started({ threads, receiver: { mapping_file: file } })
    await sendUdp(run.port(), ['app.login.hits:2|c'])
    await run.received(1)
    expect(await run.page()).toEqual(['first_total{handler="login"} 2'])
    writeFileSync(file, 'mappings: [ { match: 17 ]')
    await until('the bad one is refused', () => run.value('mapping_loads', { outcome: 'failure' }) === 1)
    await sendUdp(run.port(), ['app.login.hits:2|c'])
    await run.received(2)
    expect(await run.page()).toEqual(['first_total{handler="login"} 4'])
    writeFileSync(file, mapping('second_total'))
    await until('the good one is taken', () => run.value('mapping_loads', { outcome: 'success' }) === 2)
    let lines = 2
    await until('the new name is there', async () => {
      await sendUdp(run.port(), ['app.login.hits:1|c'])
      await run.received(++lines)
      return (await run.page()).some((line) => line.startsWith('second_total'))
    })
  })

  test('with problems makes problems of the config', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(file, 'mappings:\n- match: a.*\n')
    await expect(started({ receiver: { mapping_file: file } })).rejects.toThrow(/receivers\.statsd\.mapping_file\.mappings\[0\]/)
  })

  test('may stand in the config, and its problems are the config’s', async () => {
    const run = await started({ receiver: { mapping: { mappings: [{ match: 'a.*', name: 'b_$1' }] } } })
    await sendUdp(run.port(), ['a.x:1|g'])
    await run.received(1)
    expect(await run.page()).toEqual(['b_x 1'])
    await expect(started({ receiver: { mapping: { mappings: [{ match: 'a..*', name: 'x' }] } } })).rejects.toThrow(/receivers\.statsd\.mapping\.mappings/)
  })
})

test('a reload keeps the receiver that it does not change, with its series', async () => {
  const run = await started({ threads: 1 })
  await sendUdp(run.port(), ['hits:5|c'])
  await run.received(1)
  const port = run.port()
  await run.reload({
    threads: 1,
    more: { exporters: { 'prometheus/b': { endpoint: '127.0.0.1:0' } } },
    pipelines: { 'metrics/b': { receivers: ['statsd'], exporters: ['prometheus/b'] } },
  })
  expect(run.port()).toBe(port)
  await sendUdp(port, ['hits:6|c'])
  await run.received(2)
  expect(await run.page()).toEqual(['hits_total 11'])
})

test.for([0, 2])('a reload that changes the receiver exchanges it on the same ports, and one that fails leaves it as it was: %i workers', async (threads) => {
  const receiver = { debug_endpoint: `127.0.0.1:${await freePort()}` }
  const run = await started({ threads, receiver })
  const port = run.port()
  await sendUdp(port, ['hits:5|c'])
  await run.received(1)
  const changed = { ...receiver, series_ttl: '2h' }
  const bad = { exporters: { file: { path: '/dev/null/none' } } }
  await expect(
    run.reload({ threads, receiver: changed, more: bad, pipelines: { 'metrics/b': { receivers: ['statsd'], exporters: ['file'] } } }),
  ).rejects.toThrow(/exporters\.file/)
  await sendUdp(port, ['hits:6|c'])
  await run.received(2)
  expect(await run.page()).toEqual(['hits_total 11'])
  await run.reload({ threads, receiver: changed })
  await sendUdp(port, ['hits:7|c'])
  await run.received(3)
  expect(await run.page()).toEqual(['hits_total 7'])
  expect((await fetch(`http://${receiver.debug_endpoint}/debug/statsd`)).status).toBe(200)
})

describe('events and service checks', () => {
  const EVENTS = '_e{5,4}:title|text|t:error|#env:dev\n_sc|db.up|2|m:gone'

  test('become log records', async () => {
    const path = join(folder, 'events.jsonl')
    const run = await started({ threads: 1, more: { exporters: { file: { path } } }, pipelines: { logs: { receivers: ['statsd'], exporters: ['file'] } } })
    await sendUdp(run.port(), [EVENTS])
    await until('they are handed on', () => run.value('events', { outcome: 'sent' }) === 2)
    await run.stop()
    const records = readFileSync(path, 'utf8')
    expect(records).toContain('"eventName":"dogstatsd.event"')
    expect(records).toContain('"severityText":"ERROR"')
    expect(records).toContain('"db.up"')
  })

  test('are counted without a logs pipeline, and cannot go where access logs are wanted', async () => {
    const run = await started()
    await sendUdp(run.port(), [EVENTS])
    await until('they are counted', () => run.value('events', { outcome: 'no_pipeline' }) === 2)
    const pipelines = {
      logs: { receivers: ['statsd'], exporters: ['mesh_metrics'] },
      'metrics/mesh': { receivers: ['mesh_metrics'], exporters: ['prometheus'] },
    }
    await expect(started({ more: { connectors: { mesh_metrics: {} } }, pipelines })).rejects.toThrow(/mesh_metrics needs the mesh processor before it/)
  })
})

test('the debug page shows who sends, what is sent most and what was rejected, as text and as JSON', async () => {
  const run = await started({ threads: 2, receiver: { debug_endpoint: 'localhost:0', mapping: { mappings: [{ match: 'app.*', name: 'app_$1' }] } } })
  await sendUdp(run.port(), ['app.hits:1|c|#env:dev\napp.hits:1|c|#env:dev\nnonsense'])
  await run.received(3)
  const url = `http://127.0.0.1:${run.port('localhost:0')}/debug/statsd`
  const page = (await (await fetch(`${url}?format=json`)).json()) as Record<string, unknown>
  expect(page).toMatchObject({
    receiver: 'statsd',
    series: 1,
    workers_without_answer: 0,
    top: [{ metric: 'app_hits', type: 'counter', labels: { env: 'dev' }, samples: 2, rules: [1] }],
    rejected: [{ reason: 'no_value', lines: 1, last: 'nonsense', sender: '127.0.0.1' }],
    clients: [{ address: '127.0.0.1', packets: 1, lines: 3, rejected: 1 }],
  })
  expect(await (await fetch(url)).text()).toContain('app_hits{env="dev"}')
  expect((await fetch(`${url}/else`)).status).toBe(404)
})

const CAPTURES = new URL('../../../shared/data/envoy-capture/', import.meta.url)

describe.skipIf(!existsSync(CAPTURES))('what a real Envoy has sent', () => {
  /** Packets, each with its length before it. */
  function packetsOf(file: string): Uint8Array[] {
    const bytes = readFileSync(new URL(file, CAPTURES))
    const packets: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32LE(at)
      packets.push(bytes.subarray(at + 4, end))
      at = end
    }
    return packets
  }

  test.for([
    { file: 'dogstatsd-datagrams.bin', transport: 'udp' },
    { file: 'graphite-statsd.bin', transport: 'udp' },
    { file: 'statsd-udp.bin', transport: 'udp' },
    { file: 'statsd-tcp.bin', transport: 'tcp' },
  ])('is taken to the last line, and named as its own page has it: $file', async ({ file, transport }) => {
    const run = await started({ threads: 1, receiver: { transport, profile: 'envoy', envoy_prefixes: ['envoy', 'productpage.envoy'] } })
    const packets = packetsOf(file)
    if (transport === 'udp') await sendUdp(run.port(), packets)
    else await sendStream({ port: run.port(), host: '127.0.0.1' }, packets)
    const lines = new TextDecoder('latin1').decode(
      transport === 'udp' ? Buffer.concat(packets.flatMap((packet) => [packet, Buffer.from('\n')])) : Buffer.concat(packets),
    )
    const count = lines.split('\n').filter((line) => line !== '').length
    await run.received(count)
    expect([run.value('received_lines'), run.value('accepted_lines'), run.value('rejected_lines'), run.value('kernel_dropped_packets')]).toEqual([
      count,
      count,
      0,
      0,
    ])
    expect((await run.page()).filter((line) => line.startsWith('envoy_cluster_upstream_rq_xx{')).length).toBeGreaterThan(0)
  })
})

/** `MESHSCOPE_SOAK_S=60 MESHSCOPE_SOAK_LINES_PER_S=100000` for the long one. */
const SOAK = { seconds: Number(process.env['MESHSCOPE_SOAK_S'] ?? 2), linesPerS: Number(process.env['MESHSCOPE_SOAK_LINES_PER_S'] ?? 20_000) }

test(`a soak of ${SOAK.seconds} s at ${SOAK.linesPerS} lines a second has exact totals`, { timeout: SOAK.seconds * 2000 + 60_000 }, async () => {
  const run = await started({ threads: 1 })
  const sender = new Worker(new URL('../fakes/statsd_sender.ts', import.meta.url), { workerData: { port: run.port(), ...SOAK } })
  const sent = await new Promise<{ lines: number; packets: number; total: number }>((resolve, reject) => {
    sender.once('message', resolve)
    sender.once('error', reject)
  })
  await until('everything sent has arrived or was dropped by the kernel', async () => {
    await run.page()
    return run.value('packets') + run.value('kernel_dropped_packets') >= sent.packets
  })
  expect(run.value('kernel_dropped_packets')).toBe(0)
  expect([run.value('received_lines'), run.value('accepted_lines'), run.value('rejected_lines')]).toEqual([sent.lines, sent.lines, 0])
  const totals = (await run.page()).filter((line) => line.startsWith('soak_hits_total')).map((line) => Number(line.split(' ').at(-1)))
  expect(totals.reduce((sum, value) => sum + value, 0)).toBe(sent.total)
})
