/** What the identity index relies on is what a real API server does; the fake one is held against it here. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pathOf } from '../../../cmd/meshscope/simulate/kube_api/resources.ts'
import { suite } from '../suite.ts'
import { until } from '../waiting.ts'
import { type Kube, startKube } from './kube.ts'
import { WatchReader } from './watch_reader.ts'

suite('a real API server', ['etcd', 'kube-apiserver'], (paths) => {
  let kube: Kube
  const readers: WatchReader[] = []

  beforeAll(async () => {
    kube = await startKube({ paths })
    const { client } = kube
    await client.createNode('n1', '192.0.2.11')
    await client.createNode('n2', '192.0.2.12')
    await client.createNamespace('shop', { team: 'blue' })
    for (const [name, node] of [
      ['a', 'n1'],
      ['b', 'n2'],
      ['c', 'n1'],
    ] as const) {
      await client.createPod({ namespace: 'shop', name, node, ips: [`10.1.0.${name.charCodeAt(0)}`, `fd00::${name}`], labels: { app: name } })
    }
  })
  afterAll(async () => {
    for (const reader of readers) reader.close()
    await kube?.stop()
  })

  const watch = async (query: string, token = kube.adminToken): Promise<WatchReader> => {
    const reader = await WatchReader.open(kube, `${pathOf('pods')}?watch=1&${query}`, token)
    readers.push(reader)
    return reader
  }

  test('lists what was created, selected and page by page', async () => {
    const { client } = kube
    const names = async (query: string): Promise<string[]> => (await client.list('pods', query)).items.map(({ metadata }) => metadata.name)
    expect(await names('fieldSelector=spec.nodeName%3Dn1')).toEqual(['a', 'c'])
    expect(await names('labelSelector=app%3Db')).toEqual(['b'])
    const first = await client.list('pods', 'limit=2')
    expect(first.items).toHaveLength(2)
    expect(await names(`limit=2&continue=${first.metadata.continue}`)).toEqual(['c'])
    // A limit does not count for lists out of the cache; the fake one does the same.
    expect(await names('limit=1&resourceVersion=0')).toEqual(['a', 'b', 'c'])
  })

  test('shows statuses with both address families', async () => {
    const { items } = await kube.client.list('pods', 'fieldSelector=metadata.name%3Da')
    expect(items[0]).toMatchObject({ status: { phase: 'Running', podIP: '10.1.0.97', podIPs: [{ ip: '10.1.0.97' }, { ip: 'fd00::a' }] } })
    expect(items[0]).not.toHaveProperty('kind')
  })

  test('streams a list, marks its end and follows what happens', async () => {
    const events = await watch('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Dn2')
    expect(await events.brief()).toBe('ADDED b')
    expect((await events.next()).object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
    await kube.client.createPod({ namespace: 'shop', name: 'late', node: 'n2', ips: ['10.1.0.200'] })
    expect([await events.brief(), await events.brief()]).toEqual(['ADDED late', 'MODIFIED late'])
    await kube.client.delete('pods', 'shop', 'late')
    expect(await events.untilType('DELETED')).toBe('late')
  })

  test('refuses those who lack a right by name, and a token that nobody gave', async () => {
    const { client } = kube
    await client.createServiceAccount('shop', 'reader')
    await client.allow('shop', 'reader', [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }])
    const reader = client.as(await client.createToken('shop', 'reader'))
    await until('the right to list pods is there', async () => (await reader.send('GET', pathOf('pods'))).code === 200)
    const refused = await reader.send('GET', pathOf('services'))
    expect([refused.code, JSON.parse(refused.text).message]).toEqual([
      403,
      'services is forbidden: User "system:serviceaccount:shop:reader" cannot list resource "services" in API group "" at the cluster scope',
    ])
    expect((await client.as('nobody').send('GET', pathOf('pods'))).code).toBe(401)
    reader.close()
  })

  test('knows no resource without its definition', async () => {
    const { code, text } = await kube.client.send('GET', pathOf('serviceentries'))
    expect([code, text]).toEqual([404, '404 page not found\n'])
  })

  test('lets unfinished lists expire with a token for the rest', async () => {
    const first = await kube.client.list('services', 'limit=1')
    const pods = await kube.client.list('pods', 'limit=1')
    expect(first.items).toHaveLength(1)
    await kube.client.delete('pods', 'shop', 'c')
    await kube.killApi()
    await kube.compact()
    await kube.startApi()
    await kube.client.createPod({ namespace: 'shop', name: 'c', node: 'n1', ips: ['10.1.0.99'] })
    const { code, text } = await kube.client.send('GET', `${pathOf('pods')}?limit=1&continue=${pods.metadata.continue}`)
    const status = JSON.parse(text) as { readonly reason: string; readonly metadata: { readonly continue?: string } }
    expect([code, status.reason]).toEqual([410, 'Expired'])
    expect((await kube.client.list('pods', `continue=${status.metadata.continue}`)).items.map(({ metadata }) => metadata.name)).toEqual(['b', 'c'])
  })

  test('knows old versions no more after a restart, and says so in the watch', async () => {
    const { resourceVersion } = (await kube.client.list('pods')).metadata
    await kube.client.createPod({ namespace: 'shop', name: 'd', node: 'n1', ips: ['10.1.0.100'] })
    await kube.killApi()
    await kube.startApi()
    const events = await watch(`resourceVersion=${resourceVersion}`)
    expect((await events.next()).object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' })
  })
})
