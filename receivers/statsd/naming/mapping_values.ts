import type { FieldProblem } from '../../../component/config_schema.ts'
import { didYouMean } from '../../../lib/did_you_mean.ts'
import { parseDuration } from '../../../lib/duration.ts'

/** A path in a mapping. */
export type MappingPath = readonly (string | number)[]

/** A problem of a mapping by path; `isKey` when the key is wrong and not its value. */
export interface MappingFault extends FieldProblem {
  readonly isKey?: boolean
}

/**
 * Reads the values of a mapping and collects what is wrong with them; nothing throws, and what is wrong reads as absent.
 *
 * Takes scalars as text (from a file, where `0123` and `on` mean what the place wants) and as YAML values (from the config).
 */
export class MappingValues {
  readonly problems: MappingFault[] = []
  readonly warnings: MappingFault[] = []

  /** The entries of a map with known keys; undefined when absent or no map. */
  record(value: unknown, path: MappingPath, known: readonly string[]): Readonly<Record<string, unknown>> | undefined {
    const entries = this.map(value, path)
    for (const key of Object.keys(entries ?? {})) {
      if (known.includes(key)) continue
      const nearest = didYouMean(key, known)
      this.problems.push({
        path: [...path, key],
        isKey: true,
        problem: 'unknown setting',
        expected: `one of ${[...known].sort().join(', ')}`,
        ...hint(REMOVED[key] ?? (nearest === undefined ? undefined : `did you mean ${nearest}?`)),
      })
    }
    return entries
  }

  /** The entries of a map with free keys. */
  map(value: unknown, path: MappingPath): Readonly<Record<string, unknown>> | undefined {
    if (isAbsent(value)) return undefined
    if (typeof value === 'object' && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
    this.#wrong(path, 'a map', value)
    return undefined
  }

  list(value: unknown, path: MappingPath): readonly unknown[] | undefined {
    if (isAbsent(value)) return undefined
    if (Array.isArray(value)) return value
    this.#wrong(path, 'a list', value)
    return undefined
  }

  text(value: unknown, path: MappingPath): string | undefined {
    if (value === null || value === undefined) return undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.#wrong(path, 'text', value)
    return undefined
  }

  flag(value: unknown, path: MappingPath): boolean | undefined {
    if (typeof value === 'boolean' || isAbsent(value)) return typeof value === 'boolean' ? value : undefined
    if (typeof value === 'string' && /^(?:y|yes|on|true)$/i.test(value)) return true
    if (typeof value === 'string' && /^(?:n|no|off|false)$/i.test(value)) return false
    this.#wrong(path, 'true or false', value)
    return undefined
  }

  number(value: unknown, path: MappingPath): number | undefined {
    if (isAbsent(value)) return undefined
    const number = typeof value === 'string' && NUMBER.test(value) ? Number(value.replaceAll('_', '')) : typeof value === 'number' ? value : Number.NaN
    if (Number.isFinite(number)) return number
    this.#wrong(path, 'a number', value)
    return undefined
  }

  count(value: unknown, path: MappingPath): number | undefined {
    const number = this.number(value, path)
    if (number === undefined || (Number.isInteger(number) && number >= 0 && number < 2 ** 32)) return number
    this.#wrong(path, 'a whole number from 0', value)
    return undefined
  }

  durationMs(value: unknown, path: MappingPath): number | undefined {
    if (isAbsent(value)) return undefined
    const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value : ''
    const ms = parseDuration(text)
    if (ms !== undefined && ms >= 0) return ms
    if (/^\d{1,18}$/.test(text)) {
      this.warnings.push({
        path,
        problem: 'duration without a unit',
        found: text,
        hint: `it is read as nanoseconds, as in statsd_exporter; write ${text}s if seconds were meant`,
      })
      return Number(text) / 1e6
    }
    this.problems.push({ path, problem: 'not a duration', expected: 'a number with a unit, such as 200ms or 1m30s', found: shown(value) })
    return undefined
  }

  oneOf<const T extends string>(value: unknown, path: MappingPath, allowed: readonly T[]): T | undefined {
    if (isAbsent(value)) return undefined
    if ((allowed as readonly unknown[]).includes(value)) return value as T
    const nearest = typeof value === 'string' ? didYouMean(value, allowed) : undefined
    const nearestHint = hint(nearest === undefined ? undefined : `did you mean ${nearest}?`)
    this.problems.push({ path, problem: 'not one of the values', expected: `one of ${allowed.join(', ')}`, found: shown(value), ...nearestHint })
    return undefined
  }

  #wrong(path: MappingPath, expected: string, value: unknown): void {
    this.problems.push({ path, problem: 'wrong type', expected, found: shown(value) })
  }
}

/** Keys of statsd_exporter's past. */
const REMOVED: Readonly<Record<string, string>> = {
  buckets: 'statsd_exporter knows it no more; write histogram_options with buckets in it',
  quantiles: 'statsd_exporter knows it no more; write summary_options with quantiles in it',
}

const NUMBER = /^(?:[-+]?(?:\.\d+|\d[\d_]*(?:\.\d*)?)(?:[eE][-+]?\d+)?|0x[\da-fA-F]+|0o?[0-7]+|0b[01]+)$/

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined || value === '' || value === '~' || value === 'null'
}

/** A value as an error shows it. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a map'
  return typeof value === 'string' ? JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value) : String(value)
}

function hint(text: string | undefined): { readonly hint?: string } {
  return text === undefined ? {} : { hint: text }
}
