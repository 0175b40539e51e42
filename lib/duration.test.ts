import { describe, expect, test } from 'vitest'
import { durationMs, parseDuration } from './duration.ts'

describe('parseDuration', () => {
  test.for([
    { text: '200ms', ms: 200 },
    { text: '1m30s', ms: 90_000 },
    { text: '1.5h', ms: 5_400_000 },
    { text: '.5s', ms: 500 },
    { text: '10us', ms: 0.01 },
    { text: '0', ms: 0 },
    { text: '-2s', ms: -2000 },
  ])('reads $text', ({ text, ms }) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9)
  })

  test.for(['', '5', '5 s', 's', '1d', '1s!', '5S', '--1s'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  test('names the text when a checked config lied', () => {
    expect(() => durationMs('5')).toThrow('BUG: "5" passed the config check but is not a duration')
  })
})
