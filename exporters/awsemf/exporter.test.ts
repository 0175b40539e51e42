import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import type { SendOptions, SendRequest } from '../../component/kit/queue/delivery.ts'
import type { Metrics } from '../../model/metrics.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { EXAMPLE_KEY } from '../../test/fakes/cloudwatch_logs/credential_book.ts'
import { FAULTS } from '../../test/fakes/cloudwatch_logs/faults.ts'
import { FakeCloudWatchLogs } from '../../test/fakes/cloudwatch_logs/server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type AwsEmfConfig, config } from './config.ts'
import type { EmfDocument } from './document/document.ts'
import type { DocumentSource } from './document_source.ts'
import { AwsEmfExporter } from './exporter.ts'
import { streamsOf } from './send/blocks.ts'
import { LogsSink } from './send/logs_sink.ts'
import type { EmfSink } from './send/sink.ts'

const open: { stop(): void | Promise<void> }[] = []
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: EXAMPLE_KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: EXAMPLE_KEY.secretAccessKey,
  }))
    vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

/** Gives out, for every batch, what a test has put there. */
class ListedDocuments implements DocumentSource {
  readonly batches: (readonly EmfDocument[])[] = []
  fails = false

  async *encode(): AsyncGenerator<readonly EmfDocument[], void> {
    yield this.batches.shift() ?? []
    if (this.fails) throw new Error('BUG: broken')
  }
}

const BATCH: Metrics = { groups: [] }

function documents(nowMs: number, ...marks: readonly string[]): EmfDocument[] {
  return marks.map((mark) => ({
    json: JSON.stringify({ _aws: { Timestamp: nowMs, CloudWatchMetrics: [] }, mark }),
    timestampMs: nowMs,
    logGroup: '/metrics/test',
    logStream: mark.slice(0, 1),
    points: 1,
  }))
}

interface Run {
  readonly exporter: AwsEmfExporter
  readonly source: ListedDocuments
  readonly settings: FakeSettings
  readonly host: FakeHost
}

async function exporterTo(sinkOf: (settings: FakeSettings, checked: AwsEmfConfig) => EmfSink, given: object): Promise<Run> {
  const settings = fakeSettings('exporter', 'awsemf')
  const checked = checkedConfig<AwsEmfConfig>(config, given)
  const source = new ListedDocuments()
  const exporter = new AwsEmfExporter(settings, checked, { documents: source, sink: sinkOf(settings, checked) })
  const host = new FakeHost()
  await exporter.start(host)
  open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
  return { exporter, source, settings, host }
}

async function toLogs(given: object = {}): Promise<Run & { readonly logs: FakeCloudWatchLogs }> {
  let nowMs = (): number => 0
  const logs = await FakeCloudWatchLogs.start({ now: () => nowMs() })
  open.push(logs)
  const run = await exporterTo((settings, checked) => new LogsSink(settings, { config: checked }), { endpoint: logs.url, ...given })
  nowMs = () => run.settings.clock.now()
  return { ...run, logs }
}

const marksIn = (logs: FakeCloudWatchLogs) => logs.store.events().map(({ message }) => (JSON.parse(message) as { mark: string }).mark)
const sent = ({ telemetry }: FakeSettings) => telemetry.value('otelcol_exporter_sent_metric_points')
const dropped = ({ telemetry }: FakeSettings, reason: string) => telemetry.value('meshscope_exporter_dropped_metric_points', { reason })

test('documents go through the queue to their streams, and are counted', async () => {
  const { exporter, source, settings, logs } = await toLogs()
  source.batches.push(documents(settings.clock.now(), 'a1', 'b1', 'a2'))
  await exporter.consumers.metrics?.consume(BATCH)
  await vi.waitFor(() => expect(sent(settings)).toBe(3))
  expect(marksIn(logs).sort()).toEqual(['a1', 'a2', 'b1'])
  expect(settings.telemetry.value('meshscope_awsemf_documents')).toBe(3)
})

test('what was made for a scrape is left out', async () => {
  const { exporter, source } = await toLogs()
  source.batches.push(documents(0, 'a1'))
  await exporter.consumers.metrics?.consume({ ...BATCH, isOnDemand: true })
  expect(source.batches.length).toBe(1)
})

