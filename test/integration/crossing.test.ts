import { afterEach, describe, expect, test } from 'vitest'
import { collected, fakeRegistry } from '../fakes/components.ts'
import type { GraphSketch } from '../fakes/graph_spec.ts'
import { sunk } from '../fakes/records.ts'
import { ServiceRun, sendLines, until } from '../fakes/service_run.ts'

/** Access logs of ingest workers on their way to components that are on the main thread, and connectors there. */

const WORKER = new URL('../fakes/ingest_worker.ts', import.meta.url)
const RECEIVER = 'receivers.fake_lines'
const MAIN_RECEIVER = 'receivers.fake_main_lines'

const runs: ServiceRun[] = []
function newRun(): ServiceRun {
  const run = new ServiceRun(fakeRegistry, WORKER)
  runs.push(run)
  return run
}
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()))
})

const LINES = [
  {
    rows: [
      ['a', 200],
      ['b', 503],
    ],
  },
  { rows: [['a', 200]] },
]

/** Many short connections, so that the kernel gives some to every worker. */
async function sendEverywhere(port: number, connections = 16): Promise<void> {
  await Promise.all(Array.from({ length: connections }, () => sendLines(port, LINES)))
}

const sink = (id = 'fake_record_sink') => sunk.get(id) as NonNullable<ReturnType<typeof sunk.get>>
const read = async (): Promise<Readonly<Record<string, number>>> => (await collected.get('fake_collect')?.read()) ?? {}
const items = (run: ServiceRun, direction: 'incoming' | 'outgoing', processor: string): number =>
  run.telemetry.value(`otelcol_processor_${direction}_items`, { processor })

const crossing = (threads: number, more: Partial<GraphSketch> = {}): GraphSketch => ({
  receivers: { fake_lines: {} },
  processors: { fake_stamp: { stamp: 1 }, fake_mark: {} },
  exporters: { fake_record_sink: {} },
  pipelines: [['logs', ['fake_lines'], ['fake_stamp', 'fake_mark'], ['fake_record_sink']]],
  threads,
  ...more,
})

