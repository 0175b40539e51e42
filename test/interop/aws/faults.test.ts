/** Nothing is lost, and nothing comes twice, when CloudWatch Logs or the place of the credentials fails: the daemon against strict fakes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FakeContainerCredentials, FakeInstanceMetadata, FakeSecurityTokens } from '../../fakes/aws_credentials.ts'
import { CredentialBook } from '../../fakes/cloudwatch_logs/credential_book.ts'
import { FAULTS } from '../../fakes/cloudwatch_logs/faults.ts'
import { FakeCloudWatchLogs } from '../../fakes/cloudwatch_logs/server.ts'
import { temporaryFolder } from '../child.ts'
import { samplesOf, sumOf } from '../daemon.ts'
import { settled, until } from '../waiting.ts'
import { type EmfDaemon, startEmfDaemon } from './daemon.ts'

const HOUR_MS = 3_600_000
const RETRY = { initial_interval: '100ms', max_interval: '200ms', max_elapsed_time: '0s' }

function exporter(fake: FakeCloudWatchLogs): object {
  return { endpoint: fake.url, namespace: 'Faults', log_group_name: '/faults', log_stream_name: 'test', retry_on_failure: RETRY }
}

/** What CloudWatch has of a counter, once that is as much as `expected`, or no more after 15 s. */
async function total(fake: FakeCloudWatchLogs, name: string, expected: number): Promise<number> {
  return await settled(
    () => Promise.resolve(fake.metrics().statistics({ name })?.sum ?? 0),
    (sum) => sum >= expected,
  )
}

describe('faults of the service', () => {
  let fake: FakeCloudWatchLogs
  let daemon: EmfDaemon

  beforeAll(async () => {
    fake = await FakeCloudWatchLogs.start()
    daemon = await startEmfDaemon({ exporters: { strict: exporter(fake) } })
  })
  afterEach(() => {
    fake.faults.clear()
    fake.skewMs = 0
  })
  afterAll(async () => {
    await daemon?.stop()
    await fake?.stop()
  })

  test.for([
    { name: 'throttled400', error: 'ThrottlingException' },
    { name: 'throttled429', error: 'TooManyRequestsException' },
    { name: 'unavailable', error: 'ServiceUnavailableException' },
    { name: 'internal', error: 'InternalFailure' },
    { name: 'badGateway', error: 'HTTP 502' },
    { name: 'aborted', error: 'OperationAbortedException' },
    { name: 'reset', error: 'reset' },
    { name: 'expiredToken', error: 'ExpiredTokenException' },
    { name: 'skewed', error: 'RequestTimeTooSkewed' },
  ] as const)('$name three times: sent again, once', async ({ name, error }) => {
    const before = fake.calls.length
    fake.faults.add('PutLogEvents', FAULTS[name], 3)
    await daemon.send(`${name}:10|c`)
    expect(await total(fake, name, 10)).toBe(10)
    const errors = fake.calls.slice(before).map((call) => call.error)
    expect(errors.filter((one) => one === error)).toHaveLength(3)
    // Another flush, so that a second copy would be seen.
    await daemon.send(`${name}_after:1|c`)
    expect(await total(fake, `${name}_after`, 1)).toBe(1)
    expect(fake.metrics().statistics({ name })?.sum).toBe(10)
  })

  test('an answer that does not come for a while', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    fake.faults.add('PutLogEvents', { kind: 'slow', until: promise })
    await daemon.send('slow:10|c')
    await until('a call that is held', () => fake.held > 0)
    await daemon.send('beside:5|c')
    expect(await total(fake, 'beside', 5)).toBe(5)
    resolve()
    expect(await total(fake, 'slow', 10)).toBe(10)
  })

  test('a connection that is cut after the events were taken: none is lost', async () => {
    fake.faults.add('PutLogEvents', FAULTS.resetAfter)
    await daemon.send('cut:10|c')
    expect(await total(fake, 'cut', 10)).toBeGreaterThanOrEqual(10)
  })

  test('a request that is too large is sent in halves', async () => {
    fake.faults.addForEvents('large_a', FAULTS.tooLarge, 1)
    await daemon.send('large_a:10|c|#a:1', 'large_a:10|c|#a:2', 'large_a:10|c|#a:3')
    expect(await total(fake, 'large_a', 30)).toBe(30)
  })

  test('one event that is refused takes no other with it, and is counted', async () => {
    fake.faults.addForEvents('poison', FAULTS.invalid)
    const lines = Array.from({ length: 20 }, (_, i) => `fine:1|c|#n:${i}`)
    await daemon.send('fine:1|c|#n:poison', ...lines)
    expect(await total(fake, 'fine', 20)).toBe(20)
    const read = async (): Promise<Record<string, number>> => {
      const samples = samplesOf(await daemon.scrapeOwn(), 'meshscope_exporter_dropped_metric_points')
      return Object.fromEntries(samples.filter(({ value }) => value > 0).map(({ labels, value }) => [labels['reason'] ?? '', value]))
    }
    expect(await settled(read, (dropped) => Object.keys(dropped).length > 0)).toEqual({ rejected: 1 })
  })

  test.for([20, -20])('a clock that is %i minutes off is corrected', async (minutes) => {
    const name = `clock_${minutes > 0 ? 'behind' : 'ahead'}`
    fake.skewMs = minutes * 60_000
    await daemon.send(`${name}:10|c`)
    expect(await total(fake, name, 10)).toBe(10)
    expect(fake.calls.some(({ error }) => error === 'InvalidSignatureException')).toBe(true)
  })

  test('no document of all of them is wrong', () => {
    expect(fake.emfProblems).toEqual([])
  })
})

