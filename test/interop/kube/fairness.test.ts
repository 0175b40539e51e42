/** An API server that has no room for the daemon (API priority and fairness): it waits as told, and has everything afterwards. */
import { writeFileSync } from 'node:fs'
import type { ClientRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../child.ts'
import { type RunningDaemon, startDaemon } from '../daemon.ts'
import { suite } from '../suite.ts'
import { until } from '../waiting.ts'
import { KubeFaultProxy, type Throttled } from './fault_proxy.ts'
import { differences, whoIs } from './index_truth.ts'
import { type Kube, startKube } from './kube.ts'

const FLOW_CONTROL = '/apis/flowcontrol.apiserver.k8s.io/v1'
const ACCOUNT = { kind: 'ServiceAccount', serviceAccount: { namespace: 'default', name: 'meshscope' } }

/** No seats, none to borrow and no queue. The server still takes one request at a time, so one must stay. */
const NO_ROOM = {
  metadata: { name: 'no-room' },
  spec: { type: 'Limited', limited: { nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } } },
}

const FLOW = {
  metadata: { name: 'meshscope' },
  spec: {
    priorityLevelConfiguration: { name: NO_ROOM.metadata.name },
    matchingPrecedence: 50,
    distinguisherMethod: { type: 'ByUser' },
    rules: [{ subjects: [ACCOUNT], resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }] }],
  },
}

suite('the identity index with an API server that is too busy', ['etcd', 'kube-apiserver'], (paths) => {
  const folder = temporaryFolder('kube-fairness')
  let kube: Kube
  let proxy: KubeFaultProxy
  let daemon: RunningDaemon | undefined
  let stuck: ClientRequest | undefined

  beforeAll(async () => {
    kube = await startKube({ paths, extraArgs: ['--request-timeout=10m'] })
    proxy = new KubeFaultProxy(kube)
    const { client } = kube
    await client.createServiceAccount('default', 'meshscope')
    await client.allow('default', 'meshscope', [
      { apiGroups: ['', 'discovery.k8s.io', 'networking.istio.io'], resources: ['*'], verbs: ['list', 'watch', 'create'] },
    ])
    await client.createNode('n1', '192.0.2.1')
    await client.createPod({ namespace: 'default', name: 'cart', node: 'n1', ips: ['10.1.0.1'] })
    const cluster = { server: await proxy.start() }
    writeFileSync(
      join(folder.path, 'kubeconfig'),
      JSON.stringify({
        'current-context': 'test',
        clusters: [{ name: 'test', cluster }],
        users: [{ name: 'daemon', user: { token: await client.createToken('default', 'meshscope') } }],
        contexts: [{ name: 'test', context: { cluster: 'test', user: 'daemon' } }],
      }),
    )
  })
  afterAll(async () => {
    stuck?.destroy()
    await daemon?.stop()
    await proxy?.stop()
    await kube?.stop()
    folder.remove()
  })

  const health = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${daemon?.ports.health}/`)).text()

  /** From now on the server refuses the daemon; resolves when it does. */
  async function refuseDaemon(): Promise<void> {
    const { client } = kube
    await client.ask('POST', `${FLOW_CONTROL}/prioritylevelconfigurations`, NO_ROOM)
    const { metadata } = await client.ask('POST', `${FLOW_CONTROL}/flowschemas`, FLOW)
    const asDaemon = client.as(await client.createToken('default', 'meshscope'))
    await until('the rule holds', async () => (await asDaemon.send('GET', '/api/v1/pods?limit=1')).headers['x-kubernetes-pf-flowschema-uid'] === metadata.uid, {
      timeoutMs: 30_000,
    })
    stuck = await until('a request takes the only seat', () => occupy(asDaemon.token), { timeoutMs: 30_000 })
    await until('the server refuses', async () => (await asDaemon.send('GET', '/api/v1/pods')).code === 429, { timeoutMs: 30_000 })
    asDaemon.close()
  }

  /** A request that the server has let in: it holds a seat as long as its body does not come. */
  function occupy(token: string): Promise<ClientRequest> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': 1000, expect: '100-continue' }
    const request = httpsRequest(`${kube.url}/api/v1/namespaces/default/configmaps`, { method: 'POST', headers, ca: kube.ca, agent: false })
    return new Promise((resolve, reject) => {
      // Go says so when a handler begins to read the body, which it does with a seat.
      request.once('continue', () => resolve(request))
      request.once('response', (response) => {
        request.destroy()
        reject(new Error(`answered with status ${response.statusCode}`))
      })
      request.on('error', reject)
    })
  }

  async function admitDaemon(): Promise<void> {
    stuck?.destroy()
    await kube.client.ask('DELETE', `${FLOW_CONTROL}/flowschemas/${FLOW.metadata.name}`)
    await kube.client.ask('DELETE', `${FLOW_CONTROL}/prioritylevelconfigurations/${NO_ROOM.metadata.name}`)
  }

  /** The answers after which the daemon has asked again. */
  const answered = (): readonly Throttled[] => proxy.throttled.filter(({ nextMs }) => nextMs > 0)

  test('it starts ready and degraded, and asks again no sooner than the server wants', async () => {
    await refuseDaemon()
    daemon = await startDaemon({
      kubernetes: {
        auth_type: 'kubeConfig',
        kubeconfig: join(folder.path, 'kubeconfig'),
        scope: 'cluster',
        start_jitter: '0s',
        remember_gone: '0s',
        wait_for_metadata: true,
        wait_for_metadata_timeout: '1s',
      },
    })
    expect((await fetch(`http://127.0.0.1:${daemon.ports.health}/readyz`)).status).toBe(200)
    await until('the health page tells of it', async () => (await health()).includes('failed with status 429'), { timeoutMs: 30_000 })
    expect(await whoIs(daemon, '10.1.0.1')).toBe('unknown')
    await until('it asked again several times', () => answered().length >= 6, { timeoutMs: 60_000 })
    expect(proxy.throttled.map(({ retryAfterSeconds }) => retryAfterSeconds)).not.toContain(0)
    // A timer of Node may be a millisecond early.
    expect(answered().filter(({ atMs, nextMs, retryAfterSeconds }) => nextMs - atMs < retryAfterSeconds * 1000 - 1)).toEqual([])
  })

  test('as soon as there is room it has everything, and is healthy again', async () => {
    await admitDaemon()
    expect(await differences(daemon as RunningDaemon, kube.client)).toEqual([])
    await until('healthy again', async () => !(await health()).includes('recoverable_error'), { timeoutMs: 30_000 })
  })

  test('watches that are cut while there is no room are resumed when there is, with what happened meanwhile', async () => {
    await refuseDaemon()
    const before = proxy.throttled.length
    expect(proxy.resetWatches('pods')).toBeGreaterThan(0)
    await until('the watch was refused', () => proxy.throttled.length > before, { timeoutMs: 60_000 })
    await kube.client.delete('pods', 'default', 'cart')
    await kube.client.createPod({ namespace: 'default', name: 'mail', node: 'n1', ips: ['10.1.0.1'] })
    expect(await whoIs(daemon as RunningDaemon, '10.1.0.1')).toBe('pod default/cart')
    await admitDaemon()
    expect(await differences(daemon as RunningDaemon, kube.client)).toEqual([])
  })
})
