import type { Socket } from 'node:net'
import type { Metadata } from '@grpc/grpc-js'
import type { AuthData, RequestHeaders, ServerAuthenticator } from '../../component/kit/auth.ts'
import type { Client } from '../../model/client.ts'

/** Who a request came from, as far as its connection and headers tell. */
export interface Sender {
  readonly socket: Pick<Socket, 'remoteAddress' | 'remotePort'> | undefined
  /** Under lowercase names. */
  readonly headers: RequestHeaders
}

export interface ClientOptions {
  readonly authenticator: ServerAuthenticator | undefined
  readonly includeMetadata: boolean
}

/** The client of a request. A promise only where the authenticator takes time; throws or rejects as `ServerAuthenticator.authenticate`. */
export function clientOf({ socket, headers }: Sender, { authenticator, includeMetadata }: ClientOptions): Client | Promise<Client> {
  const base: Client = { address: addressOf(socket), ...(includeMetadata ? { metadata: metadataOf(headers) } : {}) }
  const auth = authenticator?.authenticate(headers)
  if (auth instanceof Promise) return auth.then((data) => withAuth(base, data))
  return withAuth(base, auth)
}

function withAuth(client: Client, auth: AuthData | undefined): Client {
  return auth === undefined || Object.keys(auth).length === 0 ? client : { ...client, auth }
}

/** The metadata of a call as headers; binary values (names that end with -bin) in base64, as they travel. */
export function headersOfCall(metadata: Metadata): RequestHeaders {
  return Object.fromEntries(
    Object.entries(metadata.toJSON()).map(([name, values]) => [name, values.map((value) => (typeof value === 'string' ? value : value.toString('base64')))]),
  )
}

function metadataOf(headers: RequestHeaders): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name.startsWith(':') ? [] : [[name, typeof value === 'string' ? [value] : value]],
    ),
  )
}

/** `ip:port`, `[ipv6]:port` or `unix`. */
function addressOf(socket: Sender['socket']): string {
  const address = socket?.remoteAddress
  if (address === undefined) return 'unix'
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '')
  return plain.includes(':') ? `[${plain}]:${socket?.remotePort}` : `${plain}:${socket?.remotePort}`
}
