import { add, type Code, double, load, load8, type Operand, shl, store, store8, store16 } from '../../../lib/wasm/code.ts'
import type { AccessLogs } from '../../../model/access_logs.ts'
import { Place } from './memory.ts'

type Column = Int32Array | Uint32Array | Float64Array | Int16Array | Uint8Array
/** Names of the columns of access logs. */
export type ColumnName = { [K in Exclude<keyof AccessLogs, 'message'>]: AccessLogs[K] extends Column ? K : never }[Exclude<keyof AccessLogs, 'message'>]

/** Reads and writes cells of columns that lie in the program's memory; their places become constants of the program. */
export class Cells {
  readonly #logs: AccessLogs

  /** All columns of `logs` must lie between `Place.columns` and what follows them in memory. */
  constructor(logs: AccessLogs) {
    this.#logs = logs
    const lastByte = Math.max(...Object.values(logs).map((column: unknown) => (isColumn(column) ? column.byteOffset + column.byteLength : 0)))
    if (lastByte > Place.misses) throw new Error(`BUG: the columns end at ${lastByte}, behind the place for them`)
  }

  get rows(): number {
    return this.#logs.capacity
  }

  /** `value` is floating point for columns of floating point. */
  set(name: ColumnName, row: Operand, value: Operand): Code {
    const column = this.#logs[name]
    if (column instanceof Float64Array) return double.store(shl(row, 3), column.byteOffset, value)
    if (column instanceof Uint8Array) return store8(row, column.byteOffset, value)
    return column instanceof Int16Array ? store16(shl(row, 1), column.byteOffset, value) : store(shl(row, 2), column.byteOffset, value)
  }

  get(name: ColumnName, row: Operand): Code {
    const column = this.#logs[name]
    if (column instanceof Float64Array) return double.load(shl(row, 3), column.byteOffset)
    return column instanceof Uint8Array ? load8(row, column.byteOffset) : load(shl(row, 2), column.byteOffset)
  }

  address(name: ColumnName, row: Operand): Code {
    const column = this.#logs[name]
    return add(shl(row, Math.log2(column.BYTES_PER_ELEMENT)), column.byteOffset)
  }
}

function isColumn(value: unknown): value is Column {
  return ArrayBuffer.isView(value)
}
