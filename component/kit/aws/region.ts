import { request } from '../../../lib/node_http.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** How long the metadata service may take for one answer; it is a link-local address. */
const ANSWER_MS_MAX = 1000
const TOKEN_SECONDS = 60

export interface RegionOptions {
  readonly region?: string | undefined
  /** Whether the metadata service is left alone. */
  readonly localMode: boolean
  readonly retries: number
  readonly env: Environment
}

/**
 * The region to use: the config's, `AWS_REGION`, `AWS_DEFAULT_REGION`, and last that of the EC2 instance, by version 2 of
 * its metadata service. Rejects with a sentence for the operator when there is none.
 */
export async function findRegion({ region, localMode, retries, env }: RegionOptions): Promise<string> {
  const told = region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION'])
  if (told) return told
  const hint = 'set region, or AWS_REGION'
  if (localMode) throw new Error(`no region; ${hint} (local_mode does not ask the instance)`)
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') throw new Error(`no region; ${hint} (AWS_EC2_METADATA_DISABLED does not ask the instance)`)
  for (let attempt = 0; ; attempt++) {
    try {
      return await regionOfInstance(env)
    } catch (cause) {
      if (attempt >= retries) throw new Error(`no region; ${hint} (the instance metadata does not say: ${(cause as Error).message})`, { cause })
    }
  }
}

async function regionOfInstance(env: Environment): Promise<string> {
  const isIpv6 = env['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE']?.toLowerCase() === 'ipv6'
  const base = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || (isIpv6 ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254')
  const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS), 'content-length': '0' }
  const token = await ask(new URL('/latest/api/token', base), 'PUT', ttl)
  const region = await ask(new URL('/latest/meta-data/placement/region', base), 'GET', { 'x-aws-ec2-metadata-token': token })
  if (!/^[a-z0-9-]{4,30}$/.test(region)) throw new Error(`${base} answered ${JSON.stringify(region.slice(0, 30))}`)
  return region
}

function ask(url: URL, method: 'GET' | 'PUT', headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, signal: AbortSignal.timeout(ANSWER_MS_MAX), agent: false })
    asked.on('error', (error) => reject(error.name === 'AbortError' ? new Error(`${url.host} does not answer`) : error))
    asked.on('response', (message) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('error', reject)
      message.on('end', () => {
        if (message.statusCode === 200) resolve(Buffer.concat(chunks).toString('latin1').trim())
        else reject(new Error(`${url.href} answered ${message.statusCode}`))
      })
    })
    asked.end()
  })
}
