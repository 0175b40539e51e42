/** About 10,000 entries a second of a real Envoy against a server that closes, stalls, stutters or is away. */
import { afterEach, expect, test } from 'vitest'
import { Child } from './child.ts'
import { type RunningDaemon, startDaemon, sumOf } from './daemon.ts'
import { type RunningEnvoy, startEnvoy } from './envoy.ts'
import { imbalances, ledgerOf } from './ledger.ts'
import { loadSourceConfig } from './mesh.ts'
import { suite } from './suite.ts'
import { settled } from './waiting.ts'

const CLIENTS = 4
const PER_SECOND = 10_000
const WRITTEN = 'access_logs.grpc_access_log.logs_written'
const DROPPED = 'access_logs.grpc_access_log.logs_dropped'
const FLUSHED = 'access_logs.grpc_access_log.grpc_entries_flushed'

suite('losses', ['envoy', 'h2load'], (paths) => {
  let daemon: RunningDaemon | undefined
  let envoy: RunningEnvoy | undefined

  afterEach(async () => {
    daemon?.child.signal('SIGCONT')
    await envoy?.stop()
    await daemon?.stop()
    daemon = undefined
    envoy = undefined
  })

  async function start(receiver: Readonly<Record<string, unknown>> = {}): Promise<{ daemon: RunningDaemon; envoy: RunningEnvoy }> {
    daemon = await startDaemon({ receiver })
    envoy = await startEnvoy(paths.envoy, 'losses', loadSourceConfig(daemon.ports.als))
    return { daemon, envoy }
  }

  /** Exactly `requests` requests over HTTP/2; `perSecond` 0 means as fast as it goes. */
  async function load(target: RunningEnvoy, requests: number, perSecond = PER_SECOND): Promise<void> {
    const pace = perSecond === 0 ? [] : [`--rps=${perSecond / CLIENTS}`]
    const args = ['-t1', `-c${CLIENTS}`, '-m20', `-n${requests}`, ...pace, `http://127.0.0.1:${target.ports['http']}/`]
    const child = new Child({ name: 'h2load', file: paths.h2load, args })
    const { code } = await child.exited
    expect(code, child.output).toBe(0)
    expect(child.stdout).toContain(`${requests} succeeded`)
  }

  const received = async (one: RunningDaemon): Promise<number> => sumOf(await one.scrapeOwn(), 'meshscope_receiver_received_log_records')
  const arrived = (one: RunningDaemon, entries: number): Promise<number> =>
    settled(
      () => received(one),
      (now) => now >= entries,
    )

  test('streams that end every second under load lose nothing', async () => {
    const pair = await start({ max_stream_age: '1s' })
    await load(pair.envoy, PER_SECOND * 5)
    expect(await arrived(pair.daemon, PER_SECOND * 5)).toBe(PER_SECOND * 5)
    const own = await pair.daemon.scrapeOwn()
    expect(sumOf(own, 'meshscope_envoyals_streams_opened')).toBeGreaterThanOrEqual(4)
    expect(imbalances(ledgerOf(own))).toEqual([])
    expect(sumOf(await pair.daemon.scrape(), 'istio_requests_total')).toBe(PER_SECOND * 5)
  })

  test('a server that stands still for two seconds gets everything afterwards, out of the buffer of Envoy', async () => {
    const pair = await start()
    await load(pair.envoy, 1000)
    await arrived(pair.daemon, 1000)
    pair.daemon.child.signal('SIGSTOP')
    await load(pair.envoy, PER_SECOND * 2)
    pair.daemon.child.signal('SIGCONT')
    expect(await arrived(pair.daemon, 1000 + PER_SECOND * 2)).toBe(1000 + PER_SECOND * 2)
    expect((await pair.envoy.stats('logs_dropped'))[DROPPED]).toBe(0)
  })

  test('a server that stands still for longer misses exactly what Envoy says it dropped', async () => {
    const pair = await start()
    await load(pair.envoy, 1000)
    await arrived(pair.daemon, 1000)
    pair.daemon.child.signal('SIGSTOP')
    await load(pair.envoy, 150_000, 0)
    pair.daemon.child.signal('SIGCONT')
    const dropped = (await pair.envoy.stats('logs_dropped'))[DROPPED] ?? 0
    expect(dropped).toBeGreaterThan(0)
    expect(await arrived(pair.daemon, 151_000 - dropped)).toBe(151_000 - dropped)
  })

  test('a server that stutters loses nothing', async () => {
    const pair = await start()
    let isStopped = false
    const stutter = setInterval(() => {
      isStopped = !isStopped
      pair.daemon.child.signal(isStopped ? 'SIGSTOP' : 'SIGCONT')
    }, 150)
    await load(pair.envoy, PER_SECOND * 3)
    clearInterval(stutter)
    pair.daemon.child.signal('SIGCONT')
    expect(await arrived(pair.daemon, PER_SECOND * 3)).toBe(PER_SECOND * 3)
  })

  test('what Envoy sends to a server that is away is mostly a loss it does not admit: a gap between its count and ours', async () => {
    const pair = await start()
    await load(pair.envoy, 1000)
    await arrived(pair.daemon, 1000)
    const { ports } = pair.daemon
    await pair.daemon.stop('SIGKILL')
    await load(pair.envoy, PER_SECOND)
    // Envoy counts as written and flushed what it could not deliver.
    const stats = await settled(
      () => pair.envoy.stats('access_logs|upstream_cx_connect_fail'),
      (now) => now[FLUSHED] === now[WRITTEN],
    )
    const [written, dropped] = [stats[WRITTEN] ?? 0, stats[DROPPED] ?? 0]
    expect(stats[FLUSHED]).toBe(written)
    expect(written + dropped).toBe(PER_SECOND + 1000)
    expect(stats['cluster.als.upstream_cx_connect_fail']).toBeGreaterThan(0)
    daemon = await startDaemon({ ports })
    await load(pair.envoy, 1000)
    expect(await arrived(daemon, 1000)).toBe(1000)
    // The first daemon had 1000 of them; the rest is the gap, and nothing of it comes later.
    const hidden = written - 1000
    expect(hidden).toBeGreaterThan(PER_SECOND / 2)
    console.log(`server away: ${PER_SECOND} entries sent, ${dropped} dropped by Envoy as it says, ${hidden} lost without a word`)
  })
})
