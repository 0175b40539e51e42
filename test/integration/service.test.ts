import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Registry } from '../../component/spec.ts'
import { FakeClock } from '../fakes/clock.ts'
import { collected, fakeRegistry } from '../fakes/components.ts'
import type { GraphSketch } from '../fakes/graph_spec.ts'
import { ServiceRun, sendLines, until } from '../fakes/service_run.ts'

const WORKER = new URL('../fakes/ingest_worker.ts', import.meta.url)
const RECEIVER = 'receivers.fake_lines'

const runs: ServiceRun[] = []
function newRun(clock?: FakeClock): ServiceRun {
  const run = new ServiceRun(fakeRegistry, WORKER, clock)
  runs.push(run)
  return run
}
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()))
})

const counting = (threads: number, more: Partial<GraphSketch> = {}): GraphSketch => ({
  receivers: { fake_lines: {} },
  connectors: { fake_count: {} },
  exporters: { fake_collect: {} },
  pipelines: [
    ['logs', ['fake_lines'], [], ['fake_count']],
    ['metrics', ['fake_count'], [], ['fake_collect']],
  ],
  threads,
  ...more,
})

const read = async (id = 'fake_collect'): Promise<Readonly<Record<string, number>>> => (await collected.get(id)?.read()) ?? {}

/** Many short connections, so that the kernel gives some to every worker. */
async function sendEverywhere(port: number, lines: readonly unknown[], connections = 16): Promise<void> {
  await Promise.all(Array.from({ length: connections }, () => sendLines(port, lines)))
}

const LINES = [
  {
    rows: [
      ['a', 200],
      ['b', 503],
    ],
  },
  { rows: [['a', 200]] },
]

describe('the number of ingest workers', () => {
  test.for([0, 1, 2, 4])('makes no difference to what is counted: %i', async (threads) => {
    const run = newRun()
    await run.start(counting(threads))
    await sendEverywhere(run.port(RECEIVER), LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 32, 'b 503 0': 16 })
    expect(run.service.view.isReady()).toBe(true)
    expect(run.service.view.components().filter(({ kind }) => kind === 'receiver')).toHaveLength(Math.max(1, threads))
    expect(run.telemetry.value('meshscope_connector_consumed_items', { connector: 'fake_count', outcome: 'success' })).toBe(48)
    expect(await run.stop()).toEqual([])
    expect(collected.get('fake_collect')?.events).toEqual(['start', 'shutdown'])
  })
})

describe('a receiver with two halves', () => {
  const halves = (threads: number, note = ''): GraphSketch => ({
    receivers: { fake_counted_lines: { note } },
    exporters: { fake_collect: {} },
    pipelines: [['metrics', ['fake_counted_lines'], [], ['fake_collect']]],
    threads,
  })
  const port = (run: ServiceRun): number => run.port('receivers.fake_counted_lines')

  test.for([0, 1, 2])('counts the same with any number of workers: %i', async (threads) => {
    const run = newRun()
    await run.start(halves(threads))
    await sendEverywhere(port(run), LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 32, 'b 503 0': 16 })
    expect(run.service.view.isReady()).toBe(true)
    expect(await run.stop()).toEqual([])
  })

  test('keeps what a worker has counted that dies, and listens again in the next', async () => {
    const run = newRun()
    await run.start(halves(1))
    const listening = port(run)
    await sendLines(listening, LINES)
    await sendLines(listening, [{ do: 'throw' }, { rows: [] }])
    await until('the restart is counted', () => run.telemetry.value('meshscope_worker_restarts', { reason: 'uncaught_error' }) === 1)
    await until('the worker is up again', () => run.service.view.isReady())
    await sendLines(listening, LINES)
    expect(await read()).toEqual({ gone: 1, 'a 200 0': 4, 'b 503 0': 2 })
  })

  test('lives on over a reload that does not change it, and starts anew after one that does', async () => {
    const run = newRun()
    await run.start(halves(2))
    await sendEverywhere(port(run), LINES)
    await run.reload(halves(2))
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 32, 'b 503 0': 16 })
    await run.reload(halves(2, 'changed'))
    await sendLines(port(run), LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 2, 'b 503 0': 1 })
  })
})

