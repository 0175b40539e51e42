import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A line of the daemon's JSON log. */
export type LogLine = { readonly level: string; readonly message: string; readonly component: string } & Readonly<Record<string, unknown>>

/** The daemon of `daemon.ts` in a process of its own, with a config file in a folder of its own. */
export class DaemonProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'meshscope-test-'))
  readonly file = join(this.folder, 'config.yaml')
  readonly lines: LogLine[] = []
  readonly #child: ChildProcess
  #wake: () => void = () => {}

  constructor(config: string, ...flags: readonly string[]) {
    writeFileSync(this.file, config)
    const entry = fileURLToPath(new URL('./daemon.ts', import.meta.url))
    this.#child = spawn(process.execPath, [entry, this.file, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
    createInterface({ input: this.#child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 'error', message: line, component: 'stderr' })
      this.#wake()
    })
    this.#child.on('exit', () => this.#wake())
  }

  /** Resolves to the `nth` log line with this message; rejects when the process ends without it. */
  async logged(message: string, nth = 1): Promise<LogLine> {
    for (;;) {
      const found = this.lines.filter((line) => line.message === message)[nth - 1]
      if (found !== undefined) return found
      if (this.#child.exitCode !== null)
        throw new Error(`ended with ${this.#child.exitCode} without "${message}":\n${this.lines.map((line) => JSON.stringify(line)).join('\n')}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** `host:port` of a component's first listener. */
  async listener(component: string): Promise<string> {
    const { listeners } = (await this.logged('everything is up')) as unknown as { listeners: readonly string[] }
    const found = listeners.find((listener) => listener.startsWith(`${component} `))
    if (found === undefined) throw new Error(`${component} does not listen`)
    return found.slice(component.length + 1)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The exit code, or the name of the signal that ended it. */
  async ended(): Promise<number | string> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode ?? (this.#child.signalCode as string)
  }

  /** For the end of a test, whatever became of it. */
  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
