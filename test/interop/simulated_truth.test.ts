/** What the simulator says it sent equals what the daemon shows, for every edge and every sum. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TruthDocument, TruthRow } from '../../cmd/meshscope/simulate/truth.ts'
import { run, temporaryFolder } from './child.ts'
import { COMMANDS, REPOSITORY, type RunningDaemon, samplesOf, startDaemon, sumBy } from './daemon.ts'
import { imbalances, ledgerOf } from './ledger.ts'
import { settled } from './waiting.ts'

const SECONDS = Number(process.env['MESHSCOPE_TRUTH_SECONDS'] ?? 8)
const REQUESTS_PER_SECOND = 2000

describe(`${SECONDS} s of a simulated mesh at ${REQUESTS_PER_SECOND} requests a second`, () => {
  const folder = temporaryFolder('truth')
  let daemon: RunningDaemon
  let truth: TruthDocument
  let scraped: string

  beforeAll(async () => {
    daemon = await startDaemon({ threads: 2 })
    const file = join(folder.path, 'truth.json')
    const endpoint = `127.0.0.1:${daemon.ports.als}`
    const args = ['simulate', '--endpoint', endpoint, '--rps', String(REQUESTS_PER_SECOND), '--duration', `${SECONDS}s`, '--truth', file, '--quiet']
    const { code, output } = await run({ name: 'simulate', file: process.execPath, args: [COMMANDS.source, ...args], dir: REPOSITORY }, (SECONDS + 60) * 1000)
    expect(code, output).toBe(0)
    truth = JSON.parse(readFileSync(file, 'utf8')) as TruthDocument
    const received = async (): Promise<number> => ledgerOf(await daemon.scrapeOwn()).connector
    await settled(received, (now) => now >= truth.entries.confirmed)
    scraped = await daemon.scrape()
  })

  afterAll(async () => {
    await daemon?.stop()
    folder.remove()
  })

  /** The truth's rows in one measure and the metric's samples, both by the labels of the truth. */
  function bothSides(
    rows: readonly TruthRow[],
    measure: string,
    metric: string,
  ): { readonly sent: Record<string, number>; readonly shown: Record<string, number> } {
    const labels = Object.keys(rows[0]?.labels ?? {})
    const sent: Record<string, number> = {}
    for (const row of rows) {
      const value = row[measure]
      if (typeof value !== 'number') throw new Error(`the truth has no ${measure}`)
      if (value > 0) sent[labels.map((label) => row.labels[label]).join(' ')] = value
    }
    const shown = sumBy(samplesOf(scraped, metric), labels)
    return { sent, shown: Object.fromEntries(Object.entries(shown).filter(([, value]) => value > 0)) }
  }

  test('the simulator kept its rate and lost nothing', () => {
    expect(truth.entries).toMatchObject({ lost: 0, unconfirmed: 0 })
    expect(truth.requests).toBeGreaterThanOrEqual(SECONDS * REQUESTS_PER_SECOND * 0.95)
  })

  test.for([
    { measure: 'count', metric: 'istio_requests_total' },
    { measure: 'count', metric: 'istio_request_duration_milliseconds_count' },
    { measure: 'durationMs', metric: 'istio_request_duration_milliseconds_sum' },
    { measure: 'requestBytes', metric: 'istio_request_bytes_sum' },
    { measure: 'responseBytes', metric: 'istio_response_bytes_sum' },
  ])('HTTP $measure of every edge is $metric', ({ measure, metric }) => {
    const { sent, shown } = bothSides(truth.http, measure, metric)
    expect(Object.keys(sent).length).toBeGreaterThan(10)
    expect(shown).toEqual(sent)
  })

  test.for([
    { measure: 'opened', metric: 'istio_tcp_connections_opened_total' },
    { measure: 'closed', metric: 'istio_tcp_connections_closed_total' },
    { measure: 'receivedBytes', metric: 'istio_tcp_received_bytes_total' },
    { measure: 'sentBytes', metric: 'istio_tcp_sent_bytes_total' },
  ])('TCP $measure of every edge is $metric', ({ measure, metric }) => {
    const { sent, shown } = bothSides(truth.tcp, measure, metric)
    expect(Object.keys(sent).length).toBeGreaterThan(0)
    expect(shown).toEqual(sent)
  })

  test('the ledger balances to the item', async () => {
    const ledger = ledgerOf(await daemon.scrapeOwn())
    expect(imbalances(ledger)).toEqual([])
    expect(ledger).toMatchObject({ received: truth.entries.confirmed, refused: 0, dropped: 0 })
  })
})
