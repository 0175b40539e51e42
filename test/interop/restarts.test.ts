/** Envoy and the daemon are killed and come back: nothing is counted twice, and nothing is lost but what Envoy lost. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningDaemon, startDaemon, sumOf } from './daemon.ts'
import { type RunningEnvoy, startEnvoy } from './envoy.ts'
import { loadSourceConfig } from './mesh.ts'
import { suite } from './suite.ts'
import { http1Driver } from './traffic.ts'
import { until } from './waiting.ts'

const REQUESTS = 200

suite('restarts', ['envoy'], (paths) => {
  let daemon: RunningDaemon
  let envoy: RunningEnvoy

  beforeAll(async () => {
    daemon = await startDaemon({ threads: 2 })
    envoy = await startEnvoy(paths.envoy, 'restarts', loadSourceConfig(daemon.ports.als))
  })

  afterAll(async () => {
    await envoy?.stop()
    await daemon?.stop()
  })

  async function request(times: number): Promise<void> {
    const driver = http1Driver({ host: '127.0.0.1', port: envoy.ports['http'] ?? 0 })
    for (let i = 0; i < times; i++) expect(await driver.get('/')).toBe(200)
    driver.close()
  }

  const counted = async (): Promise<number> => sumOf(await daemon.scrape(), 'istio_requests_total')

  test('an Envoy that was killed after its flush and started again adds exactly what it serves', async () => {
    await request(REQUESTS)
    await until('the first requests', async () => (await counted()) === REQUESTS)
    await envoy.stop('SIGKILL')
    envoy = await startEnvoy(paths.envoy, 'restarts', loadSourceConfig(daemon.ports.als))
    await request(REQUESTS)
    await until('the requests after the restart', async () => (await counted()) === REQUESTS * 2)
    expect(await counted()).toBe(REQUESTS * 2)
  })

  test('a daemon that was killed and started again counts exactly what comes after', async () => {
    const { ports } = daemon
    await daemon.stop('SIGKILL')
    daemon = await startDaemon({ threads: 2, ports })
    await request(REQUESTS)
    await until('the requests after the restart', async () => (await counted()) === REQUESTS)
    // One more flush shows that nothing of the old life is sent again.
    await request(1)
    await until('one more request', async () => (await counted()) === REQUESTS + 1)
    const stats = await envoy.stats('access_logs')
    expect(stats['access_logs.grpc_access_log.logs_dropped']).toBe(0)
  })
})
