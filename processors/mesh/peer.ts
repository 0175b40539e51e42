import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import type { Party } from '../../model/edges.ts'
import { decodeStruct, isStructObject, objectOf, type StructObject, textOf } from '../../model/struct.ts'
import { decodeFlatNode } from './flat_node.ts'

/** What a proxy learnt of its peer from metadata exchange, with the peer's SPIFFE id as `principal` when it was told. */
export type Peer = Party & { readonly evidence: 'peer_struct' | 'peer_flatbuffer' }

const CANONICAL_NAME = 'service.istio.io/canonical-name'
const CANONICAL_REVISION = 'service.istio.io/canonical-revision'
const APP_NAME = 'app.kubernetes.io/name'
const APP_VERSION = 'app.kubernetes.io/version'

/**
 * Reads the `google.protobuf.Any` logged under a peer key: a Struct (Istio from 1.24 on, or a `wasm.` key with a
 * declared type), a BytesValue with a FlatNode (before), or a StringValue with either JSON or the
 * `workload;namespace;service;revision;cluster` of Istio's endpoint metadata. Undefined when it names nobody: another
 * type, a failed lookup, malformed bytes. Never throws.
 */
export function decodePeer(any: Uint8Array): Peer | undefined {
  const { type, value } = readAny(any)
  let peer: Peer | undefined
  if (type === 'google.protobuf.Struct') peer = peerOfStruct(decodeStruct(value))
  else if (type === 'google.protobuf.BytesValue') peer = peerOfFlatNode(wrapped(value))
  else if (type === 'google.protobuf.StringValue') peer = peerOfText(textWrapped(value))
  return peer !== undefined && (peer.workload !== '' || peer.service !== '' || peer.namespace !== '') ? peer : undefined
}

/**
 * The metadata behind a peer as its proxy gave it, for naming rules: keys are the Struct's own, or those of node metadata
 * for other forms. Undefined where `decodePeer` finds nobody.
 */
export function decodePeerMetadata(any: Uint8Array): StructObject | undefined {
  const { type, value } = readAny(any)
  if (type === 'google.protobuf.Struct') return decodeStruct(value)
  if (type === 'google.protobuf.BytesValue') return metadataOfFlatNode(wrapped(value))
  if (type !== 'google.protobuf.StringValue') return undefined
  const text = textWrapped(value)
  const parsed = text.startsWith('{') ? parseJson(text) : undefined
  if (isStructObject(parsed)) return parsed
  const [WORKLOAD_NAME = '', NAMESPACE = '', SERVICE = '', REVISION = '', CLUSTER_ID = ''] = text.split(';', 5)
  return NAMESPACE === '' ? undefined : { WORKLOAD_NAME, NAMESPACE, SERVICE, REVISION, CLUSTER_ID }
}

/** The text of a StringValue in an Any, such as a principal in filter state; empty for anything else. */
export function decodeText(any: Uint8Array): string {
  const { type, value } = readAny(any)
  return type === 'google.protobuf.StringValue' ? textWrapped(value) : ''
}

/** The last part of an owner such as `kubernetes://apis/apps/v1/namespaces/default/deployments/reviews-v1`. */
export function ownerName(owner: string): string {
  return owner.startsWith('kubernetes://') ? owner.slice(owner.lastIndexOf('/') + 1) : ''
}

function readAny(any: Uint8Array): { readonly type: string; readonly value: Uint8Array } {
  const fields = new WireFields(any)
  let url = ''
  let value = any.subarray(0, 0)
  while (fields.next()) {
    if (fields.field === 1) url = fields.text()
    else if (fields.field === 2 && fields.wire === 2) value = fields.payload()
  }
  return { type: url.slice(url.lastIndexOf('/') + 1), value }
}

function wrapped(value: Uint8Array): Uint8Array {
  const fields = new WireFields(value)
  let inner = value.subarray(0, 0)
  while (fields.next()) if (fields.field === 1 && fields.wire === 2) inner = fields.payload()
  return inner
}

function textWrapped(value: Uint8Array): string {
  return Buffer.from(wrapped(value)).toString('utf8')
}

function peerOfStruct(struct: StructObject): Peer | undefined {
  // Metadata as it travels in headers has the node's own upper-case keys.
  if ('WORKLOAD_NAME' in struct || 'LABELS' in struct) return peerOfNodeMetadata(struct)
  const text = (key: string): string => textOf(struct, key)
  return {
    workload: text('workload'),
    namespace: text('namespace'),
    service: text('service'),
    revision: text('revision'),
    app: text('app'),
    version: text('version'),
    cluster: text('cluster'),
    principal: text('identity'),
    pod: text('name'),
    evidence: 'peer_struct',
    addressClass: '',
  }
}

function peerOfNodeMetadata(metadata: StructObject): Peer {
  const labels = objectOf(metadata, 'LABELS') ?? metadata
  return {
    workload: textOf(metadata, 'WORKLOAD_NAME') || ownerName(textOf(metadata, 'OWNER')),
    namespace: textOf(metadata, 'NAMESPACE'),
    service: textOf(labels, CANONICAL_NAME),
    revision: textOf(labels, CANONICAL_REVISION),
    app: textOf(labels, APP_NAME) || textOf(labels, 'app'),
    version: textOf(labels, APP_VERSION) || textOf(labels, 'version'),
    cluster: textOf(metadata, 'CLUSTER_ID'),
    principal: textOf(metadata, 'IDENTITY'),
    pod: textOf(metadata, 'NAME'),
    evidence: 'peer_struct',
    addressClass: '',
  }
}

function peerOfFlatNode(bytes: Uint8Array): Peer | undefined {
  const node = decodeFlatNode(bytes)
  if (node === undefined) return undefined
  const label = (key: string): string => node.labels.get(key) ?? ''
  return {
    workload: node.workload || ownerName(node.owner),
    namespace: node.namespace,
    service: label(CANONICAL_NAME),
    revision: label(CANONICAL_REVISION),
    app: label(APP_NAME) || label('app'),
    version: label(APP_VERSION) || label('version'),
    cluster: node.cluster,
    principal: node.identity,
    pod: node.name,
    evidence: 'peer_flatbuffer',
    addressClass: '',
  }
}

function metadataOfFlatNode(bytes: Uint8Array): StructObject | undefined {
  const node = decodeFlatNode(bytes)
  if (node === undefined) return undefined
  const { name, namespace, owner, workload, cluster } = node
  const LABELS = Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(node.labels))
  return { NAME: name, NAMESPACE: namespace, OWNER: owner, WORKLOAD_NAME: workload, CLUSTER_ID: cluster, LABELS }
}

function peerOfText(text: string): Peer | undefined {
  if (text.startsWith('{')) {
    const parsed = parseJson(text)
    return isStructObject(parsed) ? peerOfStruct(parsed) : undefined
  }
  const [workload = '', namespace = '', service = '', revision = '', cluster = ''] = text.split(';', 5)
  if (namespace === '') return undefined
  return { workload, namespace, service, revision, app: '', version: '', cluster, principal: '', pod: '', evidence: 'peer_struct', addressClass: '' }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
