/** The simulated mesh as objects of a real API server: it accepts all of them, and they are gone at the end. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bookinfoMesh } from '../../../cmd/meshscope/simulate/bookinfo.ts'
import { type KubeResource } from '../../../cmd/meshscope/simulate/kube_api/resources.ts'
import { SimulatedCluster } from '../../../cmd/meshscope/simulate/kube_cluster.ts'
import { KubeWriter } from '../../../cmd/meshscope/simulate/kube_writer.ts'
import { systemClock } from '../../../lib/clock.ts'
import { suite } from '../suite.ts'
import { type Kube, startKube } from './kube.ts'

suite('a simulated cluster in a real API server', ['etcd', 'kube-apiserver'], (paths) => {
  let kube: Kube

  beforeAll(async () => {
    kube = await startKube({ paths })
  })
  afterAll(async () => {
    await kube?.stop()
  })

  const selector = 'labelSelector=app.kubernetes.io/managed-by%3Dmeshscope-simulate'
  const count = async (resource: KubeResource): Promise<number> => (await kube.client.list(resource, selector)).items.length

  test('is made, twice over the same names, and removed', async () => {
    const mesh = bookinfoMesh(2)
    for (let turn = 0; turn < 2; turn++) {
      const warnings: string[] = []
      const cluster = new SimulatedCluster({
        writer: KubeWriter.open(kube.kubeconfig, systemClock),
        mesh,
        clock: systemClock,
        warn: (message) => void warnings.push(message),
      })
      await cluster.create()
      expect([await count('pods'), await count('services'), await count('endpointslices'), await count('nodes')]).toEqual([18, 6, 6, 3])
      const { items } = await kube.client.list('pods', `fieldSelector=metadata.name%3D${mesh.clients[0]?.pod}`)
      expect(items[0]).toMatchObject({
        metadata: { namespace: 'batch', ownerReferences: [{ kind: 'ReplicaSet', name: 'reports-58c9d7f4bb' }] },
        status: { phase: 'Running', podIPs: [{ ip: mesh.clients[0]?.ip }] },
      })
      await cluster.remove()
      cluster.close()
      expect([await count('pods'), await count('services'), await count('endpointslices'), await count('nodes'), warnings]).toEqual([0, 0, 0, 0, []])
    }
  })
})
