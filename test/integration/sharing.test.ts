import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collected, fakeRegistry } from '../fakes/components.ts'
import type { GraphSketch } from '../fakes/graph_spec.ts'
import { ServiceRun, sendLines, until } from '../fakes/service_run.ts'
import { type FakeNumberMain, numberExtensions, sharingEvents } from '../fakes/sharing.ts'
import { freePort } from '../free_port.ts'

const WORKER = new URL('../fakes/ingest_worker.ts', import.meta.url)
const RECEIVER = 'receivers.fake_lines'
const ROW = { rows: [['a', 200]] }

const runs: ServiceRun[] = []
function newRun(): ServiceRun {
  const run = new ServiceRun(fakeRegistry, WORKER)
  runs.push(run)
  return run
}
beforeEach(() => {
  numberExtensions.length = 0
  sharingEvents.length = 0
})
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()))
})

const sketch = (threads: number, more: Partial<GraphSketch> = {}): GraphSketch => ({
  receivers: { fake_lines: {} },
  processors: { fake_numbered: {} },
  connectors: { fake_count: {} },
  exporters: { fake_collect: {} },
  extensions: { fake_number: { number: 5 } },
  pipelines: [
    ['logs', ['fake_lines'], ['fake_numbered'], ['fake_count']],
    ['metrics', ['fake_count'], [], ['fake_collect']],
  ],
  threads,
  ...more,
})

const read = async (): Promise<Readonly<Record<string, number>>> => (await collected.get('fake_collect')?.read()) ?? {}
const extension = (): FakeNumberMain => numberExtensions.at(-1) as FakeNumberMain

/** Many short connections, so that the kernel gives some to every worker. */
async function sendEverywhere(port: number): Promise<void> {
  await Promise.all(Array.from({ length: 16 }, () => sendLines(port, [ROW])))
}

/** Sends rows until none is counted with another number any more than before. */
async function untilOnly(number: number, port: number): Promise<void> {
  await until(`all ingest halves have ${number}`, async () => {
    const before = await read()
    await sendEverywhere(port)
    const after = await read()
    const key = `a 200 ${number}`
    return (after[key] ?? 0) - (before[key] ?? 0) === 16
  })
}

/** What the extension that listens there says. */
async function ask(endpoint: string): Promise<string> {
  const [host = '', port] = endpoint.split(':')
  return text(connect({ host, port: Number(port) }))
}

describe('what an extension shares', () => {
  test.for([0, 1, 2])('reaches the processors of every thread before the first line, and changes there, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads))
    await sendEverywhere(run.port(RECEIVER))
    expect(await read()).toEqual({ gone: 0, 'a 200 5': 16 })
    expect(new Set(extension().peers.map(({ worker }) => worker))).toEqual(new Set(threads === 2 ? [0, 1] : [0]))
    extension().set(7)
    await untilOnly(7, run.port(RECEIVER))
    expect(run.service.view.isReady()).toBe(true)
    expect(run.service.view.components().filter(({ kind }) => kind === 'extension')).toHaveLength(1 + Math.max(1, threads))
  })

  test.for([0, 1])('also when the ingest half asks for it while it is created, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads, { extensions: { fake_number: { number: 5, says_hello: 'when_created' } } }))
    await sendEverywhere(run.port(RECEIVER))
    expect(await read()).toEqual({ gone: 0, 'a 200 5': 16 })
  })

  test.for([0, 1])('is not seen by components that do not name the extension, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads, { extensions: { fake_other: {}, fake_number: {} } }))
    const created = run.records.find(({ message }) => message === 'created')
    expect(created?.fields).toEqual({ number: 0, notNamed: undefined })
  })

  test.for([0, 1])('is not there when its use is optional and nobody configured it, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads, { extensions: {}, processors: { fake_numbered: { is_optional: true } } }))
    await sendLines(run.port(RECEIVER), [ROW])
    expect(await read()).toEqual({ gone: 0, 'a 200 99': 1 })
  })

  test('is the main half’s own on the main thread', async () => {
    const run = newRun()
    await run.start(
      sketch(1, {
        receivers: { fake_main_lines: {} },
        exporters: { fake_record_sink: {} },
        connectors: {},
        pipelines: [['logs', ['fake_main_lines'], ['fake_numbered'], ['fake_record_sink']]],
      }),
    )
    expect(run.records.find(({ message }) => message === 'created')?.fields).toMatchObject({ number: 5 })
  })

  test('reaches two processors from one extension, which knows what both want, each want once', async () => {
    const run = newRun()
    await run.start(
      sketch(2, {
        processors: { 'fake_numbered/1': { wants: 'z' }, 'fake_numbered/2': { wants: 'b' }, 'fake_numbered/3': { wants: 'b' } },
        pipelines: [
          ['logs', ['fake_lines'], ['fake_numbered/1', 'fake_numbered/2', 'fake_numbered/3'], ['fake_count']],
          ['metrics', ['fake_count'], [], ['fake_collect']],
        ],
      }),
    )
    expect(numberExtensions).toHaveLength(1)
    expect(extension().uses).toEqual([{ wants: 'b' }, { wants: 'z' }])
    expect(extension().peers).toHaveLength(2)
  })
})

