/** One access-log stream over a raw socket: HTTP/2 by hand, so that sending costs little more than the system call. */
import { connect, type Socket } from 'node:net'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const Frame = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const
const END_STREAM = 1
const END_HEADERS = 4
const ACK = 1
const FRAME_BYTES_MAX = 16_384
const INITIAL_WINDOW = 65_535
const SETTINGS_INITIAL_WINDOW_SIZE = 4
/** Enough for the kernel to be busy; more would only hide how slow the receiver is. */
const SOCKET_BYTES_MAX = 512 << 10
const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs'

/** A gRPC message as DATA frames of stream 1, ready to be written; `payload` is what flow control counts. */
export interface WireMessage {
  readonly bytes: Buffer
  readonly payload: number
}

export function wireMessage(message: Uint8Array): WireMessage {
  const framed = Buffer.alloc(message.length + 5)
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, 5)
  const parts: Buffer[] = []
  for (let at = 0; at < framed.length; at += FRAME_BYTES_MAX) {
    const part = framed.subarray(at, at + FRAME_BYTES_MAX)
    parts.push(frameHeader(part.length, Frame.data, 0, 1), part)
  }
  return { bytes: Buffer.concat(parts), payload: framed.length }
}

/** Honours both flow-control windows. `end` half-closes and resolves with true when the server ended the stream cleanly. */
export class LoadConnection {
  readonly #socket: Socket
  readonly #ended: Promise<boolean>
  #pending: Buffer = Buffer.alloc(0)
  #connectionWindow = INITIAL_WINDOW
  #streamWindow = INITIAL_WINDOW
  #initialWindow = INITIAL_WINDOW
  #isClosed = false
  #whenRoom: (() => void) | undefined
  #resolveEnd!: (isClean: boolean) => void

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket
    this.#ended = new Promise((resolve) => {
      this.#resolveEnd = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('drain', () => this.wake())
    socket.on('error', () => this.#close(false))
    socket.on('close', () => this.#close(false))
    const block = headerBlock(authority)
    socket.write(Buffer.concat([PREFACE, frameHeader(0, Frame.settings, 0, 0), frameHeader(block.length, Frame.headers, END_HEADERS, 1), block]))
  }

  static open(host: string, port: number): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new LoadConnection(socket, `${host}:${port}`))
      })
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Writes the message if the windows and the socket have room for it now. */
  trySend(message: WireMessage): boolean {
    if (this.#isClosed || message.payload > this.#connectionWindow || message.payload > this.#streamWindow) return false
    if (this.#socket.writableLength > SOCKET_BYTES_MAX) return false
    this.#connectionWindow -= message.payload
    this.#streamWindow -= message.payload
    this.#socket.write(message.bytes)
    return true
  }

  /** Resolves when `trySend` is worth another try. */
  room(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenRoom = resolve
    })
  }

  /** A server that does not answer within `timeoutMs` counts as unclean. */
  end(timeoutMs = 30_000): Promise<boolean> {
    if (!this.#isClosed) this.#socket.write(frameHeader(0, Frame.data, END_STREAM, 1))
    setTimeout(() => this.#close(false), timeoutMs).unref()
    return this.#ended
  }

  close(): void {
    this.#socket.destroy()
  }

  #close(isClean: boolean): void {
    this.#isClosed = true
    this.#resolveEnd(isClean)
    this.wake()
  }

  /** Lets whoever waits in `room` look again. */
  wake(): void {
    const wake = this.#whenRoom
    this.#whenRoom = undefined
    wake?.()
  }

  #read(bytes: Buffer): void {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3)
      if (rest.length < 9 + length) break
      this.#frame(rest[3] as number, rest[4] as number, rest.readUInt32BE(5) & 0x7fffffff, rest.subarray(9, 9 + length))
      rest = rest.subarray(9 + length)
    }
    this.#pending = rest
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === Frame.windowUpdate) {
      const increment = payload.readUInt32BE(0) & 0x7fffffff
      if (stream === 0) this.#connectionWindow += increment
      else this.#streamWindow += increment
      this.wake()
    } else if (type === Frame.settings && (flags & ACK) === 0) {
      this.#settings(payload)
    } else if (type === Frame.ping && (flags & ACK) === 0) {
      this.#socket.write(Buffer.concat([frameHeader(8, Frame.ping, ACK, 0), payload]))
    } else if (type === Frame.rstStream || type === Frame.goaway) {
      // NO_ERROR is how a server says that it has all it wants.
      if (stream === 1 || type === Frame.goaway) this.#close(payload.readUInt32BE(type === Frame.goaway ? 4 : 0) === 0)
    } else if (type === Frame.headers && (flags & END_STREAM) !== 0) {
      this.#close(true)
    }
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SETTINGS_INITIAL_WINDOW_SIZE) continue
      const size = payload.readUInt32BE(at + 2)
      this.#streamWindow += size - this.#initialWindow
      this.#initialWindow = size
    }
    this.#socket.write(frameHeader(0, Frame.settings, ACK, 0))
    this.wake()
  }
}

function frameHeader(length: number, type: number, flags: number, stream: number): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return header
}

/** Literal header fields without indexing or Huffman coding (RFC 7541 section 6.2.2). */
function headerBlock(authority: string): Buffer {
  const fields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', METHOD],
    [':authority', authority],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
  ] as const
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]))
}
