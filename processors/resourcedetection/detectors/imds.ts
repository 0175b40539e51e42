import { type Attributes, type DetectorContext, NotHereError, textIn } from './detector.ts'
import { askMetadata, type MetadataAnswer, textOfSuccess, urlBelow } from './metadata_http.ts'

const TOKEN_SECONDS = 60
/** On an instance the service answers within milliseconds; elsewhere its address often swallows packets. As long as in the AWS SDKs. */
const PRESENCE_MS = 1000
/** EC2 lets an instance have at most 50 tags. */
const TAGS_MAX = 50

/** Where the service is. */
export interface MetadataEndpoint {
  /** By the config; else the environment may name one. */
  readonly endpoint?: string | undefined
  /** For tests: the address that all instances have. */
  readonly usualEndpoint?: string
}

/**
 * The instance metadata service of EC2, version 2 only: every request carries a token that a PUT gives
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
 */
export class InstanceMetadata {
  readonly #endpoint: string
  readonly #signal: AbortSignal
  readonly #headers: Readonly<Record<string, string>>

  private constructor(endpoint: string, signal: AbortSignal, token: string) {
    this.#endpoint = endpoint
    this.#signal = signal
    this.#headers = { 'x-aws-ec2-metadata-token': token }
  }

  /**
   * Gets a token; rejects when there is no metadata service. At the address that all instances have, nothing or something else is
   * no fault but another place; where somebody says that the service is, it is one.
   */
  static async open(given: MetadataEndpoint, { env, signal, clock }: Pick<DetectorContext, 'env' | 'signal' | 'clock'>): Promise<InstanceMetadata> {
    const named = given.endpoint ?? endpointIn(env)
    const endpoint = named ?? given.usualEndpoint ?? usualEndpoint(env)
    const url = urlBelow(endpoint, '/latest/api/token')
    const presence = new AbortController()
    const cancel = named === undefined ? clock.after(PRESENCE_MS, () => presence.abort()) : () => {}
    let answer: MetadataAnswer
    try {
      const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS), 'content-length': '0' }
      answer = await askMetadata(url, { method: 'PUT', headers, signal: AbortSignal.any([signal, presence.signal]) })
    } catch (cause) {
      const isSilent = signal.aborted || presence.signal.aborted
      const hint = isSilent ? '; in a pod the instance must allow two hops (HttpPutResponseHopLimit), or the pod be on the host network' : ''
      const message = `no instance metadata: ${(cause as Error).message}${hint}`
      throw named === undefined ? new NotHereError(message, { cause, isFinal: false }) : new Error(message, { cause })
    } finally {
      cancel()
    }
    // Services of other clouds have the same address and know no tokens.
    if (named === undefined && (answer.status === 404 || answer.status === 405))
      throw new NotHereError(`no instance metadata: ${url.href}: answered with status ${answer.status}`, { isFinal: true })
    const token = textOfSuccess(url, answer).trim()
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`no instance metadata: ${url.href}: answered without a token`)
    return new InstanceMetadata(endpoint, signal, token)
  }

  /** Which instance this is, as attributes; rejects when the service does not say. */
  async instance(): Promise<Attributes> {
    const path = '/latest/dynamic/instance-identity/document'
    const text = await this.#text(path)
    let document: unknown
    try {
      document = JSON.parse(text ?? 'null')
    } catch {
      document = undefined
    }
    const id = textIn(document, 'instanceId')
    if (id === undefined) throw new Error(`${urlBelow(this.#endpoint, path).href}: expected an identity document with instanceId`)
    return {
      'cloud.account.id': textIn(document, 'accountId'),
      'cloud.region': textIn(document, 'region'),
      'cloud.availability_zone': textIn(document, 'availabilityZone'),
      'host.id': id,
      'host.image.id': textIn(document, 'imageId'),
      'host.type': textIn(document, 'instanceType'),
    }
  }

  /** The instance's name in its network; undefined when it has none. */
  async hostname(): Promise<string | undefined> {
    return (await this.#text('/latest/meta-data/hostname')) || undefined
  }

  /** Keys of the instance's tags; undefined when its metadata may not have them. */
  async tagKeys(): Promise<readonly string[] | undefined> {
    const text = await this.#text('/latest/meta-data/tags/instance')
    return text
      ?.split('\n')
      .map((key) => key.trim())
      .filter((key) => key !== '')
      .slice(0, TAGS_MAX)
  }

  async tag(key: string): Promise<string | undefined> {
    return this.#text(`/latest/meta-data/tags/instance/${encodeURIComponent(key)}`)
  }

  /** Undefined when there is no such thing. */
  async #text(path: string): Promise<string | undefined> {
    const url = urlBelow(this.#endpoint, path)
    const answer = await askMetadata(url, { headers: this.#headers, signal: this.#signal })
    return answer.status === 404 ? undefined : textOfSuccess(url, answer).trim()
  }
}

/** The environment variables of the AWS SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-client.html). */
function endpointIn(env: DetectorContext['env']): string | undefined {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') throw new NotHereError('switched off by AWS_EC2_METADATA_DISABLED', { isFinal: true })
  const endpoint = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? ''
  if (endpoint === '' || (URL.canParse(endpoint) && new URL(endpoint).protocol === 'http:')) return endpoint || undefined
  throw new Error(`AWS_EC2_METADATA_SERVICE_ENDPOINT is ${JSON.stringify(endpoint)}, which is no address of HTTP`)
}

function usualEndpoint(env: DetectorContext['env']): string {
  return env['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE']?.toLowerCase() === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'
}
