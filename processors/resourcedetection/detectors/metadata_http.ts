import { request } from '../../../lib/node_http.ts'

/** Largest answer of a metadata service; real ones have a few KiB. */
const BODY_BYTES_MAX = 1 << 20

export interface MetadataRequest {
  readonly method?: 'GET' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface MetadataAnswer {
  readonly status: number
  readonly text: string
}

/**
 * Asks a metadata service over plain HTTP, on a connection of its own and past proxies; redirects are not followed. Rejects when
 * there is no whole answer of at most 1 MiB.
 */
export async function askMetadata(url: URL, { method = 'GET', headers = {}, signal }: MetadataRequest): Promise<MetadataAnswer> {
  try {
    return await new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, signal, agent: false }, (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > BODY_BYTES_MAX) response.destroy(new Error(`the answer has more than ${BODY_BYTES_MAX} bytes`))
          else chunks.push(chunk)
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end()
    })
  } catch (cause) {
    const why = signal.aborted ? 'no answer in time' : (cause as Error).message || (cause as NodeJS.ErrnoException).code
    throw new Error(`${url.href}: ${why}`, { cause })
  }
}

/** Asks for a JSON document; rejects when the answer is no success or no JSON. */
export async function askJson(url: URL, options: MetadataRequest): Promise<unknown> {
  const text = textOfSuccess(url, await askMetadata(url, options))
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`${url.href}: expected JSON, found ${JSON.stringify(text.slice(0, 100))}`, { cause })
  }
}

/** The body of a success; throws for any other answer. */
export function textOfSuccess(url: URL, { status, text }: MetadataAnswer): string {
  if (status !== 200) throw new Error(`${url.href}: answered with status ${status}`)
  return text
}

/** A path below an endpoint that may have a path itself, with or without a slash at its end. */
export function urlBelow(endpoint: string, path: string): URL {
  return new URL(endpoint.replace(/\/+$/, '') + path)
}