describe('a worker that dies', () => {
  test.for([
    { deed: 'throw', reason: 'uncaught_error' },
    { deed: 'exit', reason: 'exit' },
    { deed: 'oom', reason: 'out_of_memory' },
  ])('leaves its counts and is started again: $deed', async ({ deed, reason }) => {
    const run = newRun()
    await run.start(counting(2, { heapMibMax: 32 }))
    const port = run.port(RECEIVER)
    await sendEverywhere(port, LINES)
    await sendLines(port, [{ do: deed }, { rows: [] }])
    await until('the restart is counted', () => run.telemetry.value('meshscope_worker_restarts', { reason }) === 1)
    expect(run.telemetry.value('last_words')).toBe(deed === 'exit' ? 3 : 0)
    await until('all workers are up again', () => run.service.view.isReady())
    expect(await read()).toEqual({ gone: 1, 'a 200 0': 32, 'b 503 0': 16 })
    await sendEverywhere(port, LINES)
    expect(await read()).toEqual({ gone: 1, 'a 200 0': 64, 'b 503 0': 32 })
    expect(run.telemetry.value('meshscope_connector_consumed_items', { outcome: 'success' })).toBe(96)
    expect(run.records.some(({ message }) => message === 'ingest worker started again')).toBe(true)
  })
})

test('a worker that stands still is reported, then ended and started again', async () => {
  const clock = new FakeClock()
  const run = newRun(clock)
  await run.start(counting(1))
  const port = run.port(RECEIVER)
  await sendLines(port, LINES)
  const workers = () => run.service.view.components().filter(({ kind }) => kind === 'worker')
  clock.advance(9000)
  expect(workers().map(({ status }) => status.kind)).toEqual(['ok'])
  const cut = sendLines(port, [{ do: 'hang' }])
  await until('the worker stands still', () => run.telemetry.value('meshscope_workers_running') === 1 && isStill(clock, run))
  expect(workers()[0]?.status).toMatchObject({ kind: 'recoverable_error', error: expect.stringContaining('does not respond since') })
  clock.advance(30_000)
  await until('the restart is counted', () => run.telemetry.value('meshscope_worker_restarts', { reason: 'stalled' }) === 1)
  await cut
  clock.advance(100)
  await until('it is up again', () => run.service.view.isReady())
  await sendLines(port, LINES)
  expect(await read()).toEqual({ gone: 1, 'a 200 0': 4, 'b 503 0': 2 })
})

/** Lets the supervisor look once a second, for eleven seconds of its clock, in no time: a worker that beats is not still. */
function isStill(clock: FakeClock, run: ServiceRun): boolean {
  clock.advance(1000)
  return run.service.view.components().some(({ kind, status }) => kind === 'worker' && status.kind !== 'ok')
}

describe('two pipelines on one receiver', () => {
  test.for([0, 2])('do not see each other’s changes, with %i threads', async (threads) => {
    const run = newRun()
    await run.start({
      receivers: { fake_lines: {} },
      processors: { 'fake_stamp/one': { stamp: 1, keep_code: 503 }, 'fake_stamp/two': { stamp: 2 } },
      connectors: { 'fake_count/one': {}, 'fake_count/two': {}, 'fake_count/raw': {} },
      exporters: { 'fake_collect/one': {}, 'fake_collect/two': {}, 'fake_collect/raw': {} },
      pipelines: [
        ['logs/one', ['fake_lines'], ['fake_stamp/one'], ['fake_count/one']],
        ['logs/two', ['fake_lines'], ['fake_stamp/two'], ['fake_count/two']],
        ['logs/raw', ['fake_lines'], [], ['fake_count/raw']],
        ['metrics/one', ['fake_count/one'], [], ['fake_collect/one']],
        ['metrics/two', ['fake_count/two'], [], ['fake_collect/two']],
        ['metrics/raw', ['fake_count/raw'], [], ['fake_collect/raw']],
      ],
      threads,
    })
    await sendLines(run.port(RECEIVER), LINES)
    expect(await read('fake_collect/one')).toEqual({ gone: 0, 'b 503 1': 1 })
    expect(await read('fake_collect/two')).toEqual({ gone: 0, 'a 200 2': 2, 'b 503 2': 1 })
    expect(await read('fake_collect/raw')).toEqual({ gone: 0, 'a 200 0': 2, 'b 503 0': 1 })
    expect(run.telemetry.value('otelcol_processor_incoming_items', { processor: 'fake_stamp/one' })).toBe(3)
    expect(run.telemetry.value('otelcol_processor_outgoing_items', { processor: 'fake_stamp/one' })).toBe(1)
  })

  test('keep their data when the other one fails', async () => {
    const run = newRun()
    await run.start({
      ...counting(1),
      processors: { fake_stamp: { refuse: true } },
      connectors: { fake_count: {}, 'fake_count/bad': {} },
      pipelines: [
        ['logs/bad', ['fake_lines'], ['fake_stamp'], ['fake_count/bad']],
        ['logs', ['fake_lines'], [], ['fake_count']],
        ['metrics', ['fake_count', 'fake_count/bad'], [], ['fake_collect']],
      ],
    })
    expect(await sendLines(run.port(RECEIVER), LINES)).toEqual(['PermanentError', 'PermanentError'])
    expect(run.telemetry.value('meshscope_connector_consumed_items', { connector: 'fake_count', outcome: 'success' })).toBe(3)
    expect(run.telemetry.value('meshscope_processor_failed_items', { processor: 'fake_stamp', reason: 'failed' })).toBe(3)
    expect(run.records.filter(({ message }) => message === 'batch not taken')).toHaveLength(1)
  })
})

