/** The daemon runs as the chart's container would run it: arguments, environment, a ConfigMap as the kubelet mounts it, probes, stop. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { configOf, firstOf, type Manifest, renderChart } from '../../../scripts/manifests/chart.ts'
import { freePort } from '../../free_port.ts'
import { Child, run, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY } from '../daemon.ts'
import { suite } from '../suite.ts'

interface ContainerSpec {
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
  readonly containers: readonly [ContainerSpec]
  readonly terminationGracePeriodSeconds: number
}

/** What the downward API tells; the rest of the environment is that of any process. */
const FIELDS = { K8S_NODE_NAME: 'node-1', K8S_POD_NAME: 'meshscope-x', K8S_NAMESPACE: 'observability', MY_POD_IP: '127.0.0.1' }

suite('containers of the chart', ['helm'], ({ helm }) => {
  const folder = temporaryFolder('container')
  const started: Child[] = []
  afterAll(async () => {
    for (const child of started) await child.stop('SIGKILL')
    folder.remove()
  })

  test('one becomes ready, takes traffic, follows its ConfigMap without a loss, and stops in time', async () => {
    const values = { ...(await ownPorts('als', 'prometheus', 'metrics', 'health')), workers: { threads: 1 } }
    const { daemon, page, port, pod, mount } = await start('single', values)
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
    const gateway = await start('gateway', {
      ...(await ownPorts('otlp', 'otlp-http', 'prometheus', 'metrics', 'health')),
      mode: 'gateway',
      presets: { als: { enabled: false }, otlp: { enabled: true } },
    })
    const agent = await start('agent', {
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

  async function start(name: string, values: object): Promise<Container> {
    const root = join(folder.path, name)
    let version = 0
    const mount = (changed: object): void => mountConfig(root, (version += 1), configOf(renderChart({ helm, values: changed }).map(({ object }) => object)))
    mount(values)
    const pod = podOf(renderChart({ helm, values }).map(({ object }) => object))
    const { args, env, ports, readinessProbe, livenessProbe } = pod.containers[0]
    const port = (wanted: string): number => ports.find((one) => one.name === wanted)?.containerPort ?? 0
    const daemon = new Child({
      name,
      file: process.execPath,
      args: [COMMANDS.source, ...args.map((arg) => arg.replace('/conf/', `${root}/conf/`))],
      dir: REPOSITORY,
      env: { ...process.env, ...FIELDS, ...Object.fromEntries(env.flatMap((one) => (one.value === undefined ? [] : [[one.name, one.value]]))) },
    })
    started.push(daemon)
    for (const { httpGet } of [readinessProbe, livenessProbe]) {
      const probe = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port(httpGet.port)}${httpGet.path}`)).ok
      await daemon.until(`${httpGet.path} answers 200`, probe, 60_000)
    }
    const page = async (wanted: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port(wanted)}/metrics`)).text()
    return { daemon, pod, port, page, mount }
  }
})

/** A daemon that runs as a container of the chart. */
interface Container {
  readonly daemon: Child
  readonly pod: Pod
  readonly port: (name: string) => number
  /** The metrics at the port of that name. */
  readonly page: (name: string) => Promise<string>
  /** Exchanges the ConfigMap for that of other values. */
  readonly mount: (values: object) => void
}

/** Values that make listeners bind to free ports of this machine only. */
async function ownPorts(...names: readonly string[]): Promise<object> {
  const ports: Record<string, object> = {}
  for (const name of names) ports[name] = { containerPort: await freePort() }
  return { bindAddress: '127.0.0.1', ports }
}

function simulate(port: number): ReturnType<typeof run> {
  const args = [COMMANDS.source, 'simulate', '--endpoint', `127.0.0.1:${port}`, '--rps', '40', '--duration', '4s', '--quiet']
  return run({ name: 'simulate', file: process.execPath, args, dir: REPOSITORY }, 60_000)
}

/** All series of a metric together. */
function sum(page: string, name: string): number {
  return [...page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, 'gm'))].reduce((total, [, value]) => total + Number(value), 0)
}

function podOf(objects: readonly Manifest[]): Pod {
  return (firstOf(objects, 'DaemonSet', 'Deployment')['spec'] as { readonly template: { readonly spec: Pod } }).template.spec
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
