/** What `npm run build` makes behaves as the source does. */
import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { COMMANDS, type RunningDaemon, startDaemon, sumOf } from './daemon.ts'
import { type RunningEnvoy, startEnvoy } from './envoy.ts'
import { loadSourceConfig } from './mesh.ts'
import { suite } from './suite.ts'
import { http1Driver } from './traffic.ts'
import { until } from './waiting.ts'

const REQUESTS = 100

suite('dist/', ['envoy'], (paths) => {
  let daemon: RunningDaemon | undefined
  let envoy: RunningEnvoy | undefined

  afterEach(async () => {
    await envoy?.stop()
    await daemon?.stop()
  })

  test.skipIf(!existsSync(COMMANDS.dist)).for([{ threads: 0 }, { threads: 2 }])(
    'counts the requests of a real Envoy with $threads workers, and stops cleanly [needs npm run build]',
    async ({ threads }) => {
      const running = await startDaemon({ threads, command: COMMANDS.dist })
      daemon = running
      envoy = await startEnvoy(paths.envoy, 'dist', loadSourceConfig(running.ports.als))
      const driver = http1Driver({ host: '127.0.0.1', port: envoy.ports['http'] ?? 0 })
      for (let i = 0; i < REQUESTS; i++) expect(await driver.get('/')).toBe(200)
      driver.close()
      await until('every request', async () => sumOf(await running.scrape(), 'istio_requests_total') === REQUESTS)
      expect(await running.stop()).toMatchObject({ code: 0, signal: null })
    },
  )
})
