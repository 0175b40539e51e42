import { connect, type Socket } from 'node:net'
import type { Settings } from '../../../component/component.ts'
import { RefusedError } from '../../../component/consumer.ts'
import type { SendOptions, SendRequest } from '../../../component/kit/queue/delivery.ts'
import { streamsOf } from './blocks.ts'
import { linesOf, routedDocument } from './lines.ts'
import { DocumentLedger } from './rejections.ts'
import type { EmfSink } from './sink.ts'

/** How long an agent that keeps its side open is waited for. It has everything then: the system says so when our side is closed. */
const CLOSE_MS = 5000

/** Where the agent listens. */
export interface AgentAddress {
  readonly host: string
  readonly port: number
}

/**
 * Sends documents to a CloudWatch agent by TCP, one a line. Every request has a connection of its own, which ends in order:
 * only so is it known that the agent has read all of it. On one that is kept, what is written after the agent has gone away
 * is lost without an error. If that fails the whole request is sent again.
 */
export class AgentTcpSink implements EmfSink {
  readonly #settings: Settings
  readonly #address: AgentAddress
  readonly #ledger: DocumentLedger

  constructor(settings: Settings, address: AgentAddress) {
    this.#settings = settings
    this.#address = address
    this.#ledger = new DocumentLedger(settings)
  }

  start(): void {
    // Connections are made for requests.
  }

  async send({ bytes, items }: SendRequest, { signal, settled }: SendOptions): Promise<void> {
    const streams = this.#read(bytes)
    if (streams === undefined) {
      settled({ sent: 0, rejected: items })
      return
    }
    const lines = linesOf(streams.flatMap((stream) => stream.documents.map((document) => routedDocument(document, stream))))
    if (lines.length > 0) await this.#deliver(lines, signal)
    this.#ledger.taken(lines.length)
    settled({ sent: items, rejected: 0 })
  }

  close(): void {
    // Connections end with their requests.
  }

  #read(bytes: Uint8Array): ReturnType<typeof streamsOf> | undefined {
    try {
      return streamsOf(bytes)
    } catch (error) {
      this.#ledger.rejected('damaged', 1, (error as Error).message)
      return undefined
    }
  }

  #deliver(lines: Buffer, signal: AbortSignal): Promise<void> {
    const { host, port } = this.#address
    return new Promise((resolve, reject) => {
      const socket: Socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
      let stopTimer: (() => void) | undefined
      const end = (error?: Error): void => {
        signal.removeEventListener('abort', abort)
        stopTimer?.()
        socket.destroy()
        if (error === undefined) resolve()
        else reject(error)
      }
      const abort = (): void => end(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      socket.on('error', (error) => end(new RefusedError(describe(error, this.#address), { cause: error })))
      // It sends nothing, but its end is seen only when that is read.
      socket.resume()
      socket.on('end', () => {
        if (socket.writableFinished) end()
        else end(new RefusedError(`the agent at ${host}:${port} closed the connection before it had everything`))
      })
      socket.on('finish', () => {
        stopTimer = this.#settings.clock.after(CLOSE_MS, () => end())
      })
      socket.end(lines)
      if (signal.aborted) abort()
    })
  }
}

function describe(error: NodeJS.ErrnoException, { host, port }: AgentAddress): string {
  return error.code === 'ECONNREFUSED'
    ? `no CloudWatch agent listens at tcp ${host}:${port}; its config needs an emf section`
    : `agent at ${host}:${port}: ${error.message}`
}
