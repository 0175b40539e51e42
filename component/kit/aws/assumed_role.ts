import { readFile } from 'node:fs/promises'
import type { Settings } from '../../component.ts'
import { HttpSender, type HttpSenderOptions } from '../http_sender.ts'
import type { AwsCredentials, CredentialSource } from './credentials.ts'
import { awsErrorOf, xmlElement } from './errors.ts'

/** Credentials are asked for anew this long before they expire. */
const EARLY_MS = 300_000
/** Longest time that STS may take. */
const TIMEOUT_MS = 10_000

export interface AssumedRoleOptions {
  readonly roleArn: string
  readonly externalId?: string | undefined
  readonly sessionName: string
  /** File with the token of a web identity that may assume the role; it is read each time, because it is exchanged. */
  readonly webIdentityTokenFile?: string | undefined
  /** The address of STS. */
  readonly url: URL
  /** How STS is reached; `authenticator` signs with the credentials that may assume the role, if there is no token. */
  readonly http: HttpSenderOptions
}

/**
 * Credentials of a role that other credentials or a web identity may assume: AssumeRole and AssumeRoleWithWebIdentity of STS
 * (https://docs.aws.amazon.com/STS/latest/APIReference/). Asked for by many at a time, STS is asked once;
 * while it does not answer, what it gave is used until that expires.
 */
export class AssumedRole implements CredentialSource {
  readonly #settings: Settings
  readonly #options: AssumedRoleOptions
  readonly #sender: HttpSender
  #held: (AwsCredentials & { readonly expiration: Date }) | undefined
  #asking: Promise<void> | undefined

  constructor(settings: Settings, options: AssumedRoleOptions) {
    this.#settings = settings
    this.#options = options
    this.#sender = new HttpSender(settings, options.http)
  }

  /** Prepares connections; throws a sentence for the operator when the settings cannot work. */
  start(): void {
    this.#sender.start()
  }

  close(): void {
    this.#sender.close()
  }

  async get(): Promise<AwsCredentials> {
    const leftMs = this.#leftMs()
    if (leftMs <= EARLY_MS) {
      const refreshed = this.refresh()
      if (leftMs <= 0) await refreshed
      else refreshed.catch(() => undefined)
    }
    return this.#held as AwsCredentials
  }

  async refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  #leftMs(): number {
    return this.#held === undefined ? 0 : this.#held.expiration.getTime() - this.#settings.clock.now()
  }

  async #ask(): Promise<void> {
    const { roleArn, url } = this.#options
    const timeout = new AbortController()
    const stopTimer = this.#settings.clock.after(TIMEOUT_MS, () => timeout.abort(new Error(`${url.host}: no answer within ${TIMEOUT_MS} ms`)))
    try {
      const answer = await this.#sender.send({
        method: 'POST',
        url,
        contentType: 'application/x-www-form-urlencoded',
        body: Buffer.from(String(await this.#form())),
        signal: timeout.signal,
      })
      if (answer.code !== 200) throw awsErrorOf('STS', answer)
      this.#held = credentialsOf(answer.body)
    } catch (cause) {
      throw new Error(`cannot assume role_arn ${roleArn}: ${(cause as Error).message}`, { cause })
    } finally {
      stopTimer()
    }
  }

  async #form(): Promise<URLSearchParams> {
    const { roleArn, externalId, sessionName, webIdentityTokenFile: file } = this.#options
    const form = { Version: '2011-06-15', RoleArn: roleArn, RoleSessionName: sessionName }
    if (file !== undefined)
      return new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', ...form, WebIdentityToken: (await readFile(file, 'utf8')).trim() })
    return new URLSearchParams({ Action: 'AssumeRole', ...form, ...(externalId === undefined ? {} : { ExternalId: externalId }) })
  }
}

function credentialsOf(body: Uint8Array): AwsCredentials & { readonly expiration: Date } {
  const [accessKeyId, secretAccessKey, sessionToken, expires] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration'].map((name) =>
    xmlElement(body, name),
  )
  const expiration = new Date(expires ?? '')
  if (!accessKeyId || !secretAccessKey || !sessionToken || Number.isNaN(expiration.getTime())) throw new Error('STS answered without credentials')
  return { accessKeyId, secretAccessKey, sessionToken, expiration }
}
