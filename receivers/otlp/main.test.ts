import { describe, expect, test } from 'vitest'
import { type Consumer, type ConsumerSet, PermanentError, RefusedError } from '../../component/consumer.ts'
import type { Signal } from '../../component/signal.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../model/otlp/encode.ts'
import { logsJson } from '../../model/otlp/json.ts'
import { newSpan } from '../../model/traces.ts'
import { CollectingConsumer, RefusingConsumer } from '../../test/fakes/consumers.ts'
import { otlpConfigOf } from '../../test/fakes/otlp_ingest.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import type { OtlpConfig } from './config.ts'
import { OtlpMain } from './main.ts'
import type { Format, Outcome, ToIngest, Transport } from './messages.ts'

const RESOURCE = { attributes: AttributeSet.of({ 'service.name': 'shop' }) }
const SCOPE = { name: 'test', version: '1' }
const LOGS = { groups: [{ resource: RESOURCE, scope: SCOPE, records: [newLogRecord({ body: 'one' }), newLogRecord({ body: 'two' })] }] }
const TRACES = {
  groups: [{ resource: RESOURCE, scope: SCOPE, spans: [newSpan({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'get' })] }],
}
const POINT = { attributes: AttributeSet.empty, startTimeNs: 1n, timeNs: 2n, flags: 0, exemplars: [], value: 1 }
const METRICS = {
  groups: [{ resource: RESOURCE, scope: SCOPE, metrics: [{ type: 'gauge' as const, name: 'g', description: '', unit: '', points: [POINT, POINT, POINT] }] }],
}
const REQUESTS: readonly { readonly signal: Signal; readonly bytes: () => Uint8Array<ArrayBuffer>; readonly metric: string; readonly items: number }[] = [
  { signal: 'logs', bytes: () => encodeLogs(LOGS), metric: 'log_records', items: 2 },
  { signal: 'metrics', bytes: () => encodeMetrics(METRICS), metric: 'metric_points', items: 3 },
  { signal: 'traces', bytes: () => encodeTraces(TRACES), metric: 'spans', items: 1 },
]
const CONFIG = otlpConfigOf({ protocols: { grpc: null, http: null } }).config as OtlpConfig
const CLIENT = { address: '10.0.0.1:4000', metadata: { 'x-tenant': ['a'] } }

/** The main half, with what it answered. */
function half(next: ConsumerSet) {
  const settings = fakeSettings('receiver', 'otlp')
  const main = new OtlpMain(settings, CONFIG, next)
  const answers: ToIngest[] = []
  const from = { worker: 0, life: 1, send: (message: unknown): void => void answers.push(message as ToIngest) }
  let id = 0
  const receive = (
    signal: Signal,
    bytes: Uint8Array<ArrayBuffer>,
    { format = 'proto', transport = 'grpc' }: { format?: Format; transport?: Transport } = {},
  ): void => main.receive({ id: ++id, signal, transport, format, bytes, client: CLIENT }, from)
  return { main, answers, receive, settings, outcome: (): Outcome | undefined => answers.at(-1)?.outcome }
}

const counted = (settings: ReturnType<typeof fakeSettings>, outcome: string, metric: string): number =>
  settings.telemetry.value(`otelcol_receiver_${outcome}_${metric}`, { receiver: 'otlp', transport: 'grpc' })

describe('a request', () => {
  test.for(REQUESTS)('of $signal goes to its pipelines, with the client', ({ signal, bytes, metric, items }, { expect: check }) => {
    const consumer = new CollectingConsumer<{ readonly groups: readonly unknown[]; readonly client?: unknown }>()
    const { receive, answers, settings } = half({ [signal]: consumer })
    receive(signal, bytes())
    check(answers).toEqual([{ id: 1, outcome: { kind: 'accepted' } }])
    check(consumer.batches[0]?.groups).toHaveLength(1)
    check(consumer.batches[0]?.client).toEqual(CLIENT)
    check(counted(settings, 'accepted', metric)).toBe(items)
  })

  test('in JSON is read as JSON', () => {
    const consumer = new CollectingConsumer<{ readonly groups: readonly { readonly records: readonly { readonly body: unknown }[] }[] }>()
    const { receive, outcome, settings } = half({ logs: consumer as Consumer<any> })
    receive('logs', new Uint8Array(Buffer.from(logsJson(LOGS))), { format: 'json', transport: 'http' })
    expect(outcome()).toEqual({ kind: 'accepted' })
    expect(consumer.batches[0]?.groups[0]?.records.map(({ body }) => body)).toEqual(['one', 'two'])
    expect(settings.telemetry.value('otelcol_receiver_accepted_log_records', { transport: 'http' })).toBe(2)
  })

  test('is answered when the pipelines have taken it, in whatever order', async () => {
    const taken: (() => void)[] = []
    const slow: Consumer<any> = { consume: () => new Promise<void>((resolve) => taken.push(resolve)) }
    const { main, receive, answers } = half({ logs: slow })
    receive('logs', encodeLogs(LOGS))
    receive('logs', encodeLogs(LOGS))
    expect(answers).toEqual([])
    const stopped = main.shutdown({ signal: AbortSignal.timeout(2000) })
    taken[1]?.()
    taken[0]?.()
    await stopped
    expect(answers.map(({ id }) => id)).toEqual([2, 1])
  })
})

