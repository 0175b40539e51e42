import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { bookinfoMesh, type Mesh } from './bookinfo.ts'
import { RESOURCE_NAMES } from './kube_api/resources.ts'
import { FakeKubeApi } from './kube_api/server.ts'
import { SimulatedCluster } from './kube_cluster.ts'
import { KubeWriter } from './kube_writer.ts'

let api: FakeKubeApi
let warnings: string[]
const clusters: SimulatedCluster[] = []

beforeEach(async () => {
  api = new FakeKubeApi()
  warnings = []
  await api.start()
})
afterEach(async () => {
  for (const cluster of clusters.splice(0)) cluster.close()
  await api.stop()
})

function clusterOf(mesh: Mesh, target = api.url): SimulatedCluster {
  const clock = new FakeClock(Date.UTC(2026, 0, 2))
  const cluster = new SimulatedCluster({ writer: KubeWriter.open(target, clock), mesh, clock, warn: (message) => void warnings.push(message) })
  clusters.push(cluster)
  return cluster
}

/** How many objects there are of each resource that has any. */
function counts(): Record<string, number> {
  const all = RESOURCE_NAMES.map((name) => [name, api.store.list(name).length] as const)
  return Object.fromEntries(all.filter(([, count]) => count > 0))
}

describe('a simulated cluster', () => {
  test('has the addresses of the access logs, with owners, and leaves only namespaces behind', async () => {
    const mesh = bookinfoMesh(3)
    const cluster = clusterOf(mesh)
    await cluster.create()
    expect(counts()).toEqual({ pods: 27, nodes: 3, namespaces: 3, services: 6, endpointslices: 6, replicasets: 9 })
    for (const { pod, ip, workload, host } of [...mesh.proxies, ...mesh.clients]) {
      expect(api.store.get('pods', workload.namespace, pod)).toMatchObject({
        metadata: {
          labels: { app: workload.app, 'pod-template-hash': workload.templateHash },
          ownerReferences: [{ kind: 'ReplicaSet', name: `${workload.name}-${workload.templateHash}`, controller: true }],
        },
        spec: { nodeName: host, serviceAccountName: workload.serviceAccount },
        status: { phase: 'Running', podIPs: [{ ip }], startTime: '2026-01-02T00:00:00Z' },
      })
    }
    const reviews = api.store.get('pods', 'bookinfo', mesh.reviewsV2[0]?.pod ?? '')
    const slice = api.store.get('endpointslices', 'bookinfo', 'reviews-simulated-1') as unknown as { readonly endpoints: readonly object[] }
    expect(slice.endpoints).toContainEqual(expect.objectContaining({ targetRef: expect.objectContaining({ uid: reviews.metadata.uid }) }))
    expect(slice.endpoints).toHaveLength(9)
    expect(api.store.get('services', 'bookinfo', 'reviews')).toMatchObject({ spec: { clusterIP: '10.96.71.143' } })
    await cluster.remove()
    expect(counts()).toEqual({ namespaces: 3 })
    expect(warnings).toEqual([])
  })

  test('takes over what a killed run has left, and removes it', async () => {
    const mesh = bookinfoMesh(1)
    await clusterOf(mesh).create()
    const next = clusterOf(mesh)
    await next.create()
    expect(counts()).toMatchObject({ pods: 9, services: 6 })
    await next.remove()
    expect(counts()).toEqual({ namespaces: 3 })
  })

  test('uses nodes of others as they are, but not their services', async () => {
    api.create('nodes', { metadata: { name: 'worker-1' } })
    api.create('services', { metadata: { namespace: 'bookinfo', name: 'ratings' }, spec: { clusterIP: '10.96.0.9' } })
    const cluster = clusterOf(bookinfoMesh(1))
    await expect(cluster.create()).rejects.toThrow("services bookinfo/ratings is there already and not the simulator's; use a cluster without it")
    expect(warnings).toEqual(['node worker-1 is there already and is used as it is'])
    await cluster.remove()
    expect(counts()).toEqual({ namespaces: 3, nodes: 1, services: 1 })
  })

  test('lets the server choose the addresses of services that cannot have theirs', async () => {
    api.fail({ verb: 'create', resource: 'services', fault: { kind: 'status', code: 422, message: 'the provided IP is not in the valid range' } })
    const cluster = clusterOf(bookinfoMesh(1))
    await cluster.create()
    expect(warnings).toEqual([expect.stringMatching(/^service \S+ cannot have the address 10\.96\.\S+ here and gets another/)])
    expect(counts()).toMatchObject({ services: 6 })
  })

  test('tells what could not be removed and removes the rest', async () => {
    const cluster = clusterOf(bookinfoMesh(1))
    await cluster.create()
    api.fail({ verb: 'delete', resource: 'nodes', fault: { kind: 'status', code: 500, message: 'no' } })
    await cluster.remove()
    expect(warnings).toEqual([expect.stringMatching(/^cannot remove \/api\/v1\/nodes\/worker-\d: DELETE .*: 500 no$/)])
    expect(counts()).toEqual({ namespaces: 3, nodes: 1 })
  })
})

describe('where the API server is', () => {
  test('may stand in a kubeconfig, with a token', async () => {
    api.tokens = new Set(['secret'])
    const folder = mkdtempSync(join(tmpdir(), 'meshscope-kube-'))
    const file = join(folder, 'config')
    const named = (kind: string, body: object): object => ({ name: 'one', [kind]: body })
    writeFileSync(
      file,
      JSON.stringify({
        'current-context': 'one',
        clusters: [named('cluster', { server: api.url })],
        users: [named('user', { token: 'secret' })],
        contexts: [named('context', { cluster: 'one', user: 'one' })],
      }),
    )
    await clusterOf(bookinfoMesh(1), file).create()
    expect(counts()).toMatchObject({ pods: 9 })
    rmSync(folder, { recursive: true })
  })

  test.for([
    { target: '/no/such/kubeconfig', message: '/no/such/kubeconfig' },
    { target: 'http://', message: 'http://' },
  ])('is refused when it cannot be read: $target', ({ target, message }) => {
    expect(() => clusterOf(bookinfoMesh(1), target)).toThrow(message)
  })

  test('is told when it cannot be reached or does not let us in', async () => {
    api.tokens = new Set()
    await expect(clusterOf(bookinfoMesh(1)).create()).rejects.toThrow('POST /api/v1/namespaces: 401 Unauthorized')
    await api.stop()
    await expect(clusterOf(bookinfoMesh(1)).create()).rejects.toThrow(`cannot reach the API server ${api.url}: `)
  })
})
