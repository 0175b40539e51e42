import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Clock } from '../../component/component.ts'
import type { Registry } from '../../component/spec.ts'
import { systemClock } from '../../lib/clock.ts'
import { Service } from '../../pipeline/service.ts'
import { type LogRecord, LogSource } from '../../telemetry/log_source.ts'
import { OwnTelemetry } from '../../telemetry/own_telemetry.ts'
import { type GraphSketch, graphSpec } from './graph_spec.ts'

/** A running graph in a test, with what it said and counted. */
export class ServiceRun {
  readonly records: LogRecord[] = []
  readonly fatal: { readonly address: string; readonly error: string }[] = []
  readonly telemetry = new OwnTelemetry()
  readonly service: Service
  readonly #registry: Registry

  constructor(registry: Registry, workerEntry: URL, clock: Clock = systemClock) {
    this.#registry = registry
    const write = (record: LogRecord): void => void this.records.push(record)
    this.service = new Service({
      registry,
      clock,
      logs: new LogSource('debug', write),
      writeLog: write,
      telemetry: this.telemetry,
      workerEntry,
      onFatal: (address, error) => this.fatal.push({ address, error }),
    })
  }

  start(sketch: GraphSketch): Promise<void> {
    return this.service.start(graphSpec(sketch, this.#registry))
  }

  reload(sketch: GraphSketch): Promise<void> {
    return this.service.reload(graphSpec(sketch, this.#registry))
  }

  stop(timeoutMs = 5000): Promise<readonly string[]> {
    return this.service.shutdown(AbortSignal.timeout(timeoutMs))
  }

  /** The port that a component listens on. */
  port(address: string): number {
    const listener = this.service.listeners.find((candidate) => candidate.address === address)
    if (listener === undefined) throw new Error(`${address} does not listen`)
    return listener.port
  }
}

/** Sends lines on a connection of its own; resolves to the answers, or to fewer when the connection breaks. */
export function sendLines(port: number, lines: readonly unknown[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const answers: string[] = []
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error)))
    socket.on('close', () => resolve(answers))
    const answered = createInterface({ input: socket })
    answered.on('line', (answer) => {
      answers.push(answer)
      if (answers.length === lines.length) socket.end()
    })
    // It tells the socket's errors again, where nobody else would listen.
    answered.on('error', () => {})
    for (const line of lines) socket.write(`${JSON.stringify(line)}\n`)
  })
}

/** Resolves when `check` is true; looks on every turn of a short timer and gives up with `what` after ten seconds. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
