import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import type { KubeObject } from '../../../cmd/meshscope/simulate/kube_api/object_store.ts'

export interface WatchEvent {
  readonly type: string
  readonly object: KubeObject
}

const NEXT_MS = 20_000

/** Reads a watch of a real API server event by event. */
export class WatchReader {
  readonly #response: IncomingMessage
  readonly #events: AsyncIterator<WatchEvent>

  private constructor(response: IncomingMessage) {
    this.#response = response
    this.#events = eventsOf(response)
  }

  static async open(server: { readonly url: string; readonly ca: string }, path: string, token: string): Promise<WatchReader> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${path}`, { ca: server.ca, agent: false, headers: { authorization: `Bearer ${token}` } }, resolve).on('error', reject)
    })
    if (response.statusCode !== 200) throw new Error(`watch ${path}: ${response.statusCode}`)
    return new WatchReader(response)
  }

  /** The next event; rejects when none comes in time. */
  async next(): Promise<WatchEvent> {
    const timer = setTimeout(() => this.#response.destroy(new Error(`no event within ${NEXT_MS} ms`)), NEXT_MS)
    try {
      const { value, done } = await this.#events.next()
      if (done === true) throw new Error('the watch ended')
      return value
    } finally {
      clearTimeout(timer)
    }
  }

  /** The next event as `ADDED a`. */
  async brief(): Promise<string> {
    const { type, object } = await this.next()
    return `${type} ${object.metadata.name}`
  }

  /** Skips to the next event of a type; its object's name. */
  async untilType(wanted: string): Promise<string> {
    for (;;) {
      const { type, object } = await this.next()
      if (type === wanted) return object.metadata.name
    }
  }

  close(): void {
    this.#response.destroy()
  }
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<WatchEvent> {
  let rest = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as WatchEvent
  }
}
