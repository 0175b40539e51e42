import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram'
import { isMainThread } from 'node:worker_threads'
import type { Host } from '../../../component/component.ts'
import { codeOf, listenErrorReason } from '../../../component/kit/listen_errors.ts'
import { type Endpoint, parseEndpoint } from '../../../lib/endpoint.ts'
import type { BufferSizes, Listener, ListenerSettings } from './listener.ts'
import { PACED_BUFFER_BYTES_MIN, ReadPacer } from './read_pacer.ts'

export interface UdpOptions {
  /** `host:port`; no host is every address of the machine, IPv4 and IPv6. */
  readonly endpoint: string
  /** `udp4` and `udp6` leave the other version of IP out. */
  readonly transport: 'udp' | 'udp4' | 'udp6'
  /** What `SO_RCVBUF` shall be; 0 leaves it to the system. */
  readonly recvBufferBytes: number
}

/** One socket of an endpoint. */
interface Place {
  readonly type: 'udp4' | 'udp6'
  readonly host: string
  readonly isIpv6Only: boolean
  /** It is enough when another place of the endpoint can be had. */
  readonly isOptional: boolean
}

/** Addresses that a machine without (one version of) IP cannot listen on. */
const MISSING_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])
/** Another process may hold the port that the system chose for IPv4 on IPv6. */
const PORT_ATTEMPTS = 8
/** The kernel has nothing more when so many turns of the event loop have brought nothing. */
const QUIET_TURNS = 3
/** Who goes on sending does not keep the socket open for longer. */
const DRAIN_MS_MAX = 1000

/**
 * Reads datagrams. An endpoint without a host is one socket for IPv4 and IPv6; `localhost` is 127.0.0.1 and, where the
 * machine has it, ::1. Workers that share the port have a socket each.
 */
export class UdpListener implements Listener {
  readonly #options: UdpOptions
  readonly #settings: ListenerSettings
  readonly #granted: BufferSizes
  #sockets: Socket[] = []
  #datagrams = 0
  #pacer: ReadPacer | undefined

  constructor(options: UdpOptions, settings: ListenerSettings, granted: BufferSizes) {
    this.#options = options
    this.#settings = settings
    this.#granted = granted
  }

  /** Where it is bound; empty before `start`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#sockets.map((socket) => {
      const { address, port } = socket.address()
      return { host: address, port }
    })
  }

  async start(host: Host): Promise<void> {
    const { endpoint, transport } = this.#options
    const address = parseEndpoint(endpoint)
    if (address === undefined) throw new Error(`BUG: endpoint ${JSON.stringify(endpoint)} passed the config check but is not host:port`)
    const port = address.port === 0 ? host.chosenPort(endpoint) : address.port
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          await this.#openAll({ host: address.host, port }, host.sharesPorts)
          break
        } catch (error) {
          closeAll(this.#sockets.splice(0))
          if (port !== 0 || codeOf(error) !== 'EADDRINUSE' || attempt === PORT_ATTEMPTS) throw error
        }
      }
    } catch (error) {
      throw new Error(`cannot listen on ${transport} ${endpoint}: ${listenErrorReason(error)}`, { cause: error })
    }
    const bufferBytes = this.#sayBufferSize()
    // The main thread has others to answer.
    if (!isMainThread && bufferBytes >= PACED_BUFFER_BYTES_MIN) this.#pacer = new ReadPacer()
    for (const bound of this.addresses) host.listening({ configured: endpoint, ...bound })
  }

  /** Reads on until the kernel has nothing more, at most until `signal` aborts. */
  async close(signal: AbortSignal, last: () => void = () => {}): Promise<void> {
    const sockets = this.#sockets
    if (sockets.length === 0) return
    this.#pacer = undefined
    const deadline = performance.now() + DRAIN_MS_MAX
    for (let quiet = 0, seen = this.#datagrams; quiet < QUIET_TURNS && !signal.aborted && performance.now() < deadline; quiet++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (this.#datagrams === seen) continue
      seen = this.#datagrams
      quiet = -1
    }
    last()
    this.#sockets = []
    closeAll(sockets)
  }

