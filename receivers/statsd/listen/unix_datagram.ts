import type { Host } from '../../../component/component.ts'
import { codeOf } from '../../../component/kit/listen_errors.ts'
import type { BufferSizes, Listener, ListenerSettings } from './listener.ts'
import { allow, makeSocketFolder, removeStaleSocket } from './socket_file.ts'
import { UnixDatagramSocket } from './unix_datagram_socket.ts'

export interface UnixDatagramOptions {
  /** The path of the socket. */
  readonly endpoint: string
  /** Digits of the file mode, read as octal. */
  readonly socketPermissions: string
  /** What `SO_RCVBUF` shall be; 0 leaves it to the system. */
  readonly recvBufferBytes: number
}

/** Datagrams are read into a buffer of this size; what fills it whole was cut. */
const DATAGRAM_BYTES_MAX = 65_535
/** The kernel has nothing more when so many turns of the event loop have brought nothing. */
const QUIET_TURNS = 3
/** Who goes on sending does not keep the socket open for longer. */
const DRAIN_MS_MAX = 1000

/** Reads datagrams of a unix socket. A file that is left of a process that has died is replaced. */
export class UnixDatagramListener implements Listener {
  readonly #options: UnixDatagramOptions
  readonly #settings: ListenerSettings
  readonly #granted: BufferSizes
  #socket: UnixDatagramSocket | undefined
  #datagrams = 0

  constructor(options: UnixDatagramOptions, settings: ListenerSettings, granted: BufferSizes) {
    this.#options = options
    this.#settings = settings
    this.#granted = granted
  }

  async start(host: Host): Promise<void> {
    const { endpoint: path, socketPermissions, recvBufferBytes } = this.#options
    try {
      makeSocketFolder(path)
      removeStaleSocket(path)
      const socket = this.#open()
      this.#socket = socket
      socket.bind(path)
      allow(path, socketPermissions)
      if (recvBufferBytes > 0) socket.recvBufferBytes = recvBufferBytes
      this.#sayBufferSize(socket.recvBufferBytes)
    } catch (error) {
      this.#close()
      throw new Error(`cannot listen on unixgram ${path}: ${reasonOf(error)}`, { cause: error })
    }
    host.listening({ configured: path, host: path, port: 0 })
  }

  async close(signal: AbortSignal): Promise<void> {
    if (this.#socket === undefined) return
    // Who sends from now on is told that nobody is there, instead of filling a buffer that nobody reads.
    removeStaleSocket(this.#options.endpoint)
    const deadline = performance.now() + DRAIN_MS_MAX
    for (let quiet = 0, seen = this.#datagrams; quiet < QUIET_TURNS && !signal.aborted && performance.now() < deadline; quiet++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (this.#datagrams === seen) continue
      seen = this.#datagrams
      quiet = -1
    }
    this.#close()
  }

  #close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  #open(): UnixDatagramSocket {
    const { sink, log } = this.#settings
    return new UnixDatagramSocket({
      data: (bytes) => {
        this.#datagrams++
        if (bytes.length === DATAGRAM_BYTES_MAX) sink.fault('truncated', bytes.length)
        sink.packet(bytes, '')
      },
      error: (error) => {
        sink.fault('socket_error', 0)
        log.warn({ error: error.message }, 'unix datagram socket failed')
      },
    })
  }

  #sayBufferSize(size: number): void {
    const { recvBufferBytes } = this.#options
    // Linux says the double of what it grants.
    const granted = Math.floor(size / (process.platform === 'linux' ? 2 : 1))
    this.#granted({ bytes: granted, sockets: 1 })
    if (recvBufferBytes === 0 || granted >= recvBufferBytes) return
    this.#settings.log.warn(
      { wanted: recvBufferBytes, granted, hint: `sysctl -w net.core.rmem_max=${recvBufferBytes}` },
      'receive buffer is smaller than recv_buffer_bytes: bursts that do not fit are refused to their senders',
    )
  }
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  if (code === 'EACCES' || text.includes('EACCES')) return 'not permitted; choose a folder that the process may write to'
  if (code === 'EADDRINUSE' || text.includes('EADDRINUSE')) return 'something that is not a socket has that name; remove it or change endpoint'
  return text
}
