import { afterEach, describe, expect, test } from 'vitest'
import { FakeHost, type FakeSettings, fakeSettings } from '../../../test/fakes/settings.ts'
import { PermanentError, RefusedError } from '../../consumer.ts'
import type { SendRequest, SendResult } from './delivery.ts'
import { SendingQueue, type SendingQueueOptions } from './sending_queue.ts'
import type { QueueItem } from './store.ts'
import { queueConfigWith } from './testing.ts'

const EXPORTER = { exporter: 'otlp_grpc/x' }
const opened: SendingQueue[] = []

afterEach(async () => {
  for (const queue of opened.splice(0)) await queue.shutdown({ signal: AbortSignal.abort() })
})

/** A backend that answers when a test says so. */
class Backend {
  readonly requests: (SendRequest & { readonly signal: SendRequest['signal']; readonly aborted: () => boolean })[] = []
  readonly #waiting: { readonly resolve: (result: SendResult | void) => void; readonly reject: (error: Error) => void }[] = []
  #arrivals: { readonly count: number; readonly resolve: () => void }[] = []
  /** What requests get at once; undefined = they wait for `answer`. */
  standing: (() => SendResult | Error) | undefined

  readonly send: SendingQueueOptions['send'] = (request, { signal }) => {
    this.requests.push({ ...request, aborted: () => signal.aborted })
    for (const arrival of this.#arrivals) if (this.requests.length >= arrival.count) arrival.resolve()
    const result = this.standing?.()
    if (result instanceof Error) return Promise.reject(result)
    if (result !== undefined) return Promise.resolve(result)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Answers the oldest request without an answer, and lets what follows from it happen. */
  async answer(result: SendResult | Error = {}): Promise<void> {
    const oldest = this.#waiting.shift()
    if (oldest === undefined) throw new Error('BUG: nothing waits for an answer')
    if (result instanceof Error) oldest.reject(result)
    else oldest.resolve(result)
    await settled()
  }

  /** Resolves when so many requests have come in all. */
  arrived(count: number): Promise<void> {
    if (this.requests.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#arrivals.push({ count, resolve }))
  }

  get texts(): string[] {
    return this.requests.map(({ bytes }) => Buffer.from(bytes).toString())
  }
}

/** Lets everything happen that waits for nothing but its turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function item(text: string, items = 1): QueueItem {
  return { signal: 'logs', bytes: Buffer.from(text), items }
}

async function started(config: Parameters<typeof queueConfigWith>[0] = {}, options: Partial<SendingQueueOptions> = {}) {
  const settings = fakeSettings('exporter', 'otlp_grpc/x')
  const backend = new Backend()
  const host = new FakeHost()
  const queue = new SendingQueue(settings, { config: queueConfigWith(config), send: backend.send, random: () => 0.5, ...options })
  opened.push(queue)
  await queue.start(host)
  return { queue, backend, settings, host, clock: settings.clock }
}

/** What the ledger says of logs; `refused` and `dropped` by reason. */
function ledger({ telemetry }: FakeSettings) {
  const byReason = (name: string): Record<string, number> => {
    const found: Record<string, number> = {}
    for (const [key, value] of telemetry.values) {
      const [instrument, { reason }] = JSON.parse(key) as [string, { reason: string }]
      if (instrument === name && value > 0) found[reason] = value
    }
    return found
  }
  return {
    sent: telemetry.value('otelcol_exporter_sent_log_records', EXPORTER),
    failed: telemetry.value('otelcol_exporter_send_failed_log_records', EXPORTER),
    dropped: byReason('meshscope_exporter_dropped_log_records'),
    refused: byReason('otelcol_exporter_enqueue_failed_log_records'),
    queued: telemetry.value('meshscope_exporter_queued_items', { ...EXPORTER, data_type: 'logs' }),
  }
}

describe('sending', () => {
  test('sends what was offered, each request once', async () => {
    const { queue, backend, settings } = await started()
    for (const text of ['a', 'b', 'c']) expect(queue.offer(item(text, 2))).toBeUndefined()
    await backend.arrived(3)
    expect(ledger(settings)).toMatchObject({ sent: 0, queued: 6 })
    for (let i = 0; i < 3; i++) await backend.answer()
    expect(backend.texts).toEqual(['a', 'b', 'c'])
    expect(ledger(settings)).toEqual({ sent: 6, failed: 0, dropped: {}, refused: {}, queued: 0 })
  })

  test('has no more requests under way than consumers', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { num_consumers: 2 } })
    for (const text of ['a', 'b', 'c']) void queue.offer(item(text))
    await settled()
    expect(backend.texts).toEqual(['a', 'b'])
    expect(settings.telemetry.value('otelcol_exporter_in_flight_requests')).toBe(2)
    await backend.answer()
    expect(backend.texts).toEqual(['a', 'b', 'c'])
  })

  test('keeps the signals apart: a backend that hangs with logs gets traces', async () => {
    const { queue, backend } = await started({ sending_queue: { num_consumers: 1, queue_size: 1 } })
    void queue.offer(item('log'))
    void queue.offer({ ...item('span'), signal: 'traces' })
    await backend.arrived(2)
    expect(backend.requests.map(({ signal }) => signal).sort()).toEqual(['logs', 'traces'])
    expect(() => queue.offer(item('log'))).toThrow(RefusedError)
  })

  test('counts what a backend took a request without', async () => {
    const { queue, backend, settings } = await started()
    void queue.offer(item('a', 5))
    await backend.arrived(1)
    await backend.answer({ rejected: 2 })
    expect(ledger(settings)).toMatchObject({ sent: 3, dropped: { rejected: 2 }, queued: 0 })
  })

  test('counts what is done with of a request by parts, also when the rest is given up', async () => {
    const parts = [
      { sent: 3, rejected: 1 },
      { sent: 2, rejected: 0 },
    ]
    const { queue, settings } = await started(
      {},
      {
        send: (_request, { settled: done }) => {
          const part = parts.shift()
          if (part !== undefined) done(part)
          return Promise.reject(parts.length > 0 ? new RefusedError('busy', { retryAfterMs: 100 }) : new PermanentError('never'))
        },
      },
    )
    await queue.offer(item('a', 10))
    await settled()
    settings.clock.advance(100)
    await settled()
    expect(ledger(settings)).toMatchObject({ sent: 5, dropped: { rejected: 1, permanent: 4 }, queued: 0 })
  })
})

