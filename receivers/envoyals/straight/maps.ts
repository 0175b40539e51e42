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
  load16,
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
import type { Callable, Locals, WasmModule } from '../../../lib/wasm/module.ts'
import { Fields } from '../../../lib/wasm/protobuf_fields.ts'
import { TraceForm } from '../../../model/access_logs.ts'
import type { Cells } from './cells.ts'
import { Control, Place } from './memory.ts'
import { internOnce, offsetOf } from './parts.ts'

/** One entry of a map, each a function of start, end and row that gives 1 when the entry had the expected form, else 0. */
export interface Maps {
  readonly filterState: Callable
  readonly customTag: Callable
  readonly requestHeader: Callable
  /** Takes a rank as well: 1 for headers, 2 for trailers. */
  readonly responseHeader: Callable
}

export function writeMaps(module: WasmModule, cells: Cells, intern: Callable): Maps {
  return {
    filterState: writeFilterState(module, cells, intern),
    customTag: writeCustomTag(module, cells, intern),
    requestHeader: writeRequestHeader(module, cells),
    responseHeader: writeResponseHeader(module, cells),
  }
}

/** A map entry that has both its key and its value, which is a string or a message. */
class MapEntry {
  readonly keyAt: Local
  readonly keyLength: Local
  readonly valueAt: Local
  readonly valueLength: Local
  readonly #fields: Fields

  constructor(locals: Locals, at: Local, end: Local) {
    this.keyAt = locals.int()
    this.keyLength = locals.int()
    this.#fields = new Fields(locals, at, end)
    this.valueAt = locals.int()
    this.valueLength = this.#fields.length
  }

  /** Finds key and value; ends the function when they have another form. */
  read(): Code {
    const { at, length } = this.#fields
    return all(
      this.#fields.begin(),
      this.#fields.bytes(1, all(set(this.keyAt, at), set(this.keyLength, length))),
      this.#fields.bytes(2, set(this.valueAt, at)),
      when(or(isZero(this.keyAt), isZero(this.valueAt)), give(0)),
      when(isZero(this.#fields.isAtEnd()), give(0)),
    )
  }

  /** Runs `body` when the entry's key is `key`. */
  on(key: string, body: Code): Code {
    return when(eq(this.keyLength, key.length), when(isTextAt(this.keyAt, key), body))
  }
}

/** Whether an ASCII text of at least two bytes stands at a place, by words that overlap at its end. */
function isTextAt(at: Code, text: string): Code {
  const bytes = new DataView(new TextEncoder().encode(text).buffer)
  const size = bytes.byteLength
  if (size < 4) return eq(load16(at), bytes.getUint16(0, true))
  if (size < 8) return and(eq(load(at), bytes.getInt32(0, true)), eq(load(at, size - 4), bytes.getInt32(size - 4, true)))
  let equal: Code = long.eq(long.load(at, size - 8), bytes.getBigInt64(size - 8, true))
  for (let i = 0; i < size - 8; i += 8) equal = and(equal, long.eq(long.load(at, i), bytes.getBigInt64(i, true)))
  return equal
}

/** Istio's keys in order of preference: peer, peer_obj, wasm.peer. */
function writeFilterState(module: WasmModule, cells: Cells, intern: Callable): Callable {
  const grpcStats = writeGrpcStats(module, cells)
  return module.function('filter_state', 3, (locals, at, end, row) => {
    const entry = new MapEntry(locals, at, end)
    const { valueAt, valueLength } = entry
    const upstream = peer(entry, Control.upstreamPeerAt, Control.upstreamPeerLength, Control.upstreamPeerRank)
    const downstream = peer(entry, Control.downstreamPeerAt, Control.downstreamPeerLength, Control.downstreamPeerRank)
    return all(
      entry.read(),
      entry.on('upstream_peer', upstream(3)),
      entry.on('downstream_peer', downstream(3)),
      entry.on('upstream_peer_obj', upstream(2)),
      entry.on('downstream_peer_obj', downstream(2)),
      entry.on('wasm.upstream_peer', upstream(1)),
      entry.on('wasm.downstream_peer', downstream(1)),
      entry.on('io.istio.peer_principal', internOnce(cells, intern, 'peerPrincipal', row, valueAt, valueLength)),
      entry.on('io.istio.local_principal', internOnce(cells, intern, 'localPrincipal', row, valueAt, valueLength)),
      entry.on('envoy.filters.http.grpc_stats', give(grpcStats(valueAt, add(valueAt, valueLength), row))),
      give(1),
    )
  })
}

/** Keeps where a peer stands, to be interned when no better one can follow. */
function peer(entry: MapEntry, at: number, length: number, rank: number): (own: number) => Code {
  const { valueAt, valueLength } = entry
  return (own) =>
    when(
      and(lt(load(Place.control, rank), own + 1), ne(valueLength, 0)),
      all(store(Place.control, rank, own), store(Place.control, at, valueAt), store(Place.control, length, valueLength)),
    )
}

/** Any{2 value: grpc_stats FilterObject{1 request_message_count, 2 response_message_count}}. */
function writeGrpcStats(module: WasmModule, cells: Cells): Callable {
  const counts = module.function('message_counts', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      fields.begin(),
      fields.number(1, cells.set('grpcRequestMessages', row, double.ofLong(fields.value))),
      fields.number(2, cells.set('grpcResponseMessages', row, double.ofLong(fields.value))),
      give(fields.isAtEnd()),
    )
  })
  return module.function('grpc_stats', 3, (locals, at, end, row) => {
    const fields = new Fields(locals, at, end)
    return all(
      cells.set('isGrpc', row, 1),
      cells.set('grpcRequestMessages', row, double.constant(0)),
      cells.set('grpcResponseMessages', row, double.constant(0)),
      fields.begin(),
      fields.bytes(1),
      fields.bytes(2, when(isZero(counts(fields.at, fields.next, row)), give(0))),
      give(fields.isAtEnd()),
    )
  })
}

