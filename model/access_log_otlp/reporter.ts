import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import type { AccessLogs, StreamOrigin } from '../access_logs.ts'
import { AttributeSet, type AttributeValue, type Resource, writeKeyValue } from '../attributes.ts'
import type { Edge, Party } from '../edges.ts'
import { decodeNode } from '../node.ts'
import { proxyResource } from '../proxy_resource.ts'
import { objectOf, textOf } from '../struct.ts'

/** The resource of a batch's records or spans, the proxy's workload, as the field `resource` of ResourceLogs or ResourceSpans. */
export interface EncodedResource {
  /** The same object as long as the attributes are the same. */
  readonly bytes: Uint8Array
}

/** Resource attributes that are made here, beside those of `proxyResource` and `k8s_attributes`, and where they come from. */
export const RESOURCE_ATTRIBUTES: Readonly<Record<string, string>> = {
  'service.name': 'canonical service, else app, else workload (of the `mesh` processor, else of the node), else `node.cluster`',
  'service.namespace': 'namespace of the workload',
  'service.version': 'its version (canonical revision)',
  'k8s.cluster.name': 'cluster of the workload',
  'mesh.workload': 'name of the workload',
  'envoy.node.id': '`node.id`',
}

interface Known {
  /** What was put on the batch when it was encoded; another object may be other attributes. */
  readonly resource: Resource | undefined
  readonly party: Party | undefined
  readonly encoded: EncodedResource
}

/** Rows of a batch that are asked for the reporting side until the first that knows it. */
const ROWS_ASKED = 4

/** Encodes resources, once for each stream and whatever else they depend on. */
export class Reporters {
  readonly #known = new WeakMap<StreamOrigin, Known>()

  /**
   * The resource of a batch: what processors have put on it (`logs.resource`), else what the proxy says of itself, and what
   * `mesh` knows of the proxy's workload.
   */
  of(logs: AccessLogs): EncodedResource {
    const known = this.#known.get(logs.origin)
    if (known !== undefined && known.resource === logs.resource && known.party !== undefined) return known.encoded
    const party = reportingParty(logs)
    if (known !== undefined && known.resource === logs.resource && party === undefined) return known.encoded
    const encoded = { bytes: encode(attributesOf(logs, party)) }
    this.#known.set(logs.origin, { resource: logs.resource, party, encoded })
    return encoded
  }
}

/** The side of a call that the proxy stands on; undefined when none of the first rows tells. */
function reportingParty(logs: AccessLogs): Party | undefined {
  const { edges } = logs
  if (edges === undefined) return undefined
  for (let i = 0; i < Math.min(logs.length, ROWS_ASKED); i++) {
    const party = ownParty(edges.get(logs.edge[i] as number))
    if (party !== undefined && (party.workload !== '' || party.service !== '')) return party
  }
  return undefined
}

/** A waypoint stands on neither side. */
function ownParty(edge: Edge): Party | undefined {
  if (edge.reporter === 'source') return edge.source
  return edge.reporter === 'destination' ? edge.destination : undefined
}

function attributesOf(logs: AccessLogs, party: Party | undefined): AttributeSet {
  const { origin } = logs
  const given = (logs.resource ?? proxyResource(origin)).attributes
  const { metadata } = decodeNode(origin.node)
  const labels = objectOf(metadata, 'LABELS') ?? {}
  const workload = party?.workload || textOf(metadata, 'WORKLOAD_NAME')
  const own: Readonly<Record<string, string>> = {
    'service.name': party?.service || textOf(labels, 'service.istio.io/canonical-name') || party?.app || workload || origin.nodeCluster,
    'service.namespace': party?.namespace || textOf(metadata, 'NAMESPACE'),
    'service.version': party?.version || textOf(labels, 'service.istio.io/canonical-revision'),
    'k8s.cluster.name': party?.cluster || textOf(metadata, 'CLUSTER_ID'),
    'mesh.workload': workload,
    'envoy.node.id': origin.nodeId,
  }
  const keys = [...given.keys]
  const values: AttributeValue[] = [...given.values]
  for (const [key, text] of Object.entries(own)) {
    if (text === '' || keys.includes(key)) continue
    keys.push(key)
    values.push(text)
  }
  return new AttributeSet(keys, values)
}

/** `resource`, field 1 of ResourceLogs and ResourceSpans. */
function encode(attributes: AttributeSet): Uint8Array {
  const writer = new ProtobufWriter(1024)
  writer.open(1)
  for (const [i, key] of attributes.keys.entries()) writeKeyValue(writer, 1, key, attributes.values[i] ?? null)
  return writer.close().finish()
}
