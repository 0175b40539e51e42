import { add, all, and, type Code, eq, give, type Local, load8, long, lt, or, select, set, shl, shr, sub, when, whilst } from './code.ts'
import type { Locals } from './module.ts'

const HIGH_BITS = 0x8080808080808080n
const LOW_BITS = 0x7f7f7f7f7f7f7f7fn

/**
 * Writes the code that reads the fields of a message in their order. Whether a field ends before its message does is not
 * asked at each: as the position only grows, it is enough that it is the message's end in the end (`isAtEnd`).
 *
 * A field of another form than expected ends the function with 0.
 */
export class Fields {
  /** Start of the next field; inside of `bytes` that of the payload. */
  readonly at: Local
  /** Length and end of the payload, inside of `bytes`. */
  readonly length: Local
  readonly next: Local
  readonly #end: Local
  readonly #word: Local
  readonly #stop: Local
  /** Inside of `number`: the number, of 64 bits. */
  readonly value: Local

  /** `at` is the variable that moves; it must be the message's start when the code of `begin` runs. */
  constructor(locals: Locals, at: Local, end: Local) {
    this.at = at
    this.#end = end
    this.#word = locals.long()
    this.#stop = locals.long()
    this.value = locals.long()
    this.length = locals.int()
    this.next = locals.int()
  }

  /** Must come first. Behind the end is what follows the message, which may look like a field of it. */
  begin(): Code {
    return set(this.#word, select(long.load(this.at), 0n, lt(this.at, this.#end)))
  }

  isAtEnd(): Code {
    return eq(this.at, this.#end)
  }

  /** A field with a length, if it is there. */
  bytes(field: number, body: Code = []): Code {
    return when(this.#isTag((field << 3) | 2), this.#bytes(field, body))
  }

  /** The same as often as it is there. */
  eachBytes(field: number, body: Code): Code {
    return whilst(and(this.#isTag((field << 3) | 2), lt(this.at, this.#end)), this.#bytes(field, body))
  }

  /** A varint, if it is there. */
  number(field: number, body: Code): Code {
    return when(this.#isTag(field << 3), all(this.readNumber(tagBytes(field)), body, this.begin()))
  }

  skipNumber(field: number): Code {
    return when(this.#isTag(field << 3), all(this.#findStop(tagBytes(field)), this.#passNumber(), this.begin()))
  }

  /** A varint of up to eight bytes, if it is there, as the bytes that it is: `at`, `length` and `next` are those of the varint. */
  varint(field: number, body: Code): Code {
    const { at, length, next } = this
    const reading = all(this.#findStop(tagBytes(field)), set(next, this.#behindStop()), set(length, sub(next, at)))
    return when(this.#isTag(field << 3), all(reading, body, set(at, next), this.begin()))
  }

  /** A field of eight bytes, if it is there. */
  double(field: number, body: Code = []): Code {
    const { at } = this
    return when(this.#isTag((field << 3) | 1), all(set(at, add(at, tagBytes(field))), body, set(at, add(at, 8)), this.begin()))
  }

  /** Reads a varint of up to eight bytes that begins `ahead` of the position, and moves behind it. */
  readNumber(ahead: number): Code {
    const { value } = this
    const stop = this.#stop
    return all(
      this.#findStop(ahead),
      set(value, long.and(long.and(value, long.xor(stop, long.sub(stop, 1n))), LOW_BITS)),
      // Seven bits of each byte are put together, then fourteen of each two, then twenty-eight.
      set(value, long.or(long.and(value, 0x007f007f007f007fn), long.shr(long.and(value, 0x7f007f007f007f00n), 1n))),
      set(value, long.or(long.and(value, 0x00003fff00003fffn), long.shr(long.and(value, 0x3fff00003fff0000n), 2n))),
      set(value, long.or(long.and(value, 0x0fffffffn), long.shr(long.and(value, 0x0fffffff00000000n), 4n))),
      this.#passNumber(),
    )
  }

  #findStop(ahead: number): Code {
    const stop = this.#stop
    return all(
      set(this.at, add(this.at, ahead)),
      set(this.value, long.load(this.at)),
      set(stop, long.and(long.xor(this.value, -1n), HIGH_BITS)),
      when(long.isZero(stop), give(0)),
    )
  }

  #passNumber(): Code {
    return set(this.at, this.#behindStop())
  }

  #behindStop(): Code {
    return add(add(this.at, 1), shr(long.low(long.trailingZeros(this.#stop)), 3))
  }

  #isTag(tag: number): Code {
    const bytes = tag < 128 ? tag : (tag & 127) | 128 | ((tag >> 7) << 8)
    return eq(and(long.low(this.#word), tag < 128 ? 0xff : 0xffff), bytes)
  }

  /** Lengths take one byte or two. */
  #bytes(field: number, body: Code): Code {
    const { at, length, next } = this
    const word = long.low(this.#word)
    const shift = tagBytes(field) * 8
    return all(
      set(length, and(shr(word, shift), 127)),
      set(at, add(at, tagBytes(field) + 1)),
      when(and(word, 128 << shift), all(set(length, or(length, shl(and(load8(at), 127), 7))), when(and(load8(at), 128), give(0)), set(at, add(at, 1)))),
      set(next, add(at, length)),
      body,
      set(at, next),
      this.begin(),
    )
  }
}

function tagBytes(field: number): number {
  return field < 16 ? 1 : 2
}
