import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** When a connection through the proxy ends. */
export interface Cut {
  /** After this many bytes of the client have gone through, … */
  readonly requestBytes?: number
  /** … or instead of the first bytes that the server answers after it has had this many of the client. */
  readonly answerAfterBytes?: number
  /** By a TCP reset instead of an orderly end. */
  readonly isReset: boolean
}

/** Stands between a client and a server on 127.0.0.1, and cuts connections. */
export class CuttingProxy {
  /** Connections cut so far. */
  cuts = 0
  /** Decides for each connection that comes; none is cut without it. */
  next: () => Cut | undefined = () => undefined
  readonly #open = new Set<Socket>()
  readonly #server: Server
  readonly #target: number

  constructor(target: number) {
    this.#target = target
    this.#server = createServer((client) => this.#join(client, this.next()))
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', resolve)
    })
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends the connections that are open, so that clients open new ones. */
  endAll(): void {
    for (const socket of this.#open) socket.destroy()
  }

  async stop(): Promise<void> {
    this.endAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket, cut: Cut | undefined): void {
    const server = connect(this.#target, '127.0.0.1')
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    const cutNow = (): void => {
      this.cuts++
      if (cut?.isReset === true) client.resetAndDestroy()
      end()
    }
    let sent = 0
    client.on('data', (bytes) => {
      sent += bytes.length
      if (cut?.requestBytes !== undefined && sent > cut.requestBytes) cutNow()
      else server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (cut?.answerAfterBytes !== undefined && sent > cut.answerAfterBytes) cutNow()
      else client.write(bytes)
    })
    for (const socket of [client, server]) {
      this.#open.add(socket)
      socket.on('error', end).on('close', () => {
        this.#open.delete(socket)
        end()
      })
    }
  }
}