describe('a request of which some items are no OTLP', () => {
  const bad = new ProtobufWriter().bytes(9, Uint8Array.of(1, 2, 3)).finish()
  const good = new ProtobufWriter().string(3, 'fine').finish()
  const requestOf = (...records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
    const writer = new ProtobufWriter().open(1).open(2)
    for (const record of records) writer.bytes(2, record)
    return writer.close().close().finish()
  }
  const inJson = Buffer.from('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"zz"},{"severityText":"fine"},{"spanId":7}]}]}]}')

  test.for<{ format: Format; bytes: () => Uint8Array<ArrayBuffer>; says: RegExp }>([
    { format: 'proto', bytes: () => requestOf(bad, good, bad), says: /^2 of 3 log records are not OTLP; the first: byte \d+: LogRecord\.trace_id has 3 bytes/ },
    { format: 'json', bytes: () => new Uint8Array(inJson), says: /^2 of 3 log records are not OTLP; the first: .*logRecords\[0\]\.traceId/ },
  ])('is taken without them, in $format', ({ format, bytes, says }, { expect: check }) => {
    const consumer = new CollectingConsumer<{ readonly groups: readonly { readonly records: readonly { readonly severityText: string }[] }[] }>()
    const { receive, outcome, settings } = half({ logs: consumer as Consumer<any> })
    receive('logs', bytes(), { format })
    check(outcome()).toEqual({ kind: 'partial', partial: { rejected: 2, errorMessage: check.stringMatching(says) as string } })
    check(consumer.batches[0]?.groups[0]?.records.map(({ severityText }) => severityText)).toEqual(['fine'])
    check(counted(settings, 'accepted', 'log_records')).toBe(1)
    check(settings.telemetry.value('meshscope_otlp_malformed_items', { signal: 'logs', transport: 'grpc' })).toBe(2)
  })

  test('is refused when nothing else is left, or when the rest is refused', () => {
    const { receive, outcome, settings } = half({ logs: new RefusingConsumer<any>(new RefusedError('no room')) })
    receive('logs', requestOf(bad, bad))
    expect(outcome()).toMatchObject({ kind: 'invalid', message: expect.stringContaining('LogRecord.trace_id') as string })
    receive('logs', requestOf(bad, good))
    expect(outcome()).toEqual({ kind: 'refused', message: 'no room' })
    expect(settings.telemetry.value('meshscope_otlp_malformed_items')).toBe(0)
  })
})

describe('a request that is not taken', () => {
  test.for<{ name: string; error: Error; outcome: Outcome; metric: string }>([
    { name: 'refused', error: new RefusedError('no room'), outcome: { kind: 'refused', message: 'no room' }, metric: 'refused' },
    {
      name: 'refused for some time',
      error: new RefusedError('no room', { retryAfterMs: 100 }),
      outcome: { kind: 'throttled', message: 'no room', retryAfterMs: 100 },
      metric: 'refused',
    },
    { name: 'refused for good', error: new PermanentError('bad data'), outcome: { kind: 'rejected', message: 'bad data' }, metric: 'refused' },
    {
      name: 'lost in an error',
      error: new TypeError('x is undefined'),
      outcome: { kind: 'failed', message: 'internal error; see the log of the daemon' },
      metric: 'failed',
    },
  ])('is told and counted: $name', async ({ error, outcome, metric }, { expect: check }) => {
    const atOnce = half({ logs: new RefusingConsumer<any>(error) })
    atOnce.receive('logs', encodeLogs(LOGS))
    check(atOnce.outcome()).toEqual(outcome)
    const later = half({ logs: { consume: () => Promise.reject(error) } })
    later.receive('logs', encodeLogs(LOGS))
    await later.main.shutdown({ signal: AbortSignal.timeout(2000) })
    check(later.outcome()).toEqual(outcome)
    for (const { settings } of [atOnce, later]) {
      check(counted(settings, metric, 'log_records')).toBe(2)
      check(counted(settings, 'accepted', 'log_records')).toBe(0)
      check(settings.log.lines.map(({ message }) => message)).toEqual(outcome.kind === 'failed' ? ['request failed'] : [])
    }
  })

  test('has no pipeline', () => {
    const { receive, outcome } = half({ metrics: new CollectingConsumer(), traces: new CollectingConsumer() })
    receive('logs', encodeLogs(LOGS))
    expect(outcome()).toEqual({ kind: 'no_pipeline', message: 'no logs pipeline has the receiver otlp, only metrics and traces' })
  })

  test.for<{ name: string; bytes: Buffer<ArrayBuffer>; format: Format; message: RegExp }>([
    { name: 'no protobuf', bytes: Buffer.from('0aff', 'hex'), format: 'proto', message: /^request is not OTLP: byte 1: / },
    { name: 'no JSON', bytes: Buffer.from('{"resourceLogs":[}'), format: 'json', message: /^request is not OTLP: / },
    { name: 'JSON of something else', bytes: Buffer.from('{"resourceLogs":7}'), format: 'json', message: /^request is not OTLP: .*resourceLogs/ },
    { name: 'no UTF-8', bytes: Buffer.from('ff', 'hex'), format: 'json', message: /^request is not OTLP: JSON is not UTF-8$/ },
  ])('is no OTLP: $name', ({ bytes, format, message }, { expect: check }) => {
    const { receive, outcome, settings } = half({ logs: new CollectingConsumer() })
    receive('logs', new Uint8Array(bytes), { format })
    check(outcome()).toEqual({ kind: 'invalid', message: check.stringMatching(message) as string })
    check(settings.log.lines).toEqual([])
  })
})

test('the end does not wait longer than it may', async () => {
  const { main, receive } = half({ logs: { consume: () => new Promise<void>(() => {}) } })
  receive('logs', encodeLogs(LOGS))
  const deadline = new AbortController()
  const stopped = main.shutdown({ signal: deadline.signal })
  deadline.abort()
  await expect(stopped).resolves.toBeUndefined()
  await expect(main.shutdown({ signal: AbortSignal.abort() })).resolves.toBeUndefined()
})