describe('failures', () => {
  test('tries again after growing waits, and says once that sending fails and works again, and why at present', async () => {
    const { queue, backend, settings, host, clock } = await started()
    void queue.offer(item('a'))
    await backend.arrived(1)
    await backend.answer(new RefusedError('unavailable'))
    clock.advance(4_999)
    expect(backend.requests).toHaveLength(1)
    clock.advance(1)
    await backend.arrived(2)
    await backend.answer(new Error('ECONNREFUSED'))
    clock.advance(7_499)
    expect(backend.requests).toHaveLength(2)
    clock.advance(1)
    await backend.arrived(3)
    await backend.answer()
    expect(ledger(settings)).toMatchObject({ sent: 1, failed: 0, dropped: {}, queued: 0 })
    const failing = (reason: string) => ({ kind: 'recoverable_error', error: `cannot send logs: ${reason}`, staysReady: true })
    expect(host.statuses).toEqual([failing('unavailable'), failing('ECONNREFUSED'), { kind: 'ok' }])
    expect(settings.log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual(['warn sending fails', 'info sending works again'])
    expect(settings.telemetry.value('meshscope_exporter_failed_attempts')).toBe(2)
  })

  test('waits as long as the server asks for', async () => {
    const { queue, backend, clock } = await started()
    void queue.offer(item('a'))
    await backend.arrived(1)
    await backend.answer(new RefusedError('busy', { retryAfterMs: 60_000 }))
    clock.advance(59_999)
    await settled()
    expect(backend.requests).toHaveLength(1)
    clock.advance(1)
    await backend.arrived(2)
    expect(backend.texts).toEqual(['a', 'a'])
  })

  test('drops and counts at once what the backend will never take, and goes on', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { num_consumers: 1 } })
    void queue.offer(item('bad', 3))
    void queue.offer(item('good'))
    await backend.arrived(1)
    await backend.answer(new PermanentError('invalid argument'))
    await backend.answer()
    expect(ledger(settings)).toEqual({ sent: 1, failed: 3, dropped: { permanent: 3 }, refused: {}, queued: 0 })
    expect(settings.log.lines.find(({ message }) => message === 'data dropped')?.fields).toEqual({
      dropped: 3,
      reason: 'permanent',
      data_type: 'logs',
      error: 'invalid argument',
    })
  })

  test('gives a request up when max_elapsed_time would be over', async () => {
    const { queue, backend, settings, clock } = await started({ retry_on_failure: { max_elapsed_time: '12s' } })
    backend.standing = () => new RefusedError('unavailable')
    void queue.offer(item('a', 4))
    await backend.arrived(1)
    await settled()
    clock.advance(5_000)
    await settled()
    expect(ledger(settings)).toMatchObject({ failed: 4, dropped: { retries_exhausted: 4 }, queued: 0 })
    expect(backend.requests).toHaveLength(2)
  })

  test('tries once when retries are off', async () => {
    const { queue, backend, settings } = await started({ retry_on_failure: { enabled: false } })
    backend.standing = () => new RefusedError('unavailable')
    void queue.offer(item('a'))
    await backend.arrived(1)
    await settled()
    expect(ledger(settings)).toMatchObject({ failed: 1, dropped: { retries_exhausted: 1 } })
  })

  test('aborts an attempt that takes too long, also when the exporter overlooks it', async () => {
    const { queue, backend, clock } = await started({ timeout: '2s' })
    void queue.offer(item('a'))
    await backend.arrived(1)
    clock.advance(2_000)
    await settled()
    expect(backend.requests[0]?.aborted()).toBe(true)
    clock.advance(5_000)
    await backend.arrived(2)
    expect(backend.texts).toEqual(['a', 'a'])
  })
})

