import { describe, expect, test } from 'vitest'
import { type PacedThread, ReadPacer } from './read_pacer.ts'

/** A thread whose time passes by what it does. */
class FakeThread implements PacedThread {
  nowMs = 1000
  idleMs = 0
  slept: number[] = []
  #afterTurn: (() => void) | undefined

  now(): number {
    return this.nowMs
  }

  idle(): number {
    return this.idleMs
  }

  sleep(ms: number): void {
    this.slept.push(ms)
    this.nowMs += ms
  }

  afterTurn(call: () => void): void {
    if (this.#afterTurn !== undefined) throw new Error('asked twice for one turn')
    this.#afterTurn = call
  }

  /** A turn of the event loop that brings datagrams, after some waiting; returns how long it slept. */
  turn(pacer: ReadPacer, datagrams: number, { waitedMs = 0, workedMs = 0 } = {}): number {
    this.nowMs += waitedMs + workedMs
    this.idleMs += waitedMs
    const before = this.slept.length
    for (let i = 0; i < datagrams; i++) pacer.datagram()
    const call = this.#afterTurn
    this.#afterTurn = undefined
    call?.()
    return this.slept.slice(before).reduce((sum, ms) => sum + ms, 0)
  }

  /** Lets the pacer look at how busy the thread is: so much of each turn it waits. */
  look(pacer: ReadPacer, waitedMs: number, workedMs: number): void {
    // The first turn begins to look.
    for (let passedMs = 0; passedMs <= 24; passedMs += waitedMs + workedMs) this.turn(pacer, 1, { waitedMs, workedMs })
  }
}

describe('a thread that has time', () => {
  test('reads about once in two milliseconds', () => {
    const thread = new FakeThread()
    const pacer = new ReadPacer(thread)
    thread.look(pacer, 0.3, 0.1)
    thread.turn(pacer, 1, { waitedMs: 0.2 })
    const beganMs = thread.nowMs
    for (let i = 0; i < 100; i++) thread.turn(pacer, 5, { workedMs: 0.1 })
    expect(thread.nowMs - beganMs).toBeCloseTo(200, 0)
    expect(Math.max(...thread.slept)).toBeLessThanOrEqual(2)
  })

  test('does not sleep when datagrams come seldom', () => {
    const thread = new FakeThread()
    const pacer = new ReadPacer(thread)
    thread.look(pacer, 4, 0.1)
    for (let i = 0; i < 50; i++) expect(thread.turn(pacer, 1, { waitedMs: 2.5 })).toBe(0)
  })

  test('does not sleep when a turn may have left some behind', () => {
    const thread = new FakeThread()
    const pacer = new ReadPacer(thread)
    thread.look(pacer, 0.3, 0.1)
    thread.turn(pacer, 1, { waitedMs: 0.3 })
    expect(thread.turn(pacer, 32, { workedMs: 0.1 })).toBe(0)
    expect(thread.turn(pacer, 31, { workedMs: 0.1 })).toBeGreaterThan(0.8)
  })
})

describe('a busy thread', () => {
  test('never sleeps, and looks again later', () => {
    const thread = new FakeThread()
    const pacer = new ReadPacer(thread)
    thread.look(pacer, 0.01, 0.5)
    for (let i = 0; i < 900; i++) expect(thread.turn(pacer, 3, { waitedMs: 0.01, workedMs: 0.5 })).toBe(0)
    thread.slept = []
    for (let i = 0; i < 3000 && thread.slept.length === 0; i++) thread.turn(pacer, 3, { waitedMs: 0.2, workedMs: 0.1 })
    expect(thread.slept.length).toBe(1)
  })

  test('stops to sleep when it has become busy', () => {
    const thread = new FakeThread()
    const pacer = new ReadPacer(thread)
    thread.look(pacer, 0.3, 0.1)
    for (let i = 0; i < 2000; i++) thread.turn(pacer, 3, { workedMs: 0.9 })
    thread.slept = []
    for (let i = 0; i < 400; i++) thread.turn(pacer, 3, { workedMs: 0.9 })
    expect(thread.slept).toEqual([])
  })
})
