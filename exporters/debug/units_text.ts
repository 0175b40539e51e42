/** A time in nanoseconds as a person reads it: `850µs`, `12.3ms`, `2.50s`; `-` when it is not known. */
export function durationText(ns: number): string {
  if (Number.isNaN(ns)) return '-'
  if (ns < 1e6) return `${Math.round(ns / 1e3)}µs`
  if (ns < 1e9) return `${(ns / 1e6).toFixed(1)}ms`
  return `${(ns / 1e9).toFixed(2)}s`
}

const BYTE_UNITS = ['kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const

/** A number of bytes as a person reads it, in powers of 1000: `612B`, `1.2kB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes}B`
  let value = bytes / 1000
  let unit = 0
  while (value >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(1)}${BYTE_UNITS[unit]}`
}

/** A time in milliseconds since the epoch in ISO 8601; a number when it is outside of what a date can be. */
export function timeText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

/** The same for nanoseconds since the epoch, to the millisecond. */
export function nanosText(ns: bigint): string {
  return timeText(Number(ns / 1_000_000n))
}