describe('a full queue', () => {
  test('refuses and counts the newest', async () => {
    const { queue, settings } = await started({ sending_queue: { queue_size: 2 } })
    void queue.offer(item('a'))
    void queue.offer(item('b'))
    expect(() => queue.offer(item('c', 7))).toThrow(/full; raise sending_queue.queue_size/)
    expect(ledger(settings)).toMatchObject({ refused: { queue_full: 7 }, queued: 2 })
  })

  test('lets producers wait in their order when it may block', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { queue_size: 1, block_on_overflow: true } })
    const order: string[] = []
    void queue.offer(item('a'))
    const blocked = ['b', 'c'].map(async (text) => {
      await queue.offer(item(text))
      order.push(text)
    })
    await backend.arrived(1)
    expect(order).toEqual([])
    await backend.answer()
    expect(order).toEqual(['b'])
    await backend.answer()
    await Promise.all(blocked)
    expect(order).toEqual(['b', 'c'])
    await backend.answer()
    expect(ledger(settings)).toMatchObject({ sent: 3, refused: {}, queued: 0 })
  })

  test.for([
    { sizer: 'items', fits: item('xxxxx', 3), over: item('x', 2) },
    { sizer: 'bytes', fits: item('xxx', 9), over: item('xx', 1) },
  ] as const)('counts $sizer when told so', async ({ sizer, fits, over }) => {
    const { queue, settings } = await started({ sending_queue: { queue_size: 4, sizer } })
    void queue.offer(fits)
    expect(() => queue.offer(over)).toThrow(RefusedError)
    expect(() => queue.offer(item('xxxxx', 5))).toThrow(PermanentError)
    expect(ledger(settings).refused).toEqual({ queue_full: over.items, too_large: 5 })
    expect(settings.telemetry.value('otelcol_exporter_queue_size', { data_type: 'logs' })).toBe(3)
    expect(settings.telemetry.value('otelcol_exporter_queue_capacity', { data_type: 'logs' })).toBe(4)
  })
})

