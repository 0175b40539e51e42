import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { SignatureV4 } from '@smithy/signature-v4'
import type { Clock } from '../../component.ts'
import type { ClientAuthenticator, OutgoingRequest, RefusedProof } from '../auth.ts'
import type { CredentialSource } from './credentials.ts'
import { errorTypeOf, isProofError } from './errors.ts'

/** The service takes requests whose time is off by 5 minutes; what is nearer than this is not why it refused one. */
const SKEW_MS_MIN = 60_000

export interface AwsSignerOptions {
  readonly credentials: CredentialSource
  readonly region: string
  /** The service's name in signatures, such as `logs`. */
  readonly service: string
  readonly clock: Clock
}

/**
 * Signs requests by Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 * Learns from refusals: takes over the service's time when the clock here is wrong, and asks for new credentials.
 */
export class AwsSigner implements ClientAuthenticator {
  readonly signsRequests = true
  readonly #options: AwsSignerOptions
  #signature: Promise<SignatureV4> | undefined
  /** What the clock of the service shows more than ours. */
  #offsetMs = 0

  constructor(options: AwsSignerOptions) {
    this.#options = options
  }

  /** How far the clock here was found to be behind that of the service, in milliseconds; 0 as long as nobody minds. */
  get clockOffsetMs(): number {
    return this.#offsetMs
  }

  async headers({ method, url, headers, body }: OutgoingRequest): Promise<Readonly<Record<string, string>>> {
    this.#signature ??= this.#load()
    const signature = await this.#signature
    const signed = await signature.sign(
      {
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: queryOf(url),
        headers: { ...headers, host: url.host },
        body,
      },
      { signingDate: new Date(this.#now()) },
    )
    // `host` is sent by Node.js.
    return Object.fromEntries(Object.entries(signed.headers).filter(([name]) => name !== 'host' && !(name in headers)))
  }

  async refused({ headers, body }: RefusedProof): Promise<boolean> {
    if (!isProofError(errorTypeOf(headers, body))) return false
    const serverMs = Date.parse(headers.date ?? '')
    if (Math.abs(serverMs - this.#now()) >= SKEW_MS_MIN) {
      this.#offsetMs = serverMs - this.#options.clock.now()
      return true
    }
    return await this.#options.credentials.refresh().then(
      () => true,
      () => false,
    )
  }

  #now(): number {
    return this.#options.clock.now() + this.#offsetMs
  }

  async #load(): Promise<SignatureV4> {
    const { SignatureV4: Signature } = await import('@smithy/signature-v4')
    const { credentials, region, service } = this.#options
    const identity = async () => {
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials.get()
      return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
    }
    // The hash of the body stands in what is signed; only S3 wants it as a header.
    return new Signature({ credentials: identity, region, service, sha256: Sha256, applyChecksum: false })
  }
}

function queryOf(url: URL): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  for (const key of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(key)
    query[key] = values.length === 1 ? (values[0] as string) : values
  }
  return query
}

/** SHA-256 and, with a key, its HMAC, as the signer asks for them. */
class Sha256 {
  #hash: Hash | Hmac
  readonly #secret: Uint8Array | string | undefined

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = typeof secret === 'object' ? bytesOf(secret) : secret
    this.#hash = this.#begin()
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === 'string' ? data : bytesOf(data))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {
    this.#hash = this.#begin()
  }

  #begin(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret)
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
