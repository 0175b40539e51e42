import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AttributeSet, type AttributeValue, valueKey } from '../../../model/attributes.ts'
import { attributesText } from './attributes_text.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '1', ':', '#'), maxLength: 3 })
const value: fc.Arbitrary<AttributeValue> = fc.oneof(text, text, fc.boolean(), fc.integer({ min: 0, max: 2 }), fc.constant(1n), fc.constant(null))
const set = fc.uniqueArray(fc.tuple(text, value), { selector: ([key]) => key, maxLength: 3 })

function textOf(pairs: readonly (readonly [string, AttributeValue])[]): string {
  return attributesText(
    new AttributeSet(
      pairs.map(([key]) => key),
      pairs.map(([, one]) => one),
    ),
  )
}

test('texts are equal when the attributes are, in whatever order', () => {
  const canonical = (pairs: readonly (readonly [string, AttributeValue])[]): string =>
    JSON.stringify(pairs.map(([key, one]) => JSON.stringify([key, valueKey(one)])).toSorted())
  fc.assert(
    fc.property(set, set, (a, b) => {
      expect(textOf(a) === textOf(b)).toBe(canonical(a) === canonical(b))
      expect(textOf(a)).toBe(textOf(a.toReversed()))
    }),
    { numRuns: 2000 },
  )
})
