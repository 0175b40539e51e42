import { hostname } from 'node:os'
import type { Settings } from '../../component.ts'
import type { HttpSenderOptions } from '../http_sender.ts'
import type { TlsClientConfig } from '../tls_client.ts'
import { AssumedRole } from './assumed_role.ts'
import { CredentialChain, type CredentialSource } from './credentials.ts'
import { serviceUrl } from './endpoint.ts'
import type { AwsSessionConfig } from './session_schema.ts'
import { AwsSigner } from './signer.ts'

export interface AwsSessionOptions {
  readonly config: AwsSessionConfig
  readonly region: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Names the session of `role_arn` in the account's audit log, instead of one with the host's name. */
  readonly sessionName?: string | undefined
  /** A web identity that may assume `role_arn`, instead of credentials that are found. */
  readonly webIdentityTokenFile?: string | undefined
}

/** The credentials that a component's settings tell of: those found in the environment, and the role to assume with them. */
export class AwsSession {
  readonly credentials: CredentialSource
  readonly #role: AssumedRole | undefined

  constructor(settings: Settings, { config, region, env, sessionName = defaultSessionName(), webIdentityTokenFile }: AwsSessionOptions) {
    const chain = new CredentialChain(config, { log: settings.log, region })
    const { role_arn: roleArn, external_id: externalId } = config
    if (roleArn === undefined) {
      this.credentials = chain
      return
    }
    const signer = new AwsSigner({ credentials: chain, region, service: 'sts', clock: settings.clock })
    const proof = webIdentityTokenFile === undefined ? { authenticator: signer } : {}
    this.#role = new AssumedRole(settings, {
      roleArn,
      externalId,
      sessionName,
      webIdentityTokenFile,
      url: serviceUrl({ host: 'sts', variable: 'STS' }, region, { env }),
      http: { ...awsConnection(config), compression: 'none', ...proof, answerBytesMax: 64 << 10 },
    })
    this.credentials = this.#role
  }

  /** Prepares connections; throws a sentence for the operator when the settings cannot work. */
  start(): void {
    this.#role?.start()
  }

  /** Closes what `start` opened. Safe twice. */
  close(): void {
    this.#role?.close()
  }
}

/** How services are reached, by the session settings. */
export function awsConnection(config: AwsSessionConfig): Pick<HttpSenderOptions, 'tls' | 'headers' | 'proxy'> {
  const { certificate_file_path: authorities, no_verify_ssl: trustsAll, proxy_address: proxy } = config
  const tls: TlsClientConfig = {
    insecure: false,
    insecure_skip_verify: trustsAll,
    include_system_ca_certs_pool: false,
    min_version: '1.2',
    max_version: '1.3',
    cipher_suites: [],
    reload_interval: '1m',
    ...(authorities === undefined ? {} : { ca_file: authorities }),
  }
  return { tls, headers: {}, proxy }
}

/** Of the characters that STS takes. */
function defaultSessionName(): string {
  return `meshscope-${hostname()}`.replace(/[^\w+=,.@-]/g, '-').slice(0, 64)
}
