import type { Unit } from '../units.ts'

/** What each step of a scale is called, and how many of the one before it has. */
interface Scale {
  readonly names: readonly string[]
  readonly step: number
}

const SCALES: Readonly<Partial<Record<Unit, Scale>>> = {
  short: { names: ['', ' K', ' Mil', ' Bil'], step: 1000 },
  bytes: { names: [' B', ' KiB', ' MiB', ' GiB', ' TiB'], step: 1024 },
  Bps: { names: [' B/s', ' kB/s', ' MB/s', ' GB/s'], step: 1000 },
}

const SUFFIXES: Readonly<Partial<Record<Unit, string>>> = { reqps: ' req/s', cps: ' c/s' }

/** A value as Grafana would write it in a unit: at most three digits that matter. */
export function formatValue(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return '–'
  if (unit === 'percentunit') return `${digits(value * 100)}%`
  if (unit === 'ms') return duration(value / 1000)
  if (unit === 's') return duration(value)
  const scale = SCALES[unit]
  return scale === undefined ? `${digits(value)}${SUFFIXES[unit] ?? ''}` : scaled(value, scale)
}

function scaled(value: number, { names, step }: Scale): string {
  let rest = value
  let index = 0
  while (Math.abs(rest) >= step && index < names.length - 1) {
    rest /= step
    index += 1
  }
  return `${digits(rest)}${names[index]}`
}

function duration(seconds: number): string {
  const size = Math.abs(seconds)
  if (size >= 86_400) return `${digits(seconds / 86_400)} days`
  if (size >= 3600) return `${digits(seconds / 3600)} hours`
  if (size >= 60) return `${digits(seconds / 60)} mins`
  if (size >= 1 || seconds === 0) return `${digits(seconds)} s`
  return size >= 0.001 ? `${digits(seconds * 1000)} ms` : `${digits(seconds * 1e6)} µs`
}

function digits(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  const text = value.toFixed(size >= 10 ? 1 : size >= 1 || size === 0 ? 2 : 3)
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** Round numbers from 0 to at least `max`, about `count` of them, for an axis of a unit. */
export function axisTicks(max: number, count: number, unit: Unit): number[] {
  if (!(max > 0)) return [0, 1]
  const isLong = unit === 's' && max > 120
  const one = isLong ? (max > 7200 ? 3600 : 60) : 1
  const rough = max / one / count
  // Axes of bytes are divided in binary steps, so that they have round labels.
  const base = unit === 'bytes' ? 2 ** Math.floor(Math.log2(rough)) : 10 ** Math.floor(Math.log10(rough))
  const factors = unit === 'bytes' ? [1, 2] : [1, 2, 2.5, 5, 10]
  const size = one * base * (factors.find((factor) => base * factor >= rough) ?? 1)
  return Array.from({ length: Math.ceil(max / size - 1e-9) + 1 }, (_, index) => index * size)
}

/** The name of a line: its legend with labels filled in. */
export function legendText(legend: string, labels: Readonly<Record<string, string>>): string {
  if (legend === '' || legend === '__auto') return Object.values(labels).join(' ') || 'value'
  return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => labels[label] ?? '').trim()
}
