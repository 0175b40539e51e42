import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { FairInbox } from './fair_inbox.ts'

/** Keeps the event loop for longer than a slice. */
function work(): void {
  for (const end = performance.now() + 5; performance.now() < end; );
}

test('a message that comes alone is handed on at once', () => {
  const got: number[] = []
  const inbox = new FairInbox<number>((message) => got.push(message))
  inbox.push(1)
  inbox.push(2)
  expect(got).toEqual([1, 2])
})

test('messages that take long let others have their turn in between, and stay in order', async () => {
  const seen: (number | string)[] = []
  const inbox = new FairInbox<number>((message) => {
    seen.push(message)
    work()
  })
  for (let i = 0; i < 4; i++) inbox.push(i)
  expect(seen).toEqual([0])
  setImmediate(() => seen.push('other'))
  for (let i = 0; i < 6; i++) await turn()
  expect(seen.filter((one) => one !== 'other')).toEqual([0, 1, 2, 3])
  expect(seen.indexOf('other')).toBeLessThan(seen.length - 1)
})

test('what waits can be handed on at once', () => {
  const got: number[] = []
  const inbox = new FairInbox<number>((message) => {
    got.push(message)
    work()
  })
  for (let i = 0; i < 3; i++) inbox.push(i)
  inbox.drain()
  expect(got).toEqual([0, 1, 2])
})

test('a handler that throws loses its own message only', async () => {
  const got: number[] = []
  const inbox = new FairInbox<number>((message) => {
    work()
    if (message === 1) throw new Error('no')
    got.push(message)
  })
  const failed = once(process, 'uncaughtExceptionMonitor')
  process.once('uncaughtException', () => {})
  for (let i = 0; i < 3; i++) inbox.push(i)
  const [error] = (await failed) as [Error]
  expect(error.message).toBe('no')
  for (let i = 0; i < 4; i++) await turn()
  expect(got).toEqual([0, 2])
})

test('a port whose other side always has another message leaves room for timers', async () => {
  const { port1, port2 } = new MessageChannel()
  let handed = 0
  const inbox = new FairInbox<number>(() => {
    handed++
    work()
    port2.postMessage(0)
  })
  port1.on('message', (message: number) => inbox.push(message))
  port2.postMessage(0)
  port2.postMessage(0)
  await new Promise((resolve) => setTimeout(resolve, 1))
  // Without slices this would be a thousand.
  expect(handed).toBeLessThan(100)
  port1.close()
})