describe('access logs that become records', () => {
  test.for([0, 1, 2])('arrive all of them, and are counted once, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(crossing(threads))
    await sendEverywhere(run.port(RECEIVER))
    await until('all have arrived', () => sink().bodies.length === 48)
    expect(sink().counts()).toEqual({ 'a 200 1 marked': 32, 'b 503 1 marked': 16 })
    for (const processor of ['fake_stamp', 'fake_crossing', 'fake_mark']) {
      expect([processor, items(run, 'incoming', processor), items(run, 'outgoing', processor)]).toEqual([processor, 48, 48])
    }
    expect(run.telemetry.value('meshscope_exporter_consumed_items', { exporter: 'fake_record_sink', outcome: 'success' })).toBe(48)
    expect(run.service.view.isReady()).toBe(true)
  })

  test.for([0, 2])('leave others in the workers to those that take them there, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(
      crossing(threads, {
        connectors: { fake_count: {} },
        exporters: { fake_record_sink: {}, fake_collect: {} },
        pipelines: [
          ['logs', ['fake_lines'], ['fake_stamp'], ['fake_count', 'fake_record_sink']],
          ['metrics', ['fake_count'], [], ['fake_collect']],
        ],
      }),
    )
    await sendEverywhere(run.port(RECEIVER))
    await until('all have arrived', () => sink().bodies.length === 48)
    expect(sink().counts()).toEqual({ 'a 200 1': 32, 'b 503 1': 16 })
    expect(await read()).toEqual({ gone: 0, 'a 200 1': 32, 'b 503 1': 16 })
  })

  test.for([0, 2])('meet records of the same pipeline on the main thread, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(
      crossing(threads, {
        receivers: { fake_lines: {}, fake_main_lines: {} },
        processors: { fake_stamp: { stamp: 1 }, 'fake_crossing/named': { note: 'crossed' }, fake_mark: {} },
        pipelines: [['logs', ['fake_lines', 'fake_main_lines'], ['fake_stamp', 'fake_crossing/named', 'fake_mark'], ['fake_record_sink']]],
      }),
    )
    await sendEverywhere(run.port(RECEIVER), 4)
    await sendEverywhere(run.port(MAIN_RECEIVER), 1)
    await until('all have arrived', () => sink().bodies.length === 15)
    expect(sink().counts()).toEqual({ 'a 200 1 crossed marked': 8, 'b 503 1 crossed marked': 4, 'a 200 1 marked': 2, 'b 503 1 marked': 1 })
    for (const processor of ['fake_stamp', 'fake_crossing/named']) {
      expect([processor, items(run, 'incoming', processor), items(run, 'outgoing', processor)]).toEqual([processor, 15, 15])
    }
  })

  test('that were read from records become records again', async () => {
    const run = newRun()
    await run.start({
      receivers: { fake_main_lines: {} },
      processors: { fake_parse: {}, fake_crossing: { note: 'crossed' } },
      exporters: { fake_record_sink: {} },
      pipelines: [['logs', ['fake_main_lines'], ['fake_parse'], ['fake_record_sink']]],
    })
    expect(await sendLines(run.port(MAIN_RECEIVER), [...LINES, { rows: [['no access log', 1]] }])).toEqual(['ok', 'ok', 'ok'])
    expect(sink().bodies).toEqual(['a 200 0 crossed', 'b 503 0 crossed', 'a 200 0 crossed', 'no access log 1 0'])
  })

  test('tell who sends records when these are not taken', async () => {
    const run = newRun()
    await run.start(crossing(1, { receivers: { fake_main_lines: {} }, pipelines: [['logs', ['fake_main_lines'], ['fake_mark'], ['fake_record_sink']]] }))
    const { promise, reject } = Promise.withResolvers<void>()
    sink().gate = promise
    void until('the sink is asked', () => items(run, 'outgoing', 'fake_mark') > 0).then(() => reject(new Error('not now')))
    expect(await sendLines(run.port(MAIN_RECEIVER), LINES)).toEqual(['PermanentError', 'PermanentError'])
    expect(run.telemetry.value('meshscope_exporter_consumed_items', { exporter: 'fake_record_sink', outcome: 'failed' })).toBe(3)
  })
})

describe('a worker that dies', () => {
  test('loses what it had not handed over, which shows in the counters, and nothing else', async () => {
    const run = newRun()
    await run.start(crossing(1, { processors: { fake_stamp: {}, fake_mark: {}, fake_crossing: { batch: 2 } } }))
    const port = run.port(RECEIVER)
    // Two entries cross together; the last one waits for another.
    await sendLines(port, LINES)
    await sendLines(port, [{ do: 'throw' }, { rows: [] }])
    await until('the restart is counted', () => run.telemetry.value('meshscope_worker_restarts', { reason: 'uncaught_error' }) === 1)
    await until('the worker is up again', () => run.service.view.isReady())
    expect(sink().bodies).toEqual(['a 200 1 marked', 'b 503 1 marked'])
    expect(items(run, 'incoming', 'fake_crossing') - items(run, 'outgoing', 'fake_crossing')).toBe(1)
    await sendLines(port, [LINES[0]])
    await until('the next have arrived', () => sink().bodies.length === 4)
    expect(items(run, 'incoming', 'fake_crossing') - items(run, 'outgoing', 'fake_crossing')).toBe(1)
  })

  test('leaves the others alone, and what they hand over', async () => {
    const run = newRun()
    await run.start(crossing(2))
    const port = run.port(RECEIVER)
    await sendEverywhere(port)
    await sendLines(port, [{ do: 'exit' }, { rows: [] }])
    await until('the restart is counted', () => run.telemetry.value('meshscope_worker_restarts', { reason: 'exit' }) === 1)
    await until('the worker is up again', () => run.service.view.isReady())
    await sendEverywhere(port)
    await until('all have arrived', () => sink().bodies.length === 96)
    expect(items(run, 'outgoing', 'fake_crossing')).toBe(96)
  })
})

