import type { Settings } from '../../component/component.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { HeldRows, removeRows } from './held_rows.ts'
import * as telemetry from './telemetry.ts'

/** Bytes of entries for each that may be held; more of them make room as more entries would. */
const ENTRY_BYTES = 2048
/** How long nobody waits again for an address that was waited for in vain. */
const GIVEN_UP_MS = 60_000
const GIVEN_UP_MAX = 10_000
const CHECK_MS_MAX = 100

/** Why a held entry went on. */
export type Outcome = 'resolved' | 'unresolved' | 'overflow' | 'shutdown' | 'refused'

/** What the delay asks of the processor. */
export interface DelayHost {
  /** The addresses because of which a row is unresolved; empty when it need not wait. Looks at it anew. */
  readonly missesOf: (logs: AccessLogs, i: number) => readonly string[]
  /** Changes when a row may be resolved that was not before. */
  readonly version: () => number
  /** Analyses rows and hands them on; throws or rejects like `Consumer.consume`. */
  readonly pass: (batch: AccessLogs) => void | Promise<void>
}

/**
 * Holds entries of which an address is unknown to the identity index, until it is known or their time is up. Entries leave
 * oldest first among those that leave together, always before the batch that comes next.
 */
export class ResolveDelay {
  readonly #settings: Settings
  readonly #host: DelayHost
  readonly #delayMs: number
  readonly #entriesMax: number
  readonly #rows = new HeldRows()
  readonly #givenUp = new Map<string, number>()
  readonly #labels: { readonly processor: string }
  readonly #gauge: Gauge
  readonly #counters = new Map<Outcome, Counter>()
  #version = -1
  #stopTimer: (() => void) | undefined
  #isStopped = false

  constructor(settings: Settings, limits: { readonly delayMs: number; readonly entriesMax: number }, host: DelayHost) {
    this.#settings = settings
    this.#host = host
    this.#delayMs = limits.delayMs
    this.#entriesMax = limits.entriesMax
    this.#labels = { processor: settings.id.text }
    this.#gauge = settings.telemetry.gauge(telemetry.held, this.#labels)
  }

  /** Whether a row with these unknown addresses should wait: not if one was waited for in vain lately. */
  isWorthIt(misses: readonly string[]): boolean {
    if (this.#isStopped) return false
    const nowMs = this.#settings.clock.monotonic()
    return misses.every((ip) => (this.#givenUp.get(ip) ?? 0) <= nowMs)
  }

  /**
   * Takes rows out of a batch and holds them; `rows` are in ascending order. `version` is the host's of before they were
   * looked at: what has changed since is looked at anew.
   */
  hold(logs: AccessLogs, rows: readonly number[], version: number): void {
    const deadlineMs = this.#settings.clock.monotonic() + this.#delayMs
    if (this.#rows.size === 0) this.#version = version
    for (const i of rows) {
      this.#makeRoom()
      this.#rows.add(logs, i, deadlineMs)
    }
    removeRows(logs, rows)
    this.#gauge.set(this.#rows.size)
    this.#arm()
  }

  /** Lets go what is resolved by now, and what has waited long enough. */
  settle(): void {
    const rows = this.#rows
    if (rows.size === 0) return
    const nowMs = this.#settings.clock.monotonic()
    const version = this.#host.version()
    if (version === this.#version && rows.deadlineMs(0) > nowMs) return
    const hasChanged = version !== this.#version
    this.#version = version
    const leaving: number[] = []
    let unresolved = 0
    for (let i = 0; i < rows.size; i++) {
      const isLate = rows.deadlineMs(i) <= nowMs
      // Deadlines ascend.
      if (!isLate && !hasChanged) break
      const misses = this.#host.missesOf(rows.at(i), i)
      if (misses.length > 0 && !isLate) continue
      if (misses.length > 0) {
        unresolved++
        this.#giveUp(misses, nowMs)
      }
      leaving.push(i)
    }
    this.#count('unresolved', unresolved)
    this.#count('resolved', leaving.length - unresolved)
    this.#release(leaving)
  }

  /** Lets everything go and holds nothing from now on. */
  drain(): void {
    this.#isStopped = true
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.settle()
    this.#count('shutdown', this.#rows.size)
    this.#releaseFirst(this.#rows.size)
  }

  #makeRoom(): void {
    const rows = this.#rows
    const isOver = rows.size >= this.#entriesMax || rows.bytes > this.#entriesMax * ENTRY_BYTES
    if (!isOver && !rows.isFull) return
    // By the eighth, so that a flood does not move all rows up for each one that leaves. Strings go with the last row.
    const count = rows.isFull ? rows.size : Math.min(rows.size, Math.max(1, this.#entriesMax >> 3))
    this.#count('overflow', count)
    this.#releaseFirst(count)
  }

  #releaseFirst(count: number): void {
    this.#release(Array.from({ length: count }, (_, i) => i))
  }

  #release(leaving: readonly number[]): void {
    this.#rows.take(leaving, (batch) => this.#pass(batch))
    this.#gauge.set(this.#rows.size)
  }

  #pass(batch: AccessLogs): void {
    const { length } = batch
    try {
      this.#host.pass(batch)?.catch((error: unknown) => this.#refused(length, error))
    } catch (error) {
      this.#refused(length, error)
    }
  }

  /** Their receiver has long been told that they were taken, so nobody can send them again. */
  #refused(dropped: number, error: unknown): void {
    this.#count('refused', dropped)
    this.#settings.log.warn(
      { dropped, error: error instanceof Error ? error.message : String(error) },
      'entries that waited for the identity index were refused',
    )
  }

  #giveUp(misses: readonly string[], nowMs: number): void {
    if (this.#givenUp.size >= GIVEN_UP_MAX) this.#givenUp.clear()
    for (const ip of misses) this.#givenUp.set(ip, nowMs + GIVEN_UP_MS)
  }

  #arm(): void {
    if (this.#stopTimer !== undefined || this.#isStopped) return
    const { clock } = this.#settings
    const delayMs = Math.max(1, Math.min(CHECK_MS_MAX, this.#delayMs / 4))
    this.#stopTimer = clock.after(delayMs, () => {
      this.#stopTimer = undefined
      this.settle()
      if (this.#rows.size > 0) this.#arm()
    })
  }

  #count(outcome: Outcome, entries: number): void {
    if (entries === 0) return
    let counter = this.#counters.get(outcome)
    if (counter === undefined) {
      counter = this.#settings.telemetry.counter(telemetry.heldEntries, { ...this.#labels, outcome })
      this.#counters.set(outcome, counter)
    }
    counter.add(entries)
  }
}
