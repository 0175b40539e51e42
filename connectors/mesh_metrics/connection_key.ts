import type { ByteInterner } from '../../lib/intern.ts'
import type { AccessLogs } from '../../model/access_logs.ts'

/**
 * The identity of a TCP connection as one proxy reports it, as 64 bits of hash: node, stream id, physical peer, local
 * address and start time. The stream id alone is not enough: proxies may leave it out, or take one from a request id.
 *
 * The hash is made from bytes, not from interned ids, because a connection may outlive the ids.
 */
export class ConnectionKey {
  high = 0
  low = 0
  readonly #seed = (Math.random() * 0x7fffffff) | 0
  readonly #hashes = new WeakMap<ByteInterner, TextHashes>()
  #strings: ByteInterner | undefined
  #texts: TextHashes | undefined

  /** Puts the key of row `i` into `high` and `low`, which are never both 0. */
  read(logs: AccessLogs, i: number, nodeHash: number): void {
    const texts = this.#textsOf(logs.strings)
    let a = this.#seed ^ nodeHash
    let b = Math.imul(nodeHash, 0x9e3779b1) ^ this.#seed
    const bytes = logs.message
    const from = logs.streamIdAt[i] as number
    const end = from + (logs.streamIdLength[i] as number)
    for (let at = from; at < end; at++) {
      a = Math.imul(a ^ (bytes[at] as number), 0x01000193)
      b = Math.imul((b ^ (bytes[at] as number)) + (b >>> 15), 0x85ebca6b)
    }
    a = mix(a, texts.hashOf(logs.address(logs.directRemote, i)))
    b = mix(b, texts.hashOf(logs.address(logs.downstreamLocal, i)))
    a = mix(a, (logs.directRemotePort[i] as number) ^ ((logs.downstreamLocalPort[i] as number) << 16))
    b = mix(b, logs.directRemotePort[i] as number)
    a = mix(a, (logs.startSeconds[i] as number) | 0)
    b = mix(b, logs.startNanos[i] as number)
    this.high = mix(a, b)
    this.low = mix(b, a)
    if (this.high === 0 && this.low === 0) this.low = 1
  }

  #textsOf(strings: ByteInterner): TextHashes {
    if (strings !== this.#strings || this.#texts === undefined) {
      this.#strings = strings
      this.#texts = this.#hashes.get(strings) ?? new TextHashes(strings, this.#seed)
      this.#hashes.set(strings, this.#texts)
    }
    return this.#texts
  }
}

/** Hashes of interned texts by their bytes, each made once per epoch. */
class TextHashes {
  readonly #strings: ByteInterner
  readonly #seed: number
  #epoch: number
  #hashes = new Int32Array(1024)

  constructor(strings: ByteInterner, seed: number) {
    this.#strings = strings
    this.#seed = seed
    this.#epoch = strings.epoch
  }

  hashOf(id: number): number {
    if (this.#strings.epoch !== this.#epoch) {
      this.#epoch = this.#strings.epoch
      this.#hashes = new Int32Array(1024)
    }
    if (id >= this.#hashes.length) {
      const grown = new Int32Array(Math.max(this.#hashes.length * 2, id + 1))
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    return this.#hashes[id] || this.#add(id)
  }

  #add(id: number): number {
    let h = this.#seed
    for (const byte of this.#strings.bytes(id)) h = Math.imul(h ^ byte, 0x01000193)
    const hash = mix(h, 0x51ed270b) || 1
    this.#hashes[id] = hash
    return hash
  }
}

function mix(h: number, word: number): number {
  let mixed = Math.imul(h ^ word, 0x9e3779b1)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x85ebca6b)
  return mixed ^ (mixed >>> 13)
}
