import { AttributeSet, type AttributeValue, type Resource } from './attributes.ts'
import { parseNodeId } from './istio_node_id.ts'
import { decodeNode } from './node.ts'
import { textOf } from './struct.ts'

/** What of a stream tells who its proxy is; a part of `StreamOrigin`. */
export interface ProxyIdentity {
  /** Bytes of `envoy.config.core.v3.Node`. */
  readonly node: Uint8Array
  readonly nodeId: string
}

/**
 * What a proxy says of itself when it opens a log stream, as resource attributes: `k8s.pod.name`, `k8s.namespace.name`,
 * `k8s.pod.ip` and `k8s.node.name`, those that are known. They come from Istio's node id (`type~ip~pod.namespace~domain`)
 * and node metadata; other Envoys name no pod. Never throws; what is malformed is left out.
 */
export function proxyResource(proxy: ProxyIdentity): Resource {
  const node = decodeNode(proxy.node)
  const id = parseNodeId(node.id || proxy.nodeId)
  if (id === undefined) return { attributes: AttributeSet.empty }
  const { metadata } = node
  const known: Readonly<Record<string, string>> = {
    'k8s.namespace.name': textOf(metadata, 'NAMESPACE') || id.namespace,
    'k8s.pod.name': textOf(metadata, 'NAME') || textOf(metadata, 'POD_NAME') || id.pod,
    'k8s.pod.ip': isAddress(id.ip) ? id.ip : (textOf(metadata, 'INSTANCE_IPS').split(',').find(isAddress) ?? ''),
    'k8s.node.name': textOf(metadata, 'NODE_NAME'),
  }
  const entries: (readonly [string, AttributeValue])[] = Object.entries(known).filter(([, text]) => text !== '')
  return {
    attributes: new AttributeSet(
      entries.map(([key]) => key),
      entries.map(([, value]) => value),
    ),
  }
}

/** Istio writes 0.0.0.0 when a proxy does not know its address. */
function isAddress(text: string): boolean {
  return text !== '' && text !== '0.0.0.0'
}
