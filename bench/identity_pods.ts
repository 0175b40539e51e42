import type { IdentityObject, Pod } from '../model/identity/objects.ts'

/** When the pods of the benchmark are looked up. */
export const NOW_MS = 1_800_000_000_000

/** The address that the pod with this number has. */
export function podIp(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}

/**
 * A pod as it is kept of a real-shaped one: a Deployment's, with a sidecar and eight labels. A `life` above 0 is another pod at the
 * same address.
 */
export function benchPod(number: number, life: number, hasContainers: boolean): Pod {
  const app = `service-${number % 500}`
  const hash = hex(0x6d5f8b00 + (number % 500), 9)
  const startedMs = NOW_MS - 86_400_000 + number * 100 + life
  return {
    kind: 'pod',
    uid: `${hex(number, 8)}-${hex(life, 4)}-4bbb-8ccc-${hex(number * 7919, 12)}`,
    namespace: `team-${number % 50}`,
    name: `${app}-${hash}-${hex(number + life, 5)}`,
    node: `ip-10-200-${number % 1000}.eu-west-1.compute.internal`,
    serviceAccount: app,
    isHostNetwork: false,
    ips: [podIp(number)],
    ports: [],
    workload: { kind: 'Deployment', name: app, isInferred: false },
    replicaSet: `${app}-${hash}`,
    job: '',
    containers: hasContainers
      ? [
          { name: 'app', id: containerId(number, life), image: `registry.example.com/${app}:1.2.3` },
          { name: 'istio-proxy', id: containerId(~number, life), image: 'istio/proxyv2:1.24.0' },
        ]
      : [],
    labels: {
      app,
      version: 'v1',
      'app.kubernetes.io/name': app,
      'app.kubernetes.io/version': '1.2.3',
      'pod-template-hash': hash,
      team: `team-${number % 50}`,
      'service.istio.io/canonical-name': app,
      'service.istio.io/canonical-revision': 'v1',
    },
    annotations: {},
    createdMs: startedMs - 1000,
    startedMs,
    terminatingMs: 0,
    endedMs: 0,
  }
}

/** What a worker with maps of its own keeps, by everything that a pod is looked up by. */
export class PodMaps {
  readonly byIp = new Map<string, Pod>()
  readonly byUid = new Map<string, Pod>()
  readonly byName = new Map<string, Pod>()

  put(pod: IdentityObject): void {
    if (pod.kind !== 'pod') return
    for (const ip of pod.ips) this.byIp.set(ip, pod)
    this.byUid.set(pod.uid, pod)
    this.byName.set(`${pod.namespace}/${pod.name}`, pod)
  }
}

function hex(number: number, digits: number): string {
  return (number >>> 0).toString(16).padStart(digits, '0')
}

function containerId(number: number, life: number): string {
  const word = Math.imul(number + life * 7 + 1, 0x9e3779b1)
  return [1, 2, 3, 4, 5, 6, 7, 8].map((i) => hex(Math.imul(word, i * 2 + 1), 8)).join('')
}
