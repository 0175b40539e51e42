/** The same lines and the same mapping into the real statsd_exporter and into ours: two pages that say the same. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendStream, sendUdp } from '../../fakes/statsd_run.ts'
import { temporaryFolder } from '../child.ts'
import { suite } from '../suite.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'
import { ITS_OWN, type StatsdExporter, startStatsdExporter } from './exporter.ts'
import { lines, MAPPING } from './lines.ts'
import { differences, type Page, readPage, type Same } from './scrape.ts'

suite('the real statsd_exporter and ours', ['statsd_exporter'], (paths) => {
  const folder = temporaryFolder('mapping')
  let exporter: StatsdExporter
  let daemon: StatsdDaemon

  beforeAll(async () => {
    const file = join(folder.path, 'mapping.yml')
    writeFileSync(file, MAPPING)
    exporter = await startStatsdExporter(paths.statsd_exporter, MAPPING)
    const settings = { dialect: 'statsd_exporter', mapping_file: file }
    daemon = await startStatsdDaemon({ receivers: { tcp: { ...settings, transport: 'tcp' }, udp: settings } })
  })

  afterAll(async () => {
    await exporter?.stop()
    await daemon?.stop()
    folder.remove()
  })

  const pageOf = (text: string): Page => readPage(text, (name) => !ITS_OWN.test(name))

  /** Counts, counters, gauges and buckets are the same to the bit; sums may differ in the last one, by the order of additions. */
  const isSame: Same = (key, ours, theirs) => {
    // Both estimate quantiles, each in a way of its own: `exporter_time` compares them.
    if (key.includes('quantile="')) return Number.isNaN(ours) === Number.isNaN(theirs)
    return /_sum\{/.test(key) || key.startsWith('scaled_') ? Math.abs(ours - theirs) <= 1e-12 * Math.abs(theirs) : ours === theirs
  }

  test('have the same types, series and values over TCP', async () => {
    const all = lines()
    await sendStream({ port: exporter.tcpPort, host: '127.0.0.1' }, all)
    await sendStream({ port: daemon.ports['tcp'] ?? 0, host: '127.0.0.1' }, all)
    expect(await daemon.ledger('tcp', all.length)).toMatchObject({ received: all.length, kernelDropped: 0 })
    const theirs = pageOf(await exporter.settled(all.length))
    expect(theirs.series.size).toBeGreaterThan(350)
    expect(differences(pageOf(await daemon.scrape('tcp')), theirs, isSame)).toEqual(ON_PURPOSE)
  })

  test('have the same series and values when the same comes as datagrams of 20 lines', async () => {
    const all = lines()
    const packets = Array.from({ length: Math.ceil(all.length / 20) }, (_, i) => all.slice(i * 20, (i + 1) * 20).join(''))
    const before = await daemon.scrape('tcp')
    await sendUdp(daemon.ports['udp'] ?? 0, packets)
    expect(await daemon.ledger('udp', all.length)).toMatchObject({ received: all.length, kernelDropped: 0 })
    expect(differences(pageOf(await daemon.scrape('udp')), pageOf(before))).toEqual([])
  })
})

/** What differs, and why. */
const ON_PURPOSE = [
  // Values are decimal; only Go's number parser takes `1_000` (DIALECTS.md).
  'type of under: absent here, counter there',
  'under{}: absent here, 1000 there',
]
