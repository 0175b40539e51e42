import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpConfig } from './config.ts'

export type CorsConfig = NonNullable<HttpConfig['cors']>

/** Headers that scripts may always send. */
const ALLOWED = ['accept', 'content-type', 'origin', 'x-requested-with']

/** Cross-origin requests of browsers (https://fetch.spec.whatwg.org/#http-cors-protocol), as the Collector allows them. */
export class Cors {
  readonly #origins: readonly RegExp[]
  readonly #headers: ReadonlySet<string>
  readonly #exposed: string
  readonly #maxAge: number

  constructor(config: CorsConfig) {
    this.#origins = config.allowed_origins.map(patternOf)
    this.#headers = new Set([...ALLOWED, ...config.allowed_headers.map((name) => name.toLowerCase())])
    this.#exposed = config.exposed_headers.join(', ')
    this.#maxAge = config.max_age
  }

  /** Adds what a browser wants to see to an answer. True when the request was only the question whether it may send: then it is answered. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = request.headers
    const isQuestion = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
    response.appendHeader('Vary', 'Origin')
    const isAllowed = origin !== undefined && this.#origins.some((pattern) => pattern.test(origin.toLowerCase()))
    if (isAllowed) {
      response.setHeader('Access-Control-Allow-Origin', origin)
      response.setHeader('Access-Control-Allow-Credentials', 'true')
      if (this.#exposed !== '') response.setHeader('Access-Control-Expose-Headers', this.#exposed)
    }
    if (!isQuestion) return false
    if (isAllowed) this.#permit(request, response)
    response.writeHead(204).end()
    return true
  }

  #permit(request: IncomingMessage, response: ServerResponse): void {
    response.appendHeader('Vary', 'Access-Control-Request-Method, Access-Control-Request-Headers')
    const asked = (request.headers['access-control-request-headers'] ?? '').split(',').flatMap((name) => name.trim().toLowerCase() || [])
    const isAny = this.#headers.has('*')
    response.setHeader('Access-Control-Allow-Methods', 'POST')
    const allowed = asked.filter((name) => isAny || this.#headers.has(name))
    if (allowed.length > 0) response.setHeader('Access-Control-Allow-Headers', allowed.join(', '))
    if (this.#maxAge > 0) response.setHeader('Access-Control-Max-Age', String(this.#maxAge))
  }
}

function patternOf(origin: string): RegExp {
  const parts = origin.toLowerCase().split('*')
  return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`)
}
