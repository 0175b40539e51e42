/** The fake of CloudWatch Logs is strict: what the service refuses it refuses, with the service's words. */
import { createHash, createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CredentialBook, EXAMPLE_KEY, type IssuedCredentials } from '../fakes/cloudwatch_logs/credential_book.ts'
import { FAULTS } from '../fakes/cloudwatch_logs/faults.ts'
import { FakeCloudWatchLogs } from '../fakes/cloudwatch_logs/server.ts'
import { canonicalRequest, checkSignature, type SignedRequest } from '../fakes/cloudwatch_logs/signature.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const DAY = 24 * 3_600_000

describe('signatures', () => {
  const check = { book: new CredentialBook(() => 0), region: 'us-east-1', service: 'service', nowMs: Date.UTC(2015, 7, 30, 12, 36) }

  // From the test suite that AWS publishes for Signature Version 4.
  const authorization = (signedHeaders: string, signature: string): readonly [string, string] => [
    'Authorization',
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  ]
  const base: readonly (readonly [string, string])[] = [
    ['Host', 'example.amazonaws.com'],
    ['X-Amz-Date', '20150830T123600Z'],
  ]
  const form: readonly [string, string] = ['Content-Type', 'application/x-www-form-urlencoded']
  test.for([
    {
      name: 'get-vanilla',
      method: 'GET',
      headers: [],
      signed: 'host;x-amz-date',
      signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    },
    {
      name: 'post-vanilla',
      method: 'POST',
      headers: [],
      signed: 'host;x-amz-date',
      signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    },
    {
      name: 'post-x-www-form-urlencoded',
      method: 'POST',
      headers: [form],
      body: 'Param1=value1',
      signed: 'content-type;host;x-amz-date',
      signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    },
  ])('takes $name of the published suite', ({ method, headers, body = '', signed, signature }) => {
    const request: SignedRequest = { method, url: '/', headers: [...base, ...headers, authorization(signed, signature)], body: Buffer.from(body) }
    expect(checkSignature(request, check)).toBeUndefined()
    const other = { ...request, body: Buffer.from(`${body}x`) }
    expect(checkSignature(other, check)).toMatchObject({ type: 'InvalidSignatureException', message: expect.stringContaining('does not match') })
  })

  const vanilla = { method: 'GET', url: '/', body: Buffer.alloc(0) }
  const good = authorization('host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31')
  test.for([
    { name: 'no signature', headers: base, says: 'Missing Authentication|missing Authentication', change: {} },
    { name: 'a clock that is 6 minutes behind', headers: [...base, good], says: 'Signature expired', change: { nowMs: check.nowMs + 360_000 } },
    { name: 'a clock that is 6 minutes ahead', headers: [...base, good], says: 'not yet current', change: { nowMs: check.nowMs - 360_000 } },
    { name: 'another region', headers: [...base, good], says: 'valid region', change: { region: 'eu-west-1' } },
    { name: 'another service', headers: [...base, good], says: 'correct service', change: { service: 'logs' } },
    { name: 'an x-amz header that is not signed', headers: [...base, good, ['X-Amz-Target', 'T'] as const], says: 'x-amz-target', change: {} },
    {
      name: 'a token that was not given out',
      headers: [...base, authorization('host;x-amz-date;x-amz-security-token', '0'.repeat(64)), ['X-Amz-Security-Token', 'T'] as const],
      says: 'invalid',
      change: {},
    },
  ])('refuses $name', ({ headers, says, change }) => {
    expect(checkSignature({ ...vanilla, headers }, { ...check, ...change })?.message).toMatch(new RegExp(says))
  })

  test('refuses a key that has expired', () => {
    let now = 0
    const book = new CredentialBook(() => now)
    const key = book.issue(1000)
    expect(book.look(key.accessKeyId, key.sessionToken)).toEqual({ secret: key.secretAccessKey })
    now = 1000
    expect(book.look(key.accessKeyId, key.sessionToken)).toEqual({ refused: 'expired' })
  })
})