describe('a stop', () => {
  test.for([0, 2])('hands over what waits in the workers, and waits until it is taken, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(crossing(threads, { processors: { fake_stamp: {}, fake_mark: {}, fake_crossing: { batch: 1000 } } }))
    await sendEverywhere(run.port(RECEIVER))
    expect(sink().bodies).toEqual([])
    const { promise, resolve } = Promise.withResolvers<void>()
    sink().gate = promise
    const stopped = run.stop()
    await until('the sink is asked', () => run.telemetry.value('otelcol_processor_outgoing_items', { processor: 'fake_mark' }) === 48)
    expect(sink().isStopped).toBe(false)
    resolve()
    expect(await stopped).toEqual([])
    expect(sink().counts()).toEqual({ 'a 200 1 marked': 32, 'b 503 1 marked': 16 })
    expect(sink().isStopped).toBe(true)
  })
})

describe('a reload', () => {
  test.for([0, 2])('keeps the way across when something else changes, with %i threads', async (threads) => {
    const run = newRun()
    const held = { fake_stamp: {}, fake_mark: {}, fake_crossing: { batch: 1000 } }
    await run.start(crossing(threads, { processors: held }))
    await sendEverywhere(run.port(RECEIVER))
    await run.reload(
      crossing(threads, {
        processors: { ...held, fake_mark: { note: 'anew' } },
        pipelines: [['logs', ['fake_lines'], ['fake_mark'], ['fake_record_sink']]],
      }),
    )
    // What was waiting is still there: it has not been handed over by an end.
    expect(sink().bodies).toEqual([])
    await run.stop()
    expect(sink().counts()).toEqual({ 'a 200 1 anew': 32, 'b 503 1 anew': 16 })
  })

  test.for([0, 2])('to other settings of the way across loses nothing, with %i threads', async (threads) => {
    const run = newRun()
    const held = (note: string) => ({ processors: { fake_stamp: {}, fake_mark: {}, fake_crossing: { batch: 1000, note } } })
    await run.start(crossing(threads, held('old')))
    await sendEverywhere(run.port(RECEIVER))
    await run.reload(crossing(threads, held('new')))
    await until('the old ones have handed over', () => sink().bodies.length === 48)
    expect(sink().counts()).toEqual({ 'a 200 1 old marked': 32, 'b 503 1 old marked': 16 })
    await sendEverywhere(run.port(RECEIVER))
    await run.stop()
    expect(sink().counts()).toMatchObject({ 'a 200 1 new marked': 32, 'b 503 1 new marked': 16 })
  })

  test.for([
    { from: 0, to: 2 },
    { from: 2, to: 0 },
    { from: 1, to: 3 },
  ])('to another number of workers loses nothing: from $from to $to', async ({ from, to }) => {
    const run = newRun()
    const held = { processors: { fake_stamp: {}, fake_mark: {}, fake_crossing: { batch: 1000 } } }
    await run.start(crossing(from, held))
    await sendEverywhere(run.port(RECEIVER))
    await run.reload(crossing(to, held))
    await until('the old workers have handed over', () => sink().bodies.length === 48)
    await sendEverywhere(run.port(RECEIVER))
    await run.stop()
    expect(sink().counts()).toEqual({ 'a 200 1 marked': 64, 'b 503 1 marked': 32 })
  })

  test('that fails leaves the way across as it was', async () => {
    const run = newRun()
    await run.start(crossing(2))
    const bad = crossing(2, {
      receivers: { fake_lines: {}, 'fake_lines/bad': { fail_start: true } },
      processors: { fake_stamp: {}, fake_mark: {}, fake_crossing: { note: 'never' } },
      pipelines: [['logs', ['fake_lines', 'fake_lines/bad'], ['fake_stamp', 'fake_mark'], ['fake_record_sink']]],
    })
    await expect(run.reload(bad)).rejects.toThrow('receivers.fake_lines/bad: cannot start')
    await sendEverywhere(run.port(RECEIVER))
    await until('all have arrived', () => sink().bodies.length === 48)
    expect(sink().counts()).toEqual({ 'a 200 1 marked': 32, 'b 503 1 marked': 16 })
  })
})