describe('a start that fails', () => {
  test.for([0, 2])('closes everything and names the component, with %i threads', async (threads) => {
    const run = newRun()
    const sketch = counting(threads, { receivers: { fake_lines: { fail_start: true } } })
    await expect(run.start(sketch)).rejects.toThrow('receivers.fake_lines: cannot start because the test says so')
    expect(collected.get('fake_collect')?.events).toEqual(['start', 'shutdown'])
    expect(run.service.view.components()).toEqual([])
    expect(run.service.view.isReady()).toBe(false)
  })

  test('says that the address is in use, although ports are shared', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve))
    const { port } = other.address() as { port: number }
    const run = newRun()
    const sketch = counting(2, { receivers: { fake_lines: { endpoint: `127.0.0.1:${port}` } } })
    await expect(run.start(sketch)).rejects.toThrow(`receivers.fake_lines: cannot listen on tcp 127.0.0.1:${port}: address in use`)
    await new Promise((resolve) => other.close(resolve))
  })

  test.for([0, 1])('says what cannot be reached from ingest workers, with %i threads', async (threads) => {
    const factories: Registry = { factories: fakeRegistry.factories.filter(({ type }) => type !== 'fake_crossing') }
    const run = new ServiceRun(factories, WORKER)
    runs.push(run)
    const sketch: GraphSketch = { ...counting(threads), exporters: { fake_record_sink: {} }, pipelines: [['logs', ['fake_lines'], [], ['fake_record_sink']]] }
    await expect(run.start(sketch)).rejects.toThrow('exporters.fake_record_sink: cannot run in ingest workers, where "logs" runs; take it out of that pipeline')
  })
})

