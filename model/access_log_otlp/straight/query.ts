import { add, all, give, gt, long, lt, set, store8, sub, when, whilst } from '../../../lib/wasm/code.ts'
import type { Callable, WasmModule } from '../../../lib/wasm/module.ts'
import { QUERY_BYTES_MAX, REDACTED, type Redaction } from '../redaction.ts'
import type { AttributeWriters } from './attributes.ts'
import { Place } from './memory.ts'

const [AMPERSAND, EQUALS] = [0x26, 0x3d]
/** Eight letters, which one word holds. */
const REDACTED_WORD = Buffer.from(REDACTED).readBigInt64LE()

/** What becomes of a query: shown as it is, with its values `redacted`, not shown, or what the general way makes of it. */
export type QueryForm = 'shown' | 'redacted' | 'left_out' | 'later'

/** What becomes of queries where they are redacted so. */
export function queryFormOf({ query, isPlain }: Redaction): QueryForm {
  if (query === 'none') return 'shown'
  if (query === 'whole') return 'left_out'
  return isPlain ? 'redacted' : 'later'
}

export interface QueryParts {
  readonly attributes: AttributeWriters
  readonly find: Callable
  readonly later: Callable
}

/**
 * Adds a function that writes a query that is not empty: the place to write to, key and its length, the number of the field, start,
 * end, end of the message around it. It gives the place behind what it wrote, or 0.
 */
export function writeQuery(module: WasmModule, parts: QueryParts, form: QueryForm): Callable {
  const { attributes, later } = parts
  const redacted = form === 'redacted' ? writeRedacted(module, parts) : undefined
  return module.function('query', 7, (_, out, key, keyLength, field, at, end, messageEnd) => {
    const leave = all(when(later(field, at, end, messageEnd), give(out)), give(0))
    if (form === 'left_out') return give(out)
    if (form === 'shown') return give(attributes.text(out, key, keyLength, at, sub(end, at)))
    if (redacted === undefined) return leave
    return all(when(gt(sub(end, at), QUERY_BYTES_MAX), leave), give(attributes.text(out, key, keyLength, Place.query, sub(redacted(at, end), Place.query))))
  })
}

/** Writes a query with `REDACTED` in place of its values to `Place.query` and gives where that ends; see `redactQuery`. */
function writeRedacted(module: WasmModule, { attributes, find }: QueryParts): Callable {
  return module.function('redacted', 2, (locals, at, end) => {
    const [to, parameterEnd, nameEnd] = [locals.int(), locals.int(), locals.int()]
    const name = all(set(to, attributes.blob(to, at, sub(add(nameEnd, 1), at))), set(at, add(nameEnd, 1)))
    return all(
      set(to, Place.query),
      whilst(
        lt(at, add(end, 1)),
        all(
          set(parameterEnd, find(AMPERSAND, at, end)),
          set(nameEnd, find(EQUALS, at, parameterEnd)),
          // A parameter without `=` may be a value; an empty value hides nothing.
          when(lt(nameEnd, parameterEnd), name),
          when(lt(at, parameterEnd), all(long.store(to, 0, REDACTED_WORD), set(to, add(to, 8)))),
          when(lt(parameterEnd, end), all(store8(to, 0, AMPERSAND), set(to, add(to, 1)))),
          set(at, add(parameterEnd, 1)),
        ),
      ),
      give(to),
    )
  })
}