describe('batches', () => {
  const batch = { flush_timeout: '200ms', min_size: 4, max_size: 0, sizer: 'items' } as const

  test('joins requests until there is enough', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { batch } })
    for (const text of ['a', 'b', 'c', 'd', 'e']) void queue.offer(item(text))
    await backend.arrived(1)
    expect(backend.texts).toEqual(['abcd'])
    expect(backend.requests[0]?.items).toBe(4)
    await backend.answer()
    expect(ledger(settings)).toMatchObject({ sent: 4, queued: 1 })
  })

  test('does not wait longer than flush_timeout', async () => {
    const { queue, backend, clock } = await started({ sending_queue: { batch } })
    void queue.offer(item('a'))
    await settled()
    clock.advance(199)
    await settled()
    expect(backend.requests).toHaveLength(0)
    clock.advance(1)
    await backend.arrived(1)
    void queue.offer(item('b', 4))
    await backend.arrived(2)
    expect(backend.texts).toEqual(['a', 'b'])
  })

  test('does not grow beyond max_size, and splits what is larger', async () => {
    const split: SendingQueueOptions['split'] = ({ signal, bytes }, itemsMax) => {
      const parts: QueueItem[] = []
      for (let at = 0; at < bytes.length; at += itemsMax)
        parts.push({ signal, bytes: bytes.subarray(at, at + itemsMax), items: Math.min(itemsMax, bytes.length - at) })
      return parts
    }
    const { queue, backend, settings } = await started({ sending_queue: { batch: { ...batch, max_size: 5 } } }, { split })
    for (const text of ['aaa', 'bbb', 'cccccccccccc', 'dd']) void queue.offer(item(text, text.length))
    await backend.arrived(4)
    await settled()
    expect(backend.texts).toEqual(['aaa', 'bbb', 'ccccc', 'ccccc', 'ccdd'])
    await backend.answer()
    await backend.answer()
    await backend.answer(new PermanentError('no'))
    expect(ledger(settings)).toMatchObject({ sent: 6, dropped: { permanent: 5 }, queued: 14 })
    await backend.answer()
    await backend.answer()
    expect(ledger(settings)).toMatchObject({ sent: 15, dropped: { permanent: 5 }, queued: 0 })
  })

  test('sends what has gathered when it stops', async () => {
    const { queue, backend } = await started({ sending_queue: { batch } })
    backend.standing = () => ({})
    void queue.offer(item('a'))
    void queue.offer(item('b'))
    await queue.shutdown({ signal: new AbortController().signal })
    expect(backend.texts).toEqual(['ab'])
  })
})

describe('waiting for the result', () => {
  test('tells producers of success and of failure', async () => {
    const { queue, backend } = await started({ sending_queue: { wait_for_result: true } })
    const good = queue.offer(item('good'))
    const bad = queue.offer(item('bad'))
    await backend.arrived(2)
    void backend.answer()
    void backend.answer(new PermanentError('no'))
    await expect(good).resolves.toBeUndefined()
    await expect(bad).rejects.toThrow(PermanentError)
  })

  test('without a queue, an offer is an attempt with its retries', async () => {
    const { queue, backend, settings, clock } = await started({ sending_queue: { enabled: false }, retry_on_failure: { max_elapsed_time: '10s' } })
    const sent = Promise.resolve(queue.offer(item('a')))
    await backend.arrived(1)
    await backend.answer(new Error('reset'))
    clock.advance(5_000)
    await backend.arrived(2)
    await backend.answer()
    await expect(sent).resolves.toBeUndefined()
    backend.standing = () => new Error('reset')
    const lost = Promise.resolve(queue.offer(item('b')))
    const expected = expect(lost).rejects.toThrow(RefusedError)
    await settled()
    clock.advance(5_000)
    await expected
    expect(ledger(settings)).toMatchObject({ sent: 1, dropped: { retries_exhausted: 1 } })
  })
})

