import type { MainComponent } from '../component/factory.ts'
import type { IngestOrigin, IngestPeer } from '../component/link.ts'

/** The two ends of a link, as keys of plan nodes: an ingest half (in each worker) and its main half. */
export interface LinkEnds {
  readonly main: string
  readonly half: string
}

/** One life of a worker, with the way into it. */
export interface IngestThread extends IngestOrigin {
  /** Brings a message to the ingest half with this key. */
  post(half: string, message: unknown): void
}

/** Brings messages of ingest halves to their main halves and back, and tells main halves when an ingest half has ended. */
export class LinkHub {
  /** Who has sent: by the main half's key, then by life, then by the ingest half's key. */
  readonly #peers = new Map<string, Map<number, Map<string, Peer>>>()
  readonly #find: (key: string) => MainComponent | undefined
  readonly #onError: (key: string, error: unknown) => void

  /** `find` gives the main half of a key, also while it is only prepared; `onError` gets what main halves throw. */
  constructor(find: (key: string) => MainComponent | undefined, onError: (key: string, error: unknown) => void) {
    this.#find = find
    this.#onError = onError
  }

  deliver({ main, half }: LinkEnds, message: unknown, from: IngestThread): void {
    const peers = entry(entry(this.#peers, main, newMap<number, Map<string, Peer>>), from.life, newMap<string, Peer>)
    const peer = entry(peers, half, () => new Peer(half, from))
    this.#guard(main, () => this.#find(main)?.receive?.(message, peer))
  }

  /** An ingest half in this life of a worker has ended. Its main half is told when the last of its halves there has. */
  gone({ main, half }: LinkEnds, from: IngestOrigin): void {
    const peers = this.#peers.get(main)?.get(from.life)
    peers?.get(half)?.close()
    if (peers?.delete(half) === true && peers.size === 0) this.#lifeGone(main, from)
  }

  /** The worker has ended, and all ingest halves in it. */
  allGone(from: IngestOrigin): void {
    for (const [main, lives] of Array.from(this.#peers)) {
      const peers = lives.get(from.life)
      if (peers === undefined) continue
      for (const peer of peers.values()) peer.close()
      this.#lifeGone(main, from)
    }
  }

  #lifeGone(main: string, { worker, life }: IngestOrigin): void {
    const lives = this.#peers.get(main)
    lives?.delete(life)
    if (lives?.size === 0) this.#peers.delete(main)
    this.#guard(main, () => this.#find(main)?.gone?.({ worker, life }))
  }

  #guard(key: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#onError(key, error)
    }
  }
}

/** The main half's end of the link to one ingest half. */
class Peer implements IngestPeer {
  readonly worker: number
  readonly life: number
  readonly #half: string
  #thread: IngestThread | undefined

  constructor(half: string, thread: IngestThread) {
    this.worker = thread.worker
    this.life = thread.life
    this.#half = half
    this.#thread = thread
  }

  send(message: unknown): void {
    this.#thread?.post(this.#half, message)
  }

  close(): void {
    this.#thread = undefined
  }
}

function newMap<K, V>(): Map<K, V> {
  return new Map()
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