  async #openAll(address: Endpoint, reusePort: boolean): Promise<void> {
    let { port } = address
    let missing: unknown
    for (const place of placesOf(address.host, this.#options.transport)) {
      const socket = this.#create(place, reusePort)
      try {
        await bind(socket, { port, address: place.host })
      } catch (error) {
        closeAll([socket])
        if (!place.isOptional || !MISSING_FAMILY.has(codeOf(error))) throw error
        missing = error
        continue
      }
      this.#sockets.push(socket)
      port = socket.address().port
      // All addresses of both versions of IP.
      if (place.host === '::' && !place.isIpv6Only) break
    }
    if (this.#sockets.length === 0) throw missing
  }

  #create({ type, isIpv6Only }: Place, reusePort: boolean): Socket {
    const { sink, log } = this.#settings
    const { recvBufferBytes } = this.#options
    const size: Pick<SocketOptions, 'recvBufferSize'> = recvBufferBytes === 0 ? {} : { recvBufferSize: recvBufferBytes }
    const socket = createSocket({ type, reusePort, ipv6Only: isIpv6Only, ...size })
    socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
      this.#datagrams++
      this.#pacer?.datagram()
      sink.packet(bytes, plainAddress(from.address))
    })
    socket.on('error', (error) => {
      if (!this.#sockets.includes(socket)) return
      sink.fault('socket_error', 0)
      log.warn({ error: error.message }, 'udp socket failed')
    })
    return socket
  }

  /** Says how large the smallest buffer is, and warns when that is less than was asked for. */
  #sayBufferSize(): number {
    const { recvBufferBytes } = this.#options
    // Linux doubles what is asked for, for its own bookkeeping, and says the double.
    const share = process.platform === 'linux' ? 2 : 1
    const sizes = this.#sockets.map((socket) => Math.floor(socket.getRecvBufferSize() / share))
    const least = Math.min(...sizes)
    this.#granted({ bytes: sizes.reduce((sum, size) => sum + size, 0), sockets: sizes.length })
    if (recvBufferBytes === 0 || least >= recvBufferBytes) return least
    this.#settings.log.warn(
      { wanted: recvBufferBytes, granted: least, hint: `sysctl -w net.core.rmem_max=${recvBufferBytes}` },
      'receive buffer is smaller than recv_buffer_bytes: bursts that do not fit are lost in the kernel',
    )
    return least
  }
}

/** IPv4 addresses that came in by an IPv6 socket, as IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

function placesOf(host: string, transport: UdpOptions['transport']): readonly Place[] {
  const isAny = host === ''
  const v4 = (address: string, isOptional = false): Place => ({ type: 'udp4', host: address, isIpv6Only: false, isOptional })
  const v6 = (address: string, isIpv6Only: boolean, isOptional = false): Place => ({ type: 'udp6', host: address, isIpv6Only, isOptional })
  if (host.toLowerCase() === 'localhost') {
    if (transport === 'udp4') return [v4('127.0.0.1')]
    return transport === 'udp6' ? [v6('::1', true)] : [v4('127.0.0.1', true), v6('::1', true, true)]
  }
  if (transport === 'udp4') return [v4(isAny ? '0.0.0.0' : host)]
  if (transport === 'udp6') return [v6(isAny ? '::' : host, true)]
  if (isAny || host === '::') return [v6('::', false, true), v4('0.0.0.0', true)]
  return [host.includes(':') ? v6(host, true) : v4(host)]
}

function bind(socket: Socket, options: { readonly port: number; readonly address: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error)
    socket.once('error', fail)
    socket.bind(options, () => {
      socket.off('error', fail)
      resolve()
    })
  })
}

function closeAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) {
    try {
      socket.close()
    } catch {
      // One that could not be bound may be closed already.
    }
  }
}
