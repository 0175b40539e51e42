import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './waiting.ts'

const OUTPUT_KEPT = 64 << 10
const alive = new Set<ChildProcess>()
// A test run that breaks off must not leave servers behind on the machine.
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** From the stop signal, or from the start, to the exit. */
  readonly tookMs: number
}

export interface ChildOptions {
  /** For messages. */
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly dir?: string
  readonly env?: NodeJS.ProcessEnv
}

/** A peer program as a child process: its output is kept for failure messages, and it is stopped by its own pid. */
export class Child {
  readonly name: string
  readonly exited: Promise<ExitStatus>
  readonly #process: ChildProcess
  #stdout = ''
  #output = ''
  #status: ExitStatus | undefined
  #since = performance.now()

  constructor(options: ChildOptions) {
    this.name = options.name
    const spawnOptions: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: options.env ?? process.env }
    if (options.dir !== undefined) spawnOptions.cwd = options.dir
    const child = spawn(options.file, options.args, spawnOptions)
    this.#process = child
    alive.add(child)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-OUTPUT_KEPT)
      this.#output = (this.#output + text).slice(-OUTPUT_KEPT)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-OUTPUT_KEPT)
    })
    this.exited = new Promise((resolve) => {
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
        alive.delete(child)
        this.#status ??= { code, signal, tookMs: Math.round(performance.now() - this.#since) }
        resolve(this.#status)
      }
      child.once('close', ended)
      child.once('error', (error) => {
        this.#output += `\n${error.message}`
        ended(-1, null)
      })
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** The last 64 KiB of stdout and stderr together. */
  get output(): string {
    return this.#output
  }

  /** The last 64 KiB of stdout alone. */
  get stdout(): string {
    return this.#stdout
  }

  get isRunning(): boolean {
    return this.#status === undefined
  }

  /** For `until`: a sentence when the child has ended, with its last words. */
  readonly obituary = (): string | undefined =>
    this.#status === undefined
      ? undefined
      : `${this.name} ended with ${this.#status.signal ?? this.#status.code}; its last output:\n${this.#output.slice(-4000)}`

  /** Waits for something the child has to do; fails at once, with its output, when it dies. */
  async until<T>(what: string, probe: () => T | Promise<T>, timeoutMs = 20_000): Promise<Exclude<T, undefined | false>> {
    try {
      return await until(`${this.name}: ${what}`, probe, { timeoutMs, hopeless: this.obituary })
    } catch (error) {
      throw new Error(`${(error as Error).message}\n--- output of ${this.name} ---\n${this.#output.slice(-4000)}`, { cause: error })
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Sends `signal` and waits for the end; SIGKILL follows when it takes longer than `timeoutMs`. Safe twice. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 15_000): Promise<ExitStatus> {
    if (this.#status !== undefined) return this.#status
    this.#since = performance.now()
    this.#process.kill(signal)
    const force = setTimeout(() => this.#process.kill('SIGKILL'), timeoutMs)
    const status = await this.exited
    clearTimeout(force)
    return status
  }
}

/** Runs a program to its end and returns what it said; it is killed after `timeoutMs`. */
export async function run(options: ChildOptions, timeoutMs: number): Promise<ExitStatus & { readonly stdout: string; readonly output: string }> {
  const child = new Child(options)
  const force = setTimeout(() => child.signal('SIGKILL'), timeoutMs)
  const status = await child.exited
  clearTimeout(force)
  return { ...status, stdout: child.stdout, output: child.output }
}

/** A folder of its own for one test or peer. */
export interface TemporaryFolder {
  readonly path: string
  /** Safe twice. */
  remove(): void
}

export function temporaryFolder(name: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `meshscope-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
