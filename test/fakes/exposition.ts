/** One line of an exposition. */
export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly timestampMs?: number
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly timestampMs?: number }
}

export interface ParsedFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly unit: string
  readonly samples: readonly ParsedSample[]
}

export interface ParsedExposition {
  readonly format: 'text' | 'openmetrics'
  readonly families: ReadonlyMap<string, ParsedFamily>
  readonly samples: readonly ParsedSample[]
  /** The sum of all samples of that name whose labels include `labels`; undefined when there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

type MutableFamily = { -readonly [K in keyof ParsedFamily]: K extends 'samples' ? ParsedSample[] : ParsedFamily[K] } & { hasType: boolean; hasHelp: boolean }

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/
const NUMBER = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_count', '_sum', '_created'],
  summary: ['', '_count', '_sum', '_created'],
  counter: ['_total', '_created'],
  info: ['_info'],
}

/**
 * Reads a whole scrape in Prometheus text format 0.0.4 or OpenMetrics 1.0 (which ends in `# EOF`) and throws on the first
 * thing that either specification forbids, with the number of its line. Stricter than Prometheus itself: it also wants
 * families in one piece, series without duplicates and histograms whose buckets add up.
 */
export function parseExposition(text: string): ParsedExposition {
  const format = text.endsWith('# EOF\n') ? 'openmetrics' : 'text'
  if (text !== '' && !text.endsWith('\n')) throw new Error('exposition does not end with a line feed')
  const reader = new Reader(format)
  const lines = text.split('\n')
  lines.pop()
  for (const [i, line] of lines.entries()) {
    try {
      reader.line(line, i === lines.length - 1)
    } catch (error) {
      throw new Error(`exposition line ${i + 1}: ${(error as Error).message}: ${JSON.stringify(line.slice(0, 300))}`, { cause: error })
    }
  }
  return reader.finish()
}

class Reader {
  readonly #format: 'text' | 'openmetrics'
  readonly #families = new Map<string, MutableFamily>()
  readonly #samples: ParsedSample[] = []
  readonly #seen = new Set<string>()
  #current: MutableFamily | undefined

  constructor(format: 'text' | 'openmetrics') {
    this.#format = format
  }

  line(line: string, isLast: boolean): void {
    if (this.#format === 'openmetrics' && isLast) {
      if (line !== '# EOF') throw new Error('expected # EOF')
    } else if (line === '') {
      throw new Error('empty line')
    } else if (line.startsWith('#')) this.#comment(line)
    else this.#sample(line)
  }

