import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What a proxy does with a request for a tunnel: opens it, refuses with a status, cuts the connection, or never answers. */
export type TunnelAnswer = 'open' | 'cut' | 'never' | { readonly code: number; readonly reason: string }

/** An HTTP proxy of which only `CONNECT` works (RFC 9110 section 9.3.6). */
export class ConnectProxy {
  /** The targets that it was asked for, `host:port`, and what was said of the asking. */
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[] = []
  answer: (target: string) => TunnelAnswer = () => 'open'
  readonly #isPlain: boolean
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()
  #whenAsked: (() => void)[] = []

  /** `tls` makes it one that is spoken to over TLS. */
  constructor(tls?: ServerOptions) {
    this.#isPlain = tls === undefined
    this.#server = tls === undefined ? createServer() : createTlsServer(tls)
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#connect(request, socket, head))
  }

  /** Listens on 127.0.0.1. */
  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return this
  }

  /** Its URL, with user information when some is given. */
  url(user = ''): string {
    return `${this.#isPlain ? 'http' : 'https'}://${user === '' ? '' : `${user}@`}127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resolves with the next request for a tunnel. */
  async nextAsked(): Promise<void> {
    await new Promise<void>((resolve) => this.#whenAsked.push(resolve))
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #connect(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const target = request.url ?? ''
    this.asked.push({ target, authorization: request.headers['proxy-authorization'] })
    for (const resolve of this.#whenAsked.splice(0)) resolve()
    const answer = this.answer(target)
    if (answer === 'cut') socket.destroy()
    else if (answer === 'open') this.#tunnel(target, socket, head)
    else if (answer !== 'never') socket.end(`HTTP/1.1 ${answer.code} ${answer.reason}\r\nContent-Length: 0\r\n\r\n`)
  }

  #tunnel(target: string, socket: Duplex, head: Buffer): void {
    const { hostname, port } = new URL(`http://${target}`)
    const upstream = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.write(head)
      upstream.pipe(socket).pipe(upstream)
    })
    this.#keep(upstream)
    upstream.once('close', () => socket.destroy())
    socket.once('close', () => upstream.destroy())
  }
}