describe('credentials that expire', () => {
  const stops: (() => unknown)[] = []
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop()
  })

  const sources = {
    'the metadata service of an instance': (book: CredentialBook) => new FakeInstanceMetadata({ book, ttlMs: HOUR_MS }),
    'the agent of ECS': (book: CredentialBook) => new FakeContainerCredentials({ book, ttlMs: HOUR_MS }),
    'the agent of EKS Pod Identity': (book: CredentialBook) => {
      const folder = temporaryFolder('eks')
      stops.push(() => folder.remove())
      const tokenFile = join(folder.path, 'token')
      writeFileSync(tokenFile, 'service-account')
      return new FakeContainerCredentials({ book, ttlMs: HOUR_MS, tokenFile })
    },
    'the security token service, for a service account': (book: CredentialBook) => new FakeSecurityTokens({ book, ttlMs: HOUR_MS }),
  } as const

  test.for(Object.keys(sources) as (keyof typeof sources)[])('are fetched again: %s', async (name) => {
    const book = new CredentialBook()
    const fake = await FakeCloudWatchLogs.start({ book })
    stops.push(() => fake.stop())
    const source = await sources[name](book).listen()
    stops.push(() => source.stop())
    const daemon = await startEmfDaemon({ exporters: { strict: exporter(fake) }, env: { ...source.env, ...webIdentity(source) } })
    stops.push(() => daemon.stop())
    await daemon.send('first:10|c')
    expect(await total(fake, 'first', 10)).toBe(10)
    const [key] = new Set(fake.calls.map(({ accessKeyId }) => accessKeyId))
    expect(key).toMatch(/^ASIAEXAMPLE/)
    book.expireAll()
    await daemon.send('second:10|c')
    expect(await total(fake, 'second', 10)).toBe(10)
    expect(fake.calls.some(({ error }) => error === 'ExpiredTokenException')).toBe(true)
    expect(fake.calls.at(-1)?.accessKeyId).not.toBe(key)
    expect(fake.metrics().statistics({ name: 'first' })?.sum).toBe(10)
  })

  /** What a pod is told of its role. */
  function webIdentity(source: object): Readonly<Record<string, string>> {
    if (!(source instanceof FakeSecurityTokens)) return {}
    const folder = temporaryFolder('irsa')
    stops.push(() => folder.remove())
    const file = join(folder.path, 'token')
    writeFileSync(file, 'service-account')
    source.webIdentities.add('service-account')
    return { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/emf', AWS_WEB_IDENTITY_TOKEN_FILE: file }
  }

  test('nothing is lost while their place is away', async () => {
    const book = new CredentialBook()
    const fake = await FakeCloudWatchLogs.start({ book })
    stops.push(() => fake.stop())
    const source = await new FakeContainerCredentials({ book, ttlMs: HOUR_MS }).listen()
    stops.push(() => source.stop())
    source.isAway = true
    const daemon = await startEmfDaemon({ exporters: { strict: exporter(fake) }, env: source.env })
    stops.push(() => daemon.stop())
    await daemon.send('early:10|c')
    await until('an attempt that failed', async () => sumOf(await daemon.scrapeOwn(), 'meshscope_exporter_failed_attempts') > 0)
    source.isAway = false
    expect(await total(fake, 'early', 10)).toBe(10)
  })
})

test('a right that is missing is told, and nothing is given up for it', async () => {
  const fake = await FakeCloudWatchLogs.start()
  fake.faults.add('PutLogEvents', FAULTS.accessDenied, 100)
  const daemon = await startEmfDaemon({ exporters: { strict: exporter(fake) }, receiver: { aggregation_interval: '2s' } })
  try {
    await daemon.send('denied:10|c')
    const told = await settled(
      () => daemon.health(),
      (page) => page.includes('logs:PutLogEvents'),
    )
    expect(told).toContain('is not authorized to perform: logs:PutLogEvents')
    // At most once for each flush, not again and again as after other errors.
    expect(fake.callsOf('PutLogEvents').length).toBeLessThanOrEqual(3)
    fake.faults.clear()
  } finally {
    await daemon.stop()
    await fake.stop()
  }
  expect(fake.metrics().statistics({ name: 'denied' })?.sum).toBe(10)
})

test('a stop hands on what was counted, and the next daemon counts on', async () => {
  const fake = await FakeCloudWatchLogs.start()
  try {
    for (const count of [10, 20]) {
      const daemon = await startEmfDaemon({ exporters: { strict: exporter(fake) }, receiver: { aggregation_interval: '1h' } })
      await daemon.send(`stopped:${count}|c`)
      await until('the line has arrived', async () => sumOf(await daemon.scrapeOwn(), 'meshscope_statsd_received_lines') === 1)
      expect(await daemon.stop()).toMatchObject({ code: 0 })
    }
    expect(fake.metrics().statistics({ name: 'stopped' })?.sum).toBe(30)
    expect(fake.emfProblems).toEqual([])
  } finally {
    await fake.stop()
  }
})
