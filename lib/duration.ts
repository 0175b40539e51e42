const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Durations as Go's `time.ParseDuration` reads them: `200ms`, `1m30s`, `1.5h`; a bare `0` needs no unit. */
export const DURATION = /^([+-]?)(?:0|((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/

/** Milliseconds of a duration text; undefined when it is not one. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null) return undefined
  let ms = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) ms += Number(amount) * (UNIT_MS[unit as string] as number)
  return match[1] === '-' ? -ms : ms
}

/** Milliseconds of a duration that a checked config vouches for. */
export function durationMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new Error(`BUG: ${JSON.stringify(text)} passed the config check but is not a duration`)
  return ms
}
