/** What every peer's installation is made of: the cache, packages of Debian and Python, Go, and single steps bounded in time. */
import { accessSync, constants, existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { run } from '../child.ts'

const INSTALL_TIMEOUT_MS = 240_000

/** Where downloaded peers are kept between runs; outside the repository, may be removed at any time. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const named = env['MESHSCOPE_PEERS']
  if (named !== undefined && named !== '') return named
  const cache = env['XDG_CACHE_HOME']
  return join(cache !== undefined && cache !== '' ? cache : join(homedir(), '.cache'), 'meshscope-peers')
}

/** A Python environment of its own at `path`. */
export async function makeVenv(path: string): Promise<void> {
  try {
    await step('python3 -m venv', 'python3', ['-m', 'venv', path])
  } catch {
    // Debian ships Python without the venv module's data.
    await aptInstall('python3-venv')
    await step('python3 -m venv', 'python3', ['-m', 'venv', '--clear', path])
  }
}

/** A program of the `PATH`, else of the Debian package that has it. */
export async function fromPackage(program: string, packageName: string): Promise<string> {
  const there = onPath(program)
  if (there !== undefined) return there
  await aptInstall(packageName)
  const installed = onPath(program)
  if (installed === undefined) throw new Error(`package ${packageName} is installed but has no ${program}`)
  return installed
}

/** Where Go is; throws when it is not. */
export function goCommand(): string {
  const go = onPath('go') ?? (existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined)
  if (go === undefined) throw new Error('Go 1.25 or newer is needed to build it, and there is no go on the PATH')
  return go
}

/** An environment whose `PATH` begins with the folder of `go`: the builder calls it by its name. */
export function withGo(go: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...process.env, ...env, PATH: `${dirname(go)}${delimiter}${process.env['PATH'] ?? ''}` }
}

let isUpdated = false

/** Installs a Debian package; needs root. */
export async function aptInstall(packageName: string): Promise<void> {
  if (onPath('apt-get') === undefined) throw new Error(`package ${packageName} is needed, and this machine has no apt-get`)
  if (process.getuid?.() !== 0) throw new Error(`package ${packageName} is needed, and installing it needs root; run apt-get install ${packageName}`)
  if (!isUpdated) await step('apt-get update', 'apt-get', ['update', '-q'])
  isUpdated = true
  await step(`apt-get install ${packageName}`, 'apt-get', ['install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=60', packageName])
}

export interface StepOptions {
  readonly dir?: string
  /** Added to ours. */
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
}

/** Runs one step of an installation and returns what it printed; throws with its last line. */
export async function step(what: string, file: string, args: readonly string[], options: StepOptions = {}): Promise<string> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...options.env }
  const where = options.dir === undefined ? {} : { dir: options.dir }
  const { code, signal, stdout, output } = await run({ name: what, file, args, env, ...where }, options.timeoutMs ?? INSTALL_TIMEOUT_MS)
  if (code !== 0) throw new Error(`${what} ended with ${signal ?? code}: ${output.trim().split('\n').at(-1) ?? ''}`)
  return stdout
}

/** The path of a program that can be run, or undefined. */
export function onPath(program: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return undefined
}