test('a batch that is throttled waits and is sent, and the status tells of it', async () => {
  const { exporter, source, settings, host, logs } = await toLogs()
  logs.store.addStream('/metrics/test', 'a')
  logs.faults.add('PutLogEvents', FAULTS.throttled400)
  source.batches.push(documents(settings.clock.now(), 'a1'))
  await exporter.consumers.metrics?.consume(BATCH)
  await vi.waitFor(() =>
    expect(host.statuses).toMatchObject([{ kind: 'recoverable_error', error: 'cannot send metrics: PutLogEvents: ThrottlingException: Rate exceeded' }]),
  )
  settings.clock.advance(10_000)
  await vi.waitFor(() => expect(host.statuses.at(-1)).toEqual({ kind: 'ok' }))
  expect([marksIn(logs), sent(settings)]).toEqual([['a1'], 1])
})

test('of a batch that is given up, only what was not put is counted as dropped', async () => {
  const { exporter, source, settings, logs } = await toLogs({
    sending_queue: { batch: { flush_timeout: '1s', min_size: 3 } },
    retry_on_failure: { max_elapsed_time: '60s' },
  })
  for (const name of ['a', 'b', 'c']) logs.store.addStream('/metrics/test', name)
  logs.faults.addForEvents('b1', FAULTS.unavailable)
  source.batches.push(documents(settings.clock.now(), 'a1', 'b1', 'c1'))
  await exporter.consumers.metrics?.consume(BATCH)
  await vi.waitFor(() => {
    settings.clock.advance(5000)
    expect(dropped(settings, 'retries_exhausted')).toBe(1)
  })
  expect([sent(settings), marksIn(logs).sort()]).toEqual([2, ['a1', 'c1']])
  expect(logs.callsOf('PutLogEvents').filter(({ error }) => error === '').length).toBe(2)
})

test('a stop sends what waits, and creates the stream that it needs', async () => {
  const { exporter, source, settings, logs } = await toLogs({ sending_queue: { batch: { flush_timeout: '1h', min_size: 100 } } })
  source.batches.push(documents(settings.clock.now(), 'a1'))
  await exporter.consumers.metrics?.consume(BATCH)
  expect(logs.calls).toEqual([])
  await exporter.shutdown({ signal: new AbortController().signal })
  expect([marksIn(logs), sent(settings)]).toEqual([['a1'], 1])
})

describe('a queue that takes nothing', () => {
  class StuckSink implements EmfSink {
    readonly requests: SendRequest[] = []

    start(): void {
      // Nothing to open.
    }

    send(request: SendRequest, { signal }: SendOptions): Promise<void> {
      this.requests.push(request)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new RefusedError('stuck')), { once: true }))
    }

    close(): void {
      // Nothing to close.
    }
  }

  test('refuses for good, because the values have been counted, and takes what it has room for', async () => {
    const sink = new StuckSink()
    const { exporter, source, settings } = await exporterTo(() => sink, { sending_queue: { queue_size: 2, num_consumers: 1 } })
    source.batches.push(documents(0, 'a1', 'b1', 'c1', 'd1'))
    await expect(exporter.consumers.metrics?.consume(BATCH)).rejects.toThrow(PermanentError)
    expect(settings.telemetry.value('otelcol_exporter_enqueue_failed_metric_points', { reason: 'queue_full' })).toBe(2)
    await vi.waitFor(() => expect(sink.requests.map(({ bytes }) => streamsOf(bytes)[0]?.logStream)).toEqual(['a']))
  })

  test('makes a pipeline wait with block_on_overflow, and a stop ends that', async () => {
    const sink = new StuckSink()
    const { exporter, source, settings } = await exporterTo(() => sink, {
      sending_queue: { queue_size: 1, num_consumers: 1, block_on_overflow: true },
    })
    source.batches.push(documents(0, 'a1', 'b1'))
    const consuming = exporter.consumers.metrics?.consume(BATCH)
    const refused = expect(consuming).rejects.toThrow('the exporter is stopping; what was not taken is counted')
    await vi.waitFor(() => expect(sink.requests.length).toBe(1))
    const controller = new AbortController()
    const stopping = exporter.shutdown({ signal: controller.signal })
    controller.abort()
    await refused
    await stopping
    expect(settings.telemetry.value('otelcol_exporter_enqueue_failed_metric_points', { reason: 'shutdown' })).toBe(1)
    expect(dropped(settings, 'shutdown')).toBe(1)
  })
})

test('what was encoded before the encoder broke is sent', async () => {
  const { exporter, source, settings, logs } = await toLogs()
  source.fails = true
  source.batches.push(documents(settings.clock.now(), 'a1'))
  await expect(exporter.consumers.metrics?.consume(BATCH)).rejects.toThrow('BUG: broken')
  await vi.waitFor(() => expect(marksIn(logs)).toEqual(['a1']))
})
