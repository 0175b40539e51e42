import { ByteInterner } from '../../lib/intern.ts'
import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'
import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import type { AccessLogs } from '../access_logs.ts'
import { AttributeSet, type AttributeValue, writeKeyValue } from '../attributes.ts'
import { decodeStruct, isStructObject, type StructValue } from '../struct.ts'
import { type AttributeBuffer, type AttributeKey, attributeKey } from './attribute_buffer.ts'
import { How } from './compiled_use.ts'
import { nameMatcher, REDACTED, type Redaction } from './redaction.ts'

/** Request headers that have fields of their own in the log. */
const OWN_FIELDS = new Set(['referer', 'user-agent', 'x-forwarded-for', 'x-request-id'])

/** Ids of the record or span itself. */
const TRACE_TAGS = new Set(['trace_id', 'span_id'])

/** Filter state of which the `mesh` processor makes the sides of the call. */
const PEER_KEYS = new Set([
  'upstream_peer',
  'downstream_peer',
  'upstream_peer_obj',
  'downstream_peer_obj',
  'wasm.upstream_peer',
  'wasm.downstream_peer',
  'upstream_peer_id',
  'downstream_peer_id',
  'wasm.upstream_peer_id',
  'wasm.downstream_peer_id',
  'io.istio.peer_principal',
  'io.istio.local_principal',
])
const GRPC_STATS = 'envoy.filters.http.grpc_stats'

/** Different names of headers, tags and filter state that are remembered. */
const NAMES = { entriesMax: 8192, bytesMax: 1 << 20 }

interface Name {
  readonly attribute: string
  readonly key: AttributeKey
  /** Left out, shown, shown as `REDACTED`, or left out only where edges tell it. */
  readonly treatment: 'left_out' | 'shown' | 'redacted' | 'peer'
}

/** Writes entries of maps of the log (headers, custom tags, filter state, metadata) as attributes. */
export class MapAttributes {
  readonly #redaction: Redaction
  readonly #isTag: (name: string) => boolean
  readonly #names = new ByteInterner(NAMES)
  readonly #known = new Map<string, (Name | undefined)[]>()
  readonly #redacted = new DataView(new TextEncoder().encode(REDACTED).buffer)
  #logs!: AccessLogs
  #view!: DataView
  #keyAt = 0
  #keyEnd = 0
  #valueAt = 0
  #valueEnd = 0

  constructor(redaction: Redaction, tags: readonly string[]) {
    this.#redaction = redaction
    this.#isTag = nameMatcher(tags)
  }

  /** Takes the batch of the next entries; `view` is over its message. */
  begin(logs: AccessLogs, view: DataView): void {
    this.#logs = logs
    this.#view = view
    if (this.#names.isFull) {
      this.#names.renew()
      this.#known.clear()
    }
  }

