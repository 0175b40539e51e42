import { type AccessLogs, AddressKind, EntryKind } from '../../model/access_logs.ts'
import type { StructObject } from '../../model/struct.ts'
import { decodePeer, decodePeerMetadata, decodeText, type Peer } from './peer.ts'
import { splitEndpoint } from './service_host.ts'

/**
 * The columns that are not part of every cache key, one bit each. Reading one through `RowFacts` sets its bit, and the
 * answer is then remembered for that column's value only: a Host header or a client's address, of which there may be
 * thousands, costs cache entries only where the analysis looks at it.
 */
export const Optional = {
  tagUpstreamCluster: 1,
  tagUpstreamPrincipal: 2,
  peerPrincipal: 4,
  localPrincipal: 8,
  sni: 16,
  routeName: 32,
  authority: 64,
  downstreamLocal: 128,
  directRemote: 256,
  downstreamRemote: 512,
  upstreamRemote: 1024,
} as const

/** An address as the analysis needs it. */
export interface Address {
  /** Empty when there is none, or none with an IP. */
  readonly ip: string
  readonly port: number
}

const NO_ADDRESS: Address = { ip: '', port: 0 }

/**
 * Bits that are in every cache key beside ids of strings. The `has…` bits say that an optional column is not empty: where
 * it is, reading it costs no cache entry.
 */
export const Shape = {
  tcp: 1,
  refused: 2,
  localCertificate: 4,
  peerCertificate: 8,
  noRoute: 16,
  hasTagUpstreamCluster: 32,
  hasTagUpstreamPrincipal: 64,
  hasPeerPrincipal: 128,
  hasLocalPrincipal: 256,
  hasSni: 512,
} as const

const NO_ROUTE = 1 << 8

/** The `Shape` bits of row `i`; `isRefused` is whether its handshake was refused. */
export function shapeOf(logs: AccessLogs, i: number, isRefused: boolean): number {
  let shape = ((logs.certificates[i] as number) & 3) << 2
  if (logs.kind[i] === EntryKind.tcp) shape |= Shape.tcp
  if (isRefused) shape |= Shape.refused
  if (((logs.flags[i] as number) & NO_ROUTE) !== 0) shape |= Shape.noRoute
  if (logs.tagUpstreamCluster[i] !== 0) shape |= Shape.hasTagUpstreamCluster
  if (logs.tagUpstreamPrincipal[i] !== 0) shape |= Shape.hasTagUpstreamPrincipal
  if (logs.peerPrincipal[i] !== 0) shape |= Shape.hasPeerPrincipal
  if (logs.localPrincipal[i] !== 0) shape |= Shape.hasLocalPrincipal
  if (logs.sni[i] !== 0) shape |= Shape.hasSni
  return shape
}

/** Reads one row as strings and notes which optional columns were read. One object serves all rows in turn. */
export class RowFacts {
  /** `Optional` bits of what was read since `at`. */
  used = 0
  shape = 0
  #logs!: AccessLogs
  #row = 0

  at(logs: AccessLogs, row: number, shape: number): this {
    this.used = 0
    this.shape = shape
    this.#logs = logs
    this.#row = row
    return this
  }

  /** When the request or connection began, else when it was reported; milliseconds since the epoch. */
  get timeMs(): number {
    return this.#logs.startMs(this.#row) || this.#logs.receivedMs
  }

  get cluster(): string {
    return this.#text(this.#logs.upstreamCluster)
  }

  get localSan(): string {
    return this.#text(this.#logs.localSan)
  }

  get peerSan(): string {
    return this.#text(this.#logs.peerSan)
  }

  get upstreamPeer(): Peer | undefined {
    return this.#peer(this.#logs.upstreamPeer)
  }

  get downstreamPeer(): Peer | undefined {
    return this.#peer(this.#logs.downstreamPeer)
  }

  /** What `upstreamPeer` was read from. */
  get upstreamPeerMetadata(): StructObject | undefined {
    return this.#peerMetadata(this.#logs.upstreamPeer)
  }

  /** What `downstreamPeer` was read from. */
  get downstreamPeerMetadata(): StructObject | undefined {
    return this.#peerMetadata(this.#logs.downstreamPeer)
  }

  get tagUpstreamCluster(): string {
    return this.#has(Shape.hasTagUpstreamCluster) ? this.#optional(Optional.tagUpstreamCluster, this.#logs.tagUpstreamCluster) : ''
  }

  get tagUpstreamPrincipal(): string {
    return this.#has(Shape.hasTagUpstreamPrincipal) ? this.#optional(Optional.tagUpstreamPrincipal, this.#logs.tagUpstreamPrincipal) : ''
  }

  get peerPrincipal(): string {
    return this.#has(Shape.hasPeerPrincipal) ? this.#principal(Optional.peerPrincipal, this.#logs.peerPrincipal) : ''
  }

  get localPrincipal(): string {
    return this.#has(Shape.hasLocalPrincipal) ? this.#principal(Optional.localPrincipal, this.#logs.localPrincipal) : ''
  }

  get sni(): string {
    return this.#has(Shape.hasSni) ? this.#optional(Optional.sni, this.#logs.sni) : ''
  }

  get routeName(): string {
    return this.#optional(Optional.routeName, this.#logs.routeName)
  }

  get authority(): string {
    return this.#optional(Optional.authority, this.#logs.authority)
  }

  get downstreamLocal(): Address {
    const logs = this.#logs
    return this.#address(Optional.downstreamLocal, logs.downstreamLocalKind, logs.downstreamLocal, logs.downstreamLocalPort)
  }

  /** Without the port, which is the client's own choice and tells nothing. */
  get directRemote(): Address {
    return this.#address(Optional.directRemote, this.#logs.directRemoteKind, this.#logs.directRemote, undefined)
  }

  /** Without the port; may come from a header. */
  get downstreamRemote(): Address {
    return this.#address(Optional.downstreamRemote, this.#logs.downstreamRemoteKind, this.#logs.downstreamRemote, undefined)
  }

  get upstreamRemote(): Address {
    const logs = this.#logs
    return this.#address(Optional.upstreamRemote, logs.upstreamRemoteKind, logs.upstreamRemote, logs.upstreamRemotePort)
  }

  #has(bit: number): boolean {
    return (this.shape & bit) !== 0
  }

  #text(column: Int32Array): string {
    return this.#logs.strings.text(column[this.#row] as number)
  }

  #optional(bit: number, column: Int32Array): string {
    this.used |= bit
    return this.#text(column)
  }

  #principal(bit: number, column: Int32Array): string {
    this.used |= bit
    return decodeText(this.#logs.strings.bytes(column[this.#row] as number))
  }

  #peer(column: Int32Array): Peer | undefined {
    const id = column[this.#row] as number
    return id === 0 ? undefined : decodePeer(this.#logs.strings.bytes(id))
  }

  #peerMetadata(column: Int32Array): StructObject | undefined {
    const id = column[this.#row] as number
    return id === 0 ? undefined : decodePeerMetadata(this.#logs.strings.bytes(id))
  }

  #address(bit: number, kinds: Uint8Array, texts: Int32Array, ports: Int32Array | undefined): Address {
    this.used |= bit
    const text = this.#logs.strings.text(this.#logs.address(texts, this.#row))
    if (kinds[this.#row] === AddressKind.socket) return { ip: text, port: ports === undefined ? 0 : (ports[this.#row] as number) }
    // HBONE: the address behind an internal listener stands in the endpoint's id.
    return kinds[this.#row] === AddressKind.internal ? splitEndpoint(text) : NO_ADDRESS
  }
}
