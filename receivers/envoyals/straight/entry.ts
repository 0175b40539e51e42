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
  set,
  shl,
  store,
  sub,
  when,
  whilst,
} from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'
import { Fields } from '../../../lib/wasm/protobuf_fields.ts'
import { EntryKind, LogType } from '../../../model/access_logs.ts'
import type { Cells, ColumnName } from './cells.ts'
import { type Maps, writeMaps } from './maps.ts'
import { Control, ENTRY_STATE, MISSES_MAX, Place } from './memory.ts'
import { enumByte, offsetOf, type Parts, saturated, writeParts } from './parts.ts'

/**
 * Adds `entries(at, end, row, kind)`: decodes the entries of a list from `at` on into rows from `row` on, as long as they
 * have the form that Envoy writes and there is room. Gives the row behind the last one and leaves the position where it
 * stopped in `Control.position`; the cells of the next row are then anything.
 *
 * Expected are fields in ascending order, each in its shortest form, lengths below 16384 and varints of up to eight bytes.
 * One branch per field, each at a place of its own, is what a processor predicts; a loop with a switch is mispredicted at
 * almost every field.
 */
export function writeEntries(module: WasmModule, cells: Cells, intern: Callable): void {
  const parts = writeParts(module, cells, intern)
  const maps = writeMaps(module, cells, intern)
  const common = writeCommon(module, { cells, intern, parts, maps })
  const request = writeRequest(module, cells, intern, maps)
  const response = writeResponse(module, cells, maps)
  const connection = writeConnection(module, cells)
  const http = module.function('http_entry', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      fields.begin(),
      fields.bytes(1, orFail(common(fields.at, fields.next, row))),
      fields.number(2, cells.set('protocolVersion', row, enumByte(fields.value))),
      fields.bytes(3, orFail(request(fields.at, fields.next, row))),
      fields.bytes(4, orFail(response(fields.at, fields.next, row))),
      give(fields.isAtEnd()),
    )
  })
  const tcp = module.function('tcp_entry', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      fields.begin(),
      fields.bytes(1, orFail(common(fields.at, fields.next, row))),
      fields.bytes(2, orFail(connection(fields.at, fields.next, row))),
      give(fields.isAtEnd()),
    )
  })
  module.function('entries', 4, (locals, at, end, row, kind) => {
    const [start, next, misses, isDone] = [locals.int(), locals.int(), locals.int(), locals.int()]
    const second = load8(at, 2)
    const finish = all(store(Place.control, Control.position, at), give(row))
    const cleared = Array.from({ length: (ENTRY_STATE.end - ENTRY_STATE.from) / 8 }, (_, i) => long.store(Place.control, ENTRY_STATE.from + i * 8, 0n))
    return all(
      whilst(
        and(lt(at, end), lt(row, cells.rows)),
        all(
          when(ne(load8(at), 10), finish),
          set(start, add(at, 2)),
          set(next, add(start, load8(at, 1))),
          when(
            gt(load8(at, 1), 127),
            all(when(gt(second, 127), finish), set(start, add(at, 3)), set(next, add(start, or(and(load8(at, 1), 127), shl(second, 7))))),
          ),
          when(gt(next, end), finish),
          set(misses, load(Place.control, Control.misses)),
          ...cleared,
          when(eq(kind, EntryKind.http), set(isDone, http(start, next, row)), set(isDone, tcp(start, next, row))),
          when(or(isZero(isDone), eq(load(Place.control, Control.misses), MISSES_MAX)), all(store(Place.control, Control.misses, misses), finish)),
          cells.set('kind', row, kind),
          cells.set('entryAt', row, offsetOf(start)),
          cells.set('entryEnd', row, offsetOf(next)),
          swapped(cells, row),
          set(at, next),
          set(row, add(row, 1)),
        ),
      ),
      finish,
    )
  })
}

function orFail(isDone: Code): Code {
  return when(isZero(isDone), give(0))
}

/** Envoy's upstream logs count what came from the upstream as request bytes. */
function swapped(cells: Cells, row: Local): Code {
  const isUpstream = lt(sub(cells.get('logType', row), LogType.upstreamPoolReady), LogType.upstreamEnd - LogType.upstreamPoolReady + 1)
  const [request, response] = [cells.address('requestBodyBytes', row), cells.address('responseBodyBytes', row)]
  // Exclusive or three times: the cells are of 64 bits each, and nothing else is needed.
  const mix = (to: Code, from: Code): Code => long.store(to, 0, long.xor(long.load(to), long.load(from)))
  return when(isUpstream, all(mix(request, response), mix(response, request), mix(request, response)))
}

interface CommonParts {
  readonly cells: Cells
  readonly intern: Callable
  readonly parts: Parts
  readonly maps: Maps
}

