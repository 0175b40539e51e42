import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeInstanceMetadata } from '../../../test/fakes/aws_credentials.ts'
import { checkedConfig } from '../../../test/fakes/checked_config.ts'
import { CredentialBook, EXAMPLE_KEY } from '../../../test/fakes/cloudwatch_logs/credential_book.ts'
import { FAULTS } from '../../../test/fakes/cloudwatch_logs/faults.ts'
import { FakeCloudWatchLogs } from '../../../test/fakes/cloudwatch_logs/server.ts'
import { type FakeSettings, fakeSettings } from '../../../test/fakes/settings.ts'
import { type AwsEmfConfig, config } from '../config.ts'
import { itemOf } from './blocks.ts'
import { LogsSink } from './logs_sink.ts'
import { Attempts, plainDocument, requestOf } from './testing.ts'

const open: { stop(): void | Promise<void> }[] = []
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_REGION', 'us-east-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', EXAMPLE_KEY.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', EXAMPLE_KEY.secretAccessKey)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

interface Run {
  readonly logs: FakeCloudWatchLogs
  readonly sink: LogsSink
  readonly settings: FakeSettings
  readonly nowMs: number
}

async function started(given: object = {}, book?: CredentialBook): Promise<Run> {
  const settings = fakeSettings('exporter', 'awsemf')
  const logs = await FakeCloudWatchLogs.start({ now: () => settings.clock.now(), ...(book === undefined ? {} : { book }) })
  open.push(logs)
  const checked = checkedConfig<AwsEmfConfig>(config, { endpoint: logs.url, ...given })
  const sink = new LogsSink(settings, { config: checked, random: () => 0.5 })
  await sink.start()
  open.push({ stop: () => sink.close() })
  return { logs, sink, settings, nowMs: settings.clock.now() }
}

const marksIn = (logs: FakeCloudWatchLogs) => logs.store.events().map(({ message }) => (JSON.parse(message) as { mark: string }).mark)
const operations = (logs: FakeCloudWatchLogs) => logs.calls.map(({ operation, error }) => (error === '' ? operation : `${operation}: ${error}`))
const puts = (logs: FakeCloudWatchLogs) => logs.callsOf('PutLogEvents').length

describe('log groups and streams', () => {
  test('are created when a put misses them, the group with retention and tags', async () => {
    const { logs, sink, nowMs } = await started({ log_retention: 30, tags: { team: 'mesh' } })
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a', 3)] }))
    expect(await attempts.next()).toBeUndefined()
    expect(operations(logs)).toEqual([
      'PutLogEvents: ResourceNotFoundException',
      'CreateLogStream: ResourceNotFoundException',
      'CreateLogGroup',
      'PutRetentionPolicy',
      'CreateLogStream',
      'PutLogEvents',
    ])
    expect(logs.store.groups.get('/metrics/test')).toMatchObject({ retentionDays: 30, tags: { team: 'mesh' } })
    expect([attempts.sent, attempts.rejected, marksIn(logs)]).toEqual([3, 0, ['a']])
  })

  test('are created once for several puts at a time', async () => {
    const { logs, sink, nowMs } = await started()
    const requests = ['a', 'b', 'c'].map((mark) => new Attempts(sink, requestOf({ one: [plainDocument(nowMs, mark)], two: [plainDocument(nowMs, mark)] })))
    expect(await Promise.all(requests.map((attempts) => attempts.next()))).toEqual([undefined, undefined, undefined])
    expect([logs.callsOf('CreateLogGroup').length, logs.store.events().length]).toEqual([1, 6])
  })

  test('of names that are known are created before there is data, and not by all processes at the same moment', async () => {
    const { logs, settings } = await started({ log_group_name: '/metrics/shop', log_stream_name: 'node-1' })
    expect(logs.calls).toEqual([])
    settings.clock.advance(999)
    expect(settings.clock.pendingTimers).toBeGreaterThan(0)
    settings.clock.advance(1)
    await vi.waitFor(() => expect(logs.store.streams()).toEqual([{ group: '/metrics/shop', stream: 'node-1', events: [] }]))
  })

  test('that must not be created and are missing are told, and wait for an operator', async () => {
    const { logs, sink, nowMs } = await started({ create_log_group: false })
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] }))
    expect(await attempts.next()).toMatchObject({
      message: 'there is no log group /metrics/test; create it, or set create_log_group: true',
      retryAfterMs: 60_000,
    })
    logs.store.call('CreateLogGroup', { logGroupName: '/metrics/test' })
    expect(await attempts.next()).toBeUndefined()
    expect(marksIn(logs)).toEqual(['a'])
  })

  test('that another process creates meanwhile are as good', async () => {
    const { logs, sink, nowMs } = await started()
    logs.faults.add('CreateLogGroup', { kind: 'error', status: 400, type: 'ResourceAlreadyExistsException' })
    logs.faults.add('CreateLogStream', FAULTS.aborted)
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] }))
    expect((await attempts.next())?.message).toContain('OperationAbortedException')
    logs.store.call('CreateLogGroup', { logGroupName: '/metrics/test' })
    expect(await attempts.next()).toBeUndefined()
    expect(marksIn(logs)).toEqual(['a'])
  })

  test('get their retention later when that fails at first, and go without it when it is denied', async () => {
    const { logs, sink, settings, nowMs } = await started({ log_retention: 30 })
    logs.faults.add('PutRetentionPolicy', FAULTS.throttled400)
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] }))
    expect((await attempts.next())?.message).toContain('PutRetentionPolicy: ThrottlingException')
    logs.faults.add('PutRetentionPolicy', FAULTS.accessDenied)
    expect(await attempts.next()).toBeUndefined()
    expect([logs.store.groups.get('/metrics/test')?.retentionDays, marksIn(logs)]).toEqual([undefined, ['a']])
    expect(settings.log.lines.map(({ message }) => message)).toContain('log group without the retention of log_retention')
  })
})

