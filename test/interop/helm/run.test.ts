/** The daemon runs as the chart's container would run it: arguments, environment, a ConfigMap as the kubelet mounts it, probes, stop. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { TruthDocument } from '../../../cmd/meshscope/simulate/truth.ts'
import { temporaryFolder } from '../child.ts'
import { startEnvoy } from '../envoy.ts'
import { loadSourceConfig } from '../mesh.ts'
import { suite } from '../suite.ts'
import { http1Driver } from '../traffic.ts'
import { type Container, Containers, LocalService, ownPorts, simulate, sum } from './containers.ts'

const REQUESTS = 200
const RECEIVED = 'meshscope_receiver_received_log_records'

suite('containers of the chart', ['helm', 'envoy'], (paths) => {
  const containers = new Containers(paths.helm)
  const folder = temporaryFolder('truth')
  afterAll(async () => {
    await containers.close()
    folder.remove()
  })

  test('one becomes ready, takes traffic, follows its ConfigMap without a loss, and stops in time', async () => {
    const values = { ...(await ownPorts('als', 'prometheus', 'metrics', 'health')), workers: { threads: 1 } }
    const { daemon, page, port, pod, mount } = await containers.start('single', values)
    const simulated = simulate(port('als'))
    await daemon.until('requests are counted', async () => /^istio_requests_total\{/m.test(await page('prometheus')))
    mount({ ...values, config: { connectors: { mesh_metrics: { labels: { exclude: ['connection_security_policy'] } } } } })
    await daemon.until('the changed config is loaded', async () => /^meshscope_config_reloads\b\S* [1-9]/m.test(await page('metrics')))
    expect(await simulated).toMatchObject({ code: 0 })

    const own = await page('metrics')
    expect(sum(own, RECEIVED)).toBeGreaterThan(300)
    expect(sum(own, 'otelcol_receiver_accepted_log_records')).toBe(sum(own, RECEIVED))
    // Those of the first config stay for a while, as of any that has ended.
    expect(/^istio_requests_total\{(?!.*connection_security_policy)/m.test(await page('prometheus'))).toBe(true)
    const { code, tookMs } = await daemon.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(pod.terminationGracePeriodSeconds * 1000)
  })

  test('an update moves the stream of an Envoy to the next pod, and not one request is lost or counted twice', async () => {
    const gateway = await startGateway('gateway-of-update')
    const before = await startAgent('before', gateway, 'delta')
    const after = await startAgent('after', gateway, 'delta')
    const service = new LocalService(before.port('als'))
    const envoy = await startEnvoy(paths.envoy, 'update', loadSourceConfig(await service.listen()))
    const driver = http1Driver({ host: '127.0.0.1', port: envoy.ports['http'] ?? 0 })
    const send = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) expect(await driver.get('/')).toBe(200)
    }
    try {
      await send(REQUESTS)
      await before.daemon.until('entries come', async () => sum(await before.page('metrics'), RECEIVED) > 0)
      // What happens to a pod that is replaced: it is no endpoint any more, and after the preStop hook it gets SIGTERM.
      service.endpoint = after.port('als')
      const [stopped] = await Promise.all([before.daemon.stop(), send(REQUESTS)])
      expect(stopped.code).toBe(0)
      await send(REQUESTS)
      await after.daemon.until('the next pod has its share', async () => sum(await after.page('metrics'), RECEIVED) >= REQUESTS)
      const requests = async (): Promise<number> => sum(await gateway.page('prometheus'), 'istio_requests_total')
      await gateway.daemon.until('all requests are counted', async () => (await requests()) >= 3 * REQUESTS)
      expect((await after.daemon.stop()).code).toBe(0)
      expect(await requests()).toBe(3 * REQUESTS)
      expect((await gateway.daemon.stop()).code).toBe(0)
    } finally {
      driver.close()
      await envoy.stop()
      await service.close()
    }
  })

  test('a gateway keeps apart what agents count of the same edges', async () => {
    const gateway = await startGateway('gateway-of-agents')
    const agents = [await startAgent('agent-1', gateway, 'cumulative'), await startAgent('agent-2', gateway, 'cumulative')]
    const files = agents.map((_, i) => join(folder.path, `agent-${i}.json`))
    const ends = await Promise.all(agents.map((agent, i) => simulate(agent.port('als'), '--truth', files[i] ?? '')))
    expect(ends.map(({ code }) => code)).toEqual([0, 0])
    for (const { daemon } of agents) expect((await daemon.stop()).code).toBe(0)
    const page = await gateway.page('prometheus')
    expect(sum(page, 'istio_requests_total')).toBe(files.map((file) => truthOf(file).requests).reduce((a, b) => a + b))
    expect(page).toMatch(/^istio_requests_total\{.*instance="agent-1"/m)
    expect((await gateway.daemon.stop()).code).toBe(0)
  })

  async function startGateway(name: string): Promise<Container> {
    const ports = await ownPorts('otlp', 'otlp-http', 'prometheus', 'metrics', 'health')
    return await containers.start(name, { ...ports, mode: 'gateway', presets: { als: { enabled: false }, otlp: { enabled: true } } })
  }

  async function startAgent(name: string, gateway: Container, temporality: string): Promise<Container> {
    const otlpExport = { enabled: true, endpoint: `127.0.0.1:${gateway.port('otlp')}`, insecure: true, temporality }
    return await containers.start(name, {
      ...(await ownPorts('als', 'metrics', 'health')),
      workers: { threads: 1 },
      presets: { prometheus: { enabled: false }, otlpExport },
      config: { connectors: { mesh_metrics: { metrics_flush_interval: '1s' } } },
    })
  }
})

/** What a simulated mesh says it has sent, and how many requests these entries are, over all edges. */
function truthOf(file: string): { readonly entries: TruthDocument['entries']; readonly requests: number } {
  const { entries, http } = JSON.parse(readFileSync(file, 'utf8')) as TruthDocument
  return { entries, requests: http.reduce((total, { count }) => total + Number(count), 0) }
}