describe('a connector in a pipeline of the main thread', () => {
  const counting = (threads: number, receivers: string[] = ['fake_main_lines']): GraphSketch => ({
    receivers: { fake_main_lines: {}, fake_lines: {} },
    processors: { fake_parse: {} },
    connectors: { fake_count: {} },
    exporters: { fake_collect: {} },
    pipelines: [
      ['logs', receivers, ['fake_parse'], ['fake_count']],
      ['metrics', ['fake_count'], [], ['fake_collect']],
    ],
    threads,
  })

  test.for([0, 2])('counts with an ingest half of its own, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(counting(threads))
    expect(await sendLines(run.port(MAIN_RECEIVER), LINES)).toEqual(['ok', 'ok'])
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 2, 'b 503 0': 1 })
    expect(run.telemetry.value('meshscope_connector_consumed_items', { connector: 'fake_count', outcome: 'success' })).toBe(3)
    expect(await run.stop()).toEqual([])
  })

  test.for([0, 2])('adds to what the workers count, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(counting(threads, ['fake_main_lines', 'fake_lines']))
    await sendEverywhere(run.port(RECEIVER))
    await sendLines(run.port(MAIN_RECEIVER), LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 34, 'b 503 0': 17 })
    await run.reload(counting(threads, ['fake_main_lines', 'fake_lines']))
    await sendLines(run.port(MAIN_RECEIVER), LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 36, 'b 503 0': 18 })
  })

  test('keeps what it has counted over a reload to another number of workers', async () => {
    const run = newRun()
    await run.start(counting(1))
    await sendLines(run.port(MAIN_RECEIVER), LINES)
    await run.reload(counting(2))
    await sendLines(run.port(MAIN_RECEIVER), LINES)
    expect(await read()).toEqual({ gone: 0, 'a 200 0': 4, 'b 503 0': 2 })
  })

  test('loses its half when the pipeline is taken away, and keeps what that has counted', async () => {
    const run = newRun()
    await run.start(counting(1, ['fake_main_lines', 'fake_lines']))
    await sendLines(run.port(MAIN_RECEIVER), LINES)
    await run.reload(counting(1, ['fake_lines']))
    expect(await read()).toEqual({ gone: 1, 'a 200 0': 2, 'b 503 0': 1 })
  })
})

describe('an extension that a setting names', () => {
  const stores = { 'fake_store/a': {}, 'fake_store/b': {}, fake_store_everywhere: {} }
  const storing = (storage: string, more: Partial<GraphSketch> = {}): GraphSketch =>
    crossing(1, {
      exporters: { fake_record_sink: { storage }, 'fake_record_sink/other': { storage: 'fake_store/b' } },
      extensions: stores,
      pipelines: [['logs', ['fake_lines'], ['fake_stamp'], ['fake_record_sink', 'fake_record_sink/other']]],
      ...more,
    })

  test('is the one that its users get, each its own', async () => {
    const run = newRun()
    await run.start(storing('fake_store/a'))
    expect(sink().store).toEqual({ name: 'fake_store/a', openedBy: ['exporters.fake_record_sink'] })
    expect(sink('fake_record_sink/other').store).toEqual({ name: 'fake_store/b', openedBy: ['exporters.fake_record_sink/other'] })
    const [first, other] = [sink(), sink('fake_record_sink/other')]
    await run.reload(storing('fake_store/b'))
    expect(sink().store?.openedBy).toEqual(['exporters.fake_record_sink/other', 'exporters.fake_record_sink'])
    expect([first.isStopped, other.isStopped, sink('fake_record_sink/other') === other]).toEqual([true, false, true])
  })

  test.for([0, 1])('is there for what runs in workers, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(storing('', { receivers: { fake_lines: { storage: 'fake_store_everywhere' } }, threads }))
    expect(run.records.find(({ message }) => message === 'has a store')?.fields).toEqual({ store: 'fake_store_everywhere in a worker' })
  })
})
