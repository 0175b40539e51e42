import type { MetricFamily } from '../../model/metrics.ts'
import { EXPONENTIAL_LINES_MAX } from './exponential_lines.ts'
import { type ExposedName, escapeHelp, escapeQuoted } from './names.ts'

/** `text`: Prometheus text format 0.0.4. `openmetrics`: OpenMetrics 1.0. */
export type Format = 'text' | 'openmetrics'

/** The fixed text around the labels of one kind of line; its parts are made when they are first asked for. */
export class Line {
  /** Bytes of the fixed text at most. */
  readonly bytesMax: number
  readonly #name: string
  readonly #tail: string
  #prefix: Buffer | undefined
  #suffix: Buffer | undefined
  #bare: Buffer | undefined

  /** `tail` are the labels that all series have, `a="1",b="2"`. */
  constructor(name: string, tail: string) {
    this.#name = name
    this.#tail = tail
    this.bytesMax = Buffer.byteLength(name) + Buffer.byteLength(tail) + '{,} '.length
  }

  /** Name and opening brace. */
  get prefix(): Buffer {
    this.#prefix ??= Buffer.from(`${this.#name}{`)
    return this.#prefix
  }

  /** What follows the labels of the series, up to the space before the value. */
  get suffix(): Buffer {
    this.#suffix ??= Buffer.from(this.#tail === '' ? '} ' : `,${this.#tail}} `)
    return this.#suffix
  }

  /** The whole, when the series has no labels of its own. */
  get bare(): Buffer {
    this.#bare ??= Buffer.from(this.#tail === '' ? `${this.#name} ` : `${this.#name}{${this.#tail}} `)
    return this.#bare
  }
}

/** The fixed text of a source's lines. */
export interface Pieces {
  /** The value; or buckets in ascending order, count and sum; or quantiles, sum and count; see `bucket` for exponential buckets. */
  readonly lines: readonly Line[]
  /** Exponential histograms only: the line of a bucket by its upper bound. */
  readonly bucket?: (bound: number) => Line
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
  const bucket = (bound: number): Line => new Line(`${exposed.name}_bucket`, withExtra(base, `le="${numberText(bound, options.format)}"`))
  const lines = linesOf(exposed, family, base, options.format, bucket)
  const isOpen = options.format === 'openmetrics' && options.isTyped && exposed.type !== 'gauge'
  const created = isOpen && options.created ? new Line(`${exposed.base}_created`, base) : undefined
  const all = created === undefined ? lines : [...lines, created]
  const bytesMax = all.reduce((sum, one) => sum + one.bytesMax, 0)
  const hasExemplars = isOpen && exposed.type !== 'summary'
  if (family.type !== 'exponential_histogram') return { lines, created, bytesMax, hasExemplars }
  const widest = bucket(WIDEST_BOUND).bytesMax
  return { lines, created, bytesMax: bytesMax + EXPONENTIAL_LINES_MAX * widest, hasExemplars, bucket: remembered(bucket) }
}

/** Has as many characters as a bound can have. */
const WIDEST_BOUND = -Number.MAX_VALUE

function linesOf(exposed: ExposedName, family: MetricFamily, base: string, format: Format, bucket: (bound: number) => Line): Line[] {
  const { name, type } = exposed
  if (type !== 'histogram' && type !== 'summary') return [new Line(name, base)]
  const [count, sum] = [new Line(`${name}_count`, base), new Line(`${name}_sum`, base)]
  if (type === 'histogram') return [...family.bounds.map(bucket), bucket(Number.POSITIVE_INFINITY), count, sum]
  return [...(family.quantiles ?? []).map((quantile) => new Line(name, withExtra(base, `quantile="${numberText(quantile, format)}"`))), sum, count]
}

/** Bounds are few and come again in every scrape. */
function remembered(make: (bound: number) => Line): (bound: number) => Line {
  const known = new Map<number, Line>()
  return (bound) => {
    const found = known.get(bound) ?? make(bound)
    if (known.size >= REMEMBERED_MAX) known.clear()
    known.set(bound, found)
    return found
  }
}

const REMEMBERED_MAX = 4096

function withExtra(base: string, label: string): string {
  return base === '' ? label : `${base},${label}`
}

/** OpenMetrics wants the canonical form of a float, `5.0`; text format has `5`. */
function numberText(bound: number, format: Format): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf'
  if (bound === Number.NEGATIVE_INFINITY) return '-Inf'
  const text = String(bound)
  return format === 'openmetrics' && /^-?\d+$/.test(text) ? `${text}.0` : text
}