describe('a reload', () => {
  test.for([0, 2])('keeps state and listeners of what is unchanged, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(counting(threads))
    const port = run.port(RECEIVER)
    await sendEverywhere(port, LINES)
    const exporter = collected.get('fake_collect')
    await run.reload(
      counting(threads, {
        processors: { fake_stamp: { stamp: 3 } },
        exporters: { fake_collect: {}, 'fake_collect/new': {} },
        pipelines: [
          ['logs', ['fake_lines'], ['fake_stamp'], ['fake_count']],
          ['metrics', ['fake_count'], [], ['fake_collect', 'fake_collect/new']],
        ],
      }),
    )
    await sendEverywhere(port, LINES)
    const expected = { gone: 0, 'a 200 0': 32, 'b 503 0': 16, 'a 200 3': 32, 'b 503 3': 16 }
    expect(await read()).toEqual(expected)
    expect(await read('fake_collect/new')).toEqual(expected)
    expect(collected.get('fake_collect')).toBe(exporter)
    expect(run.port(RECEIVER)).toBe(port)
    expect(run.service.view.lastReload()?.error).toBeUndefined()
  })

  test.for([0, 2])('that fails changes nothing, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(counting(threads))
    const port = run.port(RECEIVER)
    const bad = counting(threads, {
      receivers: { fake_lines: {}, 'fake_lines/bad': { fail_start: true } },
      exporters: { fake_collect: {}, 'fake_collect/bad': {} },
      pipelines: [
        ['logs', ['fake_lines', 'fake_lines/bad'], [], ['fake_count']],
        ['metrics', ['fake_count'], [], ['fake_collect/bad']],
      ],
    })
    await expect(run.reload(bad)).rejects.toThrow('receivers.fake_lines/bad: cannot start because the test says so')
    await sendEverywhere(port, LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 32, 'b 503 0': 16 })
    expect(collected.get('fake_collect/bad')?.events).toEqual(['start', 'shutdown'])
    expect(run.service.view.lastReload()?.error).toContain('fake_lines/bad')
    expect(run.service.view.isReady()).toBe(true)
    expect(run.telemetry.value('meshscope_config_reload_failures')).toBe(1)
    expect(run.telemetry.value('meshscope_config_last_reload_success')).toBe(0)
  })

  test.for([0, 2])('exchanges a changed receiver on the same port, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(counting(threads))
    const port = run.port(RECEIVER)
    await sendEverywhere(port, LINES)
    await run.reload(counting(threads, { receivers: { fake_lines: { note: 'changed' } } }))
    expect(run.port(RECEIVER)).toBe(port)
    await sendEverywhere(port, LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 64, 'b 503 0': 32 })
  })

  test('exchanges a changed receiver of the main thread on the same port', async () => {
    const run = newRun()
    const sketch = (endpoint: string, config: object): GraphSketch => ({
      receivers: { fake_main_lines: { endpoint, ...config } },
      exporters: { fake_record_sink: {} },
      pipelines: [['logs', ['fake_main_lines'], [], ['fake_record_sink']]],
    })
    const address = 'receivers.fake_main_lines'
    await run.start(sketch('127.0.0.1:0', {}))
    const endpoint = `127.0.0.1:${run.port(address)}`
    await run.reload(sketch(endpoint, {}))
    await run.reload(sketch(endpoint, { note: 'changed' }))
    expect(await sendLines(run.port(address), LINES)).toEqual(['ok', 'ok'])
    await expect(run.reload(sketch(endpoint, { fail_start: true }))).rejects.toThrow('cannot start')
    expect(await sendLines(run.port(address), LINES)).toEqual(['ok', 'ok'])
    expect(run.fatal).toEqual([])
  })

  test.for([
    { from: 1, to: 3 },
    { from: 0, to: 2 },
    { from: 2, to: 0 },
  ])('changes the number of workers from $from to $to and keeps what was counted', async ({ from, to }) => {
    const run = newRun()
    await run.start(counting(from))
    const port = run.port(RECEIVER)
    await sendEverywhere(port, LINES)
    await run.reload(counting(to))
    expect(run.port(RECEIVER)).toBe(port)
    await sendEverywhere(port, LINES)
    expect(await read()).toEqual({ gone: Math.max(1, from), 'a 200 0': 64, 'b 503 0': 32 })
    expect(run.service.view.components().filter(({ kind }) => kind === 'receiver')).toHaveLength(Math.max(1, to))
    expect(run.service.view.isReady()).toBe(true)
  })
})

describe('a stop', () => {
  test.for([0, 2])('ends by its deadline and names who missed it, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(counting(threads, { receivers: { fake_lines: { hang_on_stop: true } }, drainTimeout: '100ms' }))
    const missed = await run.stop(100)
    expect(new Set(missed)).toEqual(new Set(['receivers.fake_lines']))
    expect(collected.get('fake_collect')?.events).toEqual(['start', 'shutdown'])
  })

  test('is safe twice and without a start', async () => {
    const run = newRun()
    expect(await run.stop()).toEqual([])
    await run.start(counting(1))
    expect(await run.stop()).toEqual([])
    expect(await run.stop()).toEqual([])
  })
})

test.for([0, 1])('a fatal status reaches the process, with %i threads', async (threads) => {
  const run = newRun()
  await run.start(counting(threads))
  await sendLines(run.port(RECEIVER), [{ do: 'fatal' }])
  await until('the process hears of it', () => run.fatal.length > 0)
  expect(run.fatal).toEqual([{ address: RECEIVER, error: 'fatal because the test says so' }])
  expect(run.service.view.isReady()).toBe(false)
})
