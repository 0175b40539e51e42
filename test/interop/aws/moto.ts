import { Child } from '../child.ts'

/** moto's server with what it has been sent. */
export interface RunningMoto {
  readonly child: Child
  /** What `endpoint` of a client is to be. */
  readonly url: string
  /** Names of the streams of a group. */
  streams(group: string): Promise<readonly string[]>
  /** Messages of a stream, oldest first. */
  messages(group: string, stream: string): Promise<readonly string[]>
  /** The group as the API describes it; undefined when there is none. */
  group(name: string): Promise<{ readonly retentionInDays?: number } | undefined>
}

interface Page {
  readonly events: readonly { readonly message: string }[]
  readonly nextForwardToken: string
}

/** Starts moto; it looks at the scope of a signature, not at the signature. */
export async function startMoto(binary: string, port: number): Promise<RunningMoto> {
  const child = new Child({ name: 'moto', file: binary, args: ['-H', '127.0.0.1', '-p', String(port)] })
  const url = `http://127.0.0.1:${port}`
  try {
    await child.until('ready', async () => (await fetch(`${url}/moto-api/data.json`)).ok, 60_000)
  } catch (error) {
    await child.stop('SIGKILL')
    throw error
  }
  const call = async <T>(operation: string, input: object): Promise<T> => {
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Logs_20140328.${operation}`,
      authorization: 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=x',
    }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(input) })
    const body = await response.text()
    if (!response.ok) throw new Error(`moto answers ${operation} with ${response.status}: ${body}`)
    return JSON.parse(body) as T
  }
  return {
    child,
    url,
    streams: async (logGroupName) =>
      (await call<{ readonly logStreams: readonly { readonly logStreamName: string }[] }>('DescribeLogStreams', { logGroupName })).logStreams.map(
        ({ logStreamName }) => logStreamName,
      ),
    messages: async (logGroupName, logStreamName) => {
      const found: string[] = []
      for (let nextToken: string | undefined; ; ) {
        const page: Page = await call<Page>('GetLogEvents', {
          logGroupName,
          logStreamName,
          startFromHead: true,
          limit: 10_000,
          ...(nextToken === undefined ? {} : { nextToken }),
        })
        found.push(...page.events.map(({ message }) => message))
        if (page.nextForwardToken === nextToken || page.events.length === 0) return found
        nextToken = page.nextForwardToken
      }
    },
    group: async (name) =>
      (await call<{ readonly logGroups: readonly { readonly retentionInDays?: number }[] }>('DescribeLogGroups', { logGroupNamePrefix: name })).logGroups[0],
  }
}
