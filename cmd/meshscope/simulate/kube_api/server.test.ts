import { request as httpRequest } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../../test/fakes/clock.ts'
import type { KubeObject } from './object_store.ts'
import { pathOf } from './resources.ts'
import { FakeKubeApi, type FakeKubeApiOptions } from './server.ts'

interface WatchEvent {
  readonly type: string
  readonly object: KubeObject & { readonly code?: number; readonly message?: string }
}
interface List {
  readonly kind: string
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number }
  readonly items: readonly KubeObject[]
}

const apis: FakeKubeApi[] = []
let api: FakeKubeApi

async function started(options: FakeKubeApiOptions = {}): Promise<FakeKubeApi> {
  const one = new FakeKubeApi(options)
  apis.push(one)
  await one.start()
  return one
}

beforeEach(async () => {
  api = await started()
})
afterEach(async () => {
  await Promise.all(apis.splice(0).map((one) => one.stop()))
})

const pod = (name: string, node = 'n1', labels: Record<string, string> = {}): KubeObject => ({
  metadata: { name, namespace: 'shop', labels },
  spec: { nodeName: node },
})

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api.url}${path}`, { headers })
}

async function list(query: string): Promise<List> {
  return (await (await get(`/api/v1/pods?${query}`)).json()) as List
}

const names = ({ items }: List): string[] => items.map(({ metadata }) => metadata.name)

/** A watch as the lines that arrived; `next` waits for one more. */
class Watch {
  readonly #lines: AsyncIterator<string>

  constructor(response: Response) {
    this.#lines = linesOf(response)
  }

  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next()
    return done === true ? undefined : value
  }

  async next(): Promise<WatchEvent> {
    return JSON.parse((await this.line()) ?? '{"type":"END"}') as WatchEvent
  }

  /** `ADDED a`, `DELETED b`. */
  async brief(count: number): Promise<string[]> {
    const seen: string[] = []
    for (let i = 0; i < count; i++) {
      const { type, object } = await this.next()
      seen.push(`${type} ${object.metadata.name}`)
    }
    return seen
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    const parts = (rest + Buffer.from(chunk).toString()).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
  if (rest !== '') yield rest
}

async function watch(query: string, path = '/api/v1/pods'): Promise<Watch> {
  return new Watch(await get(`${path}?watch=1&${query}`))
}

describe('lists', () => {
  test('pages show what there was when the first one was asked for', async () => {
    for (const name of ['c', 'a', 'b', 'd', 'e']) api.create('pods', pod(name))
    const first = await list('limit=2')
    expect([first.kind, names(first), first.metadata.remainingItemCount]).toEqual(['PodList', ['a', 'b'], 3])
    api.delete('pods', 'shop', 'c')
    api.create('pods', pod('bb'))
    const second = await list(`limit=2&continue=${first.metadata.continue}`)
    expect(names(second)).toEqual(['c', 'd'])
    const third = await list(`limit=2&continue=${second.metadata.continue}`)
    expect(names(third)).toEqual(['e'])
    expect(third.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion })
  })

  test('an expired page is answered with 410 and a token for the rest as it is now', async () => {
    for (const name of ['a', 'b', 'c']) api.create('pods', pod(name))
    const first = await list('limit=1')
    api.expireLists()
    api.delete('pods', 'shop', 'b')
    const response = await get(`/api/v1/pods?limit=1&continue=${first.metadata.continue}`)
    const status = (await response.json()) as { readonly reason: string; readonly metadata: { readonly continue: string } }
    expect([response.status, status.reason]).toEqual([410, 'Expired'])
    expect(names(await list(`limit=1&continue=${status.metadata.continue}`))).toEqual(['c'])
  })

  test('a limit does not count for cached lists, as with the real server', async () => {
    for (const name of ['a', 'b']) api.create('pods', pod(name))
    expect(names(await list('limit=1&resourceVersion=0'))).toEqual(['a', 'b'])
  })

  test.for([
    { query: 'fieldSelector=spec.nodeName%3Dn2', expected: ['b'] },
    { query: 'fieldSelector=spec.nodeName!%3Dn2,metadata.name!%3Dc', expected: ['a'] },
    { query: 'labelSelector=app%3Dweb', expected: ['a', 'c'] },
    { query: 'labelSelector=app,tier!%3Dfront', expected: ['c'] },
    { query: 'labelSelector=!app', expected: ['b'] },
  ])('selects by $query', async ({ query, expected }) => {
    api.create('pods', pod('a', 'n1', { app: 'web', tier: 'front' }))
    api.create('pods', pod('b', 'n2'))
    api.create('pods', pod('c', 'n1', { app: 'web' }))
    expect(names(await list(query))).toEqual(expected)
  })

  test('one namespace, one object, metadata alone, and what is not there', async () => {
    api.create('pods', pod('a'))
    api.create('nodes', { metadata: { name: 'n1' }, status: { addresses: [] } })
    expect(((await (await get('/api/v1/namespaces/other/pods')).json()) as List).items).toEqual([])
    expect(await (await get('/api/v1/namespaces/shop/pods/a')).json()).toMatchObject({ kind: 'Pod', metadata: { name: 'a', namespace: 'shop' } })
    expect(await (await get('/api/v1/nodes/n1')).json()).toMatchObject({ kind: 'Node', apiVersion: 'v1' })
    expect((await get('/api/v1/namespaces/shop/pods/zz')).status).toBe(404)
    const partial = (await (await get('/api/v1/pods', { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' })).json()) as List
    expect(partial.kind).toBe('PartialObjectMetadataList')
    expect(Object.keys(partial.items[0] ?? {})).toEqual(['kind', 'apiVersion', 'metadata'])
  })

  test('a resource without a definition is a plain 404', async () => {
    api.create('serviceentries', { metadata: { name: 'db' }, spec: { hosts: ['db.example'] } })
    expect(await (await get(pathOf('serviceentries'))).json()).toMatchObject({ items: [{ kind: 'ServiceEntry', apiVersion: 'networking.istio.io/v1' }] })
    api.serve('serviceentries', false)
    const response = await get(pathOf('serviceentries'))
    expect([response.status, await response.text()]).toEqual([404, '404 page not found\n'])
  })

  test('larger lists are compressed for those who accept it', async () => {
    for (let i = 0; i < 500; i++) api.create('pods', pod(`p${i}`, 'n1', { filler: 'x'.repeat(500) }))
    const body = await new Promise<Buffer>((resolve, reject) => {
      const request = httpRequest(`${api.url}/api/v1/pods`, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
        expect(response.headers['content-encoding']).toBe('gzip')
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
      })
      request.on('error', reject).end()
    })
    expect((JSON.parse(gunzipSync(body).toString()) as List).items).toHaveLength(500)
    expect(body.length).toBeLessThan(60_000)
  })
})

describe('watches', () => {
  test('resume after a version and follow what happens, by selector', async () => {
    api.create('pods', pod('a'))
    const { metadata } = await list('')
    api.create('pods', pod('b'))
    const events = await watch(`resourceVersion=${metadata.resourceVersion}&fieldSelector=spec.nodeName%3Dn1`)
    expect(await events.brief(1)).toEqual(['ADDED b'])
    api.update('pods', pod('b', 'n2'))
    api.update('pods', pod('b', 'n1'))
    api.patch('pods', 'shop', 'b', { status: { podIP: '10.0.0.1' } })
    api.terminate('shop', 'b')
    api.delete('pods', 'shop', 'b')
    expect(await events.brief(5)).toEqual(['DELETED b', 'ADDED b', 'MODIFIED b', 'MODIFIED b', 'DELETED b'])
  })

  test('begin with the present objects and mark their end, where that is allowed', async () => {
    api.create('pods', pod('a'))
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
    const events = await watch(query)
    expect((await events.next()).object.metadata.name).toBe('a')
    const { type, object } = await events.next()
    expect([type, object.metadata.annotations, object.metadata.resourceVersion]).toEqual([
      'BOOKMARK',
      { 'k8s.io/initial-events-end': 'true' },
      String(api.store.version),
    ])
    api.streamsLists = false
    expect((await get(`/api/v1/pods?watch=1&${query}`)).status).toBe(422)
  })

  test('send bookmarks and end after their time', async () => {
    const clock = new FakeClock()
    api = await started({ clock, bookmarkMs: 60_000 })
    const events = await watch(`resourceVersion=${api.store.version}&allowWatchBookmarks=true&timeoutSeconds=100`)
    clock.advance(60_000)
    expect((await events.next()).type).toBe('BOOKMARK')
    clock.advance(40_000)
    expect(await events.line()).toBeUndefined()
    await api.until(() => api.watches().length === 0)
    expect(clock.pendingTimers).toBe(0)
  })

  test('from a forgotten version begin with an expired error', async () => {
    const version = api.create('pods', pod('a')).metadata.resourceVersion
    api.compact()
    const events = await watch(`resourceVersion=${version}`)
    expect((await events.next()).object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' })
    expect(await events.line()).toBeUndefined()
  })

  test('keep a bounded history', async () => {
    api = await started({ historyMax: 10 })
    const version = Number(api.create('pods', pod('a')).metadata.resourceVersion)
    for (let i = 0; i < 40; i++) api.patch('pods', 'shop', 'a', { metadata: { labels: { turn: String(i) } } })
    expect((await (await watch(`resourceVersion=${version}`)).next()).object.code).toBe(410)
    const recent = await watch(`resourceVersion=${version + 35}`)
    expect(await recent.brief(5)).toEqual(Array(5).fill('MODIFIED a'))
  })

  test('from a future version are asked to come back', async () => {
    const response = await get(`/api/v1/pods?watch=1&resourceVersion=${api.store.version + 5}`)
    expect([response.status, response.headers.get('retry-after')]).toEqual([504, '1'])
  })
})

describe('faults', () => {
  test('come in their order, for the requests that they are meant for', async () => {
    api.fail({ fault: { kind: 'status', code: 429, retryAfterSeconds: 7 }, verb: 'list', resource: 'pods' })
    api.fail({ fault: { kind: 'status', code: 500 }, times: 2 })
    expect((await get('/api/v1/services')).status).toBe(500)
    const busy = await get('/api/v1/pods')
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '7'])
    expect((await get('/api/v1/pods')).status).toBe(500)
    expect((await get('/api/v1/pods')).status).toBe(200)
    expect(api.count('list', 'pods')).toBe(3)
  })

  test.for(['reset', 'close'] as const)('a list can %s in the middle', async (kind) => {
    for (let i = 0; i < 50; i++) api.create('pods', pod(`p${i}`))
    api.fail({ fault: { kind, afterBytes: 300 } })
    const response = await get('/api/v1/pods', { 'accept-encoding': 'identity' })
    await expect(response.text()).rejects.toThrow('terminated')
    api.fail({ fault: { kind: 'reset', afterBytes: 0 } })
    await expect(get('/api/v1/pods')).rejects.toThrow('fetch failed')
  })

  test('a watch can bring garbage, an error or nothing any more', async () => {
    const version = api.create('pods', pod('a')).metadata.resourceVersion
    api.fail({ fault: { kind: 'garbage', text: '{"type":"MOD\n', after: 1 } })
    api.fail({ fault: { kind: 'error_event', code: 410, after: 0 } })
    api.fail({ fault: { kind: 'stall', afterBytes: 0 } })
    const first = await watch('resourceVersion=0')
    expect([await first.brief(1), await first.line()]).toEqual([['ADDED a'], '{"type":"MOD'])
    expect((await (await watch(`resourceVersion=${version}`)).next()).object).toMatchObject({ code: 410, reason: 'Expired' })
    const stalled = await watch('resourceVersion=0')
    const silent = stalled.line()
    await api.stop()
    await expect(silent).rejects.toThrow('terminated')
  })

  test('an answer can be held back', async () => {
    let release = (): void => undefined
    api.fail({ fault: { kind: 'hold', until: new Promise<void>((resolve) => (release = resolve)) } })
    const response = get('/api/v1/pods')
    await api.until(() => api.count('list', 'pods') === 1)
    release()
    expect((await response).status).toBe(200)
  })

  test('tokens and rights are checked', async () => {
    api.tokens = new Set(['good'])
    expect((await get('/api/v1/pods')).status).toBe(401)
    expect((await get('/api/v1/pods', { authorization: 'Bearer good' })).status).toBe(200)
    api.deny('endpointslices', 'watch')
    const response = await get('/apis/discovery.k8s.io/v1/endpointslices?watch=1', { authorization: 'Bearer good' })
    expect(response.status).toBe(403)
    expect(((await response.json()) as { readonly message: string }).message).toBe(
      'endpointslices is forbidden: User "system:serviceaccount:default:meshscope" cannot watch resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope',
    )
  })

  test('the server goes away and comes back on its port with its objects', async () => {
    api.create('pods', pod('a'))
    const { url } = api
    const events = await watch('resourceVersion=0')
    await events.next()
    await api.stop()
    await expect(events.line()).rejects.toThrow('terminated')
    await expect(get('/api/v1/pods')).rejects.toThrow('fetch failed')
    expect(await api.start()).toBe(url)
    expect(names(await list(''))).toEqual(['a'])
  })
})

test('objects can be made, patched and removed over HTTP as well', async () => {
  const send = async (method: string, path: string, body?: object): Promise<number> =>
    (await fetch(`${api.url}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })).status
  const pods = pathOf('pods', 'shop')
  expect(await send('POST', pods, { metadata: { name: 'a' } })).toBe(201)
  expect(await send('POST', pods, { metadata: { name: 'a' } })).toBe(409)
  expect(await send('PATCH', `${pods}/a/status`, { status: { podIP: '10.0.0.9' } })).toBe(200)
  expect(api.store.get('pods', 'shop', 'a')).toMatchObject({ kind: 'Pod', status: { podIP: '10.0.0.9' } })
  expect(await send('DELETE', `${pods}/a`)).toBe(200)
  expect(api.store.list('pods')).toEqual([])
})
