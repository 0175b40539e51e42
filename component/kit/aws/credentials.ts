import type { Settings } from '../../component.ts'
import type { AwsSessionConfig } from './session_schema.ts'

/** What requests are signed with. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of credentials that expire. */
  readonly sessionToken?: string | undefined
  readonly expiration?: Date | undefined
}

/** Where credentials come from. Whoever holds one may ask for every request. */
export interface CredentialSource {
  /** What is good now, from memory where possible. Rejects with a sentence for the operator when there is nothing. */
  get(): Promise<AwsCredentials>
  /** Asks the source anew although what it gave has not expired: the service did not accept it. Rejects when the source has nothing. */
  refresh(): Promise<void>
}

type Provider = (options?: { readonly forceRefresh?: boolean }) => Promise<AwsCredentials>

/**
 * The AWS SDK's chain: variables, shared files, web identity (IRSA), container (ECS, EKS Pod Identity), instance. It asks anew
 * five minutes before what it has expires, goes on with that until then, and is asked by many at a time only once.
 *
 * The SDK is loaded at the first use (docs/decisions/0012_aws.md says what that costs).
 */
export class CredentialChain implements CredentialSource {
  readonly #load: () => Promise<Provider>
  #provider: Promise<Provider> | undefined

  constructor(
    session: Pick<AwsSessionConfig, 'profile' | 'shared_credentials_file' | 'imds_retries'>,
    { log, region }: { readonly log: Settings['log']; readonly region: string },
  ) {
    this.#load = async () => {
      const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
      const [filepath] = session.shared_credentials_file
      return defaultProvider({
        maxRetries: session.imds_retries,
        // Of STS, for web identity.
        clientConfig: { region },
        logger: { ...SILENT, warn: (text: string) => log.warn({ warning: text }, 'warning about credentials') },
        ...(session.profile === undefined ? {} : { profile: session.profile }),
        ...(filepath === undefined ? {} : { filepath }),
      })
    }
  }

  async get(): Promise<AwsCredentials> {
    return await this.#ask({})
  }

  async refresh(): Promise<void> {
    await this.#ask({ forceRefresh: true })
  }

  async #ask(options: { readonly forceRefresh?: boolean }): Promise<AwsCredentials> {
    this.#provider ??= this.#load()
    const provider = await this.#provider
    try {
      return await provider(options)
    } catch (cause) {
      const hint = 'give the pod, task or instance a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
      throw new Error(`no AWS credentials: ${(cause as Error).message}; ${hint}`, { cause })
    }
  }
}

const SILENT = { trace: () => undefined, debug: () => undefined, info: () => undefined, error: () => undefined }
