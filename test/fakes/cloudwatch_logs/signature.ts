/**
 * Checks Signature Version 4 of a request as a service does, written from AWS's description alone ("Create a signed AWS API
 * request"), so that it can disagree with the signer of the program under test.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { CredentialBook } from './credential_book.ts'

/** A request as it came over the wire. */
export interface SignedRequest {
  readonly method: string
  /** Path and query, undecoded. */
  readonly url: string
  /** Pairs as they were sent. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

/** Why a request is refused: the error's type and message as AWS words them. */
export interface SignatureFault {
  readonly type: string
  readonly message: string
}

export interface SignatureCheck {
  readonly book: CredentialBook
  readonly region: string
  readonly service: string
  /** The service's time, milliseconds since the epoch. */
  readonly nowMs: number
}

/** How far the clock of a client may be off. */
const SKEW_MAX_MS = 300_000

/** Undefined when the signature is good. */
export function checkSignature(request: SignedRequest, check: SignatureCheck): SignatureFault | undefined {
  const authorization = headerOf(request, 'authorization')
  if (authorization === undefined) return { type: 'MissingAuthenticationTokenException', message: 'Request is missing Authentication Token' }
  const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/.exec(
    authorization,
  )
  if (parts === null) return { type: 'IncompleteSignatureException', message: `Authorization header is not well-formed: ${authorization}` }
  const [, key, date, region, service, signedHeaders, signature] = parts as unknown as [string, string, string, string, string, string, string]
  const amzDate = headerOf(request, 'x-amz-date') ?? ''
  const fault = checkScope({ date, region, service, amzDate }, check) ?? checkSignedHeaders(request, signedHeaders.split(';')) ?? checkDeclaredHash(request)
  if (fault !== undefined) return fault
  const verdict = check.book.look(key, headerOf(request, 'x-amz-security-token') ?? '')
  if ('refused' in verdict) {
    return verdict.refused === 'expired'
      ? { type: 'ExpiredTokenException', message: 'The security token included in the request is expired' }
      : { type: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' }
  }
  const toSign = ['AWS4-HMAC-SHA256', amzDate, `${date}/${region}/${service}/aws4_request`, sha256(canonicalRequest(request, signedHeaders))].join('\n')
  const signingKey = [date, region, service, 'aws4_request'].reduce((secret: string | Buffer, text) => hmac(secret, text), `AWS4${verdict.secret}`)
  const expected = hmac(signingKey, toSign)
  if (timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return undefined
  const message = 'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.'
  return invalid(`${message} Consult the service documentation for details.`)
}

interface Scope {
  readonly date: string
  readonly region: string
  readonly service: string
  readonly amzDate: string
}

function checkScope({ date, region, service, amzDate }: Scope, check: SignatureCheck): SignatureFault | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate)
  if (parts === null) return { type: 'IncompleteSignatureException', message: `Date must be in ISO-8601 'basic format'. Got '${amzDate}'.` }
  if (!amzDate.startsWith(date))
    return invalid(`Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${amzDate}'`)
  if (region !== check.region) return invalid(`Credential should be scoped to a valid region, not '${region}'.`)
  if (service !== check.service) return invalid(`Credential should be scoped to correct service: '${check.service}'.`)
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [number, number, number, number, number, number]
  const signedMs = Date.UTC(year, month - 1, day, hour, minute, second)
  const now = basicFormat(check.nowMs)
  if (signedMs < check.nowMs - SKEW_MAX_MS)
    return invalid(`Signature expired: ${amzDate} is now earlier than ${basicFormat(check.nowMs - SKEW_MAX_MS)} (${now} - 5 min.)`)
  if (signedMs > check.nowMs + SKEW_MAX_MS)
    return invalid(`Signature not yet current: ${amzDate} is still later than ${basicFormat(check.nowMs + SKEW_MAX_MS)} (${now} + 5 min.)`)
  return undefined
}

/** `host` and every `x-amz-*` header must be signed, and the list must be sorted. */
function checkSignedHeaders(request: SignedRequest, signed: readonly string[]): SignatureFault | undefined {
  if ([...signed].sort().join(';') !== signed.join(';')) return invalid('SignedHeaders are not sorted.')
  const present = request.headers.map(([name]) => name.toLowerCase())
  const missing = ['host', ...present.filter((name) => name.startsWith('x-amz-'))].filter((name) => !signed.includes(name))
  if (missing.length > 0) return invalid(`'${missing[0]}' must be a signed header in the AWS request.`)
  const absent = signed.find((name) => !present.includes(name))
  return absent === undefined ? undefined : invalid(`signed header '${absent}' is not in the request.`)
}

function checkDeclaredHash(request: SignedRequest): SignatureFault | undefined {
  const declared = headerOf(request, 'x-amz-content-sha256')
  if (declared === undefined || declared === sha256(request.body)) return undefined
  return invalid('The value of the header x-amz-content-sha256 is not the SHA-256 of the payload.')
}

/** The request in the form that is signed. */
export function canonicalRequest(request: SignedRequest, signedHeaders: string): string {
  const [path = '/', query = ''] = request.url.split('?', 2)
  const headers = signedHeaders.split(';').map((name) => {
    const values = request.headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value.trim().replace(/ +/g, ' '))
    return `${name}:${values.join(',')}\n`
  })
  const pairs = query === '' ? [] : query.split('&').map((pair) => (pair.includes('=') ? pair : `${pair}=`))
  return [request.method, path === '' ? '/' : path, pairs.sort().join('&'), headers.join(''), signedHeaders, sha256(request.body)].join('\n')
}

function headerOf(request: SignedRequest, name: string): string | undefined {
  return request.headers.find(([other]) => other.toLowerCase() === name)?.[1]
}

function basicFormat(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

function invalid(message: string): SignatureFault {
  return { type: 'InvalidSignatureException', message }
}
