import type { MetricFamily } from '../../model/metrics.ts'

/** How a family is called and typed in the exposition. */
export interface ExposedName {
  /** The name in text format: with `_total` for counters. */
  readonly name: string
  /** The name of the family in OpenMetrics: counters without `_total`. */
  readonly base: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  /** The unit that `base` ends with; empty when it has none. */
  readonly unit: string
}

export interface NameOptions {
  /** Put before every name with an underscore; empty = nothing. */
  readonly namespace: string
  /** Whether unit and type suffixes are added. */
  readonly addsSuffixes: boolean
}

/** UCUM units and what the Collector's translation calls them. */
const UNITS: ReadonlyMap<string, string> = words(
  'd=days h=hours min=minutes s=seconds ms=milliseconds us=microseconds ns=nanoseconds',
  'By=bytes KiBy=kibibytes MiBy=mebibytes GiBy=gibibytes TiBy=tebibytes',
  'KBy=kilobytes MBy=megabytes GBy=gigabytes TBy=terabytes',
  'B=bytes KB=kilobytes MB=megabytes GB=gigabytes TB=terabytes',
  'm=meters V=volts A=amperes J=joules W=watts g=grams Cel=celsius Hz=hertz %=percent $=dollars 1=',
)

const PER_UNITS: ReadonlyMap<string, string> = words('s=second m=minute min=minute h=hour d=day w=week mo=month y=year')

function words(...lines: readonly string[]): Map<string, string> {
  return new Map(lines.flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string])))
}

/** Translates a family's name as the Collector's `prometheus` exporter does: characters, namespace, unit and type suffix. */
export function exposedName(family: MetricFamily, options: NameOptions): ExposedName {
  const type = exposedType(family)
  const name = family.isExactName === true ? exactName(family.name, options.namespace) : translatedName(family, type, options)
  const base = type === 'counter' && name.length > 6 && name.endsWith('_total') ? name.slice(0, -6) : name
  const unit = [...unitWords(family.unit), ...(isRatio(family, type) ? ['ratio'] : [])].join('_')
  return { name, base, type, unit: unit !== '' && base.endsWith(`_${unit}`) ? unit : '' }
}

function exposedType({ type, isMonotonic }: MetricFamily): ExposedName['type'] {
  if (type === 'histogram' || type === 'exponential_histogram') return 'histogram'
  if (type === 'summary') return 'summary'
  return type === 'sum' && isMonotonic ? 'counter' : 'gauge'
}

function exactName(name: string, namespace: string): string {
  return withPrefix(name.replace(/[^a-zA-Z0-9_:]/g, '_'), namespace)
}

function translatedName(family: MetricFamily, type: ExposedName['type'], options: NameOptions): string {
  let parts = family.name.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== '')
  if (options.addsSuffixes) {
    const [unit, per] = unitParts(family.unit)
    if (unit !== '' && !parts.includes(unit)) parts.push(unit)
    if (per !== '' && !parts.includes(per)) parts.push('per', per)
    if (type === 'counter') parts = [...parts.filter((word) => word !== 'total'), 'total']
    if (isRatio(family, type)) parts = [...parts.filter((word) => word !== 'ratio'), 'ratio']
  }
  return withPrefix(parts.join('_'), options.namespace)
}

function isRatio(family: MetricFamily, type: ExposedName['type']): boolean {
  return family.unit === '1' && type === 'gauge'
}

function withPrefix(name: string, namespace: string): string {
  const prefix = namespace.replace(/[^a-zA-Z0-9_:]/g, '_')
  const whole = prefix === '' ? name : `${prefix}_${name}`
  return whole === '' || /^\d/.test(whole) ? `_${whole}` : whole
}

function unitWords(unit: string): string[] {
  const [main, per] = unitParts(unit)
  return [...(main === '' ? [] : [main]), ...(per === '' ? [] : ['per', per])]
}

/** The words for a unit and for what stands after its `/`; annotations in braces have none. */
function unitParts(unit: string): readonly [string, string] {
  const slash = unit.indexOf('/')
  const main = (slash < 0 ? unit : unit.slice(0, slash)).trim()
  const per = slash < 0 ? '' : unit.slice(slash + 1).trim()
  return [unitWord(main, UNITS), unitWord(per, PER_UNITS)]
}

function unitWord(unit: string, known: ReadonlyMap<string, string>): string {
  if (unit.includes('{') || unit.includes('}')) return ''
  return (
    known.get(unit) ??
    unit
      .split(/[^a-zA-Z0-9]+/)
      .filter((word) => word !== '')
      .join('_')
  )
}

/** Translates an attribute key to a label name; names that start with two underscores are left alone, as the Collector does. */
export function labelName(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/g, '_')
  if (name === '') return 'key_'
  if (/^\d/.test(name)) return `key_${name}`
  return name.startsWith('_') && !name.startsWith('__') ? `key${name}` : name
}

/** The label name for a key that is meant as one: a leading underscore stays, what no label name may hold becomes one. */
export function exactLabelName(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/g, '_')
  return name === '' || /^\d/.test(name) ? `_${name}` : name
}

/** Escapes a label value, or a help text in OpenMetrics. */
export function escapeQuoted(text: string): string {
  // A NUL would end the input of some parsers in the middle, and with it the whole scrape.
  return /[\\"\n\0]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\0', '\uFFFD') : text
}

/** Escapes a help text in text format, where quotes stay as they are. */
export function escapeHelp(text: string): string {
  return /[\\\n\0]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\0', '\uFFFD') : text
}
