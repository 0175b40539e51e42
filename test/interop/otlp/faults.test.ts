/** A backend that is away, slow, refuses, or is cut off from us: what becomes of every record, over both protocols. */
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OtlpGrpcClient } from '../../fakes/otlp_client.ts'
import { freePort } from '../../free_port.ts'
import { sumOf } from '../daemon.ts'
import { settled } from '../waiting.ts'
import { Backend, namedRequest, type Protocol, type Verdict } from './backend.ts'
import { type Cut, CuttingProxy } from './cutting_proxy.ts'
import { type Relay, startRelay } from './relay.ts'

/** https://opentelemetry.io/docs/specs/otlp/#failures */
const CODES = {
  grpc: {
    retryable: [status.CANCELLED, status.DEADLINE_EXCEEDED, status.ABORTED, status.OUT_OF_RANGE, status.UNAVAILABLE, status.DATA_LOSS],
    permanent: [
      status.UNKNOWN,
      status.INVALID_ARGUMENT,
      status.NOT_FOUND,
      status.ALREADY_EXISTS,
      status.PERMISSION_DENIED,
      status.RESOURCE_EXHAUSTED,
      status.FAILED_PRECONDITION,
      status.UNIMPLEMENTED,
      status.INTERNAL,
      status.UNAUTHENTICATED,
    ],
    throttled: status.RESOURCE_EXHAUSTED,
  },
  http: { retryable: [429, 502, 503, 504], permanent: [301, 400, 401, 403, 404, 405, 413, 415, 500, 501], throttled: 429 },
} as const

const CONSUMERS = 4
/** Cuts of connections one after the other, by what of a request of about 20 kB has gone through. */
const CUTS: readonly Cut[] = [
  { requestBytes: 10, isReset: false },
  { requestBytes: 3000, isReset: true },
  { requestBytes: 25_000, isReset: false },
  { answerAfterBytes: 3000, isReset: true },
  { answerAfterBytes: 3000, isReset: false },
  { requestBytes: 40_000, isReset: true },
]

