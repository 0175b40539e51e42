/** Two Prometheus pages, series by series. */

/** A page in the text format. */
export interface Page {
  /** By `name{labels}`, the labels sorted. */
  readonly series: ReadonlyMap<string, number>
  /** `counter`, `gauge`, … by family. */
  readonly types: ReadonlyMap<string, string>
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g

/** Reads a page; families for which `isWanted` is false are left out. Throws when two samples are the same series. */
export function readPage(text: string, isWanted: (name: string) => boolean = () => true): Page {
  const series = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, family = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (family !== '' && isWanted(family)) types.set(family, type)
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
    if (name === '' || !isWanted(name)) continue
    const key = keyOf(name, labels)
    if (series.has(key)) throw new Error(`the page has ${key} twice`)
    series.set(key, numberOf(value))
  }
  return { series, types }
}

function keyOf(name: string, labels: string): string {
  const pairs = Array.from(labels.matchAll(LABEL)).flatMap(([, key = '', value = '']) => {
    // To Prometheus a label without a value is the same as none.
    if (value === '') return []
    // Bounds and quantiles are numbers, which may be written in two ways.
    const isNumber = key === 'le' || key === 'quantile'
    return [`${key}="${isNumber ? String(numberOf(value)) : value}"`]
  })
  return `${name}{${pairs.sort().join(',')}}`
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)
}

/** Whether two values of a series are the same; `key` is `name{labels}`. */
export type Same = (key: string, ours: number, theirs: number) => boolean

const isEqual: Same = (_, ours, theirs) => Object.is(ours, theirs)

/** One line per difference between two pages; empty when they have the same families, series and values. */
export function differences(ours: Page, theirs: Page, same: Same = isEqual): string[] {
  const found: string[] = []
  for (const [family, type] of theirs.types) {
    if (ours.types.get(family) !== type) found.push(`type of ${family}: ${ours.types.get(family) ?? 'absent'} here, ${type} there`)
  }
  for (const [key, value] of theirs.series) {
    const here = ours.series.get(key)
    if (here === undefined) found.push(`${key}: absent here, ${value} there`)
    else if (!same(key, here, value)) found.push(`${key}: ${here} here, ${value} there`)
  }
  for (const [key, value] of ours.series) if (!theirs.series.has(key)) found.push(`${key}: ${value} here, absent there`)
  return found
}