describe('shutdown', () => {
  const unhurried = () => ({ signal: new AbortController().signal })

  test('sends what waits, then is over; safe twice and without start', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { num_consumers: 1 } })
    backend.standing = () => ({})
    for (const text of ['a', 'b', 'c']) void queue.offer(item(text))
    await queue.shutdown(unhurried())
    await queue.shutdown(unhurried())
    expect(backend.texts).toEqual(['a', 'b', 'c'])
    expect(() => queue.offer(item('late'))).toThrow(RefusedError)
    expect(ledger(settings)).toEqual({ sent: 3, failed: 0, dropped: {}, refused: { shutdown: 1 }, queued: 0 })
    const unused = new SendingQueue(settings, { config: queueConfigWith(), send: backend.send })
    await expect(unused.shutdown(unhurried())).resolves.toBeUndefined()
  })

  test('ends the waits: everything gets one more attempt, and is counted if that fails', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { num_consumers: 1 } })
    backend.standing = () => new RefusedError('down')
    void queue.offer(item('a'))
    void queue.offer(item('b'))
    await backend.arrived(1)
    await settled()
    await queue.shutdown(unhurried())
    expect(backend.texts).toEqual(['a', 'a', 'b'])
    expect(ledger(settings)).toMatchObject({ sent: 0, dropped: { shutdown: 2 }, queued: 0 })
    expect(settings.clock.pendingTimers).toBe(0)
  })

  test('lets producers that wait for room in, as long as there is time', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { queue_size: 1, block_on_overflow: true } })
    void queue.offer(item('a'))
    const blocked = Promise.resolve(queue.offer(item('b')))
    await backend.arrived(1)
    const stopped = queue.shutdown(unhurried())
    await backend.answer()
    await backend.answer()
    await stopped
    await expect(blocked).resolves.toBeUndefined()
    expect(ledger(settings)).toMatchObject({ sent: 2, queued: 0 })
  })

  test('aborts at the deadline and counts what is left', async () => {
    const { queue, backend, settings } = await started({ sending_queue: { num_consumers: 1, queue_size: 2, block_on_overflow: true } })
    void queue.offer(item('a'))
    void queue.offer(item('b'))
    const blocked = expect(queue.offer(item('c'))).rejects.toThrow(RefusedError)
    await backend.arrived(1)
    const deadline = new AbortController()
    const stopped = queue.shutdown({ signal: deadline.signal })
    deadline.abort()
    await stopped
    await blocked
    expect(backend.requests[0]?.aborted()).toBe(true)
    expect(ledger(settings)).toMatchObject({ sent: 0, dropped: { shutdown: 2 }, refused: { shutdown: 1 }, queued: 0 })
  })
})

describe('the memory of an item', () => {
  const sole = (): QueueItem => ({ signal: 'logs', bytes: new Uint8Array([1, 2, 3]), items: 1, isSole: true })

  test('is freed when the first attempt has sent it', async () => {
    const { queue, backend, settings } = await started({}, { readsBytesLater: false })
    const only = sole()
    void queue.offer(only)
    await backend.arrived(1)
    expect(only.bytes.length).toBe(3)
    await backend.answer()
    expect(only.bytes.length).toBe(0)
    expect(settings.telemetry.value('meshscope_exporter_queued_items', { ...EXPORTER, data_type: 'logs' })).toBe(0)
  })

  test.for<{ name: string; given?: Partial<QueueItem>; options?: Partial<SendingQueueOptions>; answers?: readonly (SendResult | Error)[] }>([
    { name: 'something may still read it', options: {} },
    { name: 'others have it too', given: { isSole: false } },
    { name: 'it was not sent', answers: [new PermanentError('no')] },
    { name: 'an earlier attempt may still be at it', answers: [new RefusedError('busy'), {}] },
  ])('is left alone when $name', async ({ given = {}, options = { readsBytesLater: false }, answers = [{}] }) => {
    const { queue, backend, clock } = await started({}, options)
    const only = { ...sole(), ...given }
    void queue.offer(only)
    for (const [n, answer] of answers.entries()) {
      await backend.arrived(n + 1)
      await backend.answer(answer)
      clock.advance(60_000)
    }
    expect(only.bytes).toEqual(new Uint8Array([1, 2, 3]))
  })

  test('is left alone when several were sent as one', async () => {
    const { queue, backend } = await started({ sending_queue: { batch: { flush_timeout: '1s', min_size: 2 } } }, { readsBytesLater: false })
    const items = [sole(), sole()]
    for (const only of items) void queue.offer(only)
    await backend.arrived(1)
    await backend.answer()
    expect(backend.requests[0]?.bytes.length).toBe(6)
    expect(items.map(({ bytes }) => bytes.length)).toEqual([3, 3])
  })
})
