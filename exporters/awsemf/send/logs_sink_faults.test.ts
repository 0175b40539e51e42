import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { checkedConfig } from '../../../test/fakes/checked_config.ts'
import { EXAMPLE_KEY } from '../../../test/fakes/cloudwatch_logs/credential_book.ts'
import { FAULTS } from '../../../test/fakes/cloudwatch_logs/faults.ts'
import { FakeCloudWatchLogs } from '../../../test/fakes/cloudwatch_logs/server.ts'
import { fakeSettings } from '../../../test/fakes/settings.ts'
import { type AwsEmfConfig, config } from '../config.ts'
import { LogsSink } from './logs_sink.ts'
import { Attempts, plainDocument, requestOf } from './testing.ts'

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_ACCESS_KEY_ID', EXAMPLE_KEY.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', EXAMPLE_KEY.secretAccessKey)
})
afterEach(() => vi.unstubAllEnvs())

const HOUR_MS = 3_600_000
/** More than any run needs. */
const ATTEMPTS_MAX = 60

/** Faults that leave nothing done. */
const PASSING = [
  'throttled400',
  'throttled429',
  'unavailable',
  'internal',
  'badGateway',
  'aborted',
  'expiredToken',
  'skewed',
  'accessDenied',
  'tooLarge',
  'reset',
] as const
const OPERATIONS = ['PutLogEvents', 'CreateLogStream', 'CreateLogGroup', 'PutRetentionPolicy'] as const

const story = fc.record({
  documents: fc.array(
    fc.record({ stream: fc.constantFrom('one', 'two', 'three'), hoursAgo: fc.nat(100), points: fc.nat(9), isBad: fc.nat(19).map((n) => n === 0) }),
    {
      minLength: 1,
      maxLength: 40,
    },
  ),
  faults: fc.array(fc.record({ operation: fc.constantFrom(...OPERATIONS), name: fc.constantFrom(...PASSING), times: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: 8,
  }),
})

test('whatever goes wrong meanwhile, each good document is stored once, each bad one is given up, and the counts say so', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ documents, faults }) => {
      const settings = fakeSettings('exporter', 'awsemf')
      const nowMs = settings.clock.now()
      const logs = await FakeCloudWatchLogs.start({ now: () => settings.clock.now() })
      const checked = checkedConfig<AwsEmfConfig>(config, { region: 'us-east-1', endpoint: logs.url, log_retention: 14, num_workers: 2 })
      const sink = new LogsSink(settings, { config: checked })
      await sink.start()
      for (const { operation, name, times } of faults) logs.faults.add(operation, FAULTS[name], times)
      logs.faults.addForEvents('malformed', FAULTS.invalid)
      const streams: Record<string, ReturnType<typeof plainDocument>[]> = {}
      for (const [i, { stream, hoursAgo, points, isBad }] of documents.entries())
        (streams[stream] ??= []).push(plainDocument(nowMs - hoursAgo * HOUR_MS, `${isBad ? 'malformed' : 'good'} ${i}`, points))
      const attempts = new Attempts(sink, requestOf(streams))
      let left = ATTEMPTS_MAX
      while ((await attempts.next()) !== undefined && --left > 0);
      sink.close()
      await logs.stop()
      const stored = logs.store.events().map(({ message }) => Number(/good (\d+)/.exec(message)?.[1]))
      const lonelyTooLarge = settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason: 'too_large' })
      expect(left).toBeGreaterThan(0)
      expect(new Set(stored).size).toBe(stored.length)
      const bad = documents.filter(({ isBad }) => isBad).length
      expect(stored.length + lonelyTooLarge + settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason: 'invalid' })).toBe(documents.length)
      if (lonelyTooLarge === 0) expect(stored.length).toBe(documents.length - bad)
      expect(attempts.sent).toBe(stored.reduce((sum, i) => sum + (documents[i]?.points ?? 0), 0))
      expect(attempts.sent + attempts.rejected).toBe(documents.reduce((sum, { points }) => sum + points, 0))
    }),
    { numRuns: 25 },
  )
})
