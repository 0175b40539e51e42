/** The daemon runs as the chart's container would run it: arguments, environment, a ConfigMap as the kubelet mounts it, probes, stop. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { configOf, firstOf, type Manifest, renderChart } from '../../../scripts/manifests/chart.ts'
import { freePort } from '../../free_port.ts'
import { Child, run, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY } from '../daemon.ts'
import { suite } from '../suite.ts'

interface Container {
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

interface Pod {
  readonly containers: readonly [Container]
  readonly terminationGracePeriodSeconds: number
}

/** What the downward API tells; the rest of the environment is that of any process. */
const FIELDS = { K8S_NODE_NAME: 'node-1', K8S_POD_NAME: 'meshscope-x', K8S_NAMESPACE: 'observability', MY_POD_IP: '127.0.0.1' }

suite('a container of the chart', ['helm'], ({ helm }) => {
  const folder = temporaryFolder('container')
  let daemon: Child | undefined
  afterAll(async () => {
    await daemon?.stop('SIGKILL')
    folder.remove()
  })

  test('becomes ready, takes traffic, follows its ConfigMap without a loss, and stops in time', async () => {
    const ports: Record<string, { readonly containerPort: number }> = {}
    for (const name of ['als', 'prometheus', 'metrics', 'health']) ports[name] = { containerPort: await freePort() }
    const values = { bindAddress: '127.0.0.1', ports, workers: { threads: 1 } }
    const pod = podOf(renderChart({ helm, values }).map(({ object }) => object))
    const [container] = pod.containers
    const url = (port: string, path: string): string => `http://127.0.0.1:${container.ports.find(({ name }) => name === port)?.containerPort}${path}`
    const page = async (port: string): Promise<string> => await (await fetch(url(port, '/metrics'))).text()

    mountConfig(folder.path, 1, configOf(renderChart({ helm, values }).map(({ object }) => object)))
    daemon = new Child({
      name: 'meshscope',
      file: process.execPath,
      args: [COMMANDS.source, ...container.args.map((arg) => arg.replace('/conf/', `${folder.path}/conf/`))],
      dir: REPOSITORY,
      env: { ...process.env, ...FIELDS, ...Object.fromEntries(container.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))) },
    })
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
      await daemon.until(`${httpGet.path} answers 200`, async () => (await fetch(url(httpGet.port, httpGet.path))).ok, 60_000)
    }

    const traffic = ['simulate', '--endpoint', `127.0.0.1:${ports['als']?.containerPort}`, '--rps', '40', '--duration', '4s', '--quiet']
    const simulated = run({ name: 'simulate', file: process.execPath, args: [COMMANDS.source, ...traffic], dir: REPOSITORY }, 60_000)
    await daemon.until('requests are counted', async () => /^istio_requests_total\{/m.test(await page('prometheus')))
    const changed = renderChart({
      helm,
      values: { ...values, config: { connectors: { mesh_metrics: { labels: { exclude: ['connection_security_policy'] } } } } },
    })
    mountConfig(folder.path, 2, configOf(changed.map(({ object }) => object)))
    await daemon.until('the changed config is loaded', async () => /^meshscope_config_reloads\b\S* [1-9]/m.test(await page('metrics')))
    expect(await simulated).toMatchObject({ code: 0 })

    const own = await page('metrics')
    const sum = (name: string): number =>
      [...own.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce((total, [, value]) => total + Number(value), 0)
    expect(sum('meshscope_receiver_received_log_records')).toBeGreaterThan(300)
    expect(sum('otelcol_receiver_accepted_log_records')).toBe(sum('meshscope_receiver_received_log_records'))
    // Those of the first config stay for a while, as of any that has ended.
    expect(/^istio_requests_total\{(?!.*connection_security_policy)/m.test(await page('prometheus'))).toBe(true)
    const { code, tookMs } = await daemon.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(pod.terminationGracePeriodSeconds * 1000)
  })
})

function podOf(objects: readonly Manifest[]): Pod {
  return (firstOf(objects, 'DaemonSet')['spec'] as { readonly template: { readonly spec: Pod } }).template.spec
}

/** As the kubelet does: a folder of its own for each version, a link ..data that is exchanged, and links to what is in there. */
function mountConfig(root: string, version: number, config: string | undefined): void {
  const conf = join(root, 'conf')
  mkdirSync(join(conf, `..v${version}`), { recursive: true })
  writeFileSync(join(conf, `..v${version}`, 'relay.yaml'), config ?? '')
  symlinkSync(`..v${version}`, join(conf, '..data_tmp'))
  renameSync(join(conf, '..data_tmp'), join(conf, '..data'))
  if (version === 1) symlinkSync(join('..data', 'relay.yaml'), join(conf, 'relay.yaml'))
}
