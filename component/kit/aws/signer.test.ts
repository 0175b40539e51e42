import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import type { OutgoingRequest } from '../auth.ts'
import type { AwsCredentials, CredentialSource } from './credentials.ts'
import { AwsSigner } from './signer.ts'

const TIME_MS = Date.UTC(2015, 7, 30, 12, 36, 0)
const EXAMPLE: AwsCredentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }

class FixedCredentials implements CredentialSource {
  refreshes = 0
  isGone = false
  readonly #credentials: AwsCredentials

  constructor(credentials = EXAMPLE) {
    this.#credentials = credentials
  }

  async get(): Promise<AwsCredentials> {
    return this.#credentials
  }

  async refresh(): Promise<void> {
    this.refreshes++
    if (this.isGone) throw new Error('no credentials')
  }
}

function signerOf({ service = 'service', credentials = new FixedCredentials(), nowMs = TIME_MS } = {}): AwsSigner {
  return new AwsSigner({ credentials, region: 'us-east-1', service, clock: new FakeClock(nowMs) })
}

function request(method: string, url: string, headers: Readonly<Record<string, string>> = {}, body = ''): OutgoingRequest {
  return { method, url: new URL(url), headers, body: Buffer.from(body) }
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

// Of "Signature Version 4 test suite" in AWS's documentation, and of its example of IAM's ListUsers.
describe("AWS's published vectors", () => {
  test.for([
    {
      name: 'get-vanilla',
      of: request('GET', 'https://example.amazonaws.com/'),
      signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    },
    {
      name: 'post-vanilla',
      of: request('POST', 'https://example.amazonaws.com/'),
      signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    },
    {
      name: 'get-vanilla-query-order-key-case',
      of: request('GET', 'https://example.amazonaws.com/?Param2=value2&Param1=value1'),
      signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    },
    {
      name: 'post-x-www-form-urlencoded',
      of: request('POST', 'https://example.amazonaws.com/', FORM, 'Param1=value1'),
      signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    },
    {
      name: 'get-relative-relative',
      of: request('GET', 'https://example.amazonaws.com/example1/example2/../..'),
      signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    },
  ])('$name', async ({ of, signature }, { expect: check }) => {
    const headers = await signerOf().headers(of)
    check(headers['authorization']).toMatch(new RegExp(`, Signature=${signature}$`))
    check(headers['x-amz-date']).toBe('20150830T123600Z')
  })

  test('ListUsers of IAM, whole', async () => {
    const of = request('GET', 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08', {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    })
    const { authorization } = await signerOf({ service: 'iam' }).headers(of)
    expect(authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    )
  })
})

test('the headers to add are those of the proof, and the session token is signed with them', async () => {
  const credentials = new FixedCredentials({ ...EXAMPLE, sessionToken: 'token' })
  const headers = await signerOf({ credentials }).headers(
    request('POST', 'http://127.0.0.1:4566/', { 'content-encoding': 'gzip', 'user-agent': 'meshscope' }, 'x'),
  )
  expect(Object.keys(headers).sort()).toEqual(['authorization', 'x-amz-date', 'x-amz-security-token'])
  expect(headers['authorization']).toContain('SignedHeaders=content-encoding;host;x-amz-date;x-amz-security-token,')
})

describe('a refused request', () => {
  const answer = (type: string, dateMs = TIME_MS) => ({
    url: new URL('https://example.amazonaws.com/'),
    code: 400,
    headers: { date: new Date(dateMs).toUTCString() },
    body: Buffer.from(JSON.stringify({ __type: `com.amazon.coral.service#${type}`, message: 'why' })),
  })

  test.for(['InvalidSignatureException', 'RequestTimeTooSkewed', 'ExpiredTokenException'])(
    'with the wrong time (%s) is signed with that of the service',
    async (type, { expect: check }) => {
      const credentials = new FixedCredentials()
      const signer = signerOf({ credentials })
      check(await signer.refused(answer(type, TIME_MS + 20 * 60_000))).toBe(true)
      check((await signer.headers(request('GET', 'https://example.amazonaws.com/')))['x-amz-date']).toBe('20150830T125600Z')
      check([signer.clockOffsetMs, credentials.refreshes]).toEqual([20 * 60_000, 0])
    },
  )

  test('is signed with our own time again, when the clock here has been set right meanwhile', async () => {
    const signer = signerOf()
    expect(await signer.refused(answer('InvalidSignatureException', TIME_MS + 20 * 60_000))).toBe(true)
    expect(await signer.refused(answer('InvalidSignatureException', TIME_MS))).toBe(true)
    expect(signer.clockOffsetMs).toBe(0)
  })

  test('with the right time is signed with other credentials, if there are any', async () => {
    const credentials = new FixedCredentials()
    const signer = signerOf({ credentials })
    expect(await signer.refused(answer('ExpiredTokenException'))).toBe(true)
    credentials.isGone = true
    expect(await signer.refused(answer('UnrecognizedClientException'))).toBe(false)
    expect(credentials.refreshes).toBe(2)
  })

  test('for another reason stays refused', async () => {
    const credentials = new FixedCredentials()
    const signer = signerOf({ credentials })
    expect(await signer.refused(answer('AccessDeniedException', TIME_MS + 20 * 60_000))).toBe(false)
    expect(await signer.refused({ ...answer(''), code: 400, headers: {}, body: Buffer.from('<html>') })).toBe(false)
    expect([signer.clockOffsetMs, credentials.refreshes]).toEqual([0, 0])
  })
})
