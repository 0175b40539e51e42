import { expect, test } from 'vitest'
import { Semaphore } from './semaphore.ts'

test('so many run at a time, and the others in their order, also after a failure', async () => {
  const semaphore = new Semaphore(2)
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const began: number[] = []
  const runs = gates.map(({ promise }, i) =>
    semaphore.run(async () => {
      began.push(i)
      await promise
      return i
    }),
  )
  await Promise.resolve()
  expect(began).toEqual([0, 1])
  const failed = expect(runs[1]).rejects.toThrow('no')
  gates[1]?.reject(new Error('no'))
  await failed
  expect(began).toEqual([0, 1, 2])
  for (const { resolve } of gates) resolve()
  expect(await Promise.all([runs[0], runs[2], runs[3]])).toEqual([0, 2, 3])
  expect(await semaphore.run(async () => 'free again')).toBe('free again')
})
