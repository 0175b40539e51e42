import type { PacketSink } from './listener.ts'

const LF = 0x0a
/** A frame may be as long as this; the third byte of a length is below 16 and the fourth 0, which no text begins with. */
export const FRAME_BYTES_MAX = 1 << 20
const LENGTH_BYTES = 4
/** What is shown of a line that is too long. */
const SHOWN_BYTES = 256

export interface SplitterOptions {
  /** Longest line, with the LF that ends it. */
  readonly lineBytesMax: number
  /** Whether the stream may consist of frames with their length (4 bytes, little-endian) before them, as DogStatsD clients send. */
  readonly mayHaveFrames: boolean
}

/**
 * Cuts a stream into packets of whole lines, wherever its pieces begin and end. Lines end with LF; the last one need not.
 * Frames are told from lines by the first four bytes of the stream.
 *
 * At most one line (or one frame) is kept between two pieces.
 */
export class LineSplitter {
  readonly #options: SplitterOptions
  readonly #sink: PacketSink
  readonly #sender: string
  /** Undecided until four bytes have been seen. */
  #isFramed: boolean | undefined
  #rest: Uint8Array = EMPTY
  #restLength = 0
  /** Within a line that is too long: what follows up to the next LF belongs to it. */
  #isSkipping = false

  constructor(sender: string, options: SplitterOptions, sink: PacketSink) {
    this.#sender = sender
    this.#options = options
    this.#sink = sink
    this.#isFramed = options.mayHaveFrames ? undefined : false
  }

  /** Takes a piece of the stream; false when no more can be made of it, so that the connection should be closed. */
  push(piece: Uint8Array): boolean {
    if (this.#isFramed === false) {
      this.#lines(piece)
      return true
    }
    const all = this.#withRest(piece)
    this.#restLength = 0
    if (this.#isFramed === undefined) {
      this.#isFramed = framing(all)
      if (this.#isFramed === undefined) {
        this.#keep(all, 0)
        return true
      }
    }
    if (this.#isFramed) return this.#frames(all)
    this.#lines(all)
    return true
  }

  /** The stream has ended: a last line without LF counts, a frame that was cut does not. */
  end(): void {
    const length = this.#restLength
    this.#restLength = 0
    if (length === 0) return
    if (this.#isFramed === true) this.#sink.fault('cut_frame', length)
    else this.#sink.packet(this.#rest.subarray(0, length), this.#sender)
  }

  #lines(piece: Uint8Array): void {
    let start = 0
    if (this.#isSkipping) {
      const end = piece.indexOf(LF)
      if (end < 0) return
      this.#isSkipping = false
      start = end + 1
    }
    const last = piece.lastIndexOf(LF)
    if (last < start) {
      this.#keepLine(start === 0 ? piece : piece.subarray(start))
      return
    }
    if (this.#restLength > 0) {
      const end = piece.indexOf(LF, start)
      this.#keepLine(piece.subarray(start, end + 1))
      // The line was finished, or given up as too long, with the LF that ends it.
      this.#isSkipping = false
      const length = this.#restLength
      this.#restLength = 0
      if (length > 0) this.#sink.packet(this.#rest.subarray(0, length), this.#sender)
      start = end + 1
    }
    if (start <= last) this.#whole(piece, start, last + 1)
    if (last + 1 < piece.length) this.#keepLine(piece.subarray(last + 1))
  }

  /** Hands on lines that lie in one piece; those that are too long are taken out. */
  #whole(piece: Uint8Array, start: number, end: number): void {
    const { lineBytesMax } = this.#options
    if (end - start <= lineBytesMax) {
      this.#sink.packet(piece.subarray(start, end), this.#sender)
      return
    }
    let from = start
    for (let at = start; at < end; ) {
      const to = piece.indexOf(LF, at) + 1
      if (to - at > lineBytesMax) {
        if (at > from) this.#sink.packet(piece.subarray(from, at), this.#sender)
        this.#sink.tooLong(piece.subarray(at, Math.min(to - 1, at + SHOWN_BYTES)), this.#sender)
        from = to
      }
      at = to
    }
    if (end > from) this.#sink.packet(piece.subarray(from, end), this.#sender)
  }

  /** Adds to the line that is kept, and gives it up when it gets too long. */
  #keepLine(part: Uint8Array): void {
    if (this.#restLength + part.length <= this.#options.lineBytesMax) {
      this.#keep(part, this.#restLength)
      return
    }
    const start = this.#restLength >= SHOWN_BYTES ? this.#rest.subarray(0, SHOWN_BYTES) : this.#withRest(part.subarray(0, SHOWN_BYTES))
    this.#restLength = 0
    this.#isSkipping = true
    this.#sink.tooLong(start, this.#sender)
  }

  #frames(all: Uint8Array): boolean {
    let at = 0
    while (all.length - at >= LENGTH_BYTES) {
      const length = lengthAt(all, at)
      if (length > FRAME_BYTES_MAX) {
        this.#restLength = 0
        this.#sink.fault('frame_too_long', all.length - at)
        return false
      }
      const end = at + LENGTH_BYTES + length
      if (end > all.length) break
      if (length > 0) this.#frame(all.subarray(at + LENGTH_BYTES, end))
      at = end
    }
    this.#keep(all.subarray(at), 0)
    return true
  }

  #frame(frame: Uint8Array): void {
    const last = frame.lastIndexOf(LF)
    const { lineBytesMax } = this.#options
    if (frame.length <= lineBytesMax) {
      this.#sink.packet(frame, this.#sender)
      return
    }
    if (last >= 0) this.#whole(frame, 0, last + 1)
    const tail = frame.subarray(last + 1)
    if (tail.length > lineBytesMax) this.#sink.tooLong(tail.subarray(0, SHOWN_BYTES), this.#sender)
    else if (tail.length > 0) this.#sink.packet(tail, this.#sender)
  }

  #withRest(piece: Uint8Array): Uint8Array {
    if (this.#restLength === 0) return piece
    const all = new Uint8Array(this.#restLength + piece.length)
    all.set(this.#rest.subarray(0, this.#restLength))
    all.set(piece, this.#restLength)
    return all
  }

  #keep(part: Uint8Array, at: number): void {
    const length = at + part.length
    if (length > this.#rest.length) {
      const grown = new Uint8Array(Math.max(256, length, this.#rest.length * 2))
      grown.set(this.#rest.subarray(0, at))
      this.#rest = grown
    }
    this.#rest.set(part, at)
    this.#restLength = length
  }
}

const EMPTY = new Uint8Array(0)

/** True for frames, false for lines, undefined when four bytes have not come yet. */
function framing(start: Uint8Array): boolean | undefined {
  // No sample is as short as that.
  return start.length < LENGTH_BYTES ? undefined : lengthAt(start, 0) <= FRAME_BYTES_MAX
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
}
