import {
  add,
  all,
  and,
  type Code,
  double,
  eq,
  give,
  gt,
  isZero,
  type Local,
  load,
  load8,
  long,
  lt,
  mul,
  ne,
  or,
  put,
  set,
  shl,
  store,
  sub,
  when,
  whilst,
} from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'
import { Fields } from '../../../lib/wasm/protobuf_fields.ts'
import { type AttributeWriters, writeEqual, writeFind } from './attributes.ts'
import { writeKnown } from './known.ts'
import { Control, LATER_MAX, Later, Place } from './memory.ts'
import { type QueryForm, writeQuery } from './query.ts'

const HIGH_BITS = 0x8080808080808080n
const [COLON, QUESTION, CLOSING, ZERO] = [0x3a, 0x3f, 0x5d, 0x30]

/**
 * The functions for values that are messages, or that become more than one attribute. All give the place behind what they
 * wrote, or 0 when the value has not the expected form; those that write take the place to write to first.
 */
export interface ValueWriters {
  /** Leaves a value to the general way: the number of the field, start, end, end of the message around it. Gives 0 when there are too many. */
  readonly later: Callable
  /** `google.protobuf.Duration` as seconds: key and its length, start, end. */
  readonly duration: Callable
  /** `google.protobuf.UInt32Value`: key and its length, start, end. */
  readonly wrapped: Callable
  /** `core.Address` with a socket address: keys of address and port and their lengths, start, end. */
  readonly address: Callable
  /** `host`, `host:port` or `[v6]:port`: keys of host and port and their lengths, start, end. */
  readonly authority: Callable
  /** A path and its query: keys of both and their lengths, the number of the field for the query, start, end, end of the message around it. */
  readonly path: Callable
  /** A text unless it is the request id of the entry: key and its length, start, length. */
  readonly streamId: Callable
  /** A value that may have been seen before; see `writeKnown`. */
  readonly known: Callable
}

/** Adds the functions; `query` is what becomes of queries. */
export function writeValues(module: WasmModule, attributes: AttributeWriters, query: QueryForm): ValueWriters {
  const find = writeFind(module)
  const equal = writeEqual(module)
  const later = writeLater(module)
  return {
    later,
    known: writeKnown(module, { attributes, equal, later }),
    duration: writeDuration(module, attributes),
    wrapped: writeWrapped(module, attributes),
    address: writeAddress(module, attributes),
    authority: writeAuthority(module, attributes, find),
    path: writePath(module, { attributes, find, query: writeQuery(module, { attributes, find, later }, query) }),
    streamId: writeStreamId(module, attributes, equal),
  }
}

/** The place behind what was written becomes `out`; without one the function ends. */
export function orFail(out: Local, written: Code): Code {
  return when(isZero(put(out, written)), give(0))
}

function writeLater(module: WasmModule): Callable {
  return module.function('later', 4, (locals, field, at, end, messageEnd) => {
    const [count, record] = [locals.int(), locals.int()]
    return all(
      set(count, load(Place.control, Control.later)),
      when(eq(count, LATER_MAX), give(0)),
      set(record, add(Place.later, shl(count, 4))),
      store(record, Later.field, field),
      store(record, Later.at, at),
      store(record, Later.end, end),
      store(record, Later.messageEnd, messageEnd),
      store(Place.control, Control.later, add(count, 1)),
      give(1),
    )
  })
}

function writeDuration(module: WasmModule, attributes: AttributeWriters): Callable {
  return module.function('duration', 5, (locals, out, key, keyLength, at, end) => {
    const fields = new Fields(locals, at, end)
    const [seconds, nanos] = [locals.long(), locals.long()]
    const scratch = Place.control + Control.double
    const sum = double.add(double.mul(double.ofLong(seconds), double.constant(1e9)), double.ofLong(nanos))
    return all(
      fields.begin(),
      fields.number(1, set(seconds, fields.value)),
      fields.number(2, set(nanos, fields.value)),
      when(isZero(fields.isAtEnd()), give(0)),
      double.store(scratch, 0, double.div(sum, double.constant(1e9))),
      give(attributes.double(out, key, keyLength, scratch)),
    )
  })
}

