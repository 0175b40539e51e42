import { type Logger as Pino, pino } from 'pino'
import { LEVEL_RANK, type LogLevel, type LogRecord } from './log_source.ts'

/** Where lines are written; `process.stderr` fits. */
export interface LineStream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export interface LogOptions {
  readonly level: LogLevel
  readonly encoding: 'console' | 'json'
}

/** Writes log records as lines: JSON for machines (pino) or text for people. Both options may change while it runs. */
export class LogWriter {
  #options: LogOptions
  readonly #stream: LineStream
  readonly #json: Pino

  constructor(options: LogOptions, stream: LineStream = process.stderr) {
    this.#options = options
    this.#stream = stream
    this.#json = pino(
      { level: 'debug', base: null, timestamp: false, messageKey: 'message', formatters: { level: (label) => ({ level: label }) } },
      { write: (line: string) => void stream.write(line) },
    )
  }

  set options(options: LogOptions) {
    this.#options = options
  }

  write(record: LogRecord): void {
    if (LEVEL_RANK[record.level] < LEVEL_RANK[this.#options.level]) return
    if (this.#options.encoding === 'console') {
      this.#stream.write(consoleLine(record, this.#stream.isTTY === true))
      return
    }
    const worker = record.worker === undefined ? {} : { worker: record.worker }
    this.#json[record.level]({ time: new Date(record.timeMs).toISOString(), component: record.address, ...worker, ...record.fields }, record.message)
  }
}

const COLOR: Readonly<Record<LogLevel, string>> = { debug: '\u001b[2m', info: '\u001b[32m', warn: '\u001b[33m', error: '\u001b[31m' }
const RESET = '\u001b[0m'

/** A record as a line for people: time, level, component, message, `key=value` fields. */
export function consoleLine(record: LogRecord, hasColor: boolean): string {
  const level = record.level.toUpperCase().padEnd(5)
  const place = record.worker === undefined ? record.address : `${record.address} [worker ${record.worker}]`
  let line = `${new Date(record.timeMs).toISOString()}  ${hasColor ? `${COLOR[record.level]}${level}${RESET}` : level}  ${place}  ${record.message}`
  for (const [key, value] of Object.entries(record.fields)) if (value !== undefined) line += `  ${key}=${valueText(value)}`
  return `${line}\n`
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  return JSON.stringify(value) ?? String(value)
}
