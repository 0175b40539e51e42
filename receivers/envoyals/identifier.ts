import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'

/** What a stream says about its sender. */
export interface Identifier {
  /** Bytes of `core.Node` without `extensions`. */
  readonly node: Uint8Array
  readonly nodeId: string
  readonly nodeCluster: string
  readonly logName: string
}

const NODE = 10
const LOG_NAME = 18
const NODE_ID = 10
const NODE_CLUSTER = 18
/** `core.Node.extensions`: more than 500 entries, 60 KB, in the first message of every stream of a real Envoy. */
const NODE_EXTENSIONS = 74

const decoder = new TextDecoder('utf-8', { fatal: false })

/** Reads `StreamAccessLogsMessage.Identifier`; undefined when it is malformed. The result shares no memory with `bytes`. */
export function parseIdentifier(bytes: Uint8Array): Identifier | undefined {
  const kept: Uint8Array[] = []
  const found = { nodeId: '', nodeCluster: '', logName: '' }
  const isWhole = eachField(bytes, 0, bytes.length, (tag, _from, start, end) => {
    if (tag === LOG_NAME) found.logName = decoder.decode(bytes.subarray(start, end))
    return tag !== NODE || readNode(bytes, start, end, found, kept)
  })
  return isWhole ? { node: joined(kept), ...found } : undefined
}

function readNode(bytes: Uint8Array, start: number, end: number, found: { nodeId: string; nodeCluster: string }, kept: Uint8Array[]): boolean {
  let keptFrom = start
  const isWhole = eachField(bytes, start, end, (tag, from, valueAt, valueEnd) => {
    if (tag === NODE_ID) found.nodeId = decoder.decode(bytes.subarray(valueAt, valueEnd))
    else if (tag === NODE_CLUSTER) found.nodeCluster = decoder.decode(bytes.subarray(valueAt, valueEnd))
    else if (tag === NODE_EXTENSIONS) {
      if (from > keptFrom) kept.push(bytes.subarray(keptFrom, from))
      keptFrom = valueEnd
    }
    return true
  })
  if (end > keptFrom) kept.push(bytes.subarray(keptFrom, end))
  return isWhole
}

/** Calls `visit` with each field's tag, where it begins and, for length-delimited ones, its value. False when malformed. */
function eachField(bytes: Uint8Array, start: number, end: number, visit: (tag: number, from: number, valueAt: number, valueEnd: number) => boolean): boolean {
  for (let p = start; p < end; ) {
    const tag = shortVarint(bytes, p, end)
    if (tag < 0) return false
    const value = varintEnd(bytes, p, end)
    const next = skipValue(bytes, value, end, tag)
    if (next < 0) return false
    if (!visit(tag, p, (tag & 7) === 2 ? varintEnd(bytes, value, end) : value, next)) return false
    p = next
  }
  return true
}

/** A copy in one piece; not `Buffer.concat`, whose pool would keep unrelated bytes alive. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
