import { expect, test } from 'vitest'
import { yaml } from './yaml.ts'

test('is the library, and one for all who ask', () => {
  expect(yaml().parse('a: [1, x]')).toEqual({ a: [1, 'x'] })
  expect(yaml()).toBe(yaml())
})