describe.for(['grpc', 'http'] as const)('OTLP by %s', (protocol: Protocol) => {
  let relay: Relay
  let backend: Backend
  let proxy: CuttingProxy
  let client: OtlpGrpcClient
  /** Where the exporter connects to. */
  let port: number
  /** What the queue has taken over so far, in records. */
  let offered = 0
  let before: Books

  beforeAll(async () => {
    const hidden = await freePort()
    port = await freePort()
    backend = new Backend(protocol, hidden)
    proxy = new CuttingProxy(hidden)
    const common = {
      tls: { insecure: true },
      timeout: '2s',
      retry_on_failure: { initial_interval: '50ms', max_interval: '300ms', max_elapsed_time: '60s' },
      sending_queue: { num_consumers: CONSUMERS },
    }
    relay = await startRelay({
      exporters:
        protocol === 'grpc' ? { otlp_grpc: { endpoint: `127.0.0.1:${port}`, ...common } } : { otlp_http: { endpoint: `http://127.0.0.1:${port}`, ...common } },
    })
    client = new OtlpGrpcClient(relay.ports.otlp)
  })

  beforeEach(async () => {
    before = await books()
    backend.arrivals.length = 0
    backend.answer = () => 'taken'
  })

  afterAll(async () => {
    client?.close()
    await relay?.stop()
    await proxy?.stop()
    backend?.stop()
  })

  interface Books {
    readonly sent: number
    readonly queued: number
    readonly dropped: number
    readonly permanent: number
    readonly refused: number
  }

  async function books(): Promise<Books> {
    const own = await relay.scrapeOwn()
    return {
      sent: sumOf(own, 'otelcol_exporter_sent_log_records'),
      queued: sumOf(own, 'meshscope_exporter_queued_items', { data_type: 'logs' }),
      dropped: sumOf(own, 'meshscope_exporter_dropped_log_records'),
      permanent: sumOf(own, 'meshscope_exporter_dropped_log_records', { reason: 'permanent' }),
      refused: sumOf(own, 'otelcol_exporter_enqueue_failed_log_records'),
    }
  }

  /** The books when nothing is under way any more, from the beginning of the test on. */
  async function settledBooks(): Promise<Books> {
    const now = await settled(books, ({ sent, dropped }) => sent + dropped >= offered, 60_000)
    expect(now.queued).toBe(0)
    return { ...now, sent: now.sent - before.sent, dropped: now.dropped - before.dropped, permanent: now.permanent - before.permanent }
  }

  /** Sends requests `NAME 0`, `NAME 1` and so on, of one to five records; returns their names and how many records they have. */
  async function send(name: string, count: number, padding = 0): Promise<{ readonly names: readonly string[]; readonly items: number }> {
    const names: string[] = []
    let items = 0
    for (let i = 0; i < count; i++) {
      const size = 1 + (i % 5)
      expect(await client.export('logs', namedRequest(`${name} ${i}`, size, padding))).toMatchObject({ code: status.OK })
      names.push(`${name} ${i}`)
      items += size
    }
    offered += items
    return { names, items }
  }

  const once = (names: readonly string[]): Record<string, number> => Object.fromEntries(names.map((name) => [name, 1]))

  test('what came while nobody listened arrives once', async () => {
    const { names, items } = await send('early', 10)
    await relay.child.until('an attempt has failed', async () => sumOf(await relay.scrapeOwn(), 'meshscope_exporter_failed_attempts') > 0)
    await backend.start()
    await proxy.start(port)
    expect(await settledBooks()).toMatchObject({ sent: items, dropped: 0, refused: 0 })
    expect(Object.fromEntries(backend.taken())).toEqual(once(names))
  })

  test('every code after which the same may succeed lets it come again, and nothing is lost or taken twice', async () => {
    const verdicts = [...CODES[protocol].retryable].map((code): Verdict => ({ code }))
    backend.answer = (name, attempt) => (attempt === 1 ? (verdicts[Number(name.split(' ')[1]) % verdicts.length] as Verdict) : 'taken')
    const { names, items } = await send('retryable', 2 * verdicts.length)
    expect(await settledBooks()).toMatchObject({ sent: items, dropped: 0 })
    expect(Object.fromEntries(backend.taken())).toEqual(once(names))
    expect([...backend.came().values()]).toEqual(names.map(() => 2))
  })

  test('every other code drops the request, once and counted', async () => {
    const verdicts = [...CODES[protocol].permanent].map((code): Verdict => ({ code }))
    backend.answer = (name) => verdicts[Number(name.split(' ')[1])] as Verdict
    const { names, items } = await send('permanent', verdicts.length)
    expect(await settledBooks()).toMatchObject({ sent: 0, permanent: items, dropped: items })
    expect(Object.fromEntries(backend.came())).toEqual(once(names))
  })

  test('a backend that says when to come again is left alone until then', async () => {
    const retryAfterMs = 2000
    backend.answer = (_name, attempt) => (attempt === 1 ? { code: CODES[protocol].throttled, retryAfterMs } : 'taken')
    const { names, items } = await send('throttled', 3)
    expect(await settledBooks()).toMatchObject({ sent: items, dropped: 0 })
    for (const name of names) {
      const [first, second, ...others] = backend.arrivals.filter((arrival) => arrival.name === name)
      expect(others).toEqual([])
      // The two processes' clocks are one, but the way of the answer takes time.
      expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(retryAfterMs - 50)
    }
  })

  test('an answer that does not come in time is asked for again', async () => {
    backend.answer = (_name, attempt) => (attempt === 1 ? 'never' : 'taken')
    const { names, items } = await send('slow', 2 * CONSUMERS)
    expect(await settledBooks()).toMatchObject({ sent: items, dropped: 0 })
    expect(Object.fromEntries(backend.taken())).toEqual(once(names))
  })

  test('connections that are cut in the middle of requests and answers lose nothing; what was cut comes at most twice for each cut', async () => {
    const cuts = [...CUTS]
    proxy.cuts = 0
    proxy.next = () => cuts.shift()
    proxy.endAll()
    const { names, items } = await send('cut', 60, 8000)
    expect(await settledBooks()).toMatchObject({ sent: items, dropped: 0 })
    expect(proxy.cuts).toBe(CUTS.length)
    const taken = backend.taken()
    expect([...taken.keys()].toSorted()).toEqual([...names].toSorted())
    const repeats = [...taken.values()].reduce((sum, times) => sum + times - 1, 0)
    expect(repeats).toBeLessThanOrEqual((CUTS.length + 1) * CONSUMERS)
  })

  test('a backend that goes and comes back three times gets everything', async () => {
    const all: string[] = []
    let items = 0
    for (let round = 0; round < 3; round++) {
      const up = await send(`up ${round}`, 10)
      backend.stop()
      const down = await send(`down ${round}`, 10)
      await backend.start()
      all.push(...up.names, ...down.names)
      items += up.items + down.items
    }
    expect(await settledBooks()).toMatchObject({ sent: items, dropped: 0 })
    expect([...backend.taken().keys()].toSorted()).toEqual(all.toSorted())
    const repeats = [...backend.taken().values()].reduce((sum, times) => sum + times - 1, 0)
    expect(repeats).toBeLessThanOrEqual(3 * CONSUMERS)
  })
})
