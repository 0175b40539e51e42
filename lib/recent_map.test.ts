import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentMap } from './recent_map.ts'

test('keeps what was used last, within its bound', () => {
  const use = fc.record({ key: fc.nat(12), isWrite: fc.boolean() })
  fc.assert(
    fc.property(fc.array(use, { maxLength: 100 }), (uses) => {
      const map = new RecentMap<number, string>(4)
      let recent: number[] = []
      for (const { key, isWrite } of uses) {
        const isKnown = recent.slice(0, 4).includes(key)
        if (isWrite) map.set(key, `${key}`)
        const value = map.get(key)
        if (isWrite || isKnown) expect(value).toBe(`${key}`)
        if (value !== undefined) recent = [key, ...recent.filter((other) => other !== key)]
        expect(map.size).toBeLessThanOrEqual(8)
      }
    }),
  )
})
