import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

interface Cut {
  readonly resource: string
  readonly afterBytes: number
  left: number
}

/** That the server had too many requests, and when it said so. */
export interface Throttled {
  readonly what: string
  /** When the answer passed and, once it has, the next request for the same; monotonic milliseconds. */
  readonly atMs: number
  nextMs: number
  /** Of the header Retry-After; 0 without it. */
  readonly retryAfterSeconds: number
}

interface OpenWatch {
  readonly resource: string
  readonly response: ServerResponse
}

/**
 * Stands between a client and a real API server and does to the answers what networks and servers do. Plain HTTP on the
 * client's side, so that bytes can be meddled with; credentials pass through.
 */
export class KubeFaultProxy {
  /** How often each `verb resource` was asked, as `list pods`. */
  readonly asked = new Map<string, number>()
  /** The answers with status 429, in their order. */
  readonly throttled: Throttled[] = []
  /** Every piece of an answer is held back so long, in milliseconds. */
  delayMs = 0
  /** Requests are reset instead of answered; what is open stays. */
  isAway = false
  readonly #target: { readonly url: string; readonly ca: string }
  readonly #agent: Agent
  readonly #cuts: Cut[] = []
  readonly #watches = new Set<OpenWatch>()
  #server: Server | undefined

  constructor(target: { readonly url: string; readonly ca: string }) {
    this.#target = target
    this.#agent = new Agent({ keepAlive: true, ca: target.ca })
  }

  /** Resolves with the URL. */
  async start(): Promise<string> {
    const server = createServer((request, response) => {
      if (this.isAway) request.socket.resetAndDestroy()
      else this.#forward(request, response).catch(() => response.destroy())
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    await new Promise((resolve) => {
      this.#server?.close(resolve)
      this.#server?.closeAllConnections()
    })
  }

  /** The next complete lists of a resource, streamed or not, are reset after so many bytes on the wire. */
  cutLists(resource: string, afterBytes: number, times: number): void {
    this.#cuts.push({ resource, afterBytes, left: times })
  }

  /** How many cuts are still to come. */
  get cutsLeft(): number {
    return this.#cuts.reduce((sum, { left }) => sum + left, 0)
  }

  /** Writes a text into every open watch of a resource; returns into how many. */
  spoilWatches(resource: string, text: string): number {
    const open = this.#open(resource)
    for (const { response } of open) response.write(text)
    return open.length
  }

  /** Resets every open watch of a resource; returns how many. */
  resetWatches(resource: string): number {
    const open = this.#open(resource)
    for (const { response } of open) response.socket?.resetAndDestroy()
    return open.length
  }

  #open(resource: string): OpenWatch[] {
    return [...this.#watches].filter((watch) => watch.resource === resource)
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#target.url)
    const resource = url.pathname.split('/').at(-1) ?? ''
    const isWatch = url.searchParams.get('watch') !== null
    const isList = !isWatch || url.searchParams.get('sendInitialEvents') === 'true'
    const what = `${isWatch ? 'watch' : 'list'} ${resource}`
    this.asked.set(what, (this.asked.get(what) ?? 0) + 1)
    for (const before of this.throttled) if (before.what === what && before.nextMs === 0) before.nextMs = performance.now()
    const upstream = await new Promise<IncomingMessage>((resolve, reject) => {
      const { host: _host, connection: _connection, ...headers } = request.headers
      const sent = httpsRequest(url, { method: request.method ?? 'GET', headers, agent: this.#agent }, resolve)
      sent.on('error', reject)
      response.once('close', () => sent.destroy())
      request.pipe(sent)
    })
    if (upstream.statusCode === 429)
      this.throttled.push({ what, atMs: performance.now(), nextMs: 0, retryAfterSeconds: Number(upstream.headers['retry-after'] ?? 0) })
    const { connection: _hop, 'transfer-encoding': _coding, ...headers } = upstream.headers
    response.writeHead(upstream.statusCode ?? 502, headers)
    response.flushHeaders()
    const watch = { resource, response }
    if (isWatch) this.#watches.add(watch)
    try {
      await this.#pass(upstream, response, isList && upstream.statusCode === 200 ? this.#takeCut(resource) : undefined)
    } finally {
      this.#watches.delete(watch)
    }
  }

  #takeCut(resource: string): number | undefined {
    const cut = this.#cuts.find((candidate) => candidate.left > 0 && candidate.resource === resource)
    if (cut === undefined) return undefined
    cut.left--
    return cut.afterBytes
  }

  /** Hands the body on, or the beginning of it. */
  async #pass(upstream: IncomingMessage, response: ServerResponse, cutAfter: number | undefined): Promise<void> {
    let passed = 0
    for await (const chunk of upstream as AsyncIterable<Buffer>) {
      if (this.delayMs > 0) await pause(this.delayMs)
      if (cutAfter !== undefined && passed + chunk.length >= cutAfter) {
        const last = chunk.subarray(0, cutAfter - passed)
        await new Promise<void>((resolve) => {
          response.write(last, () => resolve())
        })
        response.socket?.resetAndDestroy()
        return
      }
      passed += chunk.length
      response.write(chunk)
    }
    response.end()
  }
}
