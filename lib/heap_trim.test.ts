import { expect, test } from 'vitest'
import { trimHeap } from './heap_trim.ts'

test('collects what nothing holds any more, and leaves no function behind', async () => {
  const hasGc = 'gc' in globalThis
  let gone: (name: string) => void = () => {}
  const collected = new Promise<string>((resolve) => {
    gone = resolve
  })
  const registry = new FinalizationRegistry<string>((name) => gone(name))
  registry.register({ large: Array.from({ length: 1000 }) }, 'gone')
  // What the running job has touched is held until it ends.
  await new Promise((resolve) => setImmediate(resolve))
  trimHeap()
  expect(await collected).toBe('gone')
  expect('gc' in globalThis).toBe(hasGc)
})
