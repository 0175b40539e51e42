import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KubeRequest } from '../../../cmd/meshscope/simulate/kube_api/fault.ts'
import { FakeKubeApi, type FakeKubeApiOptions } from '../../../cmd/meshscope/simulate/kube_api/server.ts'
import { ReflectorRun, type ReflectorRunOptions } from '../../../test/fakes/reflector_run.ts'

let api: FakeKubeApi
let run: ReflectorRun | undefined

beforeEach(async () => {
  api = await startApi({})
})

afterEach(async () => {
  await run?.stop()
  run = undefined
  await api.stop()
})

async function startApi(options: FakeKubeApiOptions): Promise<FakeKubeApi> {
  const server = new FakeKubeApi(options)
  await server.start()
  return server
}

function createPods(count: number, prefix = 'pod'): void {
  for (let i = 0; i < count; i++)
    api.create('pods', { metadata: { name: `${prefix}-${String(i).padStart(5, '0')}`, namespace: 'shop', labels: { app: prefix } } })
}

function reflect(options: ReflectorRunOptions = {}): ReflectorRun {
  run = new ReflectorRun(api, options)
  return run
}

const requestsFor = (verb: 'list' | 'watch'): readonly KubeRequest[] => api.requests.filter((request) => request.verb === verb && request.resource === 'pods')

/** Adds, changes and removes a pod, so that a mirror that misses something shows. */
function churn(name: string): void {
  api.create('pods', { metadata: { name, namespace: 'shop' } })
  api.patch('pods', 'shop', name, { status: { phase: 'Running' } })
  const first = api.store.list('pods').find(({ metadata }) => metadata.name.startsWith('pod-'))
  if (first !== undefined) api.delete('pods', first.metadata.namespace ?? '', first.metadata.name)
}

