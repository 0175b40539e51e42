/** The same lines into the Go Collector's statsd receiver and into ours: two pages, and a list of all that differs. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendUdp } from '../../fakes/statsd_run.ts'
import { freePort } from '../../free_port.ts'
import { type RunningCollector, startCollector } from '../collector.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'
import { differences, type Page, readPage, type Same } from './scrape.ts'

/** What both understand of each other's settings. */
const SETTINGS = {
  aggregation_interval: '1s',
  is_monotonic_counter: true,
  counter_type: 'float',
  timer_histogram_mapping: [
    { statsd_type: 'timing', observer_type: 'histogram', histogram: { explicit_buckets: [{ matcher_pattern: '.*', buckets: [1, 10, 100, 1000] }] } },
    { statsd_type: 'histogram', observer_type: 'summary', summary: { percentiles: [0, 50, 100] } },
    // The Collector has one place for both: of two that differ the last counts for both.
    { statsd_type: 'distribution', observer_type: 'summary', summary: { percentiles: [0, 50, 100] } },
  ],
}

/** Whatever is not in `ON_PURPOSE` must come out the same. */
const LINES = [
  ['hits:1|c', 'hits:2.5|c', 'hits:3|c|@0.1', 'hits:0|c', 'hits:4|c|#env:prod', 'hits:5|c|#env:prod,zone:a', 'hits:6|c|#zone:a,env:prod'],
  ['level:12|g', 'level:+3|g', 'level:-1|g', 'depth:-4|g', 'depth.tagged:1e3|g|#env:prod', 'load:0.25|g'],
  ['took:0.5|ms', 'took:20|ms', 'took:2000|ms', 'took:20|ms|@0.5', 'took:5|ms|#env:prod'],
  ['size:1|h', 'size:3|h', 'size:8|h', 'size:4|h|#env:prod'],
  ['spread:7|d', 'spread:9|d'],
  ['dotted.name.of.it:1|c', 'dashed-name:1|c', '9digits:1|c', 'with space:1|c', 'unicode.né:1|c'],
  ['tags:1|c|#dotted.key:v', 'tags:1|c|#9digit:v', 'tags:1|c|#colon:a:b', 'tags:1|c|#bare', 'tags:2|c|#empty:', 'twice:1|c|#env:a,env:b'],
  ['container:1|c|#env:prod|c:abc', 'container:1|c|c:abc', 'stamped:1|c|#env:prod|T1656581400', 'stamped.gauge:1|g|T1656581400'],
  ['external:1|c|e:it-false', 'cardinal:1|c|card:low', 'unknown.section:1|c|m:test', 'empty.section:1|c||#env:prod'],
  ['packed:1:2:3|ms', 'several:1|c:2|c', 'members:joe|s', 'negative:-4|c', 'huge:1e400|g', 'nan:NaN|g', 'hex:0x10|c', 'under:1_000|c'],
  ['rate.zero:2|c|@0', 'rate.above:1|c|@2', 'rate.bad:1|c|@x', 'no.type:1', 'no.value:|c', ':1|c', 'nothing', 'bad.type:1|q'],
  ['librato#env=prod:1|c', 'influx,env=prod:1|c', 'graphite;env=prod:1|c', 'pipe|name:1|c', '_e{5,4}:title|text', '_sc|shop.up|0'],
  'cr:1|c\r',
].flat()

