import { expect, test } from 'vitest'
import { CLOUDWATCH_UNITS, cloudWatchUnit } from './units.ts'

test.for([
  ['s', 'Seconds', 1],
  ['ms', 'Milliseconds', 1],
  ['us', 'Microseconds', 1],
  ['ns', 'Microseconds', 1e-3],
  ['min', 'Seconds', 60],
  ['By', 'Bytes', 1],
  ['KiBy', 'Bytes', 1024],
  ['MBy', 'Megabytes', 1],
  ['bit', 'Bits', 1],
  ['Bi', 'Bits', 1],
  ['%', 'Percent', 1],
  ['{request}', 'Count', 1],
  ['By/s', 'Bytes/Second', 1],
  ['{request}/s', 'Count/Second', 1],
  ['1/s', 'Count/Second', 1],
  ['KiBy/s', 'Bytes/Second', 1024],
  ['s/s', 'None', 1],
  ['1', 'None', 1],
  ['', 'None', 1],
  ['Cel', 'None', 1],
  ['Milliseconds', 'Milliseconds', 1],
  ['Gigabits/Second', 'Gigabits/Second', 1],
] as const)('%s is %s, times %d', ([given, unit, scale]) => {
  expect(cloudWatchUnit(given)).toEqual({ unit, scale })
})

test('CloudWatch has 27 units', () => {
  expect(CLOUDWATCH_UNITS.size).toBe(27)
})
