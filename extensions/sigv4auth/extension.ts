import type { Settings } from '../../component/component.ts'
import type { SharingComponent } from '../../component/factory.ts'
import type { Authenticator, OutgoingRequest, RefusedProof } from '../../component/kit/auth.ts'
import { findRegion } from '../../component/kit/aws/region.ts'
import { AwsSession } from '../../component/kit/aws/session.ts'
import { AwsSigner } from '../../component/kit/aws/signer.ts'
import type { Sigv4AuthConfig } from './config.ts'
import { serviceOfHost } from './service_host.ts'
import { REFUSED, SIGNED } from './telemetry.ts'

/** Most hosts that are told apart; exporters have one each. */
const SIGNERS_MAX = 16

type Environment = Readonly<Record<string, string | undefined>>

/** Signs requests to AWS services by Signature Version 4. Credentials are looked for when the first request is signed. */
export class Sigv4Auth implements SharingComponent {
  readonly shared: Authenticator
  readonly #settings: Settings
  readonly #config: Sigv4AuthConfig
  readonly #env: Environment
  readonly #signers = new Map<string, Promise<AwsSigner>>()
  #session: Promise<AwsSession> | undefined

  constructor(settings: Settings, config: Sigv4AuthConfig, env: Environment = process.env) {
    this.#settings = settings
    this.#config = config
    this.#env = env
    this.shared = {
      client: { signsRequests: true, headers: (request) => this.#headers(request), refused: (answer) => this.#refused(answer) },
    }
  }

  async shutdown(): Promise<void> {
    const session = await this.#session?.catch(() => undefined)
    session?.close()
  }

  async #headers(request: OutgoingRequest): Promise<Readonly<Record<string, string>>> {
    const signer = await this.#signerFor(request.url.hostname)
    const headers = await signer.headers(request)
    const { telemetry, id } = this.#settings
    telemetry.counter(SIGNED, { extension: id.text }).add(1)
    return headers
  }

  async #refused(answer: RefusedProof): Promise<boolean> {
    const signer = await this.#signerFor(answer.url.hostname)
    const isOther = await signer.refused(answer)
    const { telemetry, id } = this.#settings
    if (isOther) telemetry.counter(REFUSED, { extension: id.text }).add(1)
    return isOther
  }

  #signerFor(host: string): Promise<AwsSigner> {
    const known = this.#signers.get(host)
    if (known !== undefined) return known
    if (this.#signers.size >= SIGNERS_MAX) this.#signers.clear()
    const signer = this.#newSigner(host)
    this.#signers.set(host, signer)
    // A failure is not kept: the instance may say its region later.
    signer.catch(() => this.#signers.delete(host))
    return signer
  }

  async #newSigner(host: string): Promise<AwsSigner> {
    const said = serviceOfHost(host)
    const service = this.#config.service ?? said.service
    if (service === undefined) throw new Error(`${this.#settings.address}: ${host} does not say which service it is; set service`)
    const region = this.#config.region ?? said.region ?? (await this.#regionHere())
    this.#session ??= this.#newSession(region)
    const { credentials } = await this.#session
    return new AwsSigner({ credentials, region, service, clock: this.#settings.clock })
  }

  #regionHere(): Promise<string> {
    return findRegion({ localMode: false, retries: 1, env: this.#env })
  }

  async #newSession(region: string): Promise<AwsSession> {
    const { assume_role: role } = this.#config
    const session = new AwsSession(this.#settings, {
      config: {
        shared_credentials_file: [],
        no_verify_ssl: false,
        local_mode: false,
        request_timeout_seconds: 30,
        max_retries: 2,
        imds_retries: 1,
        ...(role === undefined ? {} : { role_arn: role.arn }),
        ...(role?.external_id === undefined ? {} : { external_id: role.external_id }),
      },
      region: role?.sts_region ?? this.#config.region ?? region,
      env: this.#env,
      sessionName: role?.session_name,
      webIdentityTokenFile: role?.web_identity_token_file,
    })
    session.start()
    return session
  }
}
