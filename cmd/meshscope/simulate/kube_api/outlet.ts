import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Fault } from './fault.ts'

/** A reader that is so far behind is cut off, as the real server does. */
const BEHIND_BYTES_MAX = 64 << 20

/** The body of a response, which a fault may cut off. Nothing is sent after the fault has happened. */
export class Outlet {
  readonly #response: ServerResponse
  readonly #fault: Fault | undefined
  #written = 0
  #isOver = false

  constructor(response: ServerResponse, fault: Fault | undefined) {
    this.#response = response
    this.#fault = fault
    // Without a body, the head would wait for the first bytes of it.
    if (fault?.kind !== 'reset' || fault.afterBytes > 0) response.flushHeaders()
  }

  /** True when nothing can be sent any more: the fault has happened or the client has gone. */
  get isOver(): boolean {
    return this.#isOver || this.#response.destroyed || this.#response.writableEnded
  }

  /** Sends a piece; resolves when there is room for more. */
  async write(piece: Uint8Array): Promise<void> {
    if (!this.push(piece) && !this.isOver) await Promise.race([once(this.#response, 'drain'), once(this.#response, 'close')])
  }

  /** Sends a piece without waiting; false when the client is behind. */
  push(piece: Uint8Array): boolean {
    if (this.isOver) return true
    const at = cutAt(this.#fault)
    if (at !== undefined && this.#written + piece.length >= at) {
      this.#cut(piece.subarray(0, at - this.#written))
      return true
    }
    this.#written += piece.length
    const hasRoom = this.#response.write(piece)
    if (this.#response.writableLength > BEHIND_BYTES_MAX) this.#response.destroy()
    return hasRoom
  }

  /** Ends the body. */
  end(): void {
    if (!this.isOver) this.#response.end()
  }

  /** Resets the connection now. */
  reset(): void {
    this.#isOver = true
    this.#response.socket?.resetAndDestroy()
  }

  #cut(last: Uint8Array): void {
    this.#isOver = true
    const kind = this.#fault?.kind
    const act = (): void => {
      if (kind === 'reset') this.#response.socket?.resetAndDestroy()
      if (kind === 'close') this.#response.socket?.destroy()
    }
    if (kind === 'garbage' && this.#fault?.kind === 'garbage') {
      this.#response.write(last)
      this.#response.end(this.#fault.text)
    } else if (last.length === 0) act()
    else this.#response.write(last, act)
  }
}

/** After how many bytes the body is cut; undefined when it is not. */
function cutAt(fault: Fault | undefined): number | undefined {
  if (fault?.kind === 'reset' || fault?.kind === 'close' || fault?.kind === 'stall') return fault.afterBytes
  return fault?.kind === 'garbage' ? fault.after : undefined
}
