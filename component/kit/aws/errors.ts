import type { IncomingHttpHeaders } from 'node:http'
import type { HttpAnswer } from '../http_sender.ts'

/**
 * What an error of an AWS service means for the request. `denied` and `misdirected` last until an operator does something.
 *
 * - `throttled`, `unavailable`, `conflict`: the same request may succeed later
 * - `proof`: signature, time or key was not accepted
 * - `denied`: the role may not, a quota is used up, or a key of the account refuses
 * - `not_found`, `exists`: of what the request names
 * - `invalid`: the request itself is at fault; `too_large`: only by its size
 * - `misdirected`: nothing that this service says
 */
export type AwsErrorKind = 'throttled' | 'unavailable' | 'conflict' | 'proof' | 'denied' | 'not_found' | 'exists' | 'invalid' | 'too_large' | 'misdirected'

/** An answer of an AWS service other than success. The message is for the operator. */
export class AwsError extends Error {
  override readonly name = 'AwsError'
  readonly kind: AwsErrorKind
  /** The error's name, such as `ThrottlingException`; empty when the answer has none. */
  readonly type: string

  constructor(
    operation: string,
    { kind, type, code, said }: { readonly kind: AwsErrorKind; readonly type: string; readonly code: number; readonly said: string },
  ) {
    super(`${operation}: ${type === '' ? `HTTP ${code}` : type}${said === '' ? '' : `: ${said}`}`)
    this.kind = kind
    this.type = type
  }
}

/** Longest part of an answer that is shown. */
const TEXT_MAX = 300

const KINDS: Readonly<Record<string, AwsErrorKind>> = {
  ...kindOfAll('throttled', [
    'BandwidthLimitExceeded',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'RequestThrottled',
    'RequestThrottledException',
    'SlowDown',
    'ThrottledException',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
  ]),
  ...kindOfAll('unavailable', ['InternalFailure', 'InternalServerError', 'ServiceUnavailable', 'ServiceUnavailableException', 'RequestTimeoutException']),
  ...kindOfAll('conflict', ['OperationAbortedException', 'ConflictException']),
  ...kindOfAll('proof', [
    'AuthFailure',
    'ExpiredToken',
    'ExpiredTokenException',
    'IncompleteSignature',
    'IncompleteSignatureException',
    'InvalidClientTokenId',
    'InvalidSignatureException',
    'InvalidToken',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    'RequestExpired',
    'RequestInTheFuture',
    'RequestTimeTooSkewed',
    'SignatureDoesNotMatch',
    'TokenRefreshRequired',
    'UnrecognizedClientException',
  ]),
  ...kindOfAll('denied', ['AccessDenied', 'AccessDeniedException', 'LimitExceededException', 'OptInRequired', 'UnauthorizedOperation']),
  ...kindOfAll('invalid', ['InvalidParameterException', 'SerializationException', 'ValidationException']),
  ...kindOfAll('too_large', ['RequestEntityTooLargeException', 'RequestTooLargeException', 'PayloadTooLargeException']),
  ResourceNotFoundException: 'not_found',
  ResourceAlreadyExistsException: 'exists',
}

function kindOfAll(kind: AwsErrorKind, types: readonly string[]): Record<string, AwsErrorKind> {
  return Object.fromEntries(types.map((type) => [type, kind]))
}

/** The error that an answer of JSON 1.1 other than success is. `operation` is what was asked for. */
export function awsErrorOf(operation: string, { code, headers, body }: HttpAnswer): AwsError {
  const type = errorTypeOf(headers, body)
  return new AwsError(operation, { kind: kindOf(type, code), type, code, said: messageOf(body) })
}

/** The error's name without namespace and address: `com.amazon.coral.service#ExpiredTokenException:http://…` → `ExpiredTokenException`. */
export function errorTypeOf(headers: IncomingHttpHeaders, body: Uint8Array): string {
  const { __type: type, code } = membersOf(body)
  const text = [headers['x-amzn-errortype'], type, code, xmlElement(body, 'Code')].find((one) => typeof one === 'string') ?? ''
  return /^(?:[^#:]*#)?([A-Za-z0-9_.]+)/.exec(text)?.[1] ?? ''
}

/** Whether an error is about the signature, its time or its key. */
export function isProofError(type: string): boolean {
  return KINDS[type] === 'proof'
}

/** The text of an element of an answer in XML, as the older services give them; undefined when there is none. */
export function xmlElement(body: Uint8Array, name: string): string | undefined {
  const text = Buffer.from(body).toString('utf8')
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
  return found?.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: keyof typeof ENTITIES) => ENTITIES[entity])
}

const ENTITIES = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' } as const

function kindOf(type: string, code: number): AwsErrorKind {
  const kind = KINDS[type]
  if (kind !== undefined) return kind
  if (code === 429) return 'throttled'
  if (code === 413) return 'too_large'
  if (code >= 500 || code === 408) return 'unavailable'
  if (code === 401 || code === 403 || type.startsWith('KMS')) return 'denied'
  return 'misdirected'
}

function messageOf(body: Uint8Array): string {
  const members = membersOf(body)
  const said = members['message'] ?? members['Message'] ?? xmlElement(body, 'Message')
  const text = (typeof said === 'string' ? said : Buffer.from(body).toString('utf8')).trim()
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
}

function membersOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    // A page of a load balancer, or XML.
    return {}
  }
}
