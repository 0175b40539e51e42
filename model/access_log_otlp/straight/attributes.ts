import {
  add,
  all,
  and,
  type Code,
  eq,
  give,
  gt,
  isZero,
  type Local,
  load8,
  long,
  lt,
  or,
  set,
  shl,
  shr,
  store,
  store8,
  store16,
  sub,
  when,
  whilst,
} from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'

const HIGH_BITS = 0x8080808080808080n

/**
 * The functions that write one attribute each, a `KeyValue` (opentelemetry/proto/common/v1). All take the place to write to first,
 * then place and length of the key as `attributeKey` encodes it, and give the place behind what they wrote. `text` gives 0 for
 * one that is not ASCII, which may be none that a receiver takes.
 */
export interface AttributeWriters {
  /** A text: where it stands, its length. */
  readonly text: Callable
  /** An integer: where its varint of up to eight bytes stands, the length of that. */
  readonly varint: Callable
  /** An integer below 2^21. */
  readonly integer: Callable
  /** A double: where it stands. */
  readonly double: Callable
  /** Whole attributes: where they stand and their length are the key's. */
  readonly blob: Callable
}

/** Adds the functions; `tag` is what every attribute begins with (`AttributeTag`). */
export function writeAttributes(module: WasmModule, tag: number): AttributeWriters {
  const copy = writeCopy(module)
  const length = writeLength(module)
  return {
    text: writeText(module, tag, copy, length),
    varint: writeVarint(module, tag, copy),
    integer: writeInteger(module, tag, copy),
    double: writeDouble(module, tag, copy),
    blob: module.function('blob', 3, (_, out, at, size) => all(copy(out, at, size), give(add(out, size)))),
  }
}

/** Copies by eight bytes; what the last ones write beyond the length is overwritten by what follows. */
function writeCopy(module: WasmModule): Callable {
  return module.procedure('copy', 3, (locals, to, from, length) => {
    const n = locals.int()
    return whilst(lt(n, length), all(long.store(add(to, n), 0, long.load(add(from, n))), set(n, add(n, 8))))
  })
}

/** Writes a length below 2^21 as a varint and gives the place behind it. */
function writeLength(module: WasmModule): Callable {
  return module.function('length', 2, (_, out, value) =>
    all(
      when(lt(value, 128), all(store8(out, 0, value), give(add(out, 1)))),
      store8(out, 0, or(value, 128)),
      when(lt(value, 1 << 14), all(store8(out, 1, shr(value, 7)), give(add(out, 2)))),
      store8(out, 1, or(shr(value, 7), 128)),
      store8(out, 2, shr(value, 14)),
      give(add(out, 3)),
    ),
  )
}

function sizeOf(value: Code): Code {
  return add(add(1, gt(value, 127)), gt(value, (1 << 14) - 1))
}

/** Tag, length, key and length of the value, for attributes of less than 128 bytes; moves `out` behind them. */
function short(copy: Callable, tag: number, { out, key, keyLength }: Record<'out' | 'key' | 'keyLength', Local>, valueBytes: Code | number): Code {
  return all(
    store8(out, 0, tag),
    store8(out, 1, add(add(keyLength, valueBytes), 1)),
    copy(add(out, 2), key, keyLength),
    set(out, add(add(out, 2), keyLength)),
    store8(out, 0, valueBytes),
    set(out, add(out, 1)),
  )
}

function writeText(module: WasmModule, tag: number, copy: Callable, length: Callable): Callable {
  return module.function('text', 5, (locals, out, key, keyLength, at, size) => {
    const [seen, word] = [locals.long(), locals.long()]
    const [value, n] = [locals.int(), locals.int()]
    const isShort = lt(add(keyLength, size), 120)
    const head = all(
      store8(out, 0, tag),
      set(value, add(add(sizeOf(size), size), 1)),
      set(out, length(add(out, 1), add(add(keyLength, sizeOf(value)), value))),
      copy(out, key, keyLength),
      set(out, length(add(out, keyLength), value)),
      store8(out, 0, 0x0a),
      set(out, length(add(out, 1), size)),
    )
    const rest = shl(sub(size, n), 3)
    return all(
      when(isShort, all(short(copy, tag, { out, key, keyLength }, add(size, 2)), store16(out, 0, or(0x0a, shl(size, 8))), set(out, add(out, 2))), head),
      whilst(lt(add(n, 7), size), all(set(word, long.load(add(at, n))), set(seen, long.or(seen, word)), long.store(add(out, n), 0, word), set(n, add(n, 8)))),
      when(
        lt(n, size),
        all(
          set(word, long.load(add(at, n))),
          long.store(add(out, n), 0, word),
          set(seen, long.or(seen, long.and(word, long.sub(long.shl(1n, long.of(rest)), 1n)))),
        ),
      ),
      when(isZero(long.isZero(long.and(seen, HIGH_BITS))), give(0)),
      give(add(out, size)),
    )
  })
}

function writeVarint(module: WasmModule, tag: number, copy: Callable): Callable {
  return module.function('varint', 5, (_, out, key, keyLength, at, size) =>
    all(short(copy, tag, { out, key, keyLength }, add(size, 1)), store8(out, 0, 0x18), long.store(out, 1, long.load(at)), give(add(add(out, 1), size))),
  )
}

function writeInteger(module: WasmModule, tag: number, copy: Callable): Callable {
  return module.function('integer', 4, (_, out, key, keyLength, value) => {
    const second = or(and(shr(value, 7), 127), shl(gt(value, (1 << 14) - 1), 7))
    const bytes = or(or(and(value, 127), shl(gt(value, 127), 7)), or(shl(second, 8), shl(shr(value, 14), 16)))
    return all(
      short(copy, tag, { out, key, keyLength }, add(sizeOf(value), 1)),
      store8(out, 0, 0x18),
      store(out, 1, bytes),
      give(add(add(out, 1), sizeOf(value))),
    )
  })
}

function writeDouble(module: WasmModule, tag: number, copy: Callable): Callable {
  return module.function('double', 4, (_, out, key, keyLength, at) =>
    all(short(copy, tag, { out, key, keyLength }, 9), store8(out, 0, 0x21), long.store(out, 1, long.load(at)), give(add(out, 9))),
  )
}

/** Adds a function that gives 1 when two places have the same bytes. */
export function writeEqual(module: WasmModule): Callable {
  return module.function('equal', 3, (locals, one, other, length) => {
    const n = locals.int()
    return all(
      whilst(lt(add(n, 7), length), all(when(isZero(long.eq(long.load(add(one, n)), long.load(add(other, n)))), give(0)), set(n, add(n, 8)))),
      whilst(lt(n, length), all(when(isZero(eq(load8(add(one, n)), load8(add(other, n)))), give(0)), set(n, add(n, 1)))),
      give(1),
    )
  })
}

/** Adds a function that gives where a byte first stands from `at` on, `end` when it does not. */
export function writeFind(module: WasmModule): Callable {
  return module.function('find', 3, (_, byte, at, end) => all(whilst(lt(at, end), all(when(eq(load8(at), byte), give(at)), set(at, add(at, 1)))), give(at)))
}