suite("the Go Collector's statsd receiver and ours", ['otelcol'], (paths) => {
  let collector: RunningCollector
  let daemon: StatsdDaemon
  const ports = { one: 0, onePage: 0, byPort: 0, byPortPage: 0 }

  beforeAll(async () => {
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
    const page = (port: number): object => ({ endpoint: `127.0.0.1:${port}`, without_scope_info: true })
    const statsd = (port: number, isByIp: boolean): object => ({ endpoint: `127.0.0.1:${port}`, enable_ip_only_aggregation: isByIp, ...SETTINGS })
    collector = await startCollector({
      binary: paths.otelcol,
      config: {
        receivers: { 'statsd/one': statsd(ports.one, true), 'statsd/by_port': statsd(ports.byPort, false) },
        processors: { delta_to_cumulative: {} },
        exporters: { 'prometheus/one': page(ports.onePage), 'prometheus/by_port': page(ports.byPortPage) },
        service: {
          pipelines: {
            'metrics/one': { receivers: ['statsd/one'], processors: ['delta_to_cumulative'], exporters: ['prometheus/one'] },
            'metrics/by_port': { receivers: ['statsd/by_port'], processors: ['delta_to_cumulative'], exporters: ['prometheus/by_port'] },
          },
        },
      },
    })
    // A page of ours has what came until it was asked for; sets begin anew with every interval, so that none must end meanwhile.
    const settings = { ...SETTINGS, aggregation_interval: '5m' }
    daemon = await startStatsdDaemon({ receivers: { one: settings, by_port: settings } })
  })

  afterAll(async () => {
    await collector?.stop()
    await daemon?.stop()
  })

  const theirs = async (port: number): Promise<Page> => readPage(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  const ours = async (receiver: string): Promise<Page> => readPage(await daemon.scrape(receiver), (name) => name !== 'target_info')

  test('make the same series and values of the same lines, but for what is listed', async () => {
    // In one packet, so that all of them fall into one interval: there, a change of a gauge in the next one begins at 0.
    const packet = LINES.join('\n')
    await sendUdp(ports.one, [packet])
    await sendUdp(daemon.ports['one'] ?? 0, [packet])
    expect(await daemon.ledger('one', LINES.length)).toMatchObject({ received: LINES.length, kernelDropped: 0 })
    const there = await settled(
      () => theirs(ports.onePage),
      ({ series }) => series.has('hits_total{}'),
    )
    expect(differences(await ours('one'), there, isSame).sort()).toEqual(ON_PURPOSE.flatMap(({ are }) => are).sort())
  })

  test('of what three clients of a host send by default the Collector loses some, and we do not', async () => {
    for (let client = 0; client < 3; client++) {
      await sendUdp(ports.byPort, ['req:3|c'])
      await sendUdp(daemon.ports['by_port'] ?? 0, ['req:3|c'])
    }
    await daemon.ledger('by_port', 3)
    const there = await settled(
      () => theirs(ports.byPortPage),
      ({ series }) => series.size > 0,
    )
    // Mostly 3; 6 when an interval ended between two of them.
    expect([3, 6]).toContain(there.series.get('req_total{}'))
    expect((await ours('by_port')).series.get('req_total{}')).toBe(9)
  })
})

/** Quantiles of ours are those of a histogram with buckets of a few per cent. */
const isSame: Same = (key, here, there) => Math.abs(here - there) <= (key.includes('quantile="') ? 0.05 : 1e-12) * Math.abs(there)

/** What differs, and why; DIALECTS.md says it in words. */
const ON_PURPOSE: readonly { readonly why: string; readonly are: readonly string[] }[] = [
  {
    why: 'several values or samples of a line, sets, and rates that are none are refused there',
    are: [
      'members{}: 1 here, absent there',
      'packed_bucket{le="1"}: 1 here, absent there',
      'packed_bucket{le="10"}: 3 here, absent there',
      'packed_bucket{le="100"}: 3 here, absent there',
      'packed_bucket{le="1000"}: 3 here, absent there',
      'packed_bucket{le="Infinity"}: 3 here, absent there',
      'packed_count{}: 3 here, absent there',
      'packed_sum{}: 6 here, absent there',
      'several_total{}: 3 here, absent there',
      'rate_bad_total{}: 1 here, absent there',
    ],
  },
  {
    why: 'sections of DogStatsD 1.5 and 1.6, unknown ones, tags without a value and a CR are refused there',
    are: [
      'external_total{}: 1 here, absent there',
      'cardinal_total{}: 1 here, absent there',
      'unknown_section_total{}: 1 here, absent there',
      'tags_total{}: 1 here, absent there',
      'cr_total{}: 1 here, absent there',
    ],
  },
  {
    why: 'what follows an empty section is lost there',
    are: ['empty_section_total{}: absent here, 1 there', 'empty_section_total{env="prod"}: 1 here, absent there'],
  },
  {
    why: 'tags inside names are part of the name there, and a name with a pipe is refused',
    are: [
      'type of graphite_env_prod_total: absent here, counter there',
      'type of influx_env_prod_total: absent here, counter there',
      'type of librato_env_prod_total: absent here, counter there',
      'graphite_env_prod_total{}: absent here, 1 there',
      'influx_env_prod_total{}: absent here, 1 there',
      'librato_env_prod_total{}: absent here, 1 there',
      'graphite_total{env="prod"}: 1 here, absent there',
      'influx_total{env="prod"}: 1 here, absent there',
      'librato_total{env="prod"}: 1 here, absent there',
      'pipe_name_total{}: 1 here, absent there',
    ],
  },
  {
    why: 'a container id is a label there; here it says who sends',
    are: [
      'container_total{container_id="abc"}: absent here, 1 there',
      'container_total{container_id="abc",env="prod"}: absent here, 1 there',
      'container_total{env="prod"}: 1 here, absent there',
      'container_total{}: 1 here, absent there',
    ],
  },
  {
    why: 'a monotonic counter falls there',
    are: ['type of negative_total: absent here, counter there', 'negative_total{}: absent here, -4 there'],
  },
  {
    why: "only Go's number parser takes 1_000",
    are: ['type of under_total: absent here, counter there', 'under_total{}: absent here, 1000 there'],
  },
]