  finish(): ParsedExposition {
    for (const family of this.#families.values()) checkFamily(family)
    const samples = this.#samples
    const sum = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined => {
      const found = samples.filter((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => (sample.labels[label] ?? '') === value))
      return found.length === 0 ? undefined : found.reduce((total, sample) => total + sample.value, 0)
    }
    return { format: this.#format, families: this.#families, samples, sum }
  }

  #comment(line: string): void {
    const match = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s.exec(line)
    if (match === null) throw new Error('malformed comment')
    const [, keyword, name, rest] = match as unknown as [string, string, string, string]
    if (this.#current?.name !== name) {
      if (this.#families.has(name)) throw new Error(`family ${name} is not in one piece`)
      this.#current = { name, type: 'unknown', help: '', unit: '', samples: [], hasType: false, hasHelp: false }
      this.#families.set(name, this.#current)
    }
    const family = this.#current
    if (family.samples.length > 0) throw new Error(`${keyword} after samples`)
    if (keyword === 'HELP') {
      if (family.hasHelp) throw new Error('second HELP')
      family.hasHelp = true
      family.help = unescape(rest, this.#format === 'openmetrics')
    } else if (keyword === 'TYPE') {
      if (family.hasType) throw new Error('second TYPE')
      const types =
        this.#format === 'text'
          ? ['counter', 'gauge', 'histogram', 'summary', 'untyped']
          : ['counter', 'gauge', 'histogram', 'summary', 'info', 'unknown', 'stateset']
      if (!types.includes(rest)) throw new Error('unknown type')
      family.hasType = true
      family.type = rest
    } else {
      if (this.#format === 'text') throw new Error('UNIT in text format')
      if (!name.endsWith(`_${rest}`)) throw new Error('name does not end with the unit')
      family.unit = rest
    }
  }

  #sample(line: string): void {
    const name = METRIC.exec(line)?.[0]
    if (name === undefined) throw new Error('no metric name')
    const { labels, end } = parseLabels(line, name.length)
    const isOpen = this.#format === 'openmetrics'
    const [main, exemplarText] = splitExemplar(line.slice(end), isOpen)
    const parts = /^ (\S+)(?: (\S+))?$/.exec(main)
    if (parts === null) throw new Error('malformed value')
    const value = numberOf(parts[1] as string)
    const exemplar = exemplarText === undefined ? undefined : parseExemplar(exemplarText)
    const sample: ParsedSample = {
      name,
      labels,
      value,
      ...(parts[2] === undefined ? {} : { timestampMs: timeOf(parts[2], isOpen) }),
      ...(exemplar === undefined ? {} : { exemplar }),
    }
    this.#add(sample)
  }

  #add(sample: ParsedSample): void {
    const family = this.#current
    const suffixes = family === undefined ? [] : this.#format === 'text' && family.type === 'counter' ? [''] : (SUFFIXES[family.type] ?? [''])
    if (family === undefined || !suffixes.some((suffix) => `${family.name}${suffix}` === sample.name))
      throw new Error(`sample ${sample.name} does not belong to family ${family?.name}`)
    if (!family.hasType) throw new Error('sample before TYPE')
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort(([a], [b]) => (a < b ? -1 : 1)))}`
    if (this.#seen.has(key)) throw new Error('duplicate series')
    this.#seen.add(key)
    if (family.type === 'counter' && !(sample.value >= 0)) throw new Error('counter below 0')
    if (sample.exemplar !== undefined && !sample.name.endsWith('_bucket') && !sample.name.endsWith('_total'))
      throw new Error('exemplar on a line that cannot have one')
    if (
      sample.name.endsWith('_bucket') &&
      family.type === 'histogram' &&
      sample.exemplar !== undefined &&
      sample.exemplar.value > numberOf(sample.labels.le ?? '')
    ) {
      throw new Error('exemplar above the bound of its bucket')
    }
    family.samples.push(sample)
    this.#samples.push(sample)
  }
}

function parseLabels(line: string, start: number): { readonly labels: Record<string, string>; readonly end: number } {
  const labels: Record<string, string> = {}
  if (line[start] !== '{') return { labels, end: start }
  let at = start + 1
  while (line[at] !== '}') {
    const name = LABEL.exec(line.slice(at))?.[0]
    if (name === undefined) throw new Error(`no label name at column ${at + 1}`)
    if (Object.hasOwn(labels, name)) throw new Error(`duplicate label ${name}`)
    at += name.length
    if (line.slice(at, at + 2) !== '="') throw new Error(`expected =" at column ${at + 1}`)
    const from = at + 2
    at = from
    while (line[at] !== '"') {
      if (at >= line.length) throw new Error('unterminated label value')
      at += line[at] === '\\' ? 2 : 1
    }
    labels[name] = unescape(line.slice(from, at), true)
    at++
    if (line[at] === ',') at++
    else if (line[at] !== '}') throw new Error(`expected , or } at column ${at + 1}`)
  }
  return { labels, end: at + 1 }
}

function splitExemplar(rest: string, isOpen: boolean): readonly [string, string | undefined] {
  const at = rest.indexOf(' # ')
  if (at < 0) return [rest, undefined]
  if (!isOpen) throw new Error('exemplar in text format')
  return [rest.slice(0, at), rest.slice(at + 3)]
}

function parseExemplar(text: string): NonNullable<ParsedSample['exemplar']> {
  const { labels, end } = parseLabels(text, 0)
  if (end === 0) throw new Error('exemplar without labels')
  const length = Object.entries(labels).reduce((sum, [name, value]) => sum + Array.from(name).length + Array.from(value).length, 0)
  if (length > 128) throw new Error('exemplar labels longer than 128')
  const parts = /^ (\S+)(?: (\S+))?$/.exec(text.slice(end))
  if (parts === null) throw new Error('malformed exemplar')
  return { labels, value: numberOf(parts[1] as string), ...(parts[2] === undefined ? {} : { timestampMs: timeOf(parts[2], true) }) }
}

function numberOf(text: string): number {
  if (!NUMBER.test(text)) throw new Error(`not a number: ${text}`)
  return Number(text.replace('Inf', 'Infinity'))
}

function timeOf(text: string, isOpen: boolean): number {
  if (!(isOpen ? /^\d+(?:\.\d+)?$/ : /^\d+$/).test(text)) throw new Error(`not a timestamp: ${text}`)
  return isOpen ? Math.round(Number(text) * 1000) : Number(text)
}

function unescape(text: string, hasQuotes: boolean): string {
  return text.replaceAll(/\\(.?)/gs, (whole, escaped: string) => {
    if (escaped === 'n') return '\n'
    if (escaped === '\\' || (escaped === '"' && hasQuotes)) return escaped
    throw new Error(`unknown escape ${whole}`)
  })
}

function checkFamily(family: ParsedFamily): void {
  if (family.samples.length === 0) throw new Error(`family ${family.name} has no samples`)
  if (family.type !== 'histogram') return
  const groups = new Map<string, { buckets: { bound: number; value: number }[]; count: number | undefined; hasSum: boolean }>()
  for (const { name, labels, value } of family.samples) {
    const { le, ...rest } = labels
    const key = JSON.stringify(rest)
    const group = groups.get(key) ?? { buckets: [], count: undefined, hasSum: false }
    groups.set(key, group)
    if (name.endsWith('_bucket')) {
      if (le === undefined) throw new Error(`bucket of ${family.name} without le`)
      group.buckets.push({ bound: numberOf(le), value })
    } else if (name.endsWith('_count')) group.count = value
    else if (name.endsWith('_sum')) group.hasSum = true
  }
  for (const [labels, { buckets, count, hasSum }] of groups) {
    const at = `${family.name}${labels}`
    for (const [i, bucket] of buckets.entries()) {
      const before = buckets[i - 1]
      if (before !== undefined && (before.bound >= bucket.bound || before.value > bucket.value)) throw new Error(`buckets of ${at} do not ascend`)
    }
    const last = buckets.at(-1)
    if (last?.bound !== Number.POSITIVE_INFINITY) throw new Error(`${at} has no +Inf bucket`)
    if (count !== last.value || !hasSum) throw new Error(`count and sum of ${at} do not fit its buckets`)
  }
}
