import type { DetectorContext } from './detector.ts'
import { type Attributes, textIn } from './detector.ts'
import { askMetadata, textOfSuccess, urlBelow } from './metadata_http.ts'

const TOKEN_SECONDS = 60
/** EC2 lets an instance have at most 50 tags. */
const TAGS_MAX = 50

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

  /** Gets a token; rejects when there is no metadata service. */
  static async open(given: string | undefined, { env, signal }: Pick<DetectorContext, 'env' | 'signal'>): Promise<InstanceMetadata> {
    const endpoint = given ?? endpointOf(env)
    const url = urlBelow(endpoint, '/latest/api/token')
    try {
      const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS), 'content-length': '0' }
      const token = textOfSuccess(url, await askMetadata(url, { method: 'PUT', headers, signal })).trim()
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`${url.href}: answered without a token`)
      return new InstanceMetadata(endpoint, signal, token)
    } catch (cause) {
      const hint = signal.aborted ? '; in a pod the instance must allow two hops (HttpPutResponseHopLimit), or the pod be on the host network' : ''
      throw new Error(`no instance metadata: ${(cause as Error).message}${hint}`, { cause })
    }
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
function endpointOf(env: DetectorContext['env']): string {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') throw new Error('switched off by AWS_EC2_METADATA_DISABLED')
  const endpoint = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? ''
  if (endpoint !== '') {
    if (URL.canParse(endpoint) && new URL(endpoint).protocol === 'http:') return endpoint
    throw new Error(`AWS_EC2_METADATA_SERVICE_ENDPOINT is ${JSON.stringify(endpoint)}, which is no address of HTTP`)
  }
  return env['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE']?.toLowerCase() === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'
}
