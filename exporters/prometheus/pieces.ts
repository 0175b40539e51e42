import type { MetricFamily } from '../../model/metrics.ts'
import { type ExposedName, escapeHelp, escapeQuoted } from './names.ts'

/** `text`: Prometheus text format 0.0.4. `openmetrics`: OpenMetrics 1.0. */
export type Format = 'text' | 'openmetrics'

/** The fixed text around the labels of one kind of line. */
export interface Line {
  /** Name and opening brace. */
  readonly prefix: Buffer
  /** What follows the labels of the series, up to the space before the value. */
  readonly suffix: Buffer
  /** The whole, when the series has no labels of its own. */
  readonly bare: Buffer
}

/** The fixed text of a source's lines. */
export interface Pieces {
  /** The value; or buckets in ascending order, count and sum. */
  readonly lines: readonly Line[]
  readonly created: Line | undefined
  /** Bytes of the fixed text of one series at most. */
  readonly bytesMax: number
  /** True when lines of this kind may carry exemplars. */
  readonly hasExemplars: boolean
}

/** How a family presents itself in a format. */
export interface Heading {
  readonly text: Buffer
  /** False when OpenMetrics knows the family as `unknown`, which has neither exemplars nor `_created`. */
  readonly isTyped: boolean
}

/**
 * The comment lines before a family. In OpenMetrics a counter must end in `_total` and its name without that must be
 * free: one for which this does not hold is `unknown` there, under the very name it has in text format.
 */
export function heading(exposed: ExposedName, help: string, options: { readonly format: Format; readonly isBaseFree: boolean }): Heading {
  const isOpenMetrics = options.format === 'openmetrics'
  const isTyped = !isOpenMetrics || exposed.type !== 'counter' || (exposed.base !== exposed.name && options.isBaseFree)
  const name = isOpenMetrics && isTyped ? exposed.base : exposed.name
  const lines = [`# HELP ${name} ${isOpenMetrics ? escapeQuoted(help) : escapeHelp(help)}`, `# TYPE ${name} ${isTyped ? exposed.type : 'unknown'}`]
  if (isOpenMetrics && exposed.unit !== '' && name.endsWith(`_${exposed.unit}`)) lines.push(`# UNIT ${name} ${exposed.unit}`)
  if (help === '') lines.shift()
  return { text: Buffer.from(`${lines.join('\n')}\n`), isTyped }
}

/** The fixed text of the lines of a family whose series all have the labels `base`. */
export function pieces(
  exposed: ExposedName,
  family: MetricFamily,
  base: string,
  options: { readonly format: Format; readonly isTyped: boolean; readonly created: boolean },
): Pieces {
  const lines =
    exposed.type === 'histogram'
      ? [
          ...[...family.bounds, Number.POSITIVE_INFINITY].map((bound) => line(`${exposed.name}_bucket`, base, `le="${boundText(bound, options.format)}"`)),
          line(`${exposed.name}_count`, base, ''),
          line(`${exposed.name}_sum`, base, ''),
        ]
      : [line(exposed.name, base, '')]
  const isOpen = options.format === 'openmetrics' && options.isTyped && exposed.type !== 'gauge'
  const created = isOpen && options.created ? line(`${exposed.base}_created`, base, '') : undefined
  const all = created === undefined ? lines : [...lines, created]
  const bytesMax = all.reduce((sum, { prefix, suffix, bare }) => sum + Math.max(prefix.length + suffix.length, bare.length), 0)
  return { lines, created, bytesMax, hasExemplars: isOpen }
}

function line(name: string, base: string, extra: string): Line {
  const tail = [base, extra].filter((part) => part !== '').join(',')
  return {
    prefix: Buffer.from(`${name}{`),
    suffix: Buffer.from(`${tail === '' ? '' : `,${tail}`}} `),
    bare: Buffer.from(tail === '' ? `${name} ` : `${name}{${tail}} `),
  }
}

/** OpenMetrics wants the canonical form of a float, `5.0`; text format has `5`. */
function boundText(bound: number, format: Format): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf'
  if (bound === Number.NEGATIVE_INFINITY) return '-Inf'
  const text = String(bound)
  return format === 'openmetrics' && /^-?\d+$/.test(text) ? `${text}.0` : text
}
