import { type Logger as Pino, pino } from 'pino'
import type { LogFields, Logger } from '../component/component.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** One line of the daemon's log, as plain data that may come from another thread. */
export interface LogRecord {
  readonly level: LogLevel
  /** Milliseconds since the epoch. */
  readonly timeMs: number
  /** The component that speaks (`receivers.envoyals/edge`), or a part of the daemon (`service`). */
  readonly address: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly worker?: number
}

/** Where lines are written; `process.stderr` fits. */
export interface LineStream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export interface LogOptions {
  readonly level: LogLevel
  readonly encoding: 'console' | 'json'
}

/**
 * Makes loggers whose records go to `sink`, which may be another thread. Fields are made plain first (errors become
 * their message, stack and cause), because what a thread sends must be cloneable.
 */
export class LogSource {
  level: LogLevel
  readonly #sink: (record: LogRecord) => void
  readonly #now: () => number

  constructor(level: LogLevel, sink: (record: LogRecord) => void, now: () => number = Date.now) {
    this.level = level
    this.#sink = sink
    this.#now = now
  }

  for(address: string): Logger {
    const write = (level: LogLevel, fields: LogFields, message: string): void => {
      if (RANK[level] < RANK[this.level]) return
      this.#sink({ level, timeMs: this.#now(), address, message, fields: plainFields(fields) })
    }
    return {
      debug: (fields, message) => write('debug', fields, message),
      info: (fields, message) => write('info', fields, message),
      warn: (fields, message) => write('warn', fields, message),
      error: (fields, message) => write('error', fields, message),
    }
  }
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
    if (RANK[record.level] < RANK[this.#options.level]) return
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

const DEPTH_MAX = 4

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value, 0)]))
}

function plain(value: unknown, depth: number): unknown {
  if (value instanceof Error) {
    return {
      message: value.message,
      ...(value.stack === undefined ? {} : { stack: value.stack }),
      ...(value.cause === undefined ? {} : { cause: causeText(value.cause) }),
    }
  }
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return '…'
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1))
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]))
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