describe('a failure', () => {
  test.for([
    { name: 'throttling as 400', fault: FAULTS.throttled400, outcome: 'throttled', slow: undefined },
    { name: 'throttling as 429', fault: FAULTS.throttled429, outcome: 'throttled', slow: undefined },
    { name: 'a service that is away', fault: FAULTS.unavailable, outcome: 'unavailable', slow: undefined },
    { name: 'an internal failure', fault: FAULTS.internal, outcome: 'unavailable', slow: undefined },
    { name: 'a page of a load balancer', fault: FAULTS.badGateway, outcome: 'unavailable', slow: undefined },
    { name: 'a concurrent change', fault: FAULTS.aborted, outcome: 'conflict', slow: undefined },
    { name: 'a cut connection', fault: FAULTS.reset, outcome: 'unreachable', slow: undefined },
    { name: 'a missing right', fault: FAULTS.accessDenied, outcome: 'denied', slow: 60_000 },
  ])('$name is tried again later', async ({ fault, outcome, slow }, { expect: check }) => {
    const { logs, sink, settings, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    logs.faults.add('PutLogEvents', fault)
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a', 5)] }))
    const error = await attempts.next()
    check(error).toMatchObject({ name: 'RefusedError' })
    check([error?.retryAfterMs, attempts.sent + attempts.rejected]).toEqual([slow, 0])
    check(settings.telemetry.value('meshscope_awsemf_requests', { operation: 'PutLogEvents', outcome })).toBe(1)
    check(await attempts.next()).toBeUndefined()
    check([attempts.sent, marksIn(logs)]).toEqual([5, ['a']])
  })

  test.for([
    { name: 'a missing right', fault: FAULTS.accessDenied, hint: 'the role needs logs:PutLogEvents' },
    { name: 'another server', fault: { kind: 'error', status: 404, type: '', message: 'not found' }, hint: 'is endpoint a CloudWatch Logs?' },
    { name: 'a key of the account', fault: { kind: 'error', status: 400, type: 'KMSDisabledException', message: 'the key is off' }, hint: 'the key is off' },
    { name: 'something new', fault: { kind: 'error', status: 400, type: 'NewException', message: 'reason' }, hint: 'NewException: reason' },
  ] as const)('$name is told with what to do, and waits for an operator', async ({ fault, hint }, { expect: check }) => {
    const { logs, sink, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    logs.faults.add('PutLogEvents', fault)
    const error = await new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] })).next()
    check(error?.message).toContain(hint)
    check(error?.retryAfterMs).toBe(60_000)
  })

  test('of one stream does not send the others again', async () => {
    const { logs, sink, nowMs } = await started()
    for (const name of ['one', 'two', 'three']) logs.store.addStream('/metrics/test', name)
    logs.faults.addForEvents('bad luck', FAULTS.unavailable, 2)
    const streams = { one: [plainDocument(nowMs, 'a')], two: [plainDocument(nowMs, 'bad luck')], three: [plainDocument(nowMs, 'c')] }
    const attempts = new Attempts(sink, requestOf(streams))
    expect((await attempts.next())?.message).toMatch(/^1 of 3 puts failed: PutLogEvents: ServiceUnavailableException/)
    expect([attempts.sent, puts(logs)]).toEqual([2, 3])
    expect((await attempts.next())?.message).toMatch(/^PutLogEvents: ServiceUnavailableException/)
    expect(await attempts.next()).toBeUndefined()
    expect([attempts.sent, puts(logs), marksIn(logs).sort()]).toEqual([3, 5, ['a', 'bad luck', 'c']])
  })

  test('that only an operator can end does not hold up a stream that is throttled', async () => {
    const { logs, sink, nowMs } = await started()
    for (const name of ['one', 'two']) logs.store.addStream('/metrics/test', name)
    logs.faults.addForEvents('denied', FAULTS.accessDenied)
    logs.faults.addForEvents('throttled', FAULTS.throttled400, 1)
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'denied')], two: [plainDocument(nowMs, 'throttled')] }))
    expect((await attempts.next())?.retryAfterMs).toBeUndefined()
    expect((await attempts.next())?.retryAfterMs).toBe(60_000)
    expect(marksIn(logs)).toEqual(['throttled'])
  })

  test('by an answer that does not come ends with request_timeout_seconds', async () => {
    const { logs, sink, settings, nowMs } = await started({ request_timeout_seconds: 7 })
    logs.store.addStream('/metrics/test', 'one')
    const gate = Promise.withResolvers<void>()
    logs.faults.add('PutLogEvents', { kind: 'slow', until: gate.promise })
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] }))
    const before = settings.clock.pendingTimers
    const first = attempts.next()
    await vi.waitFor(() => expect(settings.clock.pendingTimers).toBeGreaterThan(before))
    settings.clock.advance(7000)
    expect((await first)?.message).toContain('no answer to PutLogEvents within 7 s')
    gate.resolve()
  })
})