describe('a reflector', () => {
  test('lists as a stream and goes on with the changes on the same connection', async () => {
    createPods(30)
    const { sink, reflector, statuses } = reflect()
    await run?.untilMirrored()
    churn('late')
    await run?.untilMirrored()
    expect(sink.calls).toEqual(['listing', 'listed'])
    expect(requestsFor('list')).toEqual([])
    expect(requestsFor('watch')).toHaveLength(1)
    expect(reflector.counts).toMatchObject({ listed: 30, added: 1, modified: 1, deleted: 1, lists: 1, watches: 1, failures: 0 })
    expect(reflector.counts.bytes).toBe(run?.client.bytesReceived)
    expect(statuses.map(({ state }) => state)).toEqual(['listing', 'synced'])
  })

  test('lists in compressed pages where streams are not offered, and remembers it', async () => {
    api.streamsLists = false
    createPods(1201)
    const { reflector } = reflect()
    await run?.untilMirrored()
    churn('late')
    await run?.untilMirrored()
    const lists = requestsFor('list')
    expect(lists.map(({ query }) => [query['limit'], query['continue'] !== undefined])).toEqual([
      ['500', false],
      ['500', true],
      ['500', true],
    ])
    expect(lists.map(({ headers }) => headers['accept-encoding'])).toEqual(['gzip', 'gzip', 'gzip'])
    expect(requestsFor('watch').map(({ query, headers }) => [query['sendInitialEvents'], headers['accept-encoding']])).toEqual([
      ['true', 'identity'],
      [undefined, 'identity'],
    ])
    api.compact()
    api.watches('pods')[0]?.close()
    await run?.until('it has listed again', () => reflector.counts.lists === 2)
    expect(requestsFor('watch').filter(({ query }) => query['sendInitialEvents'] !== undefined)).toHaveLength(1)
  })

  test('asks in pages when a server takes a streaming list for a watch and never marks the end', async () => {
    createPods(3)
    api.fail({ fault: { kind: 'stall', afterBytes: 0 }, verb: 'watch' })
    const { clock } = reflect()
    await run?.until('the watch is open', () => run?.reflector.status.state === 'listing')
    clock.advance(30_000)
    await run?.untilMirrored()
    expect(requestsFor('list')).toHaveLength(1)
  })

  test('resumes after a bookmark when the server ends a watch, without a list', async () => {
    createPods(5)
    const { reflector } = reflect()
    await run?.untilMirrored()
    api.create('services', { metadata: { name: 'elsewhere', namespace: 'shop' } })
    const [watch] = api.watches('pods')
    watch?.bookmark()
    watch?.close()
    await run?.until('it watches again', () => reflector.counts.watches === 2)
    expect(requestsFor('watch').at(-1)?.query['resourceVersion']).toBe(String(api.store.version))
    churn('late')
    await run?.untilMirrored()
    expect(reflector.counts).toMatchObject({ lists: 1, bookmarks: 2, failures: 0 })
  })

  test('asks for watches of 300 to 600 seconds', async () => {
    const { reflector } = reflect({ random: () => 0.5, timings: { startJitterMs: 0 } })
    await run?.untilMirrored()
    expect(requestsFor('watch').map(({ query }) => query['timeoutSeconds'])).toEqual(['450'])
    expect(reflector.status.error).toBe('')
  })

  test('takes a watch that ends at once for a failure', async () => {
    const { statuses } = reflect()
    await run?.untilMirrored()
    api.fail({ fault: { kind: 'status', code: 200 }, verb: 'watch' })
    api.watches('pods')[0]?.close()
    await run?.until('it says so', () => statuses.some(({ state }) => state === 'retrying'))
    await run?.untilMirrored()
    expect(statuses.find(({ state }) => state === 'retrying')?.error).toContain('watch of pods')
  })

  test('starts from the cache when it may, and asks for what it is meant to ask', async () => {
    api.streamsLists = false
    createPods(2)
    createPods(2, 'other')
    const resource = { namespace: 'shop', fieldSelector: 'metadata.namespace=shop', labelSelector: 'app=pod', isMetadataOnly: true, startsFromCache: true }
    const { sink } = reflect({ resource })
    await run?.until('it is synced', () => run?.reflector.status.state === 'synced')
    await run?.until('it watches', () => api.watches('pods').length === 1)
    const [list] = requestsFor('list')
    expect(list?.path).toBe('/api/v1/namespaces/shop/pods')
    expect(list?.query).toEqual({
      fieldSelector: 'metadata.namespace=shop',
      labelSelector: 'app=pod',
      limit: '500',
      resourceVersion: '0',
      resourceVersionMatch: 'NotOlderThan',
    })
    expect(list?.headers['accept']).toContain('as=PartialObjectMetadataList')
    expect([...sink.versions.keys()]).toEqual(['shop/pod-00000', 'shop/pod-00001'])
  })

  test('waits a random time before its first request', async () => {
    const { clock, reflector } = reflect({ random: () => 0.5, timings: { startJitterMs: 10_000 } })
    clock.advance(4_999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(api.requests).toHaveLength(0)
    expect(reflector.status.state).toBe('starting')
    clock.advance(1)
    await run?.untilMirrored()
  })

  test('ends at once when it is told to, whatever it is doing', async () => {
    api.fail({ fault: { kind: 'stall', afterBytes: 0 }, verb: 'watch' })
    const { reflector, sink } = reflect()
    await run?.until('the list has begun', () => reflector.status.state === 'listing')
    await run?.stop()
    expect(sink.calls).toEqual(['listing'])
  })

  test('lets what the sink throws out', async () => {
    createPods(1)
    const sink = {
      listing: () => {},
      gone: () => {},
      listed: () => {},
      put: () => {
        throw new TypeError('BUG: in the sink')
      },
    }
    await expect(new ReflectorRun(api, { sink }).stopped).rejects.toThrow('BUG: in the sink')
  })
})

describe('a list that fails', () => {
  const faults = [
    { name: 'a reset connection', fault: { kind: 'reset', afterBytes: 2000 } },
    { name: 'a closed connection', fault: { kind: 'close', afterBytes: 2000 } },
    { name: 'garbage', fault: { kind: 'garbage', text: '<<<garbage>>>', after: 2000 } },
    { name: 'a reset before the answer', fault: { kind: 'reset', afterBytes: 0 } },
    { name: 'status 500', fault: { kind: 'status', code: 500 } },
  ] as const

  test.for(faults.flatMap((entry) => [true, false].map((streams) => ({ ...entry, streams }))))(
    'by $name (streaming: $streams) begins again, and nothing is forgotten meanwhile',
    async ({ fault, streams }) => {
      api.streamsLists = streams
      createPods(700)
      const { sink, statuses, reflector } = reflect({ prefersStreaming: streams })
      await run?.untilMirrored()
      // Everything changes while the watch is away, and the first new list fails.
      churn('while-away')
      api.delete('pods', 'shop', 'pod-00300')
      api.compact()
      let fewest = Number.POSITIVE_INFINITY
      api.fail({
        fault,
        verb: streams ? 'watch' : 'list',
        when: ({ query }) => {
          fewest = Math.min(fewest, sink.versions.size)
          return streams ? query['sendInitialEvents'] === 'true' : query['continue'] !== undefined
        },
      })
      api.watches('pods')[0]?.close()
      await run?.until('it has listed again', () => reflector.counts.lists === 2)
      await run?.untilMirrored()
      expect(fewest).toBeGreaterThanOrEqual(699)
      expect(sink.calls.filter((call) => call === 'listed')).toHaveLength(2)
      expect(statuses.some(({ state, error }) => state === 'retrying' && error !== '')).toBe(true)
      churn('after')
      await run?.untilMirrored()
    },
  )

  test('by a token that expires between pages begins again', async () => {
    createPods(1201)
    let pages = 0
    api.fail({ fault: { kind: 'hold', until: Promise.resolve() }, verb: 'list', when: () => ++pages === 3 && api.expireLists() === undefined })
    const { reflector, sink } = reflect({ prefersStreaming: false })
    await run?.untilMirrored()
    expect(reflector.counts.relists.interrupted).toBe(1)
    expect(sink.calls).toEqual(['listing', 'listing', 'listed'])
    // The second time everything is asked for at once.
    expect(requestsFor('list').at(-1)?.query['limit']).toBeUndefined()
  })

  test('by streams that always break off is made in pages', async () => {
    createPods(100)
    api.fail({ fault: { kind: 'reset', afterBytes: 2000 }, verb: 'watch', times: 100, when: ({ query }) => query['sendInitialEvents'] === 'true' })
    const { reflector } = reflect()
    await run?.untilMirrored()
    expect(reflector.counts).toMatchObject({ failures: 3, lists: 1, relists: { interrupted: 3 } })
    expect(requestsFor('list')).toHaveLength(1)
  })

  test('by silence begins again', async () => {
    createPods(100)
    api.fail({ fault: { kind: 'stall', afterBytes: 500 }, verb: 'list' })
    const { clock, reflector } = reflect({ prefersStreaming: false })
    await run?.until('the list has begun', () => reflector.status.state === 'listing')
    clock.advance(30_000)
    await run?.untilMirrored()
    expect(reflector.counts.idle).toBe(1)
  })
})

describe('a watch that fails', () => {
  test.for([
    { name: 'status 410', fault: undefined },
    { name: 'an ERROR event 410', fault: { kind: 'error_event', code: 410, after: 0 } },
  ] as const)('by $name lists anew and finds what was deleted meanwhile', async ({ fault }) => {
    createPods(20)
    const { reflector, clock } = reflect()
    await run?.untilMirrored()
    clock.advance(60_000)
    if (fault === undefined) {
      const release = Promise.withResolvers<void>()
      api.fail({ fault: { kind: 'hold', until: release.promise }, verb: 'watch' })
      api.watches('pods')[0]?.close()
      await run?.until('it asks again', () => requestsFor('watch').length === 2)
      churn('while-away')
      api.compact()
      release.resolve()
    } else {
      api.fail({ fault, verb: 'watch' })
      api.watches('pods')[0]?.close()
      await run?.until('it has met the event', () => reflector.counts.errors === 1)
      churn('while-away')
    }
    await run?.until('it has listed again', () => reflector.counts.lists === 2)
    await run?.untilMirrored()
    expect(reflector.counts.relists.expired).toBe(1)
    expect(requestsFor('watch').at(-1)?.query['resourceVersion']).toBe('')
  })

  test('by a line of garbage is counted, and everything is listed anew', async () => {
    createPods(20)
    const { reflector, statuses, clock } = reflect()
    await run?.untilMirrored()
    clock.advance(60_000)
    api.fail({ fault: { kind: 'garbage', text: '{"type":"ADDED","object":{"metadata":\n', after: 0 }, verb: 'watch' })
    api.watches('pods')[0]?.close()
    await run?.until('it has met the line', () => reflector.counts.malformed === 1)
    churn('while-away')
    await run?.until('it has listed again', () => reflector.counts.lists === 2)
    await run?.untilMirrored()
    expect(reflector.counts.relists.malformed).toBe(1)
    expect(statuses.find(({ state }) => state === 'retrying')?.error).toBe('watch of pods: the API server has sent not JSON')
  })

  test('by silence is given up after 150 seconds and resumed', async () => {
    createPods(5)
    const { reflector, clock, statuses } = reflect()
    await run?.untilMirrored()
    api.fail({ fault: { kind: 'stall', afterBytes: 0 }, verb: 'watch' })
    const [watch] = api.watches('pods')
    watch?.bookmark()
    clock.advance(2000)
    watch?.close()
    await run?.until('it watches again', () => reflector.counts.watches === 2)
    // The connection is half open: what happens now is not told on it.
    churn('unheard')
    clock.advance(149_000)
    expect(reflector.counts.idle).toBe(0)
    clock.advance(1000)
    await run?.until('it has noticed', () => reflector.counts.idle === 1)
    await run?.untilMirrored()
    expect(statuses.some(({ error }) => error.includes('nothing came from the API server'))).toBe(true)
    expect(reflector.counts.lists).toBe(1)
  })

  test('by silence twice in a row lists anew, as the server may have been set back', async () => {
    createPods(5)
    const { reflector, clock } = reflect()
    await run?.untilMirrored()
    const [watch] = api.watches('pods')
    watch?.bookmark()
    api.fail({ fault: { kind: 'stall', afterBytes: 0 }, verb: 'watch', times: 2 })
    clock.advance(2000)
    watch?.close()
    for (const watches of [2, 3]) {
      await run?.until('it watches', () => reflector.counts.watches === watches && reflector.status.state === 'synced')
      clock.advance(150_000)
      await run?.until('it has noticed', () => reflector.counts.idle === watches - 1)
    }
    churn('unheard')
    await run?.until('it has listed again', () => reflector.counts.lists === 2)
    await run?.untilMirrored()
    expect(reflector.counts.relists.idle).toBe(1)
    expect(requestsFor('watch').at(-1)?.query['resourceVersion']).toBe('')
  })

  test('by a server that stops and comes back is resumed', async () => {
    createPods(5)
    const { reflector, statuses } = reflect()
    await run?.untilMirrored()
    await api.stop()
    await run?.until('it has noticed', () => reflector.status.state === 'retrying' && reflector.status.error.includes('connection refused'))
    expect(reflector.status).toMatchObject({ isSynced: true })
    churn('while-away')
    await api.start()
    await run?.untilMirrored()
    expect(reflector.counts.lists).toBe(1)
    expect(statuses.at(-1)).toMatchObject({ state: 'synced', error: '' })
  })

  test('by a server that has gone back in time lists anew', async () => {
    createPods(5)
    const { reflector } = reflect()
    await run?.untilMirrored()
    const message = 'Too large resource version: 2000, current: 1005'
    api.fail({ fault: { kind: 'status', code: 504, message }, verb: 'watch', times: 3 })
    api.watches('pods')[0]?.close()
    await run?.until('it has listed again', () => reflector.counts.lists === 2, 100)
    await run?.untilMirrored()
    expect(reflector.counts.relists.version_too_large).toBe(1)
    expect(requestsFor('watch').at(-1)?.query['resourceVersion']).toBe('')
  })

  test.for([429, 503])('by status %d waits as long as the server asks', async (code) => {
    const { reflector, clock } = reflect()
    await run?.untilMirrored()
    api.fail({ fault: { kind: 'status', code, retryAfterSeconds: 7 }, verb: 'watch' })
    api.watches('pods')[0]?.close()
    await run?.until('it has been told to wait', () => reflector.status.state === 'retrying' && reflector.status.error.includes(String(code)))
    const asked = requestsFor('watch').length
    clock.advance(6_999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(requestsFor('watch')).toHaveLength(asked)
    clock.advance(1)
    await run?.untilMirrored()
  })
})

describe('rights and resources', () => {
  test.for([
    { verb: 'list', message: /^RBAC: missing list on pods: pods is forbidden: User .* cannot list resource "pods"/ },
    { verb: 'watch', message: /^RBAC: missing watch on pods: pods is forbidden: User .* cannot watch resource "pods"/ },
  ] as const)('a missing right to $verb is named, and in the long run asked for seldom', async ({ verb, message }) => {
    createPods(3)
    api.deny('pods', verb)
    const { reflector, clock } = reflect({ prefersStreaming: false })
    await run?.until('it says so', () => reflector.status.state === 'forbidden')
    expect(reflector.status.error).toMatch(message)
    // At first as after any failure: a server that has just started refuses everybody for a moment.
    clock.advance(60_000)
    await run?.until('it has asked again', () => reflector.counts.failures === 2)
    const asked = api.requests.length
    clock.advance(29_999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(api.requests).toHaveLength(asked)
    api.deny('pods', verb, false)
    clock.advance(1)
    await run?.untilMirrored()
    expect(reflector.counts.lists).toBe(1)
  })

  test('an optional resource that does not exist counts as empty and is found when it appears', async () => {
    api.serve('serviceentries', false)
    const resource = { group: 'networking.istio.io', version: 'v1', plural: 'serviceentries', isOptional: true }
    const { reflector, clock, sink, statuses } = reflect({ resource })
    await run?.until('it is absent', () => reflector.status.state === 'absent')
    expect(reflector.status).toMatchObject({ isSynced: true, error: expect.stringContaining('does not serve serviceentries.networking.istio.io') as string })
    expect(sink.calls).toEqual(['listing', 'listed'])
    clock.advance(150_000)
    await run?.until('it has asked again', () => api.requests.length === 2)
    await run?.until('it is absent', () => reflector.counts.failures === 2)
    expect(statuses).toHaveLength(1)
    api.serve('serviceentries')
    api.create('serviceentries', { metadata: { name: 'external', namespace: 'shop' } })
    await run?.untilMirrored('serviceentries', 1000)
    api.serve('serviceentries', false)
    api.watches('serviceentries')[0]?.close()
    await run?.until('it is gone', () => reflector.status.state === 'absent')
    expect(sink.versions.size).toBe(0)
  })

  test('any other resource that does not exist is an error', async () => {
    api.serve('pods', false)
    const { reflector } = reflect()
    await run?.until('it says so', () => reflector.status.state === 'retrying')
    expect(reflector.status).toMatchObject({ isSynced: false, error: expect.stringContaining('the API server does not serve pods') as string })
  })

  test('a token that has expired is read anew', async () => {
    createPods(3)
    api.tokens = new Set(['first'])
    let token = 'first'
    let expired = 0
    const tls = { ca: undefined, cert: undefined, key: undefined, serverName: '', isUnverified: false }
    let read = token
    const access = {
      server: api.url,
      namespace: '',
      credentials: async () => ({ headers: { authorization: `Bearer ${read}` }, tls }),
      expire: () => {
        expired++
        read = token
      },
    }
    const { reflector, statuses } = reflect({ access })
    await run?.untilMirrored()
    api.tokens = new Set(['second'])
    token = 'second'
    const [watch] = api.watches('pods')
    watch?.bookmark()
    churn('meanwhile')
    watch?.close()
    await run?.until('it watches again', () => reflector.counts.watches === 2)
    await run?.untilMirrored()
    expect(expired).toBe(1)
    expect(statuses.map(({ state }) => state)).toEqual(['listing', 'synced'])
    // Now the file is as old as what it holds.
    api.tokens = new Set(['third'])
    api.watches('pods')[0]?.close()
    await run?.until('it says so', () => reflector.status.error.includes('does not accept the credentials'))
    token = 'third'
    await run?.untilMirrored()
  })
})
