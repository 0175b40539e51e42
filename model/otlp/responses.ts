import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'

/** What a server did not take of a request that it answered with success. */
export interface PartialSuccess {
  /** Log records, spans or data points. */
  readonly rejected: number
  readonly errorMessage: string
}

/** A `google.rpc.Status`, which servers give as the reason of a failure. */
export interface RpcStatus {
  /** A code of gRPC. */
  readonly code: number
  readonly message: string
  /** From a `RetryInfo` in its details: not before this may the client try again. */
  readonly retryAfterMs?: number
}

/** Field numbers of `Export…ServiceResponse`, whose names differ only, `google.rpc.Status`, `Any`, `RetryInfo` and `Duration`. */
const ResponseField = { partialSuccess: 1 } as const
const PartialField = { rejected: 1, errorMessage: 2 } as const
const StatusField = { code: 1, message: 2, details: 3 } as const
const AnyField = { typeUrl: 1, value: 2 } as const
const RetryField = { delay: 1 } as const
const DurationField = { seconds: 1, nanos: 2 } as const

const RETRY_INFO = 'google.rpc.RetryInfo'
const RETRY_INFO_URL = `type.googleapis.com/${RETRY_INFO}`

/** The bytes of an `Export…ServiceResponse`; without a partial success there are none. */
export function encodeExportResponse(partial?: PartialSuccess): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter()
  if (partial === undefined) return writer.finish()
  writer.open(ResponseField.partialSuccess)
  if (partial.rejected !== 0) writer.varint(PartialField.rejected, partial.rejected)
  if (partial.errorMessage !== '') writer.string(PartialField.errorMessage, partial.errorMessage)
  return writer.close().finish()
}

/**
 * What an `Export…ServiceResponse` says that was not taken; undefined when all was. Never throws: what is no such message says
 * nothing. A warning is a partial success with nothing rejected.
 */
export function decodeExportResponse(bytes: Uint8Array): PartialSuccess | undefined {
  const fields = new WireFields(bytes)
  let partial: PartialSuccess | undefined
  while (fields.next()) if (fields.field === ResponseField.partialSuccess && fields.wire === 2) partial = readPartial(fields.message())
  return partial === undefined || (partial.rejected === 0 && partial.errorMessage === '') ? undefined : partial
}

function readPartial(fields: WireFields): PartialSuccess {
  let [rejected, errorMessage] = [0, '']
  while (fields.next()) {
    if (fields.field === PartialField.rejected && fields.wire === 0) rejected = fields.number
    else if (fields.field === PartialField.errorMessage) errorMessage = fields.text()
  }
  // A negative number, which takes ten bytes, makes no sense.
  return { rejected: rejected > Number.MAX_SAFE_INTEGER ? 0 : rejected, errorMessage }
}

/** The bytes of a `google.rpc.Status`. */
export function encodeStatus({ code, message, retryAfterMs }: RpcStatus): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter()
  if (code !== 0) writer.varint(StatusField.code, code)
  if (message !== '') writer.string(StatusField.message, message)
  if (retryAfterMs === undefined) return writer.finish()
  const seconds = Math.floor(retryAfterMs / 1000)
  const nanos = Math.round((retryAfterMs - seconds * 1000) * 1e6)
  writer.open(StatusField.details).string(AnyField.typeUrl, RETRY_INFO_URL).open(AnyField.value).open(RetryField.delay)
  if (seconds !== 0) writer.varint(DurationField.seconds, seconds)
  if (nanos !== 0) writer.varint(DurationField.nanos, nanos)
  return writer.close().close().close().finish()
}

/** Reads a `google.rpc.Status`. Never throws: what is no such message says nothing. */
export function decodeStatus(bytes: Uint8Array): RpcStatus {
  const fields = new WireFields(bytes)
  let [code, message] = [0, '']
  let retryAfterMs: number | undefined
  while (fields.next()) {
    if (fields.field === StatusField.code && fields.wire === 0) code = fields.number
    else if (fields.field === StatusField.message) message = fields.text()
    else if (fields.field === StatusField.details) retryAfterMs ??= readRetryInfo(fields.message())
  }
  return { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

function readRetryInfo(fields: WireFields): number | undefined {
  let typeUrl = ''
  let info: WireFields | undefined
  while (fields.next()) {
    if (fields.field === AnyField.typeUrl) typeUrl = fields.text()
    else if (fields.field === AnyField.value) info = fields.message()
  }
  if (info === undefined || !typeUrl.endsWith(`/${RETRY_INFO}`)) return undefined
  while (info.next()) if (info.field === RetryField.delay) return readDuration(info.message())
  return undefined
}

/** Milliseconds; undefined for what is negative or too long to be meant. */
function readDuration(fields: WireFields): number | undefined {
  let ms = 0
  while (fields.next()) {
    if (fields.field === DurationField.seconds) ms += fields.number * 1000
    else if (fields.field === DurationField.nanos) ms += fields.number / 1e6
  }
  return ms <= Number.MAX_SAFE_INTEGER ? ms : undefined
}
