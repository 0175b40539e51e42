import type { ProxyRole } from './edges.ts'

/** `type~ip~pod.namespace~domain`, Istio's node id. */
export interface IstioNodeId {
  readonly role: ProxyRole
  readonly ip: string
  readonly pod: string
  readonly namespace: string
  /** Such as `default.svc.cluster.local`. */
  readonly domain: string
}

const ROLES: Readonly<Record<string, ProxyRole>> = { sidecar: 'sidecar', router: 'router', waypoint: 'waypoint', ztunnel: 'ztunnel' }

/** Undefined when the id does not have Istio's four parts. The address may be IPv6; pod names may contain dots. */
export function parseNodeId(id: string): IstioNodeId | undefined {
  const parts = id.split('~')
  if (parts.length !== 4) return undefined
  const [kind = '', ip = '', name = '', domain = ''] = parts
  const dot = name.lastIndexOf('.')
  return {
    role: Object.hasOwn(ROLES, kind) ? (ROLES[kind] as ProxyRole) : 'proxy',
    ip,
    pod: dot < 0 ? name : name.slice(0, dot),
    namespace: dot < 0 ? '' : name.slice(dot + 1),
    domain,
  }
}
