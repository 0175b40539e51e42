import type { StreamOrigin } from '../../model/access_logs.ts'
import { decodeNode } from '../../model/node.ts'
import { textOf } from '../../model/struct.ts'

const HEARD_MAX = 16_384

/** What the connector keeps of the sender of a stream. */
export interface OriginFacts {
  /** Hash of the node id: connections of different proxies never share a key. */
  readonly nodeHash: number
  /** Since when this thread has been getting entries over the same gRPC connection of the same node, milliseconds. */
  readonly heardSinceMs: number
  /** Version of the Istio proxy; empty when the node does not say. */
  readonly tag: string
  /** When `istio_build` was last renewed for this stream. */
  buildMs: number
}

/** Facts about the senders of streams; looked up once per batch. */
export class Origins {
  readonly #facts = new WeakMap<StreamOrigin, OriginFacts>()
  readonly #heard = new Map<string, number>()

  of(origin: StreamOrigin, nowMs: number): OriginFacts {
    const known = this.#facts.get(origin)
    if (known !== undefined) return known
    const facts = {
      nodeHash: hashText(origin.nodeId),
      heardSinceMs: this.#heardSince(`${origin.peer}\n${origin.nodeId}`, nowMs),
      tag: textOf(decodeNode(origin.node).metadata, 'ISTIO_VERSION'),
      buildMs: 0,
    }
    this.#facts.set(origin, facts)
    return facts
  }

  #heardSince(sender: string, nowMs: number): number {
    const known = this.#heard.get(sender)
    if (known !== undefined) return known
    if (this.#heard.size >= HEARD_MAX) this.#heard.delete(this.#heard.keys().next().value as string)
    this.#heard.set(sender, nowMs)
    return nowMs
  }
}

function hashText(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}