describe('an extension with two halves', () => {
  test('is created and started before everything else of its thread and stopped after it', async () => {
    const run = newRun()
    await run.start(sketch(0))
    await run.stop()
    expect(sharingEvents).toEqual([
      'main half created',
      'main half start',
      'ingest half created',
      'processor created',
      'ingest half start',
      'processor start',
      'processor shutdown',
      'ingest half shutdown',
      'main half shutdown',
    ])
  })

  test('tells a worker that was started again what it knows', async () => {
    const run = newRun()
    await run.start(sketch(2))
    const port = run.port(RECEIVER)
    extension().set(8)
    await sendLines(port, [{ do: 'throw' }, { rows: [] }])
    await until('the restart is counted', () => run.telemetry.value('meshscope_worker_restarts', { reason: 'uncaught_error' }) === 1)
    await until('all workers are up again', () => run.service.view.isReady())
    expect(extension().lost).toHaveLength(1)
    expect(extension().peers).toHaveLength(3)
    expect(extension().events).toEqual(['start'])
    await untilOnly(8, port)
    // One of the three is for a life that is over.
    extension().set(9)
    await untilOnly(9, port)
  })

  test.for([0, 1])('goes on when its ingest half fails to take a message, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads))
    extension().set(-1)
    await until('the error is logged', () => run.records.some(({ message }) => message === 'message from main thread not taken'))
    expect(run.records.find(({ message }) => message === 'message from main thread not taken')).toMatchObject({
      level: 'error',
      address: 'extensions.fake_number',
    })
    extension().set(6)
    await untilOnly(6, run.port(RECEIVER))
    expect(run.telemetry.value('meshscope_worker_restarts')).toBe(0)
  })
})

