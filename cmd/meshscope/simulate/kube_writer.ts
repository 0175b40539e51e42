import type { IncomingMessage, Agent as PlainAgent } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Clock } from '../../../component/component.ts'
import { openAccess } from '../../../extensions/k8s_metadata/api/access.ts'
import type { Access } from '../../../extensions/k8s_metadata/api/credentials.ts'
import { Agent as HttpAgent, request as requestHttp } from '../../../lib/node_http.ts'
import type { KubeObject } from './kube_api/object_store.ts'

/** An answer other than success. `code` is the HTTP status. */
export class KubeWriteError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

const TIMEOUT_MS = 15_000
const SOCKETS_MAX = 8
const ANSWER_BYTES_MAX = 4 << 20

/** Changes objects of a Kubernetes API server; the daemon itself only ever reads. */
export class KubeWriter {
  readonly server: string
  readonly #access: Access
  #agent: PlainAgent | HttpsAgent | undefined

  constructor(access: Access) {
    this.#access = access
    this.server = access.server
  }

  /** `target` is the URL of an API server that wants no credentials, or the path of a kubeconfig file. */
  static open(target: string, clock: Clock): KubeWriter {
    const isUrl = /^https?:\/\//.test(target)
    return new KubeWriter(openAccess(isUrl ? { authType: 'none', server: target, clock } : { authType: 'kubeConfig', kubeConfigFile: target, clock }))
  }

  async get(path: string): Promise<KubeObject> {
    return await this.#send('GET', path)
  }

  async create(path: string, object: object): Promise<KubeObject> {
    return await this.#send('POST', path, object)
  }

  /** Applies a JSON merge patch. */
  async patch(path: string, patch: object): Promise<KubeObject> {
    return await this.#send('PATCH', path, patch, 'application/merge-patch+json')
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path)
  }

  /** Closes the connections. */
  close(): void {
    this.#agent?.destroy()
  }

  async #send(method: string, path: string, body?: object, contentType = 'application/json'): Promise<KubeObject> {
    const { headers, tls } = await this.#access.credentials()
    const url = new URL(`${this.server}${path}`)
    const isTls = url.protocol === 'https:'
    const { ca, cert, key, serverName, isUnverified } = tls
    this.#agent ??= isTls
      ? new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS_MAX, ca, cert, key, rejectUnauthorized: !isUnverified, servername: serverName || undefined })
      : new HttpAgent({ keepAlive: true, maxSockets: SOCKETS_MAX })
    const text = body === undefined ? '' : JSON.stringify(body)
    const options = {
      method,
      agent: this.#agent,
      timeout: TIMEOUT_MS,
      headers: {
        ...headers,
        accept: 'application/json',
        ...(text === '' ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
      },
    }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (isTls ? requestHttps : requestHttp)(url, options, resolve)
      request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
      request.on('error', (cause) => reject(new Error(`cannot reach the API server ${this.server}: ${cause.message}`, { cause })))
      request.end(text)
    })
    return await answerOf(response, `${method} ${path}`)
  }
}

async function answerOf(response: IncomingMessage, what: string): Promise<KubeObject> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`${what}: an answer of more than ${ANSWER_BYTES_MAX >> 20} MiB`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  const code = response.statusCode ?? 0
  if (code >= 300) throw new KubeWriteError(code, `${what}: ${code} ${messageIn(text)}`)
  return JSON.parse(text) as KubeObject
}

/** The message of a `Status` object, or the text itself. */
function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return text.trim().slice(0, 200)
  }
}
