/** Daemons that run as containers of the chart would, without a kubelet. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { configOf, firstOf, type Manifest, renderChart } from '../../../scripts/manifests/chart.ts'
import { freePort } from '../../free_port.ts'
import { Child, run, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY } from '../daemon.ts'

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
const FIELDS = { K8S_NODE_NAME: 'node-1', K8S_NAMESPACE: 'observability', MY_POD_IP: '127.0.0.1' }

/** A daemon that runs as a container of the chart. */
export interface Container {
  readonly daemon: Child
  readonly pod: Pod
  readonly port: (name: string) => number
  /** The metrics at the port of that name. */
  readonly page: (name: string) => Promise<string>
  /** Exchanges the ConfigMap for that of other values. */
  readonly mount: (values: object) => void
}

/** All containers of one test file, which `close` ends. */
export class Containers {
  readonly #helm: string
  readonly #folder = temporaryFolder('containers')
  readonly #started: Child[] = []

  constructor(helm: string) {
    this.#helm = helm
  }

  /** Starts the container that the chart makes of these values, in a pod of that name; resolves when its probes are content. */
  async start(name: string, values: object): Promise<Container> {
    const root = join(this.#folder.path, name)
    let version = 0
    const mount = (changed: object): void => mountConfig(root, (version += 1), configOf(this.#objects(changed)))
    mount(values)
    const pod = podOf(this.#objects(values))
    const { args, env, ports, readinessProbe, livenessProbe } = pod.containers[0]
    const port = (wanted: string): number => ports.find((one) => one.name === wanted)?.containerPort ?? 0
    const daemon = new Child({
      name,
      file: process.execPath,
      args: [COMMANDS.source, ...args.map((arg) => arg.replace('/conf/', `${root}/conf/`))],
      dir: REPOSITORY,
      env: {
        ...process.env,
        ...FIELDS,
        K8S_POD_NAME: name,
        ...Object.fromEntries(env.flatMap((one) => (one.value === undefined ? [] : [[one.name, one.value]]))),
      },
    })
    this.#started.push(daemon)
    for (const { httpGet } of [readinessProbe, livenessProbe]) {
      const probe = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port(httpGet.port)}${httpGet.path}`)).ok
      await daemon.until(`${httpGet.path} answers 200`, probe, 60_000)
    }
    const page = async (wanted: string): Promise<string> => await (await fetch(`http://127.0.0.1:${port(wanted)}/metrics`)).text()
    return { daemon, pod, port, page, mount }
  }

  /** Ends what still runs, at once. */
  async close(): Promise<void> {
    for (const child of this.#started) await child.stop('SIGKILL')
    this.#folder.remove()
  }

  #objects(values: object): readonly Manifest[] {
    return renderChart({ helm: this.#helm, values }).map(({ object }) => object)
  }
}

/** Values that make listeners bind to free ports of this machine only. */
export async function ownPorts(...names: readonly string[]): Promise<object> {
  const ports: Record<string, object> = {}
  for (const name of names) ports[name] = { containerPort: await freePort() }
  return { bindAddress: '127.0.0.1', ports }
}

/** Sends the access logs of a simulated mesh to a port for four seconds, some hundreds of them. `more` are further flags. */
export function simulate(port: number, ...more: readonly string[]): ReturnType<typeof run> {
  const args = [COMMANDS.source, 'simulate', '--endpoint', `127.0.0.1:${port}`, '--rps', '40', '--duration', '4s', '--quiet', ...more]
  return run({ name: 'simulate', file: process.execPath, args, dir: REPOSITORY }, 60_000)
}

/** What kube-proxy makes of a Service: new connections go to the pod that is its endpoint now, open ones stay where they are. */
export class LocalService {
  /** Port of the pod. */
  endpoint: number
  readonly #open = new Set<Socket>()
  readonly #server: Server

  constructor(endpoint: number) {
    this.endpoint = endpoint
    this.#server = createServer((client) => {
      const pod = connect(this.endpoint, '127.0.0.1')
      for (const [one, other] of [
        [client, pod],
        [pod, client],
      ] as const) {
        this.#open.add(one)
        one.pipe(other)
        one.on('error', () => other.destroy())
        one.on('close', () => this.#open.delete(one))
      }
    })
  }

  /** Resolves with its port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** All series of a metric together. */
export function sum(page: string, name: string): number {
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
