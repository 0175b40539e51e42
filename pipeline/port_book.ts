import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { ListenAddress } from '../component/factory.ts'
import { parseEndpoint } from '../lib/endpoint.ts'
import { type ChosenPorts, type Listening, portKey } from './ingest_protocol.ts'

/** The listeners of the whole process, and the ports the system has chosen where a config says port 0. */
export class PortBook {
  readonly #listeners = new Map<string, Listening>()
  #ports: Record<string, number> = {}

  add(listening: Listening): void {
    const key = portKey(listening.address, listening.configured)
    // `localhost` is a listener for each version of IP, on one port.
    this.#listeners.set(`${key} ${listening.host}`, listening)
    if (parseEndpoint(listening.configured)?.port === 0) this.#ports[key] = listening.port
  }

  /** Forgets the components that are not in the graph any more. */
  keepOnly(addresses: ReadonlySet<string>): void {
    for (const [key, { address, configured }] of this.#listeners) {
      if (addresses.has(address)) continue
      this.#listeners.delete(key)
      delete this.#ports[portKey(address, configured)]
    }
  }

  all(): ChosenPorts {
    return { ...this.#ports }
  }

  listeners(): readonly Listening[] {
    return [...this.#listeners.values()]
  }
}

/**
 * Makes sure that nobody else listens on an address: with shared ports a second daemon would bind without an error and
 * get half of the connections. Rejects with a sentence for the operator.
 */
export async function probeAddress(component: string, listen: ListenAddress): Promise<void> {
  const endpoint = parseEndpoint(listen.address)
  if (listen.network === 'unix' || endpoint === undefined || endpoint.port === 0) return
  const probe = listen.network === 'tcp' ? probeTcp : probeUdp
  const isLocal = endpoint.host.toLowerCase() === 'localhost'
  for (const host of isLocal ? ['127.0.0.1', '::1'] : [endpoint.host]) {
    await probe(host, endpoint.port).catch((error: NodeJS.ErrnoException) => {
      // A machine without IPv6 (or IPv4) has one localhost only.
      if (!isLocal || error.code === 'EADDRINUSE') throw listenError(component, listen, error)
    })
  }
}

function listenError(component: string, listen: ListenAddress, error: NodeJS.ErrnoException): Error {
  const reason = REASONS[error.code ?? ''] ?? error.message
  return new Error(`${component}: cannot listen on ${listen.network} ${listen.address}: ${reason}`, { cause: error })
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address in use; stop the other listener or change endpoint',
  EACCES: 'not permitted; choose a port above 1023 or grant the capability to bind low ports',
  EADDRNOTAVAIL: 'this machine has no such address; choose one of its own or 0.0.0.0',
  ENOTFOUND: 'the host name does not resolve',
}

function probeTcp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) }, () => server.close(() => resolve()))
  })
}

function probeUdp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', reject)
    socket.bind({ port, exclusive: true, ...(host === '' ? {} : { address: host }) }, () => socket.close(() => resolve()))
  })
}
