import { describe, expect, test } from 'vitest'
import type { Unit } from '../units.ts'
import { axisTicks, formatValue, legendText } from './format.ts'

test.for<[number, Unit, string]>([
  [104.6, 'reqps', '105 req/s'],
  [0.4182, 'cps', '0.418 c/s'],
  [0.97812, 'percentunit', '97.8%'],
  [0, 'percentunit', '0%'],
  [4.6, 'ms', '4.6 ms'],
  [3061, 'ms', '3.06 s'],
  [0.25, 'ms', '250 µs'],
  [332, 's', '5.53 mins'],
  [90_000, 's', '1.04 days'],
  [320_000_000, 'bytes', '305 MiB'],
  [223_400, 'Bps', '223 kB/s'],
  [15_321, 'short', '15.3 K'],
  [9, 'none', '9'],
  [Number.NaN, 'ms', '–'],
])('%d in %s is %s', ([value, unit, text]) => {
  expect(formatValue(value, unit)).toBe(text)
})

describe('an axis', () => {
  test.for<[number, Unit, readonly number[]]>([
    [105, 'reqps', [0, 50, 100, 150]],
    [0.06, 'percentunit', [0, 0.02, 0.04, 0.06]],
    [3 * 2 ** 20, 'bytes', [0, 2 ** 20, 2 * 2 ** 20, 3 * 2 ** 20]],
    [334, 's', [0, 120, 240, 360]],
    [0, 'cps', [0, 1]],
  ])('up to %d %s has round steps', ([max, unit, ticks]) => {
    expect(axisTicks(max, 4, unit).map((tick) => Math.round(tick * 1e9) / 1e9)).toEqual(ticks)
  })
})

test.for([
  { legend: '{{source}} to {{ target }}', labels: { source: 'a', target: 'b' }, name: 'a to b' },
  { legend: '{{source}} {{gone}}', labels: { source: 'a' }, name: 'a' },
  { legend: '__auto', labels: {}, name: 'value' },
  { legend: 'p99', labels: { le: '5' }, name: 'p99' },
])('the legend $legend says $name', ({ legend, labels, name }) => {
  expect(legendText(legend, labels)).toBe(name)
})
