import type { AttributeSet } from '../../model/attributes.ts'
import type { IdentityLookup } from '../../model/identity/index.ts'
import { normalizeIp } from '../../model/identity/ip.ts'
import type { K8sAttributesConfig } from './schema.ts'

/** What a pod is found by: the address of the sender, or an attribute of the resource. */
export interface Source {
  readonly from: 'connection' | 'resource_attribute'
  /** Name of the attribute; empty for `connection`. */
  readonly name: string
}

export type PodLookup = IdentityLookup & ('address' | 'pod_uid' | 'container' | 'pod_name')

/** Sources that together lead to a pod. */
export interface Association {
  readonly sources: readonly Source[]
  /** How the pod is looked up; the sources that this does not take are conditions on what was found. */
  readonly lookup: PodLookup
  /** The source of the address, for look-ups by address or conditions on it; -1 when there is none. */
  readonly addressSource: number
  /** True when that address is the sender's, so that it may be put on the resource as `k8s.pod.ip`. */
  readonly isSenderAddress: boolean
  /** Names the sources in metrics, such as `connection` or `resource_attribute/k8s.pod.uid`. */
  readonly label: string
}

/** An association with what a resource has for its sources. */
export interface Identifier {
  readonly association: Association
  /** One for each source; never empty. */
  readonly values: readonly string[]
}

const ADDRESS_ATTRIBUTES: readonly string[] = ['k8s.pod.ip', 'ip', 'host.name']

/** Used when none are configured: the Collector's, and at the end the name of the pod, which host-network pods need. */
const DEFAULTS: readonly (readonly Source[])[] = [
  [attribute('k8s.pod.ip')],
  [attribute('ip')],
  [{ from: 'connection', name: '' }],
  [attribute('host.name')],
  [attribute('k8s.pod.name'), attribute('k8s.namespace.name')],
]

/** The associations of a config that was checked, in the order in which they are tried. */
export function associationsOf(config: Pick<K8sAttributesConfig, 'pod_association'>): readonly Association[] {
  const configured = config.pod_association.map(({ sources }) => sources.map(({ from, name = '' }) => ({ from, name: from === 'connection' ? '' : name })))
  const isDefault = configured.length === 0
  return (isDefault ? DEFAULTS : configured).map((sources) => associationOf(sources, isDefault))
}

function associationOf(sources: readonly Source[], isDefault: boolean): Association {
  const lookup = lookupOf(sources)
  if (lookup === undefined) throw new Error(`BUG: no look-up for ${sources.map(sourceText).join('+')}, which passed the config check`)
  const connection = sources.findIndex(({ from }) => from === 'connection')
  return {
    sources,
    lookup,
    addressSource: connection >= 0 ? connection : sources.findIndex(({ name }) => ADDRESS_ATTRIBUTES.includes(name)),
    isSenderAddress: connection >= 0 || (isDefault && lookup === 'address'),
    label: sources.map(sourceText).join('+'),
  }
}

/** The most certain way to find the pod that the sources allow; undefined when they lead to none. */
export function lookupOf(sources: readonly Source[]): PodLookup | undefined {
  const names = new Set(sources.map(({ name }) => name))
  if (names.has('k8s.pod.uid')) return 'pod_uid'
  if (names.has('container.id')) return 'container'
  if (names.has('k8s.pod.name') && names.has('k8s.namespace.name')) return 'pod_name'
  return sources.some(({ from, name }) => from === 'connection' || ADDRESS_ATTRIBUTES.includes(name)) ? 'address' : undefined
}

/** The associations for all of whose sources the resource has a value. */
export function identifiersOf(associations: readonly Association[], attributes: AttributeSet, connection: string): readonly Identifier[] {
  return associations.flatMap((association) => {
    const values = association.sources.map((source) => valueOf(source, attributes, connection))
    return values.includes('') ? [] : [{ association, values }]
  })
}

/** The value for a source of an identifier's association; empty when the association has no such source. */
export function valueFor({ association, values }: Identifier, name: string): string {
  const at = association.sources.findIndex((source) => source.name === name)
  return at < 0 ? '' : (values[at] as string)
}

function valueOf({ from, name }: Source, attributes: AttributeSet, connection: string): string {
  if (from === 'connection') return connection
  const value = attributes.get(name)
  if (typeof value !== 'string') return ''
  // In Kubernetes some senders say their address where others have a host's name.
  if (ADDRESS_ATTRIBUTES.includes(name)) return normalizeIp(value) ?? ''
  return name === 'container.id' ? containerId(value) : value
}

/** A container id without the prefix of its runtime (`containerd://`). */
export function containerId(text: string): string {
  return text.slice(text.indexOf('://') < 0 ? 0 : text.indexOf('://') + 3).toLowerCase()
}

/** The address in `ip:port` or `[ipv6]:port`, normalised; empty when there is none, as for `unix`. */
export function connectionAddress(peer: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):\d+$/.exec(peer)
  return normalizeIp(match?.[1] ?? match?.[2] ?? peer) ?? ''
}

function attribute(name: string): Source {
  return { from: 'resource_attribute', name }
}

function sourceText({ from, name }: Source): string {
  return name === '' ? from : `${from}/${name}`
}