describe('bad documents', () => {
  test.for([
    { name: 'one of a thousand', count: 1000, isBad: (i: number) => i === 777, lost: 1 },
    { name: 'the only one', count: 1, isBad: () => true, lost: 1 },
    { name: 'two next to each other', count: 64, isBad: (i: number) => i === 31 || i === 32, lost: 2 },
  ])('are found and given up alone: $name', async ({ count, isBad, lost }, { expect: check }) => {
    const { logs, sink, settings, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    logs.faults.addForEvents('malformed', FAULTS.invalid)
    const documents = Array.from({ length: count }, (_, i) => plainDocument(nowMs + i, isBad(i) ? 'malformed' : `good ${i}`, 2))
    const attempts = new Attempts(sink, requestOf({ one: documents }))
    check(await attempts.next()).toBeUndefined()
    check([attempts.sent, attempts.rejected]).toEqual([2 * (count - lost), 2 * lost])
    check([logs.store.events().length, new Set(marksIn(logs)).size]).toEqual([count - lost, count - lost])
    check(settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason: 'invalid' })).toBe(lost)
  })

  test('everywhere end the search, and all are counted', async () => {
    const { logs, sink, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    logs.faults.addForEvents('malformed', FAULTS.invalid)
    const attempts = new Attempts(sink, requestOf({ one: Array.from({ length: 5000 }, (_, i) => plainDocument(nowMs, `malformed ${i}`)) }))
    expect(await attempts.next()).toBeUndefined()
    expect([attempts.sent, attempts.rejected]).toEqual([0, 5000])
    expect(puts(logs)).toBeLessThan(60)
  })

  test('in a batch that is too large for the service are sent in halves', async () => {
    const { logs, sink, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    logs.faults.add('PutLogEvents', FAULTS.tooLarge, 3)
    const attempts = new Attempts(sink, requestOf({ one: Array.from({ length: 8 }, (_, i) => plainDocument(nowMs + i, String(i))) }))
    expect(await attempts.next()).toBeUndefined()
    expect([attempts.sent, marksIn(logs).sort()]).toEqual([8, ['0', '1', '2', '3', '4', '5', '6', '7']])
  })

  test('that are too old or too new are counted, and the others stored', async () => {
    const { logs, sink, settings, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    const day = 24 * 3_600_000
    const documents = [plainDocument(nowMs + 3 * 3_600_000, 'new', 4), plainDocument(nowMs, 'now', 2), plainDocument(nowMs - 15 * day, 'old', 1)]
    const attempts = new Attempts(sink, requestOf({ one: documents }))
    expect(await attempts.next()).toBeUndefined()
    expect([attempts.sent, attempts.rejected, marksIn(logs)]).toEqual([2, 5, ['now']])
    for (const reason of ['too_old', 'too_new']) expect(settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason })).toBe(1)
  })

  test('larger than any event are counted', async () => {
    const { logs, sink, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'x'.repeat(1 << 20), 7), plainDocument(nowMs, 'small')] }))
    expect(await attempts.next()).toBeUndefined()
    expect([attempts.sent, attempts.rejected, marksIn(logs)]).toEqual([1, 7, ['small']])
  })

  test('that cannot be read from the queue are counted', async () => {
    const { logs, sink, settings } = await started()
    const attempts = new Attempts(sink, { signal: 'metrics', bytes: Buffer.from('no block'), items: 9 })
    expect(await attempts.next()).toBeUndefined()
    expect([attempts.rejected, logs.calls, settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason: 'damaged' })]).toEqual([9, [], 1])
  })
})

