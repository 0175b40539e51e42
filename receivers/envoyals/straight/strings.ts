import { add, all, and, type Code, eq, give, gt, isZero, load, long, lt, ne, select, set, shl, store, sub, when, whilst } from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'
import { Control, MISSES_MAX, Miss, Place, PROBES, SLOTS, Slot } from './memory.ts'

const FACTOR = 0x9e3779b97f4a7c15n

/**
 * Adds `intern(cell, at, length)`: writes the id of a string into a cell when the cache knows the string, else notes the
 * cell for `StringCache.resolve`. Of an empty string nothing is written: 0 is what a clear cell holds.
 *
 * Sixteen bytes at a time; the last sixteen are read as two words that overlap when there are fewer. Hashing needs no seed:
 * strings that are made to collide are looked up in the interner, which has one.
 */
export function writeIntern(module: WasmModule): Callable {
  return module.procedure('intern', 3, (locals, cell, at, length) => {
    const [hash, other, mask, differences] = [locals.long(), locals.long(), locals.long(), locals.long()]
    const [from, tail, last, slot, tries, distance] = [locals.int(), locals.int(), locals.int(), locals.int(), locals.int(), locals.int()]
    const mixed = (sum: Code, word: Code): Code => long.rotl(long.mul(long.xor(sum, word), FACTOR), 29n)
    const differ = (where: Code): Code => long.xor(long.load(where), long.load(add(where, distance)))

    const hashing = all(
      set(hash, long.of(length)),
      set(other, FACTOR),
      whilst(lt(from, tail), all(set(hash, mixed(hash, long.load(from))), set(other, mixed(other, long.load(from, 8))), set(from, add(from, 16)))),
      set(hash, mixed(hash, long.and(long.load(tail), mask))),
      set(other, mixed(other, long.and(long.load(last), mask))),
      set(hash, long.xor(hash, other)),
      set(hash, long.xor(hash, long.shr(hash, 32n))),
    )
    const comparing = all(
      set(distance, sub(load(slot, Slot.at), at)),
      set(differences, long.and(long.or(differ(tail), differ(last)), mask)),
      set(from, at),
      whilst(lt(from, tail), all(set(differences, long.or(differences, long.or(differ(from), differ(add(from, 8))))), set(from, add(from, 16)))),
    )
    return all(
      when(isZero(length), give()),
      set(mask, -1n),
      when(lt(length, 8), set(mask, long.sub(long.shl(1n, long.of(shl(length, 3))), 1n))),
      set(last, select(sub(add(at, length), 8), at, gt(length, 7))),
      set(tail, select(sub(add(at, length), 16), at, gt(length, 15))),
      set(from, at),
      hashing,
      set(slot, slotOf(hash)),
      set(tries, PROBES),
      whilst(
        and(ne(tries, 0), ne(load(slot, Slot.id), 0)),
        all(
          when(
            and(eq(load(slot, Slot.hash), long.low(hash)), eq(load(slot, Slot.length), length)),
            all(comparing, when(long.isZero(differences), all(store(cell, 0, load(slot, Slot.id)), give()))),
          ),
          set(tries, sub(tries, 1)),
          set(slot, add(and(add(sub(slot, Place.slots), Slot.bytes), SLOTS * Slot.bytes - 1), Place.slots)),
        ),
      ),
      // All slots taken: the first one is given to this string.
      when(isZero(tries), set(slot, slotOf(hash))),
      noting(cell, at, length, slot, long.low(hash)),
    )
  })
}

/** The first slot of a string with that hash. */
function slotOf(hash: Code): Code {
  return add(shl(and(long.low(hash), SLOTS - 1), 4), Place.slots)
}

/** A full list takes no more: the run stops at its entry. */
function noting(cell: Code, at: Code, length: Code, slot: Code, hash: Code): Code {
  const count = load(Place.control, Control.misses)
  const record = add(shl(count, 5), Place.misses)
  return when(
    lt(count, MISSES_MAX),
    all(
      store(record, Miss.cell, cell),
      store(record, Miss.at, at),
      store(record, Miss.length, length),
      store(record, Miss.slot, slot),
      store(record, Miss.hash, hash),
      store(Place.control, Control.misses, add(count, 1)),
    ),
  )
}