describe('the service', () => {
  let fake: FakeCloudWatchLogs
  beforeEach(async () => {
    fake = await FakeCloudWatchLogs.start({ now: () => NOW })
  })
  afterEach(() => fake.stop())

  /** A plain client that signs with the canonical form of the fake; the exporter's signer has tests of its own. */
  async function call(operation: string, input: unknown, { isGzip = false, key = EXAMPLE_KEY }: { isGzip?: boolean; key?: IssuedCredentials } = {}) {
    const text = Buffer.from(JSON.stringify(input))
    const body = isGzip ? gzipSync(text) : text
    const date = new Date(NOW).toISOString().replace(/[-:]|\.\d{3}/g, '')
    const headers: [string, string][] = [
      ['content-type', 'application/x-amz-json-1.1'],
      ['host', new URL(fake.url).host],
      ['x-amz-date', date],
      ...(key.sessionToken === '' ? [] : [['x-amz-security-token', key.sessionToken] as [string, string]]),
      ['x-amz-target', `Logs_20140328.${operation}`],
    ]
    const signed = headers.map(([name]) => name).join(';')
    const scope = `${date.slice(0, 8)}/us-east-1/logs/aws4_request`
    const hash = createHash('sha256')
      .update(canonicalRequest({ method: 'POST', url: '/', headers, body }, signed))
      .digest('hex')
    const signingKey = scope
      .split('/')
      .reduce((secret: string | Buffer, part) => createHmac('sha256', secret).update(part).digest(), `AWS4${key.secretAccessKey}`)
    const signature = createHmac('sha256', signingKey).update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash}`).digest('hex')
    headers.push(['authorization', `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`])
    if (isGzip) headers.push(['content-encoding', 'gzip'])
    const response = await fetch(fake.url, { method: 'POST', headers: headers.filter(([name]) => name !== 'host'), body })
    const answer = await response.text()
    return { status: response.status, answer: answer === '' ? undefined : (JSON.parse(answer) as unknown) }
  }

  const put = (logEvents: unknown, options = {}) => call('PutLogEvents', { logGroupName: 'g', logStreamName: 's', logEvents }, options)
  const event = (timestamp = NOW, message = 'm') => ({ timestamp, message })

  test('has a group, a stream, retention and tags, and takes events, also compressed', async () => {
    expect(await put([event()])).toMatchObject({
      status: 400,
      answer: { __type: 'ResourceNotFoundException', message: 'The specified log group does not exist.' },
    })
    expect(await call('CreateLogGroup', { logGroupName: 'g', tags: { a: 'b' } })).toEqual({ status: 200, answer: undefined })
    expect(await call('CreateLogGroup', { logGroupName: 'g' })).toMatchObject({ status: 400, answer: { __type: 'ResourceAlreadyExistsException' } })
    expect(await put([event()])).toMatchObject({ answer: { __type: 'ResourceNotFoundException', message: 'The specified log stream does not exist.' } })
    expect(await call('PutRetentionPolicy', { logGroupName: 'g', retentionInDays: 1096 })).toMatchObject({ status: 200 })
    expect(await call('CreateLogStream', { logGroupName: 'g', logStreamName: 's' })).toMatchObject({ status: 200 })
    expect(await put([event()], { isGzip: true })).toEqual({ status: 200, answer: {} })
    expect(fake.store.groups.get('g')).toMatchObject({ tags: { a: 'b' }, retentionDays: 1096 })
    expect(fake.store.events()).toEqual([event()])
    expect(fake.callsOf('PutLogEvents').map(({ error, status }) => ({ error, status }))).toEqual([
      { error: 'ResourceNotFoundException', status: 400 },
      { error: 'ResourceNotFoundException', status: 400 },
      { error: '', status: 200 },
    ])
  })

  test.for([
    { name: 'a group that begins with aws/', operation: 'CreateLogGroup', input: { logGroupName: 'aws/x' }, says: 'reserved' },
    { name: 'a group with a blank', operation: 'CreateLogGroup', input: { logGroupName: 'a b' }, says: 'logGroupName' },
    { name: 'a stream with a colon', operation: 'CreateLogStream', input: { logGroupName: 'g', logStreamName: 'a:b' }, says: 'logStreamName' },
    { name: '8 days of retention', operation: 'PutRetentionPolicy', input: { logGroupName: 'g', retentionInDays: 8 }, says: 'enum value set' },
    {
      name: '51 tags',
      operation: 'CreateLogGroup',
      input: { logGroupName: 'h', tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) },
      says: 'tags',
    },
  ])('refuses $name', async ({ operation, input, says }) => {
    fake.store.addStream('g', 's')
    expect(await call(operation, input)).toMatchObject({ status: 400, answer: { __type: 'InvalidParameterException', message: expect.stringContaining(says) } })
  })

  const text = (bytes: number): string => 'x'.repeat(bytes)
  test.for([
    { name: 'no events', events: () => [], says: 'greater than or equal to 1' },
    { name: '10,001 events', events: () => Array.from({ length: 10_001 }, () => event()), says: 'less than or equal to 10000' },
    { name: 'a batch of one byte too many', events: () => [event(NOW, text(524_262)), event(NOW, text(524_263))], says: '1048577 bytes exceeds limit' },
    { name: 'an event of one byte too many', events: () => [event(NOW, text(1_048_551))], says: 'Log event too large' },
    { name: 'events out of order', events: () => [event(NOW), event(NOW - 1)], says: 'chronological order' },
    { name: 'events over more than a day', events: () => [event(NOW - DAY - 1), event(NOW)], says: '24 hours' },
    { name: 'an empty message', events: () => [event(NOW, '')], says: 'message' },
  ])('refuses $name, and keeps none', async ({ events, says }) => {
    fake.store.addStream('g', 's')
    expect(await put(events())).toMatchObject({ status: 400, answer: { __type: 'InvalidParameterException', message: expect.stringContaining(says) } })
    expect(fake.store.events()).toEqual([])
  })

  test('takes what is just within the limits', async () => {
    fake.store.addStream('g', 's')
    expect(await put([event(NOW, text(524_262)), event(NOW, text(524_262))])).toMatchObject({ status: 200 })
    expect(await put(Array.from({ length: 10_000 }, () => event()))).toMatchObject({ status: 200 })
    expect(await put([event(NOW - DAY), event(NOW)])).toMatchObject({ status: 200 })
  })

  test('tells which events are too old, expired and too new, and takes the others', async () => {
    fake.store.addStream('g', 's')
    await call('PutRetentionPolicy', { logGroupName: 'g', retentionInDays: 3 })
    const events = [event(NOW - 15 * DAY), event(NOW - 14 * DAY - 1), event(NOW - 4 * DAY), event(NOW), event(NOW + 7_200_001), event(NOW + 3 * 3_600_000)]
    const rejectedLogEventsInfo = { tooOldLogEventEndIndex: 2, expiredLogEventEndIndex: 3, tooNewLogEventStartIndex: 4 }
    expect(await put(events)).toEqual({ status: 200, answer: { rejectedLogEventsInfo } })
    expect(fake.store.events()).toEqual([event(NOW)])
  })

  test.for([
    { name: 'throttled400', status: 400, type: 'ThrottlingException' },
    { name: 'throttled429', status: 429, type: 'TooManyRequestsException' },
    { name: 'unavailable', status: 503, type: 'ServiceUnavailableException' },
    { name: 'tooLarge', status: 413, type: 'RequestEntityTooLargeException' },
    { name: 'accessDenied', status: 400, type: 'com.amazon.coral.service#AccessDeniedException' },
  ] as const)('answers $name when told to, once', async ({ name, status, type }) => {
    fake.store.addStream('g', 's')
    fake.faults.add('PutLogEvents', FAULTS[name])
    expect(await put([event()])).toMatchObject({ status, answer: { __type: type } })
    expect(fake.store.events()).toEqual([])
    expect(await put([event()])).toMatchObject({ status: 200 })
  })

  test('cuts the connection before or after it has done what was asked', async () => {
    fake.store.addStream('g', 's')
    fake.faults.add('PutLogEvents', FAULTS.reset)
    fake.faults.add('PutLogEvents', FAULTS.resetAfter)
    await expect(put([event()])).rejects.toThrow('fetch failed')
    expect(fake.store.events()).toEqual([])
    await expect(put([event()])).rejects.toThrow('fetch failed')
    expect(fake.store.events()).toEqual([event()])
  })

  test('finds one bad event in a batch as often as it comes', async () => {
    fake.store.addStream('g', 's')
    fake.faults.addForEvents('poison', FAULTS.invalid)
    expect(await put([event(), event(NOW, 'poison')])).toMatchObject({ status: 400, answer: { __type: 'InvalidParameterException' } })
    expect(await put([event(NOW, 'poison')])).toMatchObject({ status: 400 })
    expect(await put([event()])).toMatchObject({ status: 200 })
  })

  test('knows the keys that were given out, until they expire', async () => {
    fake.store.addStream('g', 's')
    const key = fake.book.issue(60_000)
    expect(await put([event()], { key })).toMatchObject({ status: 200 })
    fake.book.expireAll()
    expect(await put([event()], { key })).toMatchObject({ status: 400, answer: { __type: 'com.amazon.coral.service#ExpiredTokenException' } })
  })
})
