import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { FirstSamples } from './first_samples.ts'

const MINUTE = 60_000

class Run {
  readonly clock = new FakeClock()
  readonly startedMs = this.clock.now()
  readonly samples = new FirstSamples(this.clock)

  /** Whether a series counts whole that began so long after the process, and whose sample is of now by a clock that is wrong by `skewMs`. */
  ask(startMs: number, skewMs = 0, isNewInList = false): boolean {
    return this.samples.countsWhole({ startMs: this.startedMs + startMs + skewMs, timeMs: this.clock.now() + skewMs, isNewInList })
  }
}

describe('a first sample', () => {
  test.for([
    { name: 'counts whole when the series began after the process', startMs: 1000, skewMs: 0, isWhole: true },
    { name: 'sets the base when the series began before the process', startMs: -1001, skewMs: 0, isWhole: false },
    { name: 'counts whole when the series began just before, with its receiver', startMs: -1000, skewMs: 0, isWhole: true },
    { name: 'of a clock ahead sets the base when the series is older than the process', startMs: -2 * MINUTE, skewMs: 10 * MINUTE, isWhole: false },
    { name: 'of a clock behind sets the base', startMs: 1000, skewMs: -10 * MINUTE, isWhole: false },
  ])('$name', ({ startMs, skewMs, isWhole }) => {
    const run = new Run()
    run.clock.advance(MINUTE)
    expect(run.ask(startMs, skewMs)).toBe(isWhole)
  })

  test('counts whole whatever the clocks say when all series before it were listed', () => {
    const run = new Run()
    run.clock.advance(MINUTE)
    expect([run.ask(1000, -10 * MINUTE, true), run.ask(-MINUTE, 10 * MINUTE, true)]).toEqual([true, true])
  })

  test('without a start time sets the base', () => {
    expect(new Run().samples.countsWhole({ startMs: 0, timeMs: 1 })).toBe(false)
  })

  test('counts whole only when the series is younger than all that was forgotten', () => {
    const run = new Run()
    run.clock.advance(10 * MINUTE)
    run.samples.forgot(5 * MINUTE)
    expect([run.ask(4 * MINUTE), run.ask(6 * MINUTE)]).toEqual([false, true])
  })

  test('may be of a series that was forgotten, unless that is too young', () => {
    const run = new Run()
    run.clock.advance(10 * MINUTE)
    const sample = (startMs: number) => ({ startMs: run.startedMs + startMs, timeMs: run.clock.now() })
    expect(run.samples.mayHaveCounted(sample(MINUTE))).toBe(false)
    run.samples.forgot(5 * MINUTE)
    expect([run.samples.mayHaveCounted(sample(MINUTE)), run.samples.mayHaveCounted(sample(6 * MINUTE))]).toEqual([true, false])
  })
})
