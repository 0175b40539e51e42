import { beforeEach, describe, expect, test } from 'vitest'
import type { IngestPeer } from '../../../component/link.ts'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { FakeLogger } from '../../../test/fakes/settings.ts'
import { Readers } from './readers.ts'

let clock: FakeClock
let log: FakeLogger
let called: string[]
beforeEach(() => {
  clock = new FakeClock()
  log = new FakeLogger()
  called = []
})

const peer = (worker: number, life = 1): IngestPeer => ({ worker, life, send: () => {} })

/** Readers of which the `first` read, the others of `workers` are on standby. */
function readers({ first = 1, workers = 3 }): Readers {
  const made = new Readers({
    first,
    clock,
    log,
    call: ({ worker, life }) => called.push(`${worker}/${life}`),
  })
  for (let worker = 0; worker < workers; worker++) {
    if (worker < first) made.reads(peer(worker))
    else made.standsBy(peer(worker))
  }
  return made
}

test('the others wait as long as those that read can bear it', () => {
  expect(readers({}).count).toBe(1)
  expect(called).toEqual([])
})

describe('under load', () => {
  test('one after the other is called, with time in between to feel it', () => {
    const made = readers({})
    made.overloaded('busy')
    made.overloaded('busy')
    clock.advance(999)
    made.overloaded('busy')
    expect(called).toEqual(['1/1'])
    clock.advance(1)
    made.overloaded('kernel_drops')
    expect(called).toEqual(['1/1', '2/1'])
    expect(log.lines.map(({ fields }) => fields)).toEqual([
      { worker: 1, reason: 'busy', readers: 2 },
      { worker: 2, reason: 'kernel_drops', readers: 3 },
    ])
  })

  test('nobody is called when all read, and nobody twice', () => {
    const made = readers({ workers: 2 })
    for (let i = 0; i < 4; i++) {
      made.overloaded('busy')
      clock.advance(1000)
    }
    made.reads(peer(1))
    expect(called).toEqual(['1/1'])
    expect(made.count).toBe(2)
  })

  test('who comes later takes part in what was found necessary before', () => {
    const made = readers({ workers: 2 })
    made.overloaded('busy')
    made.reads(peer(1))
    made.gone(peer(1))
    expect(made.count).toBe(1)
    made.standsBy(peer(1, 2))
    expect(called).toEqual(['1/1', '1/2'])
  })
})

describe('when a worker ends', () => {
  test('another takes the place of a reader', () => {
    const made = readers({})
    made.gone(peer(0))
    expect(called).toEqual(['1/1'])
    expect(log.lines[0]?.fields).toEqual({ worker: 1, reason: 'reader_gone', readers: 1 })
    // It has started again, and reads as it did before.
    made.reads(peer(0, 2))
    expect(called).toEqual(['1/1'])
    expect(made.count).toBe(2)
  })

  test('nobody takes the place of one on standby, and it is not called any more', () => {
    const made = readers({})
    made.gone(peer(1))
    expect(called).toEqual([])
    made.overloaded('busy')
    expect(called).toEqual(['2/1'])
  })

  test('nobody takes the place of one that leaves because the config wants it', () => {
    const made = readers({})
    made.leaves(peer(0))
    made.gone(peer(0))
    expect(called).toEqual([])
    expect(made.count).toBe(0)
  })
})

test('the config says how many read from the start', () => {
  const made = readers({ first: 2 })
  expect(called).toEqual([])
  made.gone(peer(1))
  expect(called).toEqual(['2/1'])
})
