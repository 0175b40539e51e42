/** The daemon runs as the chart's container would run it: arguments, environment, a ConfigMap as the kubelet mounts it, probes, stop. */
import { afterAll, expect, test } from 'vitest'
import { suite } from '../suite.ts'
import { Containers, ownPorts, simulate, sum } from './containers.ts'

suite('containers of the chart', ['helm'], ({ helm }) => {
  const containers = new Containers(helm)
  afterAll(() => containers.close())

  test('one becomes ready, takes traffic, follows its ConfigMap without a loss, and stops in time', async () => {
    const values = { ...(await ownPorts('als', 'prometheus', 'metrics', 'health')), workers: { threads: 1 } }
    const { daemon, page, port, pod, mount } = await containers.start('single', values)
    const simulated = simulate(port('als'))
    await daemon.until('requests are counted', async () => /^istio_requests_total\{/m.test(await page('prometheus')))
    mount({ ...values, config: { connectors: { mesh_metrics: { labels: { exclude: ['connection_security_policy'] } } } } })
    await daemon.until('the changed config is loaded', async () => /^meshscope_config_reloads\b\S* [1-9]/m.test(await page('metrics')))
    expect(await simulated).toMatchObject({ code: 0 })

    const own = await page('metrics')
    expect(sum(own, 'meshscope_receiver_received_log_records')).toBeGreaterThan(300)
    expect(sum(own, 'otelcol_receiver_accepted_log_records')).toBe(sum(own, 'meshscope_receiver_received_log_records'))
    // Those of the first config stay for a while, as of any that has ended.
    expect(/^istio_requests_total\{(?!.*connection_security_policy)/m.test(await page('prometheus'))).toBe(true)
    const { code, tookMs } = await daemon.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(pod.terminationGracePeriodSeconds * 1000)
  })

  test('a gateway gets what an agent counts', async () => {
    const gateway = await containers.start('gateway', {
      ...(await ownPorts('otlp', 'otlp-http', 'prometheus', 'metrics', 'health')),
      mode: 'gateway',
      presets: { als: { enabled: false }, otlp: { enabled: true } },
    })
    const agent = await containers.start('agent', {
      ...(await ownPorts('als', 'metrics', 'health')),
      workers: { threads: 1 },
      presets: { prometheus: { enabled: false }, otlpExport: { enabled: true, endpoint: `127.0.0.1:${gateway.port('otlp')}`, insecure: true } },
      config: { connectors: { mesh_metrics: { metrics_flush_interval: '1s' } } },
    })
    expect(await simulate(agent.port('als'))).toMatchObject({ code: 0 })
    const counted = sum(await agent.page('metrics'), 'meshscope_receiver_received_log_records')
    expect(counted).toBeGreaterThan(300)
    // The last it counts it sends when it stops.
    expect((await agent.daemon.stop()).code).toBe(0)
    const requests = sum(await gateway.page('prometheus'), 'istio_requests_total')
    expect(requests).toBeGreaterThan(300)
    expect(requests).toBeLessThanOrEqual(counted)
    expect((await gateway.daemon.stop()).code).toBe(0)
  })
})
