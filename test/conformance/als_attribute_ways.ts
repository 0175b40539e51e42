/** The straight way to attributes of access-log entries beside the general one. */
import { expect, vi } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AttributeBuffer, AttributeTag } from '../../model/access_log_otlp/attribute_buffer.ts'
import { EntryAttributes, type EntryAttributesOptions } from '../../model/access_log_otlp/entry_attributes.ts'
import { MESSAGE_BYTES_MAX } from '../../model/access_log_otlp/straight/memory.ts'
import { StraightAttributes } from '../../model/access_log_otlp/straight/straight_attributes.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { EdgeTable } from '../../model/edges.ts'
import { decodeLogs } from '../../model/otlp/decode.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'
import { encode, ownSchema, type Plain } from './als_oracle.ts'

const schema = ownSchema()
const OPTIONS: EntryAttributesOptions = { query: 'values', queryAllowed: ['page'], headers: ['*'], headersAllowed: ['x-*'], hasDetail: true, tags: ['*'] }
const ORIGIN = { id: 1, node: new Uint8Array(0), nodeId: 'n', nodeCluster: 'c', logName: 'log', peer: '127.0.0.1:1', apiVersion: 'v3' } as const

/** The rows that the straight way takes, and all. */
interface Share {
  taken: number
  rows: number
}

/** Both ways over the same rows. */
export class BothWays {
  readonly share: Share = { taken: 0, rows: 0 }
  readonly #decoder = new AccessLogDecoder(new ByteInterner())
  /** Too long for the straight way. */
  readonly #long = new Uint8Array(MESSAGE_BYTES_MAX + 1)
  readonly #either: EntryAttributes
  readonly #general: EntryAttributes

  constructor(options: Partial<EntryAttributesOptions> = {}, tag: number = AttributeTag.record) {
    this.#either = new EntryAttributes(tag, { ...OPTIONS, ...options })
    this.#general = new EntryAttributes(tag, { ...OPTIONS, ...options })
  }

  /** Checks that both ways say the same of each entry of a message, of which `edges` may tell the sides. */
  check(message: Uint8Array, edges?: EdgeTable): void {
    const { logs } = this.#decoder
    this.#decoder.begin(message)
    logs.origin = ORIGIN
    logs.edges = edges
    this.#long.set(message)
    while (this.#decoder.next()) {
      const write = vi.spyOn(StraightAttributes.prototype, 'write')
      logs.message = message
      const either = this.#written(this.#either)
      this.share.taken += write.mock.results.filter(({ value }) => value === true).length
      this.share.rows += logs.length
      write.mockClear()
      logs.message = this.#long
      const general = this.#written(this.#general)
      expect(write.mock.results.some(({ value }) => value === true)).toBe(false)
      write.mockRestore()
      expect(either).toEqual(general)
    }
  }

  /** The attributes of all rows, each in the order of their names. */
  #written(attributes: EntryAttributes): readonly (readonly [string, unknown][])[] {
    const { logs } = this.#decoder
    attributes.begin(logs)
    return Array.from({ length: logs.length }, (_, i) => {
      const out = new AttributeBuffer(AttributeTag.record)
      attributes.write(i, out)
      return sorted(out.slice())
    })
  }
}

/** Encoded attributes of a record as pairs. */
function sorted(encoded: Uint8Array): readonly [string, unknown][] {
  const request = new ProtobufWriter(encoded.length + 64).open(1).open(2).bytes(2, encoded).close().close().finish()
  const [group] = decodeLogs(request).groups
  const { keys, values } = group?.records[0]?.attributes ?? AttributeSet.empty
  return keys.map((key, i): [string, unknown] => [key, values[i]]).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/** A message with one entry. */
export function messageOf(entry: Plain, list: 'http_logs' | 'tcp_logs' = 'http_logs'): Uint8Array {
  return encode(schema.message, { [list]: { log_entry: [entry] } })
}
