import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seriesLabels } from './escape.ts'
import { COUNTER } from './naming.ts'

describe('seriesLabels', () => {
  it('sorts any number of labels by key, in the order that sort has', () => {
    const labels = fc.dictionary(fc.string({ unit: 'binary', maxLength: 6 }), fc.string({ maxLength: 3 }), { maxKeys: 40 })
    fc.assert(
      fc.property(labels, (all) => {
        const own = Object.entries(all).filter(([key]) => !key.startsWith('__'))
        const sorted = Object.fromEntries(own)
        expect(seriesLabels(new Map(own), COUNTER)).toEqual(
          Object.keys(sorted)
            .sort()
            .map((key) => [key, sorted[key]]),
        )
      }),
    )
  })

  it('lets the later of two win that are the same once one has got its prefix', () => {
    const labels = new Map([
      ['__a', '1'],
      ['exported___a', '2'],
      ['z', '3'],
    ])
    expect(seriesLabels(labels, COUNTER)).toEqual([
      ['exported___a', '2'],
      ['z', '3'],
    ])
  })
})
