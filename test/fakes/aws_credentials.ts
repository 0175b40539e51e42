/**
 * The places that AWS programs get credentials from, over real HTTP on this machine: the metadata service of an EC2 instance
 * (version 2), the agents of ECS and of EKS Pod Identity, and the security token service. What they give out stands in a
 * `CredentialBook`, so that the fake of a service knows it.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CredentialBook, IssuedCredentials } from './cloudwatch_logs/credential_book.ts'
import { checkSignature } from './cloudwatch_logs/signature.ts'

/** How an HTTP fake answers. */
interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
}

type Answerer = (request: IncomingMessage, body: Buffer) => Answer

/** What every fake has: its address, the requests it had, and an end. */
abstract class CredentialServer {
  /** Method and path of each request. */
  readonly requests: string[] = []
  /** While true every request is answered with 503. */
  isAway = false
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        this.requests.push(`${request.method} ${request.url}`)
        const { status, body, type = 'text/plain' } = this.isAway ? { status: 503, body: 'away' } : this.answer(request, Buffer.concat(chunks))
        response.writeHead(status, { 'content-type': type }).end(body)
      })
    })
  }

  protected abstract answer: Answerer

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Variables that lead a program here, and away from anything real. */
  abstract get env(): Readonly<Record<string, string>>

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Set when nothing on the machine that a test runs on is to be asked. */
const NOTHING_ELSE = { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' } as const

export interface CredentialServerOptions {
  readonly book: CredentialBook
  /** How long each pair of keys is good; changed at any time. */
  readonly ttlMs: number
}

/** The metadata service of an instance, version 2 only: a request without a session token is answered with 401. */
export class FakeInstanceMetadata extends CredentialServer {
  ttlMs: number
  region = 'us-east-1'
  /** The instance profile's role; empty: the instance has none. */
  role = 'node-role'
  readonly #book: CredentialBook
  readonly #tokens = new Set<string>()

  constructor({ book, ttlMs }: CredentialServerOptions) {
    super()
    this.#book = book
    this.ttlMs = ttlMs
  }

  get env(): Readonly<Record<string, string>> {
    return { ...NOTHING_ELSE, AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: this.url }
  }

  /** Makes all session tokens void, as a restart of the service does. */
  forgetTokens(): void {
    this.#tokens.clear()
  }

  protected answer = (request: IncomingMessage): Answer => {
    const path = (request.url ?? '').replace(/\/$/, '')
    if (path === '/latest/api/token') {
      const ttl = Number(request.headers['x-aws-ec2-metadata-token-ttl-seconds'])
      if (request.method !== 'PUT' || request.headers['x-forwarded-for'] !== undefined) return { status: 403, body: '' }
      if (!(ttl >= 1 && ttl <= 21_600)) return { status: 400, body: '' }
      const token = `session-${this.#tokens.size + 1}-${Math.random()}`
      this.#tokens.add(token)
      return { status: 200, body: token }
    }
    if (request.method !== 'GET') return { status: 405, body: '' }
    if (!this.#tokens.has(String(request.headers['x-aws-ec2-metadata-token']))) return { status: 401, body: '' }
    return this.#get(path)
  }

  #get(path: string): Answer {
    const credentials = '/latest/meta-data/iam/security-credentials'
    if (path === credentials && this.role !== '') return { status: 200, body: this.role }
    if (path === `${credentials}/${this.role}`) {
      const { accessKeyId, secretAccessKey, sessionToken, expiresMs } = this.#book.issue(this.ttlMs)
      const Expiration = new Date(expiresMs).toISOString().replace(/\.\d{3}/, '')
      const issued = { Code: 'Success', LastUpdated: new Date(expiresMs - this.ttlMs).toISOString(), Type: 'AWS-HMAC' }
      return { status: 200, body: JSON.stringify({ ...issued, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration }) }
    }
    if (path === '/latest/meta-data/placement/region') return { status: 200, body: this.region }
    if (path === '/latest/meta-data/placement/availability-zone') return { status: 200, body: `${this.region}a` }
    if (path === '/latest/dynamic/instance-identity/document')
      return { status: 200, body: JSON.stringify({ region: this.region, instanceId: 'i-0' }), type: 'application/json' }
    return { status: 404, body: '' }
  }
}

/**
 * The agent of ECS, or of EKS Pod Identity when there is a file with a token: each request must then bring what stands in the file
 * at that time. Asked through AWS_CONTAINER_CREDENTIALS_FULL_URI, since the addresses of the real ones are not on this machine.
 */
export class FakeContainerCredentials extends CredentialServer {
  ttlMs: number
  readonly #book: CredentialBook
  readonly #tokenFile: string | undefined

  constructor({ book, ttlMs, tokenFile }: CredentialServerOptions & { readonly tokenFile?: string }) {
    super()
    this.#book = book
    this.ttlMs = ttlMs
    this.#tokenFile = tokenFile
  }

  get env(): Readonly<Record<string, string>> {
    const token = this.#tokenFile === undefined ? {} : { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: this.#tokenFile }
    return { ...NOTHING_ELSE, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${this.url}/v1/credentials`, ...token }
  }

  protected answer = (request: IncomingMessage): Answer => {
    if (request.method !== 'GET' || request.url !== '/v1/credentials') return { status: 404, body: '{"code":"NotFound"}' }
    if (this.#tokenFile !== undefined && request.headers.authorization !== readFileSync(this.#tokenFile, 'utf8').trim()) {
      return {
        status: 401,
        body: JSON.stringify({ code: 'AccessDeniedException', message: 'the service account token is not valid' }),
        type: 'application/json',
      }
    }
    const { accessKeyId, secretAccessKey, sessionToken, expiresMs } = this.#book.issue(this.ttlMs)
    const answer = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration: new Date(expiresMs).toISOString() }
    return { status: 200, body: JSON.stringify(answer), type: 'application/json' }
  }
}

/** The security token service: AssumeRoleWithWebIdentity, which nobody signs, and AssumeRole, which is signed. */
export class FakeSecurityTokens extends CredentialServer {
  ttlMs: number
  readonly region = 'us-east-1'
  /** Tokens of service accounts that are good. */
  readonly webIdentities = new Set<string>()
  /** Calls that were done: action, role, and who asked. */
  readonly assumed: { readonly action: string; readonly role: string; readonly externalId: string }[] = []
  readonly #book: CredentialBook
  readonly #now: () => number

  constructor({ book, ttlMs, now = Date.now }: CredentialServerOptions & { readonly now?: () => number }) {
    super()
    this.#book = book
    this.ttlMs = ttlMs
    this.#now = now
  }

  get env(): Readonly<Record<string, string>> {
    return { ...NOTHING_ELSE, AWS_ENDPOINT_URL_STS: this.url }
  }

  protected answer = (request: IncomingMessage, body: Buffer): Answer => {
    const form = new URLSearchParams(body.toString())
    const [action, role, externalId] = [form.get('Action') ?? '', form.get('RoleArn') ?? '', form.get('ExternalId') ?? '']
    const refusal = this.#refusal(request, { action, form, body })
    if (refusal !== undefined) return failed(refusal.code, refusal.message)
    this.assumed.push({ action, role, externalId })
    return { status: 200, type: 'text/xml', body: assumedXml(action, { role, issued: this.#book.issue(this.ttlMs) }) }
  }

  #refusal(request: IncomingMessage, call: { readonly action: string; readonly form: URLSearchParams; readonly body: Buffer }) {
    const { action, form, body } = call
    if (form.get('Version') !== '2011-06-15' || !/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? ''))
      return { code: 'ValidationError', message: 'Version or RoleSessionName' }
    if (action === 'AssumeRoleWithWebIdentity') {
      return this.webIdentities.has(form.get('WebIdentityToken') ?? '') ? undefined : { code: 'InvalidIdentityToken', message: 'Token is not known' }
    }
    if (action !== 'AssumeRole') return { code: 'InvalidAction', message: action }
    const headers = Array.from(
      { length: request.rawHeaders.length / 2 },
      (_, i) => [request.rawHeaders[2 * i] as string, request.rawHeaders[2 * i + 1] as string] as const,
    )
    const signed = { method: request.method ?? '', url: request.url ?? '', headers, body }
    const fault = checkSignature(signed, { book: this.#book, region: this.region, service: 'sts', nowMs: this.#now() })
    return fault === undefined ? undefined : { code: fault.type.replace(/Exception$/, ''), message: fault.message }
  }
}

function failed(code: string, message: string): Answer {
  const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
  return { status: code === 'InvalidClientTokenId' || code === 'ExpiredToken' ? 403 : 400, type: 'text/xml', body }
}

function assumedXml(action: string, { role, issued }: { readonly role: string; readonly issued: IssuedCredentials }): string {
  const { accessKeyId, secretAccessKey, sessionToken, expiresMs } = issued
  const keys = `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken>`
  const credentials = `<Credentials>${keys}<Expiration>${new Date(expiresMs).toISOString()}</Expiration></Credentials>`
  const user = `<AssumedRoleUser><Arn>${role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/session</Arn><AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId></AssumedRoleUser>`
  return `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${credentials}${user}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`
}
