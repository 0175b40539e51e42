/** Runs an image as Kubernetes would with the strictest security context: read-only, without capabilities, in its own network. */
import { podmanStorage } from '../../../scripts/image/oci.ts'
import { type ExitStatus, run } from '../child.ts'
import { until } from '../waiting.ts'

const STEP_TIMEOUT_MS = 60_000
/** Without limits of their own, runc asks for more than a builder may give. */
const ULIMITS = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']
const LOCKED_DOWN = ['--network', 'none', '--read-only', '--read-only-tmpfs=false', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']

export interface ContainerOptions {
  readonly podman: string
  readonly runc: string
  /** Where the image was built, see `--store` of `scripts/image.ts`. */
  readonly store: string
  readonly image: string
  readonly name: string
  /** Host path to path in the container, with `:ro` where it is only read. */
  readonly volumes: readonly string[]
  /** A file with a seccomp profile instead of podman's own. */
  readonly seccomp?: string
}

export interface Finished extends ExitStatus {
  readonly stdout: string
  readonly output: string
}

/** A container that runs with the image's own command. */
export interface RunningContainer {
  /** Runs a program of the image in the container, with the rights of its user. */
  exec(...command: readonly string[]): Promise<Finished>
  /** Runs a module of JavaScript in a folder of the image; throws unless it ends with 0. */
  evaluate(folder: string, program: string, ...args: readonly string[]): Promise<string>
  /** The samples at a URL whose names begin with one of `names`, asked for in the container; throws unless the answer is 200. */
  scrape(url: string, names: readonly string[]): Promise<string>
  logs(): Promise<string>
  /** SIGTERM; resolves with the exit code. Safe twice. */
  stop(): Promise<number>
}

/** Starts the container and waits for what `/readyz` says. */
export async function startContainer(options: ContainerOptions): Promise<RunningContainer> {
  const podman = (...args: readonly string[]): Promise<Finished> => {
    const own = ['--runtime', options.runc, '--cgroup-manager', 'cgroupfs', '--events-backend=file']
    return run({ name: `podman ${args[0] ?? ''}`, file: options.podman, args: [...podmanStorage(options.store), ...own, ...args] }, STEP_TIMEOUT_MS)
  }
  const volumes = options.volumes.flatMap((volume) => ['--volume', volume])
  const seccomp = options.seccomp === undefined ? [] : ['--security-opt', `seccomp=${options.seccomp}`]
  const fixed = [...seccomp, '--pull', 'never', '--log-driver', 'k8s-file', '--name', options.name]
  await succeed(podman('run', '--detach', ...LOCKED_DOWN, ...ULIMITS, ...fixed, ...volumes, options.image))
  let exitCode: number | undefined
  const exec = (...command: readonly string[]): Promise<Finished> => podman('exec', options.name, ...command)
  const evaluate = async (folder: string, program: string, ...args: readonly string[]): Promise<string> =>
    (await succeed(podman('exec', '--workdir', folder, options.name, 'node', '--input-type=module', '-e', program, ...args))).stdout
  const container: RunningContainer = {
    exec,
    evaluate,
    scrape: (url, names) => evaluate('/', FETCH, url, ...names),
    logs: async () => (await podman('logs', options.name)).output,
    stop: async () => {
      if (exitCode !== undefined) return exitCode
      await podman('stop', '--time', '20', options.name)
      const { stdout } = await podman('inspect', '--format', '{{.State.ExitCode}}', options.name)
      await podman('rm', '--force', options.name)
      exitCode = Number(stdout.trim())
      return exitCode
    },
  }
  try {
    await until('the container to be ready', async () => (await exec('node', '--input-type=module', '-e', FETCH, 'http://127.0.0.1:13133/readyz')).code === 0, {
      timeoutMs: 30_000,
      everyMs: 200,
    })
  } catch (error) {
    const logs = await container.logs()
    await container.stop()
    throw new Error(`${(error as Error).message}\n--- log of the container ---\n${logs}`, { cause: error })
  }
  return container
}

const FETCH = `
const [, url, ...names] = process.argv
const answer = await fetch(url)
if (answer.status !== 200) throw new Error(String(answer.status))
// All samples are more than the output that is kept of a child.
const lines = (await answer.text()).split('\\n').filter((line) => names.some((name) => line.startsWith(name)))
process.stdout.write(lines.join('\\n'))`

async function succeed(finished: Promise<Finished>): Promise<Finished> {
  const { code, output } = await finished
  if (code !== 0) throw new Error(`ended with ${code}: ${output.slice(-2000)}`)
  return await finished
}
