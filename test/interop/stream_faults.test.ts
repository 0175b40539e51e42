/** What other collectors were seen to fail at (a panic, a hang at stop, lost identity, an error for a clean end). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AlsStream, COMPLETE_ENTRY, entriesWithGaps, httpMessage, identifierOf, openStream } from './als_stream.ts'
import { type RunningDaemon, samplesOf, startDaemon, sumBy, sumOf } from './daemon.ts'
import { imbalances, ledgerOf } from './ledger.ts'
import { until } from './waiting.ts'

const OK = 0

describe('streams that are not as they should be', () => {
  let daemon: RunningDaemon
  const streams: AlsStream[] = []

  beforeEach(async () => {
    daemon = await startDaemon({ drainTimeout: '4s' })
  })

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close()
    await daemon.stop()
  })

  function open(): AlsStream {
    const stream = openStream(daemon.ports.als)
    streams.push(stream)
    return stream
  }

  const received = async (): Promise<number> => sumOf(await daemon.scrapeOwn(), 'meshscope_receiver_received_log_records')

  test('an entry that lacks common_properties or any other field harms neither the process nor the entries beside it', async () => {
    const gaps = entriesWithGaps()
    const stream = open()
    stream.send(identifierOf('productpage-v1'))
    for (const fields of gaps) stream.send(httpMessage(COMPLETE_ENTRY, fields, COMPLETE_ENTRY))
    expect(await stream.end()).toBe(OK)
    await until('every entry', async () => (await received()) === gaps.length * 3)
    const ledger = ledgerOf(await daemon.scrapeOwn())
    expect(imbalances(ledger)).toEqual([])
    expect(ledger.dropped + ledger.refused).toBe(0)
    // The two complete entries of each message count, whatever stands between them.
    const complete = { response_code: '200', source_workload: 'productpage-v1', destination_service_name: 'reviews' }
    expect(sumOf(await daemon.scrape(), 'istio_requests_total', complete)).toBeGreaterThanOrEqual(gaps.length * 2)
    expect(daemon.child.isRunning).toBe(true)
  })

  test('the identifier of the first message holds for the whole stream, and a later one replaces it', async () => {
    const stream = open()
    stream.send(identifierOf('first'))
    for (let i = 0; i < 5; i++) stream.send(httpMessage(COMPLETE_ENTRY))
    stream.send(identifierOf('second'))
    for (let i = 0; i < 3; i++) stream.send(httpMessage(COMPLETE_ENTRY))
    expect(await stream.end()).toBe(OK)
    await until('every entry', async () => (await received()) === 8)
    expect(sumBy(samplesOf(await daemon.scrape(), 'istio_requests_total'), ['source_workload'])).toEqual({ first: 5, second: 3 })
  })

  test('a client that half-closes is answered OK, also when it sent nothing', async () => {
    const busy = open()
    busy.send(identifierOf('productpage-v1'))
    busy.send(httpMessage(COMPLETE_ENTRY))
    expect(await busy.end()).toBe(OK)
    expect(await open().end()).toBe(OK)
  })

  test('SIGTERM with open streams ends the process within the drain timeout, with exit code 0', async () => {
    const idle = open()
    idle.send(identifierOf('idle'))
    const busy = open()
    busy.send(identifierOf('busy'))
    busy.send(httpMessage(COMPLETE_ENTRY))
    await until('the entry', async () => (await received()) === 1)
    const status = await daemon.stop('SIGTERM')
    expect(status).toMatchObject({ code: 0, signal: null })
    expect(status.tookMs).toBeLessThan(5000)
    expect([await idle.ended, await busy.ended]).toEqual([OK, OK])
  })
})