  /**
   * Writes the map entry between two offsets of the message, if it is shown at all. `how` is one of `How`, `prefix` what the
   * names of the attributes begin with.
   */
  write(how: number, prefix: string, start: number, end: number, out: AttributeBuffer): void {
    if (how === How.metadata) {
      this.#metadata(prefix, start, end, out)
      return
    }
    if (!this.#find(start, end)) return
    const name = this.#name(how, prefix)
    const { key, treatment } = name
    if (treatment === 'left_out' || (treatment === 'peer' && this.#logs.edges !== undefined)) return
    if (how === How.requestHeader || how === How.responseHeader) {
      if (treatment === 'redacted') out.texts(key, this.#redacted, 0, REDACTED.length)
      else out.texts(key, this.#view, this.#valueAt, this.#valueEnd)
    } else if (how === How.tag) out.text(key, this.#view, this.#valueAt, this.#valueEnd)
    else this.#any(name, out)
  }

  /** `core.Metadata {1 map<string, Struct>, 2 map<string, Any>}`. */
  #metadata(prefix: string, start: number, end: number, out: AttributeBuffer): void {
    const maps = new WireFields(this.#logs.message, start, end)
    while (maps.next()) {
      if (maps.wire !== 2 || maps.field > 2 || !this.#find(maps.start, maps.end)) continue
      const name = this.#name(How.metadata, prefix)
      if (maps.field === 1) writeStruct(out, name.attribute, this.#logs.message.subarray(this.#valueAt, this.#valueEnd))
      else this.#any(name, out)
    }
  }

  /** The key and the value of a map entry. */
  #find(start: number, end: number): boolean {
    const bytes = this.#logs.message
    this.#keyAt = this.#keyEnd = this.#valueAt = this.#valueEnd = start
    for (let p = start; p < end; ) {
      const tag = shortVarint(bytes, p, end)
      if (tag < 0) return false
      p = varintEnd(bytes, p, end)
      const next = skipValue(bytes, p, end, tag)
      if (next < 0) return false
      if (tag === 10) {
        this.#keyAt = varintEnd(bytes, p, end)
        this.#keyEnd = next
      } else if (tag === 18) {
        this.#valueAt = varintEnd(bytes, p, end)
        this.#valueEnd = next
      }
      p = next
    }
    return true
  }

  #name(how: number, prefix: string): Name {
    const id = this.#names.intern(this.#logs.message, this.#view, this.#keyAt, this.#keyEnd)
    let known = this.#known.get(prefix)
    if (known === undefined) {
      known = []
      this.#known.set(prefix, known)
    }
    return (known[id] ??= this.#look(how, prefix, this.#names.text(id)))
  }

  #look(how: number, prefix: string, name: string): Name {
    const isHeader = how === How.requestHeader || how === How.responseHeader
    const attribute = prefix + (isHeader ? name.toLowerCase() : name)
    return { attribute, key: attributeKey(attribute), treatment: this.#treatment(how, name) }
  }

  #treatment(how: number, name: string): Name['treatment'] {
    if (how === How.requestHeader && OWN_FIELDS.has(name.toLowerCase())) return 'left_out'
    if (how === How.requestHeader || how === How.responseHeader) return this.#redaction.header(name.toLowerCase())
    if (how === How.tag) return TRACE_TAGS.has(name) || !this.#isTag(name) ? 'left_out' : 'shown'
    if (how === How.filterState) return name === GRPC_STATS ? 'left_out' : PEER_KEYS.has(name) ? 'peer' : 'shown'
    return 'shown'
  }

  /** A value by its type. The straight way remembers what it became, so that objects do no harm. */
  #any({ attribute, key }: Name, out: AttributeBuffer): void {
    const bytes = this.#logs.message
    const any = new WireFields(bytes, this.#valueAt, this.#valueEnd)
    let type = ''
    let payload = new Uint8Array(0) as Uint8Array
    while (any.next()) {
      if (any.field === 1) type = any.text()
      else if (any.field === 2 && any.wire === 2) payload = any.payload()
    }
    switch (type.slice(type.lastIndexOf('/') + 1)) {
      case 'google.protobuf.Struct':
        writeStruct(out, attribute, payload)
        break
      case 'google.protobuf.StringValue':
        out.string(key, wrapped(payload).text())
        break
      case 'google.protobuf.BoolValue':
        out.bool(key, wrapped(payload).number !== 0)
        break
      case 'google.protobuf.BytesValue':
        out.binary(key, wrapped(payload).payload())
        break
      default:
        out.binary(key, payload)
    }
  }
}

function writeStruct(out: AttributeBuffer, attribute: string, bytes: Uint8Array): void {
  const writer = new ProtobufWriter()
  writeKeyValue(writer, out.tag >>> 3, attribute, attributeOfStruct(decodeStruct(bytes)))
  out.raw(writer.finish())
}

/** A value of a protobuf Struct as an attribute's value: objects are maps, whole numbers stay doubles. */
function attributeOfStruct(value: StructValue): AttributeValue {
  if (isStructObject(value)) {
    const keys = Object.keys(value)
    return new AttributeSet(
      keys,
      keys.map((key) => attributeOfStruct(value[key] ?? null)),
    )
  }
  return Array.isArray(value) ? (value as readonly StructValue[]).map(attributeOfStruct) : (value as AttributeValue)
}

/** The only field of StringValue and its like; empty when it is not there. */
function wrapped(bytes: Uint8Array): WireFields {
  const fields = new WireFields(bytes)
  while (fields.next()) if (fields.field === 1) break
  return fields
}
