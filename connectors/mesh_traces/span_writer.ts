import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { type AttributeBuffer, AttributeTag } from '../../model/access_log_otlp/attribute_buffer.ts'
import { EntryAttributes, type EntryAttributesOptions } from '../../model/access_log_otlp/entry_attributes.ts'
import { beginField, endField } from '../../model/access_log_otlp/nested_field.ts'
import { errorType, isEnd } from '../../model/access_log_otlp/outcome.ts'
import { putNanos } from '../../model/access_log_otlp/times.ts'
import { type AccessLogTimes, readTimes, serverLatencyNs } from '../../model/access_log_times.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import type { MeshTracesConfig } from './config.ts'
import { Found, Kind, SpanContext } from './span_context.ts'

/** Tag of `spans` in ScopeSpans. */
const SPANS_TAG = 0x12
/** Longer names are cut. */
const NAME_BYTES_MAX = 256
/** Larger spans lose their attributes. */
const SPAN_BYTES_MAX = 1 << 20

const METHODS = ['HTTP', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']

/** Events by the time that they are made of; named as Envoy's protocol names the times. */
export const EVENTS: readonly (readonly [time: keyof AccessLogTimes, name: string])[] = [
  ['lastRx', 'envoy.last_rx_byte'],
  ['firstUpstreamTx', 'envoy.first_upstream_tx_byte'],
  ['lastUpstreamTx', 'envoy.last_upstream_tx_byte'],
  ['firstUpstreamRx', 'envoy.first_upstream_rx_byte'],
  ['lastUpstreamRx', 'envoy.last_upstream_rx_byte'],
  ['firstDownstreamTx', 'envoy.first_downstream_tx_byte'],
  ['lastDownstreamTx', 'envoy.last_downstream_tx_byte'],
]

/** `name` (2) of Span.Event, by event. */
const EVENT_NAMES = EVENTS.map(([, name]) => new ProtobufWriter(64).string(2, name).finish())

/** `flags` (16) of a span: sampled or not is in the low bits. */
const FLAGS_TAG = [0x85, 0x01] as const

/** What became of the rows of a batch. */
export interface SpanOutcomes {
  written: number
  noTraceContext: number
  notSampled: number
  notAnEnd: number
}

/** Writes access-log entries as Spans (opentelemetry/proto/trace/v1), fields of a ScopeSpans one behind the other. */
export class SpanWriter {
  readonly #attributes: EntryAttributes
  readonly #context: SpanContext
  readonly #hasEvents: boolean
  /** `name` (5) and `kind` (6) by method and kind. */
  readonly #heads = new Map<number, Uint8Array>()

  constructor(config: MeshTracesConfig, attributes: EntryAttributesOptions) {
    this.#attributes = new EntryAttributes(AttributeTag.span, attributes)
    this.#context = new SpanContext({ headerIsProxy: config.header_span === 'proxy', keepsUnsampled: config.unsampled === 'keep' })
    this.#hasEvents = config.events
  }

  /** Writes the rows that become spans and adds to `outcomes`. */
  write(logs: AccessLogs, out: AttributeBuffer, outcomes: SpanOutcomes): void {
    this.#attributes.begin(logs)
    for (let i = 0; i < logs.length; i++) {
      if (!isEnd(logs, i)) {
        outcomes.notAnEnd++
        continue
      }
      const found = this.#context.read(logs, i)
      if (found === Found.noTraceContext) outcomes.noTraceContext++
      else if (found === Found.notSampled) outcomes.notSampled++
      else {
        this.#span(logs, i, out)
        outcomes.written++
      }
    }
  }

  #span(logs: AccessLogs, i: number, out: AttributeBuffer): void {
    const start = beginField(out, SPANS_TAG)
    this.#ids(out)
    this.#name(logs, i, out)
    const seconds = logs.startSeconds[i] as number
    const nanos = logs.startNanos[i] as number
    putNanos(out, 0x39, seconds, nanos)
    const latency = serverLatencyNs(logs, i)
    putNanos(out, 0x41, seconds, nanos + (Number.isNaN(latency) ? 0 : latency))
    const attributesAt = out.at
    this.#attributes.write(i, out)
    // A span has a length that `endField` can put in; no entry of Envoy's comes near it.
    if (out.at - start > SPAN_BYTES_MAX) out.at = attributesAt
    if (this.#hasEvents) writeEvents(logs, i, out)
    this.#status(logs, i, out)
    out.reserve(8)
    out.bytes[out.at] = FLAGS_TAG[0]
    out.bytes[out.at + 1] = FLAGS_TAG[1]
    out.view.setUint32(out.at + 2, this.#context.flags, true)
    out.at += 6
    endField(out, start)
  }

  /** `trace_id` (1), `span_id` (2) and `parent_span_id` (4). */
  #ids(out: AttributeBuffer): void {
    const { ids, hasParent } = this.#context
    out.reserve(40)
    const { bytes } = out
    let { at } = out
    bytes[at++] = 0x0a
    bytes[at++] = 16
    for (let n = 0; n < 16; n++) bytes[at++] = ids[n] as number
    bytes[at++] = 0x12
    bytes[at++] = 8
    for (let n = 16; n < 24; n++) bytes[at++] = ids[n] as number
    if (hasParent) {
      bytes[at++] = 0x22
      bytes[at++] = 8
      for (let n = 24; n < 32; n++) bytes[at++] = ids[n] as number
    }
    out.at = at
  }

  /**
   * The method alone, as the semantic conventions have it where no route with few values is known; of gRPC the full name of the
   * procedure.
   */
  #name(logs: AccessLogs, i: number, out: AttributeBuffer): void {
    const { kind } = this.#context
    if ((logs.isGrpc[i] !== 0 || (logs.grpcStatus[i] as number) >= 0) && (logs.pathLength[i] as number) > 1) {
      const path = logs.textAt((logs.pathAt[i] as number) + 1, Math.min(logs.pathLength[i] as number, NAME_BYTES_MAX) - 1)
      out.raw(
        new ProtobufWriter(128)
          .string(5, path.split('?', 1)[0] ?? path)
          .varint(6, kind)
          .view(),
      )
      return
    }
    const method = logs.method[i] as number
    let head = this.#heads.get(method * 4 + kind)
    if (head === undefined) {
      head = new ProtobufWriter(32)
        .string(5, METHODS[method] ?? 'HTTP')
        .varint(6, kind)
        .finish()
      this.#heads.set(method * 4 + kind, head)
    }
    out.raw(head)
  }

  /** `status` (15): an error by the rules for the span's kind; otherwise it is left to the application to say that all is well. */
  #status(logs: AccessLogs, i: number, out: AttributeBuffer): void {
    if (errorType(logs, i, this.#context.kind === Kind.client) === '') return
    const reason = logs.upstreamFailure[i] as number
    const writer = new ProtobufWriter(64).open(15)
    if (reason !== 0) writer.string(2, logs.strings.text(reason))
    out.raw(writer.varint(3, 2).close().view())
  }
}

/** `events` (11) of a span, in the order of the protocol, which is that of time but for what overlaps. */
function writeEvents(logs: AccessLogs, i: number, out: AttributeBuffer): void {
  const times = readTimes(logs, i)
  for (const [n, [time]] of EVENTS.entries()) {
    const ns = times[time]
    if (!(ns >= 0)) continue
    const name = EVENT_NAMES[n] as Uint8Array
    out.reserve(16 + name.length)
    out.bytes[out.at] = 0x5a
    out.bytes[out.at + 1] = 9 + name.length
    out.at += 2
    putNanos(out, 0x09, logs.startSeconds[i] as number, (logs.startNanos[i] as number) + ns)
    out.raw(name)
  }
}
