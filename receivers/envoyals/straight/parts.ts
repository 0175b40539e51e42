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
  ne,
  or,
  select,
  set,
  shl,
  shr,
  store,
  store8,
  sub,
  when,
  whilst,
  xor,
} from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'
import { Fields } from '../../../lib/wasm/protobuf_fields.ts'
import { ADDRESS_LENGTH_BITS, AddressKind } from '../../../model/access_logs.ts'
import type { Cells, ColumnName } from './cells.ts'
import { Control, Place, Seen } from './memory.ts'

/** The small messages inside of AccessLogCommon. Every function gives 1 when the message had the expected form, else 0. */
export interface Parts {
  /** `core.Address`: start, end, and the addresses of the three cells for text, port and kind. */
  readonly address: Callable
  /** `google.protobuf.Duration`: start, end, address of the cell. */
  readonly duration: Callable
  /** `google.protobuf.Timestamp`: start, end, row. */
  readonly startTime: Callable
  /** `ResponseFlags`: start, end, row. */
  readonly flags: Callable
  /** `TLSProperties`: start, end, row. */
  readonly tls: Callable
}

const INT_MAX = 0x7fffffff

/** A number of 64 bits in one of 32, where the largest stands for all that are larger (in its lower 32 bits). */
export function saturated(value: Code): Code {
  return select(INT_MAX, long.low(value), gt(long.low(value), INT_MAX))
}

/** An enum value for a column of bytes; 255 stands for all that do not fit. */
export function enumByte(value: Code): Code {
  return select(255, long.low(value), gt(long.low(value), 255))
}

/** A position as an offset in the message. */
export function offsetOf(at: Code): Code {
  return sub(at, Place.message)
}

export function writeParts(module: WasmModule, cells: Cells, intern: Callable): Parts {
  return {
    address: writeAddress(module),
    duration: writeDuration(module),
    startTime: writeStartTime(module, cells),
    flags: writeFlags(module, cells),
    tls: writeTls(module, cells, intern),
  }
}

/** The cell for an address of less than 128 bytes that nobody has read yet; 0 for an empty one. */
function unread(at: Code, length: Code): Code {
  return select(xor(or(shl(offsetOf(at), ADDRESS_LENGTH_BITS), length), -1), 0, length)
}

function writeAddress(module: WasmModule): Callable {
  const named = writeNamedAddress(module)
  return module.function('address', 5, (locals, at, end, text, port, kind) => {
    const fields = new Fields(locals, at, end)
    const length = locals.int()
    const word = locals.int()
    const size = sub(end, at)
    return all(
      when(eq(at, end), give(1)),
      set(word, load(at)),
      // socket_address{address, port_value}: both lengths are below 128 and fit.
      when(
        and(eq(and(word, 0x80ff80ff | 0), 0x0012000a), eq(and(shr(word, 8), 127), sub(size, 2))),
        all(
          set(length, shr(word, 24)),
          store(text, 0, unread(add(at, 4), length)),
          store8(kind, 0, AddressKind.socket),
          set(at, add(add(at, 4), length)),
          when(eq(at, end), give(1)),
          when(ne(load8(at), 24), give(0)),
          fields.readNumber(1),
          store(port, 0, saturated(fields.value)),
          give(fields.isAtEnd()),
        ),
      ),
      give(named(at, end, text, kind)),
    )
  })
}

/** `core.Pipe` (1 path, 2 mode) and `core.EnvoyInternalAddress` (1 server_listener_name, 2 endpoint_id). */
function writeNamedAddress(module: WasmModule): Callable {
  return module.function('named_address', 4, (locals, at, end, text, kind) => {
    const fields = new Fields(locals, at, end)
    const member = locals.int()
    const cell = (wanted: number): Code =>
      all(when(gt(fields.length, 127), give(0)), when(eq(member, wanted), store(text, 0, unread(fields.at, fields.length))))
    return all(
      set(member, shr(load8(at), 3)),
      when(ne(load8(at, 1), sub(sub(end, at), 2)), give(0)),
      when(and(ne(member, AddressKind.pipe), ne(member, AddressKind.internal)), give(0)),
      when(or(ne(and(load8(at), 7), 2), gt(load8(at, 1), 127)), give(0)),
      store8(kind, 0, member),
      set(at, add(at, 2)),
      fields.begin(),
      fields.bytes(1, cell(AddressKind.pipe)),
      fields.bytes(2, cell(AddressKind.internal)),
      fields.skipNumber(2),
      give(fields.isAtEnd()),
    )
  })
}

