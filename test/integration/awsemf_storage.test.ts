import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AwsEmfConfig, config } from '../../exporters/awsemf/config.ts'
import { AwsEmfExporter } from '../../exporters/awsemf/exporter.ts'
import { LogsSink } from '../../exporters/awsemf/send/logs_sink.ts'
import { type FileStorageConfig, config as storageConfig } from '../../extensions/file_storage/config.ts'
import { FileStorage } from '../../extensions/file_storage/extension.ts'
import { checkedConfig } from '../fakes/checked_config.ts'
import { EXAMPLE_KEY } from '../fakes/cloudwatch_logs/credential_book.ts'
import { FAULTS } from '../fakes/cloudwatch_logs/faults.ts'
import { FakeCloudWatchLogs } from '../fakes/cloudwatch_logs/server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../fakes/settings.ts'

/** Documents that wait on a real disk while CloudWatch Logs is away, through ends of the exporter. */

const NOW_MS = Date.UTC(2026, 0, 1)
let directory = ''
let logs: FakeCloudWatchLogs

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'awsemf-'))
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_ACCESS_KEY_ID', EXAMPLE_KEY.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', EXAMPLE_KEY.secretAccessKey)
  logs = await FakeCloudWatchLogs.start({ now: () => NOW_MS })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await logs.stop()
  rmSync(directory, { recursive: true, force: true })
})

interface Life {
  readonly settings: FakeSettings
  /** Hands over documents of one point each, with these marks, to the streams `a` and `b` by turns. */
  consume(...marks: readonly string[]): Promise<void>
  stop(): Promise<void>
}

async function live(queue: object = {}): Promise<Life> {
  const storage = new FileStorage(fakeSettings('extension', 'file_storage'), checkedConfig<FileStorageConfig>(storageConfig, { directory }))
  await storage.start(new FakeHost())
  const settings = { ...fakeSettings('exporter', 'awsemf'), shared: () => storage.shared }
  const checked = checkedConfig<AwsEmfConfig>(config, { region: 'us-east-1', endpoint: logs.url, sending_queue: { storage: 'file_storage', ...queue } })
  let waiting: readonly string[] = []
  const documents = {
    async *encode() {
      yield waiting.map((mark, i) => ({
        json: JSON.stringify({ _aws: { Timestamp: NOW_MS + i, CloudWatchMetrics: [] }, mark }),
        timestampMs: NOW_MS + i,
        logGroup: '/metrics/test',
        logStream: i % 2 === 0 ? 'a' : 'b',
        points: 1,
      }))
    },
  }
  const exporter = new AwsEmfExporter(settings, checked, { documents, sink: new LogsSink(settings, { config: checked }) })
  await exporter.start(new FakeHost())
  return {
    settings,
    consume: async (...marks) => {
      waiting = marks
      await exporter.consumers.metrics?.consume({ groups: [] })
    },
    stop: async () => {
      await exporter.shutdown({ signal: AbortSignal.timeout(5000) })
      await storage.shutdown()
    },
  }
}

const marks = () =>
  logs.store
    .events()
    .map(({ message }) => (JSON.parse(message) as { mark: string }).mark)
    .sort()

test('what a life could not send, the next one sends, once', async () => {
  logs.faults.add('PutLogEvents', FAULTS.unavailable, 1000)
  const first = await live()
  await first.consume('1', '2', '3')
  await first.consume('4')
  await first.stop()
  expect(marks()).toEqual([])
  expect(first.settings.telemetry.value('meshscope_exporter_dropped_metric_points')).toBe(0)
  logs.faults.clear()
  const second = await live()
  await vi.waitFor(() => expect(marks()).toEqual(['1', '2', '3', '4']))
  await second.stop()
  const third = await live()
  await third.consume('5')
  await third.stop()
  expect(marks()).toEqual(['1', '2', '3', '4', '5'])
})

test('batches of both lives are joined, and cut at the limit', async () => {
  logs.faults.add('PutLogEvents', FAULTS.unavailable, 1000)
  const first = await live()
  for (let i = 0; i < 10; i++) await first.consume(`first ${i}`, `first ${i} of b`)
  await first.stop()
  logs.faults.clear()
  logs.store.addStream('/metrics/test', 'a')
  logs.store.addStream('/metrics/test', 'b')
  const before = logs.calls.length
  const second = await live({ num_consumers: 1, batch: { min_size: 10, max_size: 12 } })
  await vi.waitFor(() => expect(marks().length).toBe(20))
  expect(new Set(marks()).size).toBe(20)
  const puts = logs.calls.slice(before).map(({ operation, events }) => `${operation} ${events}`)
  expect(puts.length).toBeLessThan(6)
  await second.stop()
})
