import type { ContainerPort, PodDiscovery } from './objects.ts'

/** `Pod.discovery` as a list of texts, and back: five texts, the number of ports, four texts for each of them, the init containers. */

const FIXED = 6
const PER_PORT = 4

export function discoveryTexts(discovery: PodDiscovery): readonly string[] {
  const { phase, ready, hostIp, controllerKind, controllerName, ports, initContainers } = discovery
  const own = ports.flatMap(({ container, name, port, protocol }) => [container, name, String(port), protocol])
  return [phase, ready, hostIp, controllerKind, controllerName, String(ports.length), ...own, ...initContainers]
}

/** Texts that make no sense give a discovery that makes none, never an error. */
export function discoveryOf(texts: readonly string[]): PodDiscovery {
  const of = (i: number): string => texts[i] ?? ''
  const count = Math.min(Number(of(5)) || 0, Math.floor((texts.length - FIXED) / PER_PORT))
  const ports = Array.from({ length: Math.max(0, count) }, (_, i): ContainerPort => {
    const at = FIXED + i * PER_PORT
    return { container: of(at), name: of(at + 1), port: Number(of(at + 2)) || 0, protocol: of(at + 3) }
  })
  return {
    phase: of(0),
    ready: of(1),
    hostIp: of(2),
    controllerKind: of(3),
    controllerName: of(4),
    ports,
    initContainers: texts.slice(FIXED + ports.length * PER_PORT),
  }
}
