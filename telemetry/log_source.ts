import type { LogFields, Logger } from '../component/component.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Higher is more serious. */
export const LEVEL_RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

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
      if (LEVEL_RANK[level] < LEVEL_RANK[this.level]) return
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
