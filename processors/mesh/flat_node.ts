import { ByteBuffer } from 'flatbuffers'

/** The parts of Istio's FlatNode table (`wasm.upstream_peer`, Istio up to 1.23) that name a workload. */
export interface FlatNode {
  readonly name: string
  readonly namespace: string
  readonly owner: string
  readonly workload: string
  readonly cluster: string
  readonly identity: string
  readonly labels: ReadonlyMap<string, string>
}

/** Field numbers in the table's order of declaration. */
const Field = { name: 0, namespace: 1, labels: 2, owner: 3, workload: 4, cluster: 9, identity: 11 } as const
const KeyVal = { key: 0, value: 1 } as const

/** More labels than a pod may sensibly carry; the rest is left out. */
const LABELS_MAX = 256

const decoder = new TextDecoder('utf-8', { fatal: false })

/**
 * Reads a FlatBuffer with a FlatNode at its root. Every offset is checked before it is followed and nothing is followed
 * twice, so hostile bytes neither throw nor loop: what lies outside the buffer reads as absent. Undefined when the root
 * is no table.
 */
export function decodeFlatNode(bytes: Uint8Array): FlatNode | undefined {
  const buffer = new ByteBuffer(bytes)
  const root = follow(buffer, 0)
  if (root === undefined || vtableOf(buffer, root) === undefined) return undefined
  return {
    name: textField(buffer, root, Field.name),
    namespace: textField(buffer, root, Field.namespace),
    owner: textField(buffer, root, Field.owner),
    workload: textField(buffer, root, Field.workload),
    cluster: textField(buffer, root, Field.cluster),
    identity: textField(buffer, root, Field.identity),
    labels: labelsOf(buffer, root),
  }
}

function labelsOf(buffer: ByteBuffer, table: number): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  const field = fieldOf(buffer, table, Field.labels)
  const vector = field === undefined ? undefined : follow(buffer, field)
  if (vector === undefined) return labels
  const count = Math.min(buffer.readUint32(vector), LABELS_MAX)
  for (let i = 0; i < count; i++) {
    const entry = follow(buffer, vector + 4 + i * 4)
    if (entry === undefined) break
    const key = textField(buffer, entry, KeyVal.key)
    if (key !== '') labels.set(key, textField(buffer, entry, KeyVal.value))
  }
  return labels
}

function textField(buffer: ByteBuffer, table: number, index: number): string {
  const field = fieldOf(buffer, table, index)
  const at = field === undefined ? undefined : follow(buffer, field)
  if (at === undefined) return ''
  const length = buffer.readUint32(at)
  return length > buffer.capacity() - at - 4 ? '' : decoder.decode(buffer.bytes().subarray(at + 4, at + 4 + length))
}

/** Where a field of a table is stored; undefined when the table has not got it or the way there leaves the buffer. */
function fieldOf(buffer: ByteBuffer, table: number, index: number): number | undefined {
  const vtable = vtableOf(buffer, table)
  const slot = 4 + index * 2
  if (vtable === undefined || slot + 2 > buffer.readUint16(vtable) || !has(buffer, vtable + slot, 2)) return undefined
  const offset = buffer.readUint16(vtable + slot)
  return offset === 0 || !has(buffer, table + offset, 4) ? undefined : table + offset
}

function vtableOf(buffer: ByteBuffer, table: number): number | undefined {
  if (!has(buffer, table, 4)) return undefined
  const vtable = table - buffer.readInt32(table)
  return has(buffer, vtable, 4) ? vtable : undefined
}

/** Where the unsigned offset at `at` points; undefined when it is 0 or there is no room for a length or offset there. */
function follow(buffer: ByteBuffer, at: number): number | undefined {
  if (!has(buffer, at, 4)) return undefined
  const offset = buffer.readUint32(at)
  return offset === 0 || !has(buffer, at + offset, 4) ? undefined : at + offset
}

function has(buffer: ByteBuffer, at: number, length: number): boolean {
  return at >= 0 && at + length <= buffer.capacity()
}
