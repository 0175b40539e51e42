import { shortVarint, skipValue, varintEnd, WireType } from '../../lib/protobuf/wire.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { checkMessagePart } from './check.ts'
import { OtlpError } from './error.ts'
import type { JsonFields } from './json_value.ts'
import { FIELD_BITS, KINDS, Kind, type MessageName, messageNumber } from './messages.ts'

/** Told of each log record, span or data point that is no OTLP and is left out, so that the others can be taken. */
export type RejectItem = (error: OtlpError) => void

const ITEMS: readonly MessageName[] = ['LogRecord', 'Span', 'NumberDataPoint', 'HistogramDataPoint', 'ExponentialHistogramDataPoint', 'SummaryDataPoint']
/** What leads to items. */
const CONTAINERS: readonly MessageName[] = [
  ...(['LogsData', 'ResourceLogs', 'ScopeLogs', 'TracesData', 'ResourceSpans', 'ScopeSpans', 'MetricsData', 'ResourceMetrics', 'ScopeMetrics'] as const),
  ...(['Metric', 'Gauge', 'Sum', 'Histogram', 'ExponentialHistogram', 'Summary'] as const),
]
const ITEM_KINDS = new Set(ITEMS.map((name) => Kind.message + messageNumber(name)))
const CONTAINER_KINDS = new Set(CONTAINERS.map((name) => Kind.message + messageNumber(name)))

/**
 * A request without the items that are no OTLP. Only they are looked at: what is wrong elsewhere is still there, except that
 * lengths which do not fit throw an `OtlpError`. Slow, and meant for requests that `checkedMessage` has refused.
 */
export function withoutBadItems(bytes: Uint8Array, name: MessageName, reject: RejectItem): Uint8Array {
  const writer = new ProtobufWriter(bytes.length + 64)
  new GoodItems(bytes, writer, reject).copy(0, bytes.length, messageNumber(name))
  return writer.view()
}

class GoodItems {
  readonly #bytes: Uint8Array
  readonly #writer: ProtobufWriter
  readonly #reject: RejectItem

  constructor(bytes: Uint8Array, writer: ProtobufWriter, reject: RejectItem) {
    this.#bytes = bytes
    this.#writer = writer
    this.#reject = reject
  }

  copy(start: number, end: number, message: number): void {
    const bytes = this.#bytes
    for (let p = start; p < end; ) {
      const fieldAt = p
      const tag = shortVarint(bytes, p, end)
      const valueAt = tag < 0 ? -1 : varintEnd(bytes, p, end)
      const next = valueAt < 0 ? -1 : skipValue(bytes, valueAt, end, tag)
      if (next < 0) throw new OtlpError(`byte ${fieldAt}: a field that does not fit into its message`, fieldAt)
      const field = tag >>> 3
      const isMessage = (tag & 7) === WireType.bytes && field >> FIELD_BITS === 0
      const kind = isMessage ? (KINDS[(message << FIELD_BITS) | field] as number) : Kind.unknown
      const payloadAt = isMessage ? varintEnd(bytes, valueAt, end) : valueAt
      if (CONTAINER_KINDS.has(kind)) {
        this.#writer.open(field, next - payloadAt)
        this.copy(payloadAt, next, kind - Kind.message)
        this.#writer.close()
      } else if (!ITEM_KINDS.has(kind) || this.#isGood(payloadAt, next, kind - Kind.message)) this.#writer.range(bytes, fieldAt, next)
      p = next
    }
  }

  #isGood(start: number, end: number, message: number): boolean {
    try {
      checkMessagePart(this.#bytes, { start, end }, message)
      return true
    } catch (error) {
      if (!(error instanceof OtlpError)) throw error
      this.#reject(error)
      return false
    }
  }
}

/** Reads items of OTLP's JSON; those that are none are left out when there is a `reject`, else the first of them throws its `OtlpError`. */
export function readItems<T>(items: readonly JsonFields[], read: (fields: JsonFields) => T, reject: RejectItem | undefined): T[] {
  if (reject === undefined) return items.map(read)
  return items.flatMap((fields) => {
    try {
      return [read(fields)]
    } catch (error) {
      if (!(error instanceof OtlpError)) throw error
      reject(error)
      return []
    }
  })
}
