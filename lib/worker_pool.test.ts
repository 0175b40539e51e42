import { describe, expect, test } from 'vitest'
import { autoThreads, siblingModule, threadEnd, WorkerPool } from './worker_pool.ts'

const pool = (code: string, heapMibMax = 0): WorkerPool<unknown> =>
  new WorkerPool({ entry: new URL(`./testdata/${code}.mjs`, import.meta.url), threads: 1, heapMibMax })

test.for([
  { cores: 1, threads: 1 },
  { cores: 2, threads: 2 },
  { cores: 4, threads: 4 },
  { cores: 64, threads: 4 },
])('auto is $threads threads on $cores cores', ({ cores, threads }) => {
  expect(autoThreads(cores)).toBe(threads)
})

test('a module beside another has its extension', () => {
  expect(siblingModule('file:///a/run.ts', 'worker').href).toBe('file:///a/worker.ts')
  expect(siblingModule('file:///a/run.js', 'worker').href).toBe('file:///a/worker.js')
})

describe('a task', () => {
  test('ends with its function, and its thread serves the next one', async () => {
    const threads = pool('deeds')
    const { signal } = new AbortController()
    await threads.run({ deed: 'nothing' }, { transfer: [], signal })
    await threads.run({ deed: 'nothing' }, { transfer: [], signal })
    await threads.close()
    expect(threadEnd(new Error('other'))).toBe('uncaught_error')
  })

  test.for([
    { deed: 'throw', end: 'uncaught_error' },
    { deed: 'throw_later', end: 'uncaught_error' },
    { deed: 'exit', end: 'exit' },
    { deed: 'hoard', end: 'out_of_memory' },
    { deed: 'hang', end: 'aborted' },
  ])('that ends by $deed is told as $end, and a fresh thread serves the next one', async ({ deed, end }) => {
    const threads = pool('deeds', 24)
    const abort = new AbortController()
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => abort.abort())
    port1.start()
    const error = await threads.run({ deed, port: port2 }, { transfer: [port2 as never], signal: abort.signal }).catch((reason: unknown) => reason)
    port1.close()
    expect(threadEnd(error)).toBe(end)
    await threads.run({ deed: 'nothing' }, { transfer: [], signal: new AbortController().signal })
    await threads.close()
  })
})

test('limits of the heap reach the thread; those not given are left to Node.js', async () => {
  const limitsOf = async (options: { readonly heapMibMax: number; readonly youngMibMax?: number }): Promise<unknown> => {
    const threads = new WorkerPool({ entry: new URL('./testdata/deeds.mjs', import.meta.url), threads: 1, ...options })
    const { port1, port2 } = new MessageChannel()
    const told = new Promise((resolve) => port1.addEventListener('message', (event) => resolve((event as MessageEvent).data)))
    port1.start()
    await threads.run({ deed: 'tell_limits', port: port2 }, { transfer: [port2 as never], signal: new AbortController().signal })
    const limits = await told
    port1.close()
    await threads.close()
    return limits
  }
  const none = (await limitsOf({ heapMibMax: 0 })) as Readonly<Record<string, number>>
  expect(await limitsOf({ heapMibMax: 50, youngMibMax: 6 })).toEqual({ ...none, maxOldGenerationSizeMb: 50, maxYoungGenerationSizeMb: 6 })
  expect(none['maxYoungGenerationSizeMb']).toBeGreaterThan(6)
})

test('a module that does not load rejects the task', async () => {
  const threads = pool('missing')
  await expect(threads.run({}, { transfer: [], signal: new AbortController().signal })).rejects.toThrow('missing.mjs')
  await threads.close()
})