describe('what a request is signed with', () => {
  test('is the time of the service, when the clock here is 20 minutes off', async () => {
    const { logs, sink, settings, nowMs } = await started()
    logs.store.addStream('/metrics/test', 'one')
    logs.skewMs = 20 * 60_000
    const attempts = [1, 2].map((n) => new Attempts(sink, requestOf({ one: [plainDocument(nowMs, String(n))] })))
    for (const one of attempts) expect(await one.next()).toBeUndefined()
    expect(operations(logs)).toEqual(['PutLogEvents: InvalidSignatureException', 'PutLogEvents', 'PutLogEvents'])
    expect(settings.telemetry.value('meshscope_awsemf_clock_offset_seconds')).toBe(1200)
    expect(settings.log.lines).toMatchObject([{ level: 'warn', fields: { behind_seconds: 1200 } }])
  })

  test('is new credentials, when those of the instance have expired before their time', async () => {
    const book = new CredentialBook()
    const imds = await new FakeInstanceMetadata({ book, ttlMs: 6 * 3_600_000 }).listen()
    open.push(imds)
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION']) vi.stubEnv(name, undefined)
    for (const [name, value] of Object.entries(imds.env)) vi.stubEnv(name, value)
    const { logs, sink, nowMs } = await started({}, book)
    logs.store.addStream('/metrics/test', 'one')
    expect(await new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] })).next()).toBeUndefined()
    book.expireAll()
    expect(await new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'b')] })).next()).toBeUndefined()
    expect([marksIn(logs), book.issued]).toEqual([['a', 'b'], 2])
    expect(operations(logs)).toEqual(['PutLogEvents', 'PutLogEvents: ExpiredTokenException', 'PutLogEvents'])
  })

  test('is said to be missing when there is none', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, undefined)
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/dev/null')
    const { logs, sink, nowMs } = await started()
    expect((await new Attempts(sink, requestOf({ one: [plainDocument(nowMs, 'a')] })).next())?.message).toContain('no AWS credentials')
    expect(logs.calls).toEqual([])
  })
})

test('a put is compressed, carries the format, and never more than the API allows', async () => {
  const { logs, sink, nowMs } = await started({ num_workers: 3 })
  logs.store.addStream('/metrics/test', 'one')
  const documents = Array.from({ length: 21_000 }, (_, i) => plainDocument(nowMs + 21_000 - i, `${i} ${'x'.repeat(i % 100)}`))
  const attempts = new Attempts(sink, requestOf({ one: documents }))
  expect(await attempts.next()).toBeUndefined()
  expect([attempts.sent, new Set(marksIn(logs)).size]).toEqual([21_000, 21_000])
  const calls = logs.callsOf('PutLogEvents')
  expect(calls.map(({ error }) => error)).toEqual(calls.map(() => ''))
  expect(calls[0]?.headers).toMatchObject({ 'content-encoding': 'gzip', 'x-amzn-logs-format': 'json/emf' })
  expect(calls[0]?.wireBytes).toBeLessThan((calls[0]?.bodyBytes ?? 0) / 3)
})

test('without a region nothing starts, and it is said what to set', async () => {
  vi.stubEnv('AWS_REGION', undefined)
  const sink = new LogsSink(fakeSettings('exporter', 'awsemf'), { config: checkedConfig<AwsEmfConfig>(config, {}) })
  await expect(sink.start()).rejects.toThrow('no region; set region, or AWS_REGION')
})

test('an attempt that is given up ends at once, and the next goes on where it was', async () => {
  const { logs, sink, nowMs } = await started({ num_workers: 1 })
  logs.store.addStream('/metrics/test', 'one')
  logs.store.addStream('/metrics/test', 'two')
  const gate = Promise.withResolvers<void>()
  logs.faults.addForEvents('slow', { kind: 'slow', until: gate.promise }, 1)
  const bytes = Buffer.concat(
    (['one', 'two'] as const).map(
      (logStream) => itemOf({ logGroup: '/metrics/test', logStream, documents: [plainDocument(nowMs, logStream === 'two' ? 'slow' : 'fast')] }).bytes,
    ),
  )
  const attempts = new Attempts(sink, { signal: 'metrics', bytes, items: 2 })
  const controller = new AbortController()
  const first = attempts.next(controller.signal)
  await vi.waitFor(() => expect(attempts.sent).toBe(1))
  controller.abort(new Error('enough'))
  expect((await first)?.message).toContain('enough')
  gate.resolve()
  expect(await attempts.next()).toBeUndefined()
  expect(attempts.sent).toBe(2)
  expect(marksIn(logs).filter((mark) => mark === 'fast')).toEqual(['fast'])
})