describe('a reload', () => {
  test.for([0, 2])('keeps an unchanged extension and what it shares, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads))
    extension().set(7)
    await run.reload(
      sketch(threads, {
        processors: { fake_numbered: {}, 'fake_numbered/more': {} },
        pipelines: [
          ['logs', ['fake_lines'], ['fake_numbered', 'fake_numbered/more'], ['fake_count']],
          ['metrics', ['fake_count'], [], ['fake_collect']],
        ],
      }),
    )
    expect(numberExtensions).toHaveLength(1)
    expect(extension().events).toEqual(['start'])
    await untilOnly(7, run.port(RECEIVER))
  })

  test.for([
    { name: 'its config', threads: 0, change: { extensions: { fake_number: { number: 6 } } }, number: 6 },
    { name: 'its config', threads: 2, change: { extensions: { fake_number: { number: 6 } } }, number: 6 },
    { name: 'what is wanted of it', threads: 2, change: { processors: { fake_numbered: { wants: 'more' } } }, number: 5 },
  ])('exchanges an extension and its users when $name changes, with $threads threads', async ({ threads, change, number }) => {
    const run = newRun()
    await run.start(sketch(threads))
    const old = extension()
    old.set(100)
    sharingEvents.length = 0
    await run.reload(sketch(threads, change))
    expect(numberExtensions).toHaveLength(2)
    expect(old.events).toEqual(['start', 'shutdown'])
    expect(old.lost).toHaveLength(Math.max(1, threads))
    expect(extension().events).toEqual(['start'])
    expect(sharingEvents.indexOf('main half start')).toBeLessThan(sharingEvents.indexOf('main half shutdown'))
    old.set(101)
    const before = await read()
    await sendEverywhere(run.port(RECEIVER))
    const key = `a 200 ${number}`
    expect(await read()).toEqual({ ...before, [key]: 16 })
  })

  test.for([0, 2])('keeps the old extension and its users when the new one does not start, with %i threads', async (threads) => {
    const run = newRun()
    await run.start(sketch(threads))
    const old = extension()
    await expect(run.reload(sketch(threads, { extensions: { fake_number: { fails_start: true } } }))).rejects.toThrow(
      'extensions.fake_number: cannot start because the test says so',
    )
    expect(old.events).toEqual(['start'])
    old.set(9)
    await untilOnly(9, run.port(RECEIVER))
  })

  test.for([
    { from: 1, to: 2 },
    { from: 0, to: 1 },
    { from: 1, to: 0 },
  ])('to another number of workers keeps the main half: from $from to $to', async ({ from, to }) => {
    const run = newRun()
    await run.start(sketch(from))
    extension().set(7)
    await run.reload(sketch(to))
    expect(numberExtensions).toHaveLength(1)
    expect(extension().lost).toHaveLength(1)
    await untilOnly(7, run.port(RECEIVER))
  })

  test('exchanges an extension that listens without a moment in which nobody does', async () => {
    const run = newRun()
    const endpoint = `127.0.0.1:${await freePort()}`
    await run.start(sketch(1, { extensions: { fake_number: { number: 5, endpoint } } }))
    await run.reload(sketch(1, { extensions: { fake_number: { number: 6, endpoint } } }))
    expect(sharingEvents.filter((event) => event.startsWith('main half'))).toEqual([
      'main half created',
      'main half start',
      'main half created',
      'main half start',
      'main half shutdown',
    ])
    expect(await ask(endpoint)).toBe('6')
    const failing = { extensions: { fake_number: { number: 7, endpoint, fails_start: true } } }
    await expect(run.reload(sketch(1, failing))).rejects.toThrow('extensions.fake_number: cannot start')
    expect(await ask(endpoint)).toBe('6')
    expect(run.fatal).toEqual([])
    numberExtensions[1]?.set(8)
    await untilOnly(8, run.port(RECEIVER))
  })

  test('that fails is fatal where two such extensions cannot listen at a time', async () => {
    const run = newRun()
    const folder = mkdtempSync(join(tmpdir(), 'meshscope-sharing-'))
    const endpoint = join(folder, 'socket')
    await run.start(sketch(0, { extensions: { fake_number: { endpoint } } }))
    await run.reload(sketch(0, { extensions: { fake_number: { number: 6, endpoint } } }))
    await untilOnly(6, run.port(RECEIVER))
    const failing = { extensions: { fake_number: { number: 7, endpoint, fails_start: true } } }
    await expect(run.reload(sketch(0, failing))).rejects.toThrow('extensions.fake_number: cannot start')
    expect(run.fatal).toEqual([{ address: 'extensions.fake_number', error: expect.stringContaining('was stopped to make room for its successor') }])
    rmSync(folder, { recursive: true })
  })

  test('that takes the extension away leaves optional users without it', async () => {
    const run = newRun()
    const optional = { processors: { fake_numbered: { is_optional: true } } }
    await run.start(sketch(1, optional))
    await run.reload(sketch(1, { ...optional, extensions: {} }))
    expect(extension().events).toEqual(['start', 'shutdown'])
    await untilOnly(99, run.port(RECEIVER))
  })
})

test('an extension that shares its port says so when another process has it', async () => {
  const other = createServer().listen({ port: 0, host: '127.0.0.1', reusePort: true })
  await once(other, 'listening')
  const endpoint = `127.0.0.1:${(other.address() as AddressInfo).port}`
  const run = newRun()
  await expect(run.start(sketch(0, { extensions: { fake_number: { endpoint } } }))).rejects.toThrow(
    `extensions.fake_number: cannot listen on tcp ${endpoint}: address in use`,
  )
  await new Promise((resolve) => other.close(resolve))
})