/** `AccessLogCommon`. Fields 1, 6 to 11, 14, 17, 25, 27, 31 and 32 have no columns. */
function writeCommon(module: WasmModule, { cells, intern, parts, maps }: CommonParts): Callable {
  return module.function('common', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    const { length, next, value } = fields
    const address = (field: number, column: 'downstreamRemote' | 'downstreamLocal' | 'upstreamRemote' | 'directRemote'): Code =>
      fields.bytes(field, orFail(parts.address(at, next, cells.address(column, row), cells.address(`${column}Port`, row), cells.address(`${column}Kind`, row))))
    const text = (field: number, column: ColumnName): Code => fields.bytes(field, intern(cells.address(column, row), at, length))
    const duration = (field: number, column: ColumnName): Code => fields.bytes(field, orFail(parts.duration(at, next, cells.address(column, row))))
    const wireBytes = (field: number, column: ColumnName): Code => fields.number(field, cells.set(column, row, double.ofLong(value)))
    const peer = (from: number, column: ColumnName): Code => intern(cells.address(column, row), load(Place.control, from), load(Place.control, from + 4))
    return all(
      fields.begin(),
      fields.double(1),
      address(2, 'downstreamRemote'),
      address(3, 'downstreamLocal'),
      fields.bytes(4, orFail(parts.tls(at, next, row))),
      fields.bytes(5, orFail(parts.startTime(at, next, row))),
      ...[6, 7, 8, 9, 10, 11].map((field) => fields.bytes(field)),
      duration(12, 'lastDownstreamTx'),
      address(13, 'upstreamRemote'),
      fields.bytes(14),
      text(15, 'upstreamCluster'),
      fields.bytes(16, orFail(parts.flags(at, next, row))),
      fields.bytes(17),
      text(18, 'upstreamFailure'),
      text(19, 'routeName'),
      address(20, 'directRemote'),
      fields.eachBytes(21, orFail(maps.filterState(at, next, row))),
      peer(Control.upstreamPeerAt, 'upstreamPeer'),
      peer(Control.downstreamPeerAt, 'downstreamPeer'),
      fields.eachBytes(22, orFail(maps.customTag(at, next, row))),
      duration(23, 'duration'),
      fields.number(24, cells.set('attempts', row, saturated(value))),
      fields.bytes(25),
      fields.bytes(26, all(cells.set('streamIdAt', row, offsetOf(at)), cells.set('streamIdLength', row, length))),
      fields.skipNumber(27),
      text(28, 'downstreamFailure'),
      wireBytes(29, 'downstreamWireSent'),
      wireBytes(30, 'downstreamWireReceived'),
      fields.skipNumber(31),
      fields.skipNumber(32),
      fields.number(33, cells.set('logType', row, enumByte(value))),
      give(fields.isAtEnd()),
    )
  })
}

/** `HTTPRequestProperties`. Fields 4, 6 to 8, 10, 14 and 15 have no columns. */
function writeRequest(module: WasmModule, cells: Cells, intern: Callable, maps: Maps): Callable {
  return module.function('request', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    const { length, next, value } = fields
    return all(
      fields.begin(),
      fields.number(1, cells.set('method', row, enumByte(value))),
      fields.bytes(2, intern(cells.address('scheme', row), at, length)),
      fields.bytes(3, intern(cells.address('authority', row), at, length)),
      fields.bytes(4),
      fields.bytes(5, all(cells.set('pathAt', row, offsetOf(at)), cells.set('pathLength', row, length))),
      ...[6, 7, 8].map((field) => fields.bytes(field)),
      fields.bytes(9, all(cells.set('requestIdAt', row, offsetOf(at)), cells.set('requestIdLength', row, length))),
      fields.bytes(10),
      fields.number(11, cells.set('requestHeaderBytes', row, double.ofLong(value))),
      fields.number(12, cells.set('requestBodyBytes', row, double.ofLong(value))),
      fields.eachBytes(13, orFail(maps.requestHeader(at, next, row))),
      fields.skipNumber(14),
      fields.skipNumber(15),
      give(fields.isAtEnd()),
    )
  })
}

/** `HTTPResponseProperties`. Fields 6 to 8 have no columns. */
function writeResponse(module: WasmModule, cells: Cells, maps: Maps): Callable {
  const code = module.function('response_code', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(fields.begin(), fields.number(1, cells.set('responseCode', row, saturated(fields.value))), give(fields.isAtEnd()))
  })
  return module.function('response', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    const { next, value } = fields
    return all(
      fields.begin(),
      fields.bytes(1, orFail(code(at, next, row))),
      fields.number(2, cells.set('responseHeaderBytes', row, double.ofLong(value))),
      fields.number(3, cells.set('responseBodyBytes', row, double.ofLong(value))),
      fields.eachBytes(4, orFail(maps.responseHeader(at, next, row, 1))),
      fields.eachBytes(5, orFail(maps.responseHeader(at, next, row, 2))),
      fields.bytes(6),
      fields.skipNumber(7),
      fields.skipNumber(8),
      give(fields.isAtEnd()),
    )
  })
}

/** `ConnectionProperties`. */
function writeConnection(module: WasmModule, cells: Cells): Callable {
  return module.function('connection', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      fields.begin(),
      fields.number(1, cells.set('tcpReceived', row, double.ofLong(fields.value))),
      fields.number(2, cells.set('tcpSent', row, double.ofLong(fields.value))),
      give(fields.isAtEnd()),
    )
  })
}
