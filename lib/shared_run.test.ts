import { describe, expect, test } from 'vitest'
import { SharedRun } from './shared_run.ts'

/** Work whose runs end when the test says so. */
function gated(): { readonly shared: SharedRun<number>; readonly ends: { resolve(): void; reject(error: Error): void }[] } {
  const ends: { resolve(): void; reject(error: Error): void }[] = []
  const shared = new SharedRun(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = ends.length
        ends.push({ resolve: () => resolve(number), reject })
      }),
  )
  return { shared, ends }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('SharedRun', () => {
  test('calls made before a run has begun share it', async () => {
    const { shared, ends } = gated()
    const [a, b] = [shared.run(), shared.run()]
    await settled()
    expect(ends).toHaveLength(1)
    ends[0]?.resolve()
    expect(await Promise.all([a, b])).toEqual([0, 0])
  })

  test('calls made during a run share the next, which begins when the first has ended', async () => {
    const { shared, ends } = gated()
    const first = shared.run()
    await settled()
    const next = [shared.run(), shared.run()]
    await settled()
    expect(ends).toHaveLength(1)
    ends[0]?.resolve()
    expect(await first).toBe(0)
    await settled()
    expect(ends).toHaveLength(2)
    ends[1]?.resolve()
    expect(await Promise.all(next)).toEqual([1, 1])
  })

  test('a failed run rejects for those who share it and lets the next begin', async () => {
    const { shared, ends } = gated()
    const first = shared.run()
    await settled()
    const next = shared.run()
    ends[0]?.reject(new Error('broken'))
    await expect(first).rejects.toThrow('broken')
    await settled()
    ends[1]?.resolve()
    expect(await next).toBe(1)
  })
})
