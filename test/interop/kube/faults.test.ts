/** Whatever happens to the API server or on the way to it: afterwards the index equals the server's truth. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../child.ts'
import { type RunningDaemon, startDaemon, sumOf } from '../daemon.ts'
import { suite } from '../suite.ts'
import { until } from '../waiting.ts'
import { KubeFaultProxy } from './fault_proxy.ts'
import { ask, differences, whoIs } from './index_truth.ts'
import { type Kube, startKube } from './kube.ts'

suite('the identity index through faults', ['etcd', 'kube-apiserver'], (paths) => {
  const folder = temporaryFolder('kube-faults')
  const gone = new Set<string>()
  let kube: Kube
  let proxy: KubeFaultProxy
  let daemon: RunningDaemon
  let lastPod = 0

  beforeAll(async () => {
    kube = await startKube({ paths })
    proxy = new KubeFaultProxy(kube)
    const server = await proxy.start()
    const { client } = kube
    await client.createServiceAccount('default', 'meshscope')
    const rules = [
      { apiGroups: [''], resources: ['pods', 'nodes', 'services'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      { apiGroups: ['networking.istio.io'], resources: ['serviceentries', 'workloadentries'], verbs: ['list', 'watch'] },
    ]
    await client.allow('default', 'meshscope', rules)
    writeFileSync(join(folder.path, 'kubeconfig'), kubeconfigWithTokenFile(server))
    await renewToken()
    await client.createNode('n1', '192.0.2.1')
    await client.createService('default', 'shop', '10.96.1.1', 80)
    for (let i = 0; i < 20; i++) await addPod()
    await startAnew()
  })
  afterEach(() => {
    proxy.delayMs = 0
    proxy.isAway = false
  })
  afterAll(async () => {
    await daemon?.stop()
    await proxy?.stop()
    await kube?.stop()
    folder.remove()
  })

  /** A daemon that has seen no failure yet: it would wait the longer the more it has seen lately. */
  async function startAnew(): Promise<void> {
    await daemon?.stop()
    daemon = await startDaemon({
      kubernetes: {
        auth_type: 'kubeConfig',
        kubeconfig: join(folder.path, 'kubeconfig'),
        scope: 'cluster',
        start_jitter: '0s',
        remember_gone: '0s',
        clock_skew: '5s',
        wait_for_metadata: true,
        wait_for_metadata_timeout: '1s',
      },
    })
  }

  /** A pod with an address that nobody had before, or with a given one. */
  async function addPod(ip = `10.1.${lastPod >> 8}.${lastPod & 255}`, namespace = 'default'): Promise<{ readonly name: string; readonly ip: string }> {
    const name = `p${lastPod++}`
    await kube.client.createPod({ namespace, name, node: 'n1', ips: [ip], labels: { app: name }, annotations: { filler: filler(lastPod) } })
    gone.delete(ip)
    return { name, ip }
  }

  async function removePod({ name, ip }: { readonly name: string; readonly ip: string }): Promise<void> {
    await kube.client.delete('pods', 'default', name)
    gone.add(ip)
  }

  async function renewToken(): Promise<void> {
    writeFileSync(join(folder.path, 'token'), await kube.client.createToken('default', 'meshscope'))
  }

  function kubeconfigWithTokenFile(server: string): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server } }],
      users: [{ name: 'daemon', user: { tokenFile: join(folder.path, 'token') } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'daemon' } }],
    })
  }

  const own = async (metric: string, labels: Readonly<Record<string, string>> = {}): Promise<number> =>
    sumOf(await daemon.scrapeOwn(), `meshscope_k8s_${metric}`, labels)
  const health = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${daemon.ports.health}/`)).text()
  const podsWatched = async (): Promise<string> => (await ask(daemon, 'ip=192.0.2.255')).index.watches.find(({ resource }) => resource === 'pods')?.state ?? ''
  const synced = async (): Promise<true | undefined> => ((await podsWatched()) === 'synced' ? true : undefined)

  test('it starts without the server, degraded but ready, and has everything once the server is there', async () => {
    await kube.killApi()
    await startAnew()
    expect((await fetch(`http://127.0.0.1:${daemon.ports.health}/readyz`)).status).toBe(200)
    expect(await health()).toContain('recoverable_error')
    expect(await whoIs(daemon, '10.1.0.0')).toBe('unknown')
    await kube.startApi()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    await until('healthy again', async () => !(await health()).includes('recoverable_error'))
  })

  test('the server is restarted', async () => {
    const pod = await addPod()
    await kube.stopApi()
    await kube.startApi()
    await removePod(pod)
    await addPod()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
  })

  test('the server is killed, and what happened meanwhile is not told by any watch: its versions have expired', async () => {
    const old = await addPod()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    const relists = await own('relists', { resource: 'pods' })
    // The daemon sees nothing of what lies between the two ends of the server.
    proxy.isAway = true
    await kube.killApi()
    await kube.startApi()
    await removePod(old)
    await addPod(old.ip)
    await addPod()
    await kube.killApi()
    await kube.startApi()
    proxy.isAway = false
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    await until('the pods were listed again', async () => (await own('relists', { resource: 'pods' })) > relists)
  })

  test('the connections of watches are reset, again and again', async () => {
    await startAnew()
    for (let i = 0; i < 3; i++) {
      await until('a watch is reset', () => proxy.resetWatches('pods') > 0, { timeoutMs: 75_000 })
      await removePod(await addPod())
      await addPod()
    }
    expect(await differences(daemon, kube.client, gone)).toEqual([])
  })

  test('lists are reset in the middle', async () => {
    await startAnew()
    await kube.client.createNamespace('crowd')
    for (let i = 0; i < 40; i++) await addPod(undefined, 'crowd')
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    proxy.cutLists('pods', 20_000, 2)
    proxy.cutLists('services', 0, 1)
    // After garbage everything is listed anew.
    for (const resource of ['pods', 'services']) expect(proxy.spoilWatches(resource, 'garbage\n')).toBeGreaterThan(0)
    await addPod()
    await until('the lists were cut', () => proxy.cutsLeft === 0, { timeoutMs: 75_000 })
    expect(await differences(daemon, kube.client, gone)).toEqual([])
  })

  test('a slow server', async () => {
    proxy.delayMs = 50
    await kube.killApi()
    await kube.startApi()
    const pod = await addPod()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    await removePod(pod)
    expect(await differences(daemon, kube.client, gone)).toEqual([])
  })

  test.for([
    { what: 'half an event', text: '{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"na\n' },
    { what: 'no JSON at all', text: '<html>502 Bad Gateway</html>\n' },
    { what: 'an event without an object', text: '{"type":"ADDED"}\n' },
    { what: 'bytes that are no text', text: '\u0000\u0001\ufffd}{\n' },
  ])('garbage in a watch: $what', async ({ text }) => {
    await startAnew()
    await until('the pods are watched', synced, { timeoutMs: 75_000 })
    const before = await own('malformed', { resource: 'pods' })
    expect(proxy.spoilWatches('pods', text)).toBeGreaterThan(0)
    await removePod(await addPod())
    await addPod()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    await until('it was counted', async () => (await own('malformed', { resource: 'pods' })) > before)
  })

  test('the token is not valid any more, until its file has a new one', async () => {
    await startAnew()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    // Ten minutes are the shortest life of a token. One of an account that is gone is refused at once, but for those that
    // the server remembers to have checked: it forgets them when it is started again.
    await kube.client.deleteServiceAccount('default', 'meshscope')
    await kube.client.createServiceAccount('default', 'meshscope')
    await kube.killApi()
    await kube.startApi()
    await until('the health page tells of it', async () => (await health()).includes('does not accept the credentials'), { timeoutMs: 75_000 })
    const pod = await addPod()
    expect(await whoIs(daemon, pod.ip)).toBe('unknown')
    await renewToken()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    await until('healthy again', async () => !(await health()).includes('recoverable_error'))
  })

  test('a node whose clock is ahead: its pod is known from its first second', async () => {
    const { name, ip } = await addPod()
    const ahead = new Date(Date.now() + 4_000).toISOString().replace(/\.\d+/, '')
    await kube.client.patchStatus('pods', 'default', name, { startTime: ahead })
    expect(await until('the pod is known', async () => ((await whoIs(daemon, ip)) === `pod default/${name}` ? ip : undefined))).toBe(ip)
  })

  test('an address goes from pod to pod, and the time decides', async () => {
    const first = await addPod()
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    await removePod(first)
    const second = await addPod(first.ip)
    expect(await differences(daemon, kube.client, gone)).toEqual([])
    const { claims } = await ask(daemon, `ip=${first.ip}`)
    expect(claims?.owners.map(({ object }) => ('name' in object ? object.name : ''))).toEqual(expect.arrayContaining([second.name]))
  })

  test('the process has not restarted its watching thread once, and serves', async () => {
    expect(await own('thread_restarts')).toBe(0)
    expect((await fetch(`http://127.0.0.1:${daemon.ports.health}/readyz`)).status).toBe(200)
  })
})

/** Text that does not compress well. */
function filler(seed: number): string {
  let state = seed * 2_654_435_761
  let text = ''
  while (text.length < 1_500) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    text += state.toString(36)
  }
  return text
}
