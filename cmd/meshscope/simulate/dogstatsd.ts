import { createSocket, type Socket } from 'node:dgram'
import { parseEndpoint } from '../../../lib/endpoint.ts'
import type { HttpCallFacts, HttpCallSite } from './http_call_site.ts'

/** What fits into a datagram on most networks, as DogStatsD clients have it. */
const DATAGRAM_BYTES_MAX = 1432

/** What was sent since the last flush with the same tags. */
interface Pending {
  readonly tags: string
  requests: number
  times: string[]
}

/**
 * What the applications of the mesh themselves send as DogStatsD over UDP: for every request to another service a count and a
 * time (several times in a line), once a second.
 */
export class DogStatsdSender {
  /** Requests that were counted in lines that were sent. */
  requests = 0
  readonly #host: string
  readonly #port: number
  readonly #socket: Socket
  readonly #pending = new Map<string, Pending>()

  /** `endpoint` is `host:port`. */
  constructor(endpoint: string) {
    const address = parseEndpoint(endpoint)
    if (address === undefined) throw new Error(`not an address for DogStatsD: ${endpoint}; write host:port, such as localhost:8125`)
    this.#host = address.host === '' ? 'localhost' : address.host
    this.#port = address.port
    this.#socket = createSocket(this.#host.includes(':') ? 'udp6' : 'udp4')
    // Nobody listens: StatsD clients do not care either.
    this.#socket.on('error', () => {})
    this.#socket.unref()
  }

  /** Counts a call once, at its client. */
  http({ call }: HttpCallSite, facts: HttpCallFacts): void {
    if (call.direction !== 'outbound') return
    const tags = `service:${call.service?.name ?? 'unknown'},workload:${call.reporter.workload.name},code:${call.outcome.code}`
    let pending = this.#pending.get(tags)
    if (pending === undefined) {
      pending = { tags, requests: 0, times: [] }
      this.#pending.set(tags, pending)
    }
    pending.requests++
    pending.times.push(String(Math.round(facts.durationUs / 100) / 10))
  }

  /** Sends what has gathered; resolves when it is out. */
  async flush(): Promise<void> {
    const lines = Array.from(this.#pending.values()).flatMap(linesOf)
    for (const { requests } of this.#pending.values()) this.requests += requests
    this.#pending.clear()
    await Promise.all(packetsOf(lines).map((packet) => new Promise<void>((resolve) => this.#socket.send(packet, this.#port, this.#host, () => resolve()))))
  }

  close(): void {
    this.#socket.close()
  }
}

function linesOf({ tags, requests, times }: Pending): string[] {
  const lines = [`bookinfo.requests:${requests}|c|#${tags}`]
  const head = 'bookinfo.request_time:'
  const tail = `|ms|#${tags}`
  for (let at = 0; at < times.length; ) {
    let values = times[at++] as string
    for (; at < times.length && head.length + values.length + 16 + tail.length < DATAGRAM_BYTES_MAX; at++) values += `:${times[at]}`
    lines.push(`${head}${values}${tail}`)
  }
  return lines
}

function packetsOf(lines: readonly string[]): string[] {
  const packets: string[] = []
  let packet = ''
  for (const line of lines) {
    if (packet !== '' && packet.length + 1 + line.length > DATAGRAM_BYTES_MAX) {
      packets.push(packet)
      packet = ''
    }
    packet += packet === '' ? line : `\n${line}`
  }
  return packet === '' ? packets : [...packets, packet]
}
