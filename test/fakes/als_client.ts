import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

const PATHS = {
  v3: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
  v2: '/envoy.service.accesslog.v2.AccessLogService/StreamAccessLogs',
} as const

/** Where a client connects; with `tls` it speaks TLS with these options. */
export interface AlsTarget {
  readonly host?: string
  readonly port?: number
  /** A unix socket, instead of host and port. */
  readonly path?: string
  readonly tls?: ConnectionOptions
}

/** How a stream ended: the gRPC status (-1 without one) and its message. */
export interface AlsStatus {
  readonly code: number
  readonly message: string
}

/** An Envoy as far as its access logs go: sends messages that are encoded already, over plain HTTP/2. */
export class AlsClient {
  readonly session: ClientHttp2Session

  private constructor(session: ClientHttp2Session) {
    this.session = session
    // What a broken connection means shows in the streams.
    session.on('error', () => {})
  }

  /** Resolves when the connection is up; rejects when it cannot be made. */
  static connect(target: AlsTarget): Promise<AlsClient> {
    const { host = '127.0.0.1', port = 0, path, tls } = target
    const to = path === undefined ? { host, port } : { path }
    const socket = tls === undefined ? connectSocket(to) : connectTls({ ...to, ALPNProtocols: ['h2'], ...tls })
    return new Promise((resolve, reject) => {
      // A server that dislikes the client's certificate says so after the handshake has succeeded here.
      socket.on('error', reject)
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        const session = connect(tls === undefined ? 'http://als' : 'https://als', { createConnection: () => socket })
        const client = new AlsClient(session)
        session.once('remoteSettings', () => resolve(client))
        session.once('close', () => reject(new Error('connection closed by the server')))
      })
    })
  }

  /** Opens a stream; more headers may be given, such as `grpc-encoding`. */
  open(options: { readonly api?: 'v3' | 'v2'; readonly path?: string; readonly headers?: Readonly<Record<string, string>> } = {}): AlsStream {
    const stream = this.session.request(
      { ':method': 'POST', ':path': options.path ?? PATHS[options.api ?? 'v3'], 'content-type': 'application/grpc', te: 'trailers', ...options.headers },
      { endStream: false },
    )
    return new AlsStream(stream)
  }

  /** Closes when all streams have ended. */
  close(): Promise<void> {
    return new Promise((resolve) => (this.session.destroyed ? resolve() : this.session.close(resolve)))
  }

  /** Cuts the connection. */
  destroy(): void {
    this.session.destroy()
  }
}

export class AlsStream {
  readonly raw: ClientHttp2Stream
  /** Resolves when the server has answered, or with code -1 when the stream ended without an answer. */
  readonly status: Promise<AlsStatus>
  /** Bytes of the response's messages, frames included. */
  responseBytes = 0

  constructor(raw: ClientHttp2Stream) {
    this.raw = raw
    raw.on('error', () => {})
    raw.on('data', (chunk: Buffer) => {
      this.responseBytes += chunk.length
    })
    this.status = new Promise((resolve) => {
      const answer = (headers: IncomingHttpHeaders): void => {
        if (headers['grpc-status'] === undefined) return
        resolve({ code: Number(headers['grpc-status']), message: decodeURIComponent([headers['grpc-message'] ?? ''].flat().join()) })
      }
      raw.on('response', answer)
      raw.on('trailers', answer)
      raw.once('close', () => resolve({ code: -1, message: 'closed without a status' }))
    })
  }

  /** Sends one message; resolves when it has left for the socket. */
  send(message: Uint8Array, options: { readonly isCompressed?: boolean } = {}): Promise<void> {
    return this.sendBytes(frame(message, options.isCompressed))
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.raw.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)))
    })
  }

  /** Half-closes and waits for the answer. */
  end(): Promise<AlsStatus> {
    this.raw.end()
    return this.status
  }

  /** Resets the stream, as Envoy does when it drops one. */
  reset(code: number = constants.NGHTTP2_CANCEL): void {
    this.raw.close(code)
  }
}

/** A message with the five bytes before it that gRPC puts there. */
export function frame(message: Uint8Array, isCompressed = false): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length)
  framed.writeUInt8(isCompressed ? 1 : 0, 0)
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, 5)
  return framed
}
