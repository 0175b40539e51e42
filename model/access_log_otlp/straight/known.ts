import { add, all, and, type Code, drop, eq, give, gt, isZero, load, long, lt, ne, set, shl, store, sub, when, whilst } from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'
import type { AttributeWriters } from './attributes.ts'
import { Control, Known, MESSAGE_BYTES_MAX, Place, PROBES_MAX, SLOTS, Slot } from './memory.ts'

const FACTOR = 0x9e3779b97f4a7c15n
/** Known values are written up to here; behind it is room for all else that an entry can have. */
const OUT_MAX = Place.out + MESSAGE_BYTES_MAX

/** What the functions are made of. */
export interface KnownParts {
  readonly attributes: AttributeWriters
  readonly equal: Callable
  readonly later: Callable
}

/**
 * Adds functions that remember what the general way has made of values that come again and again: peers in filter state,
 * metadata, response flags.
 *
 * `remember` takes the number of the field, start and end of its value and the length of its attributes, and gives the place
 * where these go, or 0 when there is none for them. The function that is returned writes them: the place to write to, the number of
 * the field, start, end, end of the message around it. What it does not know it leaves to the general way; it gives the place
 * behind what it wrote, or 0 when too much is left.
 */
export function writeKnown(module: WasmModule, { attributes, equal, later }: KnownParts): Callable {
  const slotOf = writeSlotOf(module, writeHash(module), equal)
  module.function('remember', 4, (locals, field, at, end, size) => {
    const [slot, known, attributesAt, next] = [locals.int(), locals.int(), locals.int(), locals.int()]
    return all(
      set(slot, slotOf(field, at, end)),
      when(isZero(slot), give(0)),
      when(load(slot, Slot.known), give(0)),
      set(known, load(Place.control, Control.knownEnd)),
      set(attributesAt, add(add(known, Known.value), upToEight(sub(end, at)))),
      set(next, add(attributesAt, upToEight(size))),
      when(gt(next, Place.end), give(0)),
      store(Place.control, Control.knownEnd, next),
      store(slot, Slot.hash, load(Place.control, Control.hash)),
      store(slot, Slot.known, known),
      store(known, Known.field, field),
      store(known, Known.length, sub(end, at)),
      store(known, Known.attributesLength, size),
      drop(attributes.blob(add(known, Known.value), at, sub(end, at))),
      give(attributesAt),
    )
  })
  return module.function('known', 5, (locals, out, field, at, end, messageEnd) => {
    const [slot, known] = [locals.int(), locals.int()]
    return all(
      set(slot, slotOf(field, at, end)),
      when(slot, set(known, load(slot, Slot.known))),
      when(gt(out, OUT_MAX), set(known, 0)),
      when(known, give(attributes.blob(out, add(add(known, Known.value), upToEight(load(known, Known.length))), load(known, Known.attributesLength)))),
      when(later(field, at, end, messageEnd), give(out)),
      give(0),
    )
  })
}

/** The slot of a value, or the free one where it belongs; 0 when there is neither. */
function writeSlotOf(module: WasmModule, hashOf: Callable, equal: Callable): Callable {
  return module.function('slot_of', 3, (locals, field, at, end) => {
    const [hash, slot, last, known] = [locals.int(), locals.int(), locals.int(), locals.int()]
    const isOfField = and(eq(load(known, Known.field), field), eq(load(known, Known.length), sub(end, at)))
    return all(
      set(hash, hashOf(field, at, sub(end, at))),
      store(Place.control, Control.hash, hash),
      set(slot, add(Place.slots, shl(and(hash, SLOTS - 1), 3))),
      set(last, add(slot, PROBES_MAX * Slot.bytes)),
      whilst(
        ne(slot, last),
        all(
          set(known, load(slot, Slot.known)),
          when(isZero(known), give(slot)),
          when(eq(load(slot, Slot.hash), hash), when(isOfField, when(equal(add(known, Known.value), at, sub(end, at)), give(slot)))),
          set(slot, add(slot, Slot.bytes)),
        ),
      ),
      give(0),
    )
  })
}

/** A number for a field, an address and a length; eight bytes at a time, of which the last ones may be those of two steps. */
function writeHash(module: WasmModule): Callable {
  return module.function('hash', 3, (locals, field, at, length) => {
    const [sum, word] = [locals.long(), locals.long()]
    const n = locals.int()
    const mixed = set(sum, long.rotl(long.mul(long.xor(sum, word), FACTOR), 29n))
    const firstBytes = long.and(long.load(at), long.sub(long.shl(1n, long.of(shl(length, 3))), 1n))
    return all(
      set(sum, long.xor(long.load(Place.control, Control.seed), long.of(add(shl(length, 16), field)))),
      whilst(lt(add(n, 8), length), all(set(word, long.load(add(at, n))), mixed, set(n, add(n, 8)))),
      when(lt(length, 8), set(word, firstBytes), set(word, long.load(sub(add(at, length), 8)))),
      mixed,
      // The upper half has seen every bit.
      set(sum, long.mul(sum, FACTOR)),
      give(long.low(long.shr(sum, 32n))),
    )
  })
}

function upToEight(length: Code): Code {
  return and(add(length, 7), -8)
}
