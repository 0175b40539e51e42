import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import type { Settings } from '../../../component/component.ts'
import { RefusedError } from '../../../component/consumer.ts'
import type { SendOptions, SendRequest } from '../../../component/kit/queue/delivery.ts'
import type { AgentAddress } from './agent_tcp_sink.ts'
import { type StreamDocuments, streamsOf, type WaitingDocument } from './blocks.ts'
import { routedDocument } from './lines.ts'
import { DocumentLedger } from './rejections.ts'
import type { EmfSink } from './sink.ts'

/** Largest text of a datagram over IPv4: 65,535 bytes less the headers of IP and UDP. */
const DATAGRAM_BYTES_MAX = 65_507
/** After so many bytes the event loop, and an agent on the same machine, get their turn: its socket holds little more. */
const BURST_BYTES = 64 << 10

/** Documents that are still to be sent. */
interface Progress {
  readonly waiting: WaitingDocument[]
  next: number
}

/**
 * Sends documents to a CloudWatch agent by UDP, one in each datagram. Nobody says what has arrived; that nobody listens is
 * noticed where the agent is on the same machine. Documents that are larger than a datagram are given up and counted.
 */
export class AgentUdpSink implements EmfSink {
  readonly #address: AgentAddress
  readonly #ledger: DocumentLedger
  readonly #progress = new WeakMap<SendRequest, Progress>()
  #socket: Socket | undefined

  constructor(settings: Settings, address: AgentAddress) {
    this.#address = address
    this.#ledger = new DocumentLedger(settings)
  }

  start(): void {
    // The socket is opened with the first request, and anew after an error: the agent's address may have changed.
  }

  async send(request: SendRequest, options: SendOptions): Promise<void> {
    const progress = this.#progress.get(request) ?? this.#begin(request, options)
    this.#progress.set(request, progress)
    const { signal, settled } = options
    let burst = 0
    while (progress.next < progress.waiting.length) {
      signal.throwIfAborted()
      const { json, points } = progress.waiting[progress.next] as WaitingDocument
      await this.#sendOne(json)
      progress.next++
      this.#ledger.taken(json.length)
      settled({ sent: points, rejected: 0 })
      burst += json.length
      if (burst < BURST_BYTES) continue
      burst = 0
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
    }
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  #begin({ bytes, items }: SendRequest, { settled }: SendOptions): Progress {
    let streams: readonly StreamDocuments[]
    try {
      streams = streamsOf(bytes)
    } catch (error) {
      this.#ledger.rejected('damaged', 1, (error as Error).message)
      settled({ sent: 0, rejected: items })
      return { waiting: [], next: 0 }
    }
    const all = streams.flatMap((stream) => stream.documents.map((document) => routedDocument(document, stream)))
    const waiting = all.filter(({ json }) => json.length <= DATAGRAM_BYTES_MAX)
    const rejected = all.filter(({ json }) => json.length > DATAGRAM_BYTES_MAX)
    if (rejected.length > 0) {
      this.#ledger.rejected('too_large', rejected.length, `larger than a datagram, ${DATAGRAM_BYTES_MAX} bytes; use tcp, or lower max_event_bytes`)
      settled({ sent: 0, rejected: rejected.reduce((sum, { points }) => sum + points, 0) })
    }
    return { waiting, next: 0 }
  }

  async #sendOne(json: Buffer): Promise<void> {
    const { host, port } = this.#address
    try {
      const socket = (this.#socket ??= await this.#open())
      await new Promise<void>((resolve, reject) => {
        socket.send(json, (error) => (error === null ? resolve() : reject(error)))
      })
    } catch (error) {
      this.close()
      const { code, message } = error as NodeJS.ErrnoException
      const text =
        code === 'ECONNREFUSED' ? `no CloudWatch agent listens at udp ${host}:${port}; its config needs an emf section` : `agent at ${host}:${port}: ${message}`
      throw new RefusedError(text, { cause: error })
    }
  }

  /** A socket that is connected, because only such a one is told that nobody listens. */
  async #open(): Promise<Socket> {
    const { address, family } = await lookup(this.#address.host)
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(this.#address.port, address, resolve)
    })
    socket.removeAllListeners('error')
    // Told of a datagram that was sent before; the next send gets the same error.
    socket.on('error', () => this.close())
    socket.unref()
    return socket
  }
}
