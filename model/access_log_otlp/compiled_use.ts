import { type AttributeBlob, AttributeBuffer, type AttributeKey, attributeBlob, attributeKey } from './attribute_buffer.ts'
import type { FieldUse, MessageUse } from './fields.ts'

/** How a field is handled, as small integers for a switch. */
export const How = {
  nothing: 0,
  message: 1,
  text: 2,
  texts: 3,
  number: 4,
  seconds: 5,
  names: 6,
  address: 7,
  double: 8,
  true: 9,
  wrapped: 10,
  cipher: 11,
  requestBody: 12,
  responseBody: 13,
  path: 14,
  authority: 15,
  flags: 16,
  streamId: 17,
  referer: 18,
  originalPath: 19,
  requestHeader: 20,
  responseHeader: 21,
  tag: 22,
  filterState: 23,
  metadata: 24,
  namesList: 25,
  scheme: 26,
  /** The part of a path behind its `?`, where somebody else has found it. */
  query: 27,
} as const

const HOW: Readonly<Record<FieldUse['as'], number>> = {
  none: How.nothing,
  message: How.message,
  text: How.text,
  texts: How.texts,
  number: How.number,
  seconds: How.seconds,
  names: How.names,
  address: How.address,
  double: How.double,
  true: How.true,
  wrapped: How.wrapped,
  cipher: How.cipher,
  request_body: How.requestBody,
  response_body: How.responseBody,
  path: How.path,
  authority: How.authority,
  flags: How.flags,
  stream_id: How.streamId,
  referer: How.referer,
  original_path: How.originalPath,
  request_headers: How.requestHeader,
  response_headers: How.responseHeader,
  tags: How.tag,
  filter_state: How.filterState,
  metadata: How.metadata,
  names_list: How.namesList,
  scheme: How.scheme,
}

/** Wire types of the fields; fields with another one are skipped, as protobuf's rules say. */
const WIRE: Readonly<Record<number, number>> = { [How.number]: 0, [How.names]: 0, [How.true]: 0, [How.requestBody]: 0, [How.responseBody]: 0, [How.double]: 1 }

/** Fields that may come many times; of the others the first counts, so that no attribute is there twice. */
const REPEATED = new Set<number>([How.message, How.requestHeader, How.responseHeader, How.tag, How.filterState, How.metadata])

/** A field's use, ready for the walk over an entry's bytes. */
export interface CompiledField {
  /** One of `How`. */
  readonly how: number
  readonly wire: number
  readonly isRepeated: boolean
  /** The row in which it was last seen, so that a second one can be told. */
  seen: number
  readonly key: AttributeKey
  /** The second key of addresses and the like: the port, the query. */
  readonly otherKey: AttributeKey
  /** Names of maps begin with this. */
  readonly prefix: string
  readonly nested: CompiledUse
  /** Whole attributes of enums by value; 0 for values that are none. */
  readonly encoded: readonly AttributeBlob[]
}

/** A `MessageUse` by field number; undefined where a field has no use. */
export type CompiledUse = readonly (CompiledField | undefined)[]

/** `tag` is what every attribute begins with (`AttributeTag`); fields with `isDetail` count only with `hasDetail`. */
export function compileUse(use: MessageUse, tag: number, hasDetail: boolean): CompiledUse {
  const size = Math.max(...Object.keys(use).map(Number)) + 1
  return Array.from({ length: size }, (_, number) => {
    const field = use[number]
    if (field === undefined || field.as === 'none' || (field.isDetail === true && !hasDetail)) return undefined
    const how = HOW[field.as]
    return {
      how,
      wire: WIRE[how] ?? 2,
      isRepeated: REPEATED.has(how),
      seen: 0,
      key: attributeKey(firstName(field)),
      otherKey: attributeKey(secondName(field)),
      prefix: 'attribute' in field ? field.attribute : '',
      nested: field.as === 'message' ? compileUse(field.of, tag, hasDetail) : [],
      encoded: field.as === 'names' ? field.names.map((name) => (name === '' ? 0 : attributeBlob(encodedText(tag, field.attribute, name)))) : [],
    }
  })
}

/** Forgets which fields were seen, when the numbers of rows start over. */
export function forgetSeen(use: CompiledUse): void {
  for (const field of use) {
    if (field === undefined) continue
    field.seen = 0
    forgetSeen(field.nested)
  }
}

/** A whole attribute with a text. */
export function encodedText(tag: number, key: string, text: string): Uint8Array {
  const out = new AttributeBuffer(tag, 64)
  out.string(attributeKey(key), text)
  return out.slice()
}

function firstName(field: FieldUse): string {
  if (!('attribute' in field)) return ''
  if (field.as === 'address' || field.as === 'authority') return `${field.attribute}.address`
  return field.as === 'path' ? `${field.attribute}.path` : field.attribute
}

function secondName(field: FieldUse): string {
  if (!('attribute' in field)) return ''
  if (field.as === 'address' || field.as === 'authority') return `${field.attribute}.port`
  return field.as === 'path' ? `${field.attribute}.query` : ''
}
