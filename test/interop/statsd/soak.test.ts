/** 100,000 lines a second into a daemon of its own, scraped meanwhile: every line is in the totals. */
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sumOf } from '../daemon.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'

/** `MESHSCOPE_STATSD_SOAK_SECONDS=60` for the full length. */
const SECONDS = Number(process.env['MESHSCOPE_STATSD_SOAK_SECONDS'] ?? 5)
const LINES_PER_S = 100_000
const SCRAPE_MS = 1000

interface Sent {
  readonly packets: number
  readonly lines: number
  /** Sum of all values. */
  readonly total: number
}

let daemon: StatsdDaemon

beforeAll(async () => {
  daemon = await startStatsdDaemon({ receivers: { udp: {} } })
})

afterAll(async () => {
  await daemon?.stop()
})

test(`a soak of ${SECONDS} s at ${LINES_PER_S} lines a second has exact totals`, { timeout: SECONDS * 2000 + 60_000 }, async () => {
  const scrapes: number[] = []
  const total = async (): Promise<number> => sumOf(await daemon.scrape('udp'), 'soak_hits_total')
  const sending = send(daemon.ports['udp'] ?? 0)
  let sent: Sent | undefined
  while (sent === undefined) {
    scrapes.push(await total())
    sent = await Promise.race([sending, pause(SCRAPE_MS, undefined)])
  }
  expect(sent.lines).toBeGreaterThanOrEqual(SECONDS * LINES_PER_S)
  expect(await daemon.ledger('udp', sent.lines)).toEqual({ received: sent.lines, accepted: sent.lines, rejected: 0, kernelDropped: 0 })
  scrapes.push(await total())
  expect(scrapes.at(-1)).toBe(sent.total)
  expect(scrapes).toEqual(scrapes.toSorted((a, b) => a - b))
})

function send(port: number): Promise<Sent> {
  const workerData = { port, seconds: SECONDS, linesPerS: LINES_PER_S }
  const worker = new Worker(new URL('../../fakes/statsd_sender.ts', import.meta.url), { workerData })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}