/** Values that are not ASCII are not expected: somebody must look whether they are UTF-8. */
function writeCustomTag(module: WasmModule, cells: Cells, intern: Callable): Callable {
  return module.function('custom_tag', 3, (locals, at, end, row) => {
    const entry = new MapEntry(locals, at, end)
    const { valueAt, valueLength } = entry
    const from = locals.int()
    const high = locals.long()
    const valueEnd = add(valueAt, valueLength)
    return all(
      entry.read(),
      set(from, valueAt),
      whilst(lt(from, sub(valueEnd, 7)), all(set(high, long.or(high, long.load(from))), set(from, add(from, 8)))),
      whilst(lt(from, valueEnd), all(set(high, long.or(high, long.of(load8(from)))), set(from, add(from, 1)))),
      when(long.ne(long.and(high, 0x8080808080808080n), 0n), give(0)),
      entry.on('upstream_cluster', internOnce(cells, intern, 'tagUpstreamCluster', row, valueAt, valueLength)),
      entry.on('upstream_principal', internOnce(cells, intern, 'tagUpstreamPrincipal', row, valueAt, valueLength)),
      entry.on('trace_id', traceId(cells, row, entry, TraceForm.tag, 4)),
      entry.on('span_id', spanId(cells, row, entry, 2)),
      give(1),
    )
  })
}

function traceId(cells: Cells, row: Local, { valueAt, valueLength }: MapEntry, form: number, rank: number): Code {
  return when(
    and(lt(load(Place.control, Control.traceRank), rank + 1), ne(valueLength, 0)),
    all(
      store(Place.control, Control.traceRank, rank),
      cells.set('traceForm', row, form),
      cells.set('traceAt', row, offsetOf(valueAt)),
      cells.set('traceLength', row, valueLength),
    ),
  )
}

function spanId(cells: Cells, row: Local, { valueAt, valueLength }: MapEntry, rank: number): Code {
  return when(
    and(lt(load(Place.control, Control.spanRank), rank + 1), ne(valueLength, 0)),
    all(store(Place.control, Control.spanRank, rank), cells.set('spanAt', row, offsetOf(valueAt)), cells.set('spanLength', row, valueLength)),
  )
}

const GRPC_TYPE = 'application/grpc'

function writeRequestHeader(module: WasmModule, cells: Cells): Callable {
  return module.function('request_header', 3, (locals, at, end, row) => {
    const entry = new MapEntry(locals, at, end)
    const isGrpc = and(gt(entry.valueLength, GRPC_TYPE.length - 1), isTextAt(entry.valueAt, GRPC_TYPE))
    return all(
      entry.read(),
      entry.on('content-type', when(isGrpc, cells.set('isGrpc', row, 1))),
      entry.on('traceparent', traceId(cells, row, entry, TraceForm.traceparent, 3)),
      entry.on('b3', traceId(cells, row, entry, TraceForm.b3, 2)),
      entry.on('x-b3-traceid', traceId(cells, row, entry, TraceForm.b3, 1)),
      entry.on('x-b3-spanid', spanId(cells, row, entry, 1)),
      give(1),
    )
  })
}

/** The status is a number of up to four decimal digits; anything else counts as -1. */
function writeResponseHeader(module: WasmModule, cells: Cells): Callable {
  return module.function('response_header', 4, (locals, at, end, row, rank) => {
    const entry = new MapEntry(locals, at, end)
    const { valueAt, valueLength } = entry
    const status = locals.int()
    const digit = locals.int()
    const valueEnd = add(valueAt, valueLength)
    const times10 = add(shl(status, 3), shl(status, 1))
    return all(
      entry.read(),
      when(gt(load(Place.control, Control.grpcStatusRank), rank), give(1)),
      entry.on(
        'grpc-status',
        all(
          store(Place.control, Control.grpcStatusRank, rank),
          cells.set('grpcStatus', row, -1),
          when(gt(sub(valueLength, 1), 3), give(1)),
          whilst(
            lt(valueAt, valueEnd),
            all(
              set(digit, sub(load8(valueAt), 48)),
              when(gt(digit, 9), give(1)),
              set(status, add(times10, digit)),
              set(valueAt, add(valueAt, 1)),
              set(valueLength, sub(valueLength, 1)),
            ),
          ),
          cells.set('grpcStatus', row, status),
        ),
      ),
      give(1),
    )
  })
}
