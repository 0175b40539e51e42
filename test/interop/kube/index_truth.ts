import type { ExplainAnswer } from '../../../extensions/k8s_metadata/explainer.ts'
import type { IdentityObject } from '../../../model/identity/objects.ts'
import type { RunningDaemon } from '../daemon.ts'
import { settled } from '../waiting.ts'
import type { KubeClient } from './client.ts'

/** Asks the daemon, as `meshscope explain` does: `ip=10.0.0.1&port=80`. */
export async function ask(daemon: RunningDaemon, query: string): Promise<ExplainAnswer> {
  const response = await fetch(`http://127.0.0.1:${daemon.ports.explain}/explain?${query}`)
  if (!response.ok) throw new Error(`explain ${query}: ${response.status} ${await response.text()}`)
  return (await response.json()) as ExplainAnswer
}

/** What an address is to the daemon, such as `pod shop/a` or `unknown`. */
export async function whoIs(daemon: RunningDaemon, ip: string): Promise<string> {
  return nameOf((await ask(daemon, `ip=${encodeURIComponent(ip)}`)).answer)
}

function nameOf(object: IdentityObject | null): string {
  if (object === null) return 'unknown'
  if (object.kind === 'endpoint') return `endpoint ${object.namespace}/${object.service}`
  return 'namespace' in object ? `${object.kind} ${object.namespace}/${object.name}` : `${object.kind} ${object.name}`
}

interface PodStatus {
  readonly phase?: string
  readonly podIPs?: readonly { readonly ip: string }[]
}

/** Who has which address, by the API server itself: pods, nodes and services. */
export async function serverTruth(client: KubeClient): Promise<Map<string, string>> {
  const truth = new Map<string, string>()
  for (const { metadata, spec } of (await client.list('services')).items) {
    const { clusterIP } = spec as { readonly clusterIP?: string }
    if (clusterIP !== undefined && clusterIP !== 'None') truth.set(clusterIP, `service ${metadata.namespace}/${metadata.name}`)
  }
  for (const { metadata, status } of (await client.list('nodes')).items) {
    const { addresses = [] } = status as { readonly addresses?: readonly { readonly type: string; readonly address: string }[] }
    for (const { type, address } of addresses) if (type === 'InternalIP') truth.set(address, `node ${metadata.name}`)
  }
  for (const { metadata, spec, status } of (await client.list('pods')).items) {
    const { phase, podIPs = [] } = status as PodStatus
    const { hostNetwork } = spec as { readonly hostNetwork?: boolean }
    if (hostNetwork === true || phase === 'Succeeded' || phase === 'Failed') continue
    for (const { ip } of podIPs) truth.set(ip, `pod ${metadata.namespace}/${metadata.name}`)
  }
  return truth
}

/**
 * Waits until the daemon knows every address as the server does, and those of `gone` not at all; resolves with what still
 * differs when the time is up, as `address: known as …, is …`.
 */
export async function differences(daemon: RunningDaemon, client: KubeClient, gone: Iterable<string> = [], timeoutMs = 75_000): Promise<string[]> {
  const compare = async (): Promise<string[]> => {
    const truth = await serverTruth(client)
    for (const ip of gone) if (!truth.has(ip)) truth.set(ip, 'unknown')
    const found: string[] = []
    for (const [ip, expected] of truth) {
      const known = await whoIs(daemon, ip)
      if (known !== expected) found.push(`${ip}: known as ${known}, is ${expected}`)
    }
    const { isSynced } = (await ask(daemon, 'ip=192.0.2.255')).index
    return isSynced ? found : [...found, 'not synced']
  }
  return await settled(compare, (found) => found.length === 0, timeoutMs)
}
