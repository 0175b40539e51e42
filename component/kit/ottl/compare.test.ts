import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import type { CompareOperator } from './ast.ts'
import { compareValues, Duration, type OttlValue, TelemetryId, Time } from './values.ts'

const OPERATORS: readonly CompareOperator[] = ['==', '!=', '<', '<=', '>', '>=']

/** The operators that hold. */
function holding(left: OttlValue, right: OttlValue): string {
  return OPERATORS.filter((operator) => compareValues(left, right, operator)).join(' ')
}

const EQUAL = '== <= >='
const ONLY_EQUAL = '=='
const LESS = '!= < <='
const MORE = '!= > >='
const OTHER = '!='
const map = (value: OttlValue): AttributeSet => AttributeSet.of({ a: value as string })

// The table of the language's comparison rules.
describe('comparison', () => {
  test.for<{ readonly name: string; readonly left: OttlValue; readonly right: OttlValue; readonly result: string }>([
    { name: 'ints', left: 1n, right: 2n, result: LESS },
    { name: 'large ints exactly', left: 9007199254740993n, right: 9007199254740992n, result: MORE },
    { name: 'an int with a double', left: 1n, right: 1, result: EQUAL },
    { name: 'a double with an int', left: 1.5, right: 1n, result: MORE },
    { name: 'an int with a double as doubles', left: 9007199254740993n, right: 9007199254740992, result: EQUAL },
    { name: 'NaN with itself', left: Number.NaN, right: Number.NaN, result: OTHER },
    { name: 'texts', left: 'a', right: 'b', result: LESS },
    { name: 'texts by their bytes', left: '\u{ffff}', right: '\u{1f600}', result: LESS },
    { name: 'text with a number', left: '1', right: 1n, result: OTHER },
    { name: 'booleans', left: false, right: true, result: LESS },
    { name: 'a boolean with an int', left: true, right: 1n, result: OTHER },
    { name: 'nils', left: null, right: null, result: EQUAL },
    { name: 'nil with text', left: null, right: '', result: OTHER },
    { name: 'an int with nil', left: 0n, right: null, result: OTHER },
    { name: 'bytes', left: Uint8Array.of(1), right: Uint8Array.of(1, 2), result: LESS },
    { name: 'equal bytes', left: Uint8Array.of(1), right: Uint8Array.of(1), result: EQUAL },
    { name: 'equal maps', left: map(1n), right: map(1n), result: ONLY_EQUAL },
    { name: 'maps in another order', left: AttributeSet.of({ a: 1n, b: 2n }), right: AttributeSet.of({ b: 2n, a: 1n }), result: ONLY_EQUAL },
    { name: 'maps with numbers of different kinds', left: map(1n), right: map(1), result: OTHER },
    { name: 'a map with a list', left: map(1n), right: [1n], result: OTHER },
    { name: 'equal lists', left: ['a', [1n]], right: ['a', [1n]], result: ONLY_EQUAL },
    { name: 'lists of different length', left: ['a'], right: ['a', 'a'], result: OTHER },
    { name: 'times', left: new Time(2n), right: new Time(1n), result: MORE },
    { name: 'equal times', left: new Time(2n), right: new Time(2n), result: EQUAL },
    { name: 'durations', left: new Duration(1n), right: new Duration(2n), result: LESS },
    { name: 'a time with a duration', left: new Time(1n), right: new Duration(1n), result: OTHER },
    { name: 'equal ids', left: new TelemetryId('ab'), right: new TelemetryId('ab'), result: ONLY_EQUAL },
    { name: 'an id with text', left: new TelemetryId('ab'), right: 'ab', result: OTHER },
  ])('of $name', ({ left, right, result }) => {
    expect(holding(left, right)).toBe(result)
  })
})