function writeDuration(module: WasmModule): Callable {
  return module.function('duration', 3, (locals, at, end, cell) => {
    const fields = new Fields(locals, at, end)
    return all(
      double.store(cell, 0, double.constant(0)),
      fields.begin(),
      fields.number(1, double.store(cell, 0, double.mul(double.ofLong(fields.value), double.constant(1e9)))),
      fields.number(2, double.store(cell, 0, double.add(double.load(cell), double.ofInt(long.low(fields.value))))),
      give(fields.isAtEnd()),
    )
  })
}

function writeStartTime(module: WasmModule, cells: Cells): Callable {
  return module.function('start_time', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      fields.begin(),
      fields.number(1, cells.set('startSeconds', row, double.ofLong(fields.value))),
      fields.number(2, cells.set('startNanos', row, long.low(fields.value))),
      give(fields.isAtEnd()),
    )
  })
}

/** Highest field of `ResponseFlags` that has a bit. */
const FLAG_MAX = 28
const UNAUTHORIZED_DETAILS = 13

/** One field at a time: few flags are set at once, each a bool that is true. */
function writeFlags(module: WasmModule, cells: Cells): Callable {
  return module.function('flags', 3, (locals, at, end, row) => {
    const field = locals.int()
    const mask = locals.int()
    return all(
      whilst(
        lt(at, end),
        all(
          when(and(load8(at), 7), give(0)),
          set(field, shr(load8(at), 3)),
          when(gt(load8(at), 127), all(set(field, or(and(field, 15), shl(load8(at, 1), 4))), set(at, add(at, 1)))),
          when(or(gt(sub(field, 1), FLAG_MAX - 1), or(eq(field, UNAUTHORIZED_DETAILS), ne(load8(at, 1), 1))), give(0)),
          set(mask, or(mask, shl(1, sub(field, 1)))),
          set(at, add(at, 2)),
        ),
      ),
      cells.set('flags', row, mask),
      give(eq(at, end)),
    )
  })
}

function writeTls(module: WasmModule, cells: Cells, intern: Callable): Callable {
  const name = writeSubjectAltName(module, cells, intern)
  const certificate = module.function('certificate', 4, (locals, at, end, row, side) => {
    const fields = new Fields(locals, at, end)
    const named = cells.set('certificates', row, or(cells.get('certificates', row), side))
    return all(
      fields.begin(),
      fields.eachBytes(1, when(isZero(name(fields.at, fields.next, row, side)), give(0))),
      fields.bytes(2, when(fields.length, named)),
      fields.bytes(3),
      give(fields.isAtEnd()),
    )
  })
  return module.function('tls', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      fields.begin(),
      fields.number(1, cells.set('tlsVersion', row, enumByte(fields.value))),
      fields.bytes(2),
      fields.bytes(3, intern(cells.address('sni', row), fields.at, fields.length)),
      fields.bytes(4, when(isZero(certificate(fields.at, fields.next, row, SIDE.local)), give(0))),
      fields.bytes(5, when(isZero(certificate(fields.at, fields.next, row, SIDE.peer)), give(0))),
      fields.bytes(6),
      fields.bytes(7),
      give(fields.isAtEnd()),
    )
  })
}

/** Bits of the column of certificates, and of `Seen`. */
const SIDE = { local: Seen.localSan, peer: Seen.peerSan } as const

/** `SubjectAltName`: 1 uri or 2 dns. The first URI of a certificate goes into the column. */
function writeSubjectAltName(module: WasmModule, cells: Cells, intern: Callable): Callable {
  return module.function('subject_alt_name', 4, (locals, at, end, row, side) => {
    const fields = new Fields(locals, at, end)
    const seen = load(Place.control, Control.seen)
    const named = when(fields.length, cells.set('certificates', row, or(cells.get('certificates', row), side)))
    const uri = when(
      and(ne(fields.length, 0), isZero(and(seen, side))),
      all(
        store(Place.control, Control.seen, or(seen, side)),
        intern(select(cells.address('localSan', row), cells.address('peerSan', row), eq(side, SIDE.local)), fields.at, fields.length),
      ),
    )
    // Of a oneof that comes with both members the last one counts: not a form that is expected.
    return all(
      fields.begin(),
      fields.bytes(1, all(named, uri, give(eq(fields.next, end)))),
      fields.bytes(2, all(named, give(eq(fields.next, end)))),
      give(fields.isAtEnd()),
    )
  })
}

/** Calls `intern` for a column that may come a second time in an entry; a second time is not expected. */
export function internOnce(cells: Cells, intern: Callable, column: ColumnName & keyof typeof Seen, row: Local, at: Code, length: Code): Code {
  const seen = load(Place.control, Control.seen)
  return all(when(and(seen, Seen[column]), give(0)), store(Place.control, Control.seen, or(seen, Seen[column])), intern(cells.address(column, row), at, length))
}
