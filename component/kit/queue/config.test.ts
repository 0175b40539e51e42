import { describe, expect, test } from 'vitest'
import { checkQueue, type QueueConfig, queueOptions } from './config.ts'
import { queueUses } from './store.ts'
import { queueConfigWith } from './testing.ts'

describe('checkQueue', () => {
  test.for([
    { name: 'the defaults', config: queueConfigWith() },
    {
      name: 'a batch with its defaults',
      config: queueConfigWith({ sending_queue: { batch: { flush_timeout: '200ms', min_size: 8192, max_size: 0, sizer: 'items' } } }),
    },
    {
      name: 'waits longer than the time for all of them, when that has no end',
      config: queueConfigWith({ retry_on_failure: { max_elapsed_time: '0s', max_interval: '1h' } }),
    },
    { name: 'settings of what is turned off', config: queueConfigWith({ retry_on_failure: { enabled: false, max_elapsed_time: '1s' } }) },
  ])('takes $name', ({ config }) => {
    expect(checkQueue(config)).toEqual([])
  })

  const batch = { flush_timeout: '200ms', min_size: 100, max_size: 0, sizer: 'items' } as const
  const bad: { name: string; config: QueueConfig; path: string; problem: string }[] = [
    { name: 'a negative timeout', config: queueConfigWith({ timeout: '-1s' }), path: 'timeout', problem: 'negative' },
    {
      name: 'a negative wait',
      config: queueConfigWith({ retry_on_failure: { max_interval: '-5s' } }),
      path: 'retry_on_failure.max_interval',
      problem: 'negative',
    },
    {
      name: 'less time than a single wait takes',
      config: queueConfigWith({ retry_on_failure: { max_elapsed_time: '20s' } }),
      path: 'retry_on_failure.max_elapsed_time',
      problem: 'shorter than max_interval',
    },
    {
      name: 'a producer that waits for what outlives it',
      config: queueConfigWith({ sending_queue: { wait_for_result: true, storage: 'file_storage' } }),
      path: 'sending_queue.wait_for_result',
      problem: 'does not go with storage',
    },
    {
      name: 'a batch that never ends',
      config: queueConfigWith({ sending_queue: { batch: { ...batch, flush_timeout: '0s' } } }),
      path: 'sending_queue.batch.flush_timeout',
      problem: 'too short',
    },
    {
      name: 'a batch that may not grow to its smallest size',
      config: queueConfigWith({ sending_queue: { batch: { ...batch, max_size: 99 } } }),
      path: 'sending_queue.batch.max_size',
      problem: 'smaller than min_size',
    },
    {
      name: 'a batch that the queue cannot hold',
      config: queueConfigWith({ sending_queue: { sizer: 'items', queue_size: 99, batch } }),
      path: 'sending_queue.batch.min_size',
      problem: 'larger than queue_size',
    },
  ]
  test.for(bad)('refuses $name', ({ config, path, problem }) => {
    expect(checkQueue(config).map((found) => ({ path: found.path.join('.'), problem: found.problem }))).toContainEqual({ path, problem })
  })
})

test('a queue or retries that are turned off are not there', () => {
  const options = queueOptions(queueConfigWith({ retry_on_failure: { enabled: false }, sending_queue: { enabled: false } }))
  expect(options).toEqual({ timeoutMs: 5000, retry: undefined, queue: undefined })
  expect(queueOptions(queueConfigWith()).retry).toMatchObject({ initialMs: 5000, maxMs: 30_000, elapsedMsMax: 300_000 })
})

test('a component says which storage it uses, and where it is named', () => {
  const storage = 'file_storage/queue'
  expect(queueUses(queueConfigWith({ sending_queue: { storage } }))).toEqual([
    { extension: storage, needs: {}, isOptional: false, named: { as: 'storage', path: ['sending_queue', 'storage'] } },
  ])
  expect(queueUses(queueConfigWith())).toEqual([])
  expect(queueUses(queueConfigWith({ sending_queue: { storage, enabled: false } }))).toEqual([])
})