function writeWrapped(module: WasmModule, attributes: AttributeWriters): Callable {
  return module.function('wrapped', 5, (locals, out, key, keyLength, at, end) => {
    const size = locals.int()
    const bit = (bytes: Code): Code => long.sub(long.shl(1n, long.of(shl(bytes, 3))), 1n)
    return all(
      when(eq(at, end), give(attributes.integer(out, key, keyLength, 0))),
      set(size, sub(sub(end, at), 1)),
      when(or(ne(load8(at), 8), or(isZero(size), gt(size, 4))), give(0)),
      // All bytes but the last one go on.
      when(ne(long.eq(long.and(long.and(long.load(at, 1), HIGH_BITS), bit(size)), long.and(HIGH_BITS, bit(sub(size, 1)))), 1), give(0)),
      give(attributes.varint(out, key, keyLength, add(at, 1), size)),
    )
  })
}

/** `{1 socket_address {2 address, 3 port_value}}`, both lengths below 128; other members of the oneof take the general way. */
function writeAddress(module: WasmModule, attributes: AttributeWriters): Callable {
  return module.function('address', 7, (locals, out, key, keyLength, portKey, portKeyLength, at, end) => {
    const [size, portEnd] = [locals.int(), locals.int()]
    return all(
      when(or(ne(and(load(at), 0x80ff80ff | 0), 0x0012000a), ne(load8(at, 1), sub(sub(end, at), 2))), give(0)),
      set(size, load8(at, 3)),
      set(at, add(at, 4)),
      when(size, orFail(out, attributes.text(out, key, keyLength, at, size))),
      set(at, add(at, size)),
      when(eq(at, end), give(out)),
      when(ne(load8(at), 24), give(0)),
      set(at, add(at, 1)),
      set(portEnd, at),
      whilst(and(load8(portEnd), 128), set(portEnd, add(portEnd, 1))),
      set(portEnd, add(portEnd, 1)),
      when(or(ne(portEnd, end), gt(sub(end, at), 3)), give(0)),
      when(isZero(load8(at)), give(out)),
      give(attributes.varint(out, portKey, portKeyLength, at, sub(end, at))),
    )
  })
}

function writeAuthority(module: WasmModule, attributes: AttributeWriters, find: Callable): Callable {
  return module.function('authority', 7, (locals, out, key, keyLength, portKey, portKeyLength, at, end) => {
    const [colon, port, scale, digit, hasPort] = [locals.int(), locals.int(), locals.int(), locals.int(), locals.int()]
    const isDigit = lt(put(digit, sub(load8(colon), ZERO)), 10)
    const isPort = and(and(eq(load8(colon), COLON), gt(colon, at)), and(lt(colon, sub(end, 1)), lt(port, 65_536)))
    return all(
      set(colon, sub(end, 1)),
      set(scale, 1),
      whilst(
        and(and(gt(colon, at), lt(sub(end, colon), 8)), isDigit),
        all(set(port, add(port, mul(digit, scale))), set(scale, mul(scale, 10)), set(colon, sub(colon, 1))),
      ),
      // So many digits might not fit.
      when(eq(sub(end, colon), 8), give(0)),
      when(isPort, set(hasPort, or(eq(load8(sub(colon, 1)), CLOSING), eq(find(COLON, at, end), colon)))),
      when(isZero(hasPort), set(colon, end)),
      orFail(out, attributes.text(out, key, keyLength, at, sub(colon, at))),
      when(hasPort, set(out, attributes.integer(out, portKey, portKeyLength, port))),
      give(out),
    )
  })
}

interface PathParts {
  readonly attributes: AttributeWriters
  readonly find: Callable
  readonly query: Callable
}

function writePath(module: WasmModule, { attributes, find, query }: PathParts): Callable {
  return module.function('path', 9, (locals, out, key, keyLength, queryKey, queryKeyLength, queryField, at, end, messageEnd) => {
    const mark = locals.int()
    return all(
      set(mark, find(QUESTION, at, end)),
      orFail(out, attributes.text(out, key, keyLength, at, sub(mark, at))),
      when(lt(add(mark, 1), end), orFail(out, query(out, queryKey, queryKeyLength, queryField, add(mark, 1), end, messageEnd))),
      give(out),
    )
  })
}

function writeStreamId(module: WasmModule, attributes: AttributeWriters, equal: Callable): Callable {
  return module.function('stream_id', 5, (_, out, key, keyLength, at, length) =>
    all(
      when(eq(load(Place.control, Control.requestIdLength), length), when(equal(at, load(Place.control, Control.requestIdAt), length), give(out))),
      give(attributes.text(out, key, keyLength, at, length)),
    ),
  )
}
