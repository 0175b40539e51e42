/** One document of the embedded metric format: its rules, and what it says. */
/** A point of a metric: values with how often each was seen. */
export interface EmfDatum {
  readonly namespace: string
  readonly name: string
  /** Sorted by key. */
  readonly dimensions: Readonly<Record<string, string>>
  readonly timestampMs: number
  /** `None` when the document has none. */
  readonly unit: string
  /** Seconds: 1 or 60. */
  readonly resolution: number
  readonly values: readonly number[]
  readonly counts: readonly number[]
  readonly sampleCount: number
  readonly sum: number
  readonly min: number
  readonly max: number
  /** False for what came as a statistic set: it has no single values. */
  readonly hasValues: boolean
}

export interface ReadDocument {
  readonly data: readonly EmfDatum[]
  readonly problems: readonly string[]
}

/** CloudWatch's units. */
export const CLOUDWATCH_UNITS: ReadonlySet<string> = new Set([
  'Seconds',
  'Microseconds',
  'Milliseconds',
  'Percent',
  'Count',
  'Count/Second',
  'None',
  ...['Bytes', 'Kilobytes', 'Megabytes', 'Gigabytes', 'Terabytes', 'Bits', 'Kilobits', 'Megabits', 'Gigabits', 'Terabits'].flatMap((unit) => [
    unit,
    `${unit}/Second`,
  ]),
])

export const METRICS_MAX = 100
export const VALUES_MAX = 100
export const DIMENSIONS_MAX = 30
/** CloudWatch takes numbers of this size. */
const NUMBER_MAX = 2 ** 360

type Json = Readonly<Record<string, unknown>>

/** Reads a document. Never throws; what breaks a rule is a problem, and its metric is left out, as CloudWatch leaves it out. */
export function readEmf(text: string): ReadDocument {
  const reading = new Reading(text)
  reading.read()
  return { data: reading.data, problems: reading.problems }
}

class Reading {
  readonly data: EmfDatum[] = []
  readonly problems: string[] = []
  readonly #text: string
  #root: Json = {}
  #timestampMs = 0
  #metrics = 0
  readonly #seen = new Set<string>()

  constructor(text: string) {
    this.#text = text
  }

  read(): void {
    const root = this.#parse()
    if (root === undefined) return
    this.#root = root
    const aws = root['_aws']
    // An event like any other, from which no metric is made.
    if (aws === undefined) return
    if (!isObject(aws)) return this.#problem('_aws is not an object')
    const timestamp = aws['Timestamp']
    if (typeof timestamp !== 'number' || !Number.isSafeInteger(timestamp) || timestamp < 0)
      return this.#problem(`_aws.Timestamp is ${shown(timestamp)}, not whole milliseconds`)
    this.#timestampMs = timestamp
    const directives = aws['CloudWatchMetrics']
    if (!Array.isArray(directives)) return this.#problem('_aws.CloudWatchMetrics is not an array')
    for (const [i, directive] of directives.entries()) this.#directive(directive, `CloudWatchMetrics[${i}]`)
    if (this.#metrics > METRICS_MAX) this.#problem(`${this.#metrics} metrics in one document, not at most ${METRICS_MAX}`)
  }

  #parse(): Json | undefined {
    if (/[\r\n]/.test(this.#text)) this.#problem('has a line break')
    let root: unknown
    try {
      root = JSON.parse(this.#text)
    } catch (error) {
      this.#problem(`is not JSON: ${(error as Error).message}`)
      return undefined
    }
    if (!isObject(root)) {
      this.#problem('is not a JSON object')
      return undefined
    }
    const names = rootNames(this.#text)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined) this.#problem(`has ${shown(twice)} twice`)
    return root
  }

  #directive(directive: unknown, place: string): void {
    if (!isObject(directive)) return this.#problem(`${place} is not an object`)
    const { Namespace: namespace, Dimensions: sets, Metrics: metrics } = directive
    if (typeof namespace !== 'string' || !isNamespace(namespace)) return this.#problem(`${place}.Namespace is ${shown(namespace)}`)
    if (!Array.isArray(sets) || sets.length === 0) return this.#problem(`${place}.Dimensions is not an array of at least one set`)
    if (!Array.isArray(metrics)) return this.#problem(`${place}.Metrics is not an array`)
    const good = sets.flatMap((set, i) => this.#dimensions(set, `${place}.Dimensions[${i}]`))
    this.#metrics += metrics.length
    if (metrics.length === 0) this.#problem(`${place}.Metrics is empty`)
    const names = new Set<unknown>()
    for (const [i, metric] of metrics.entries()) {
      const name = isObject(metric) ? metric['Name'] : undefined
      if (names.has(name)) this.#problem(`${place}.Metrics[${i}] is there twice: ${shown(name)}`)
      names.add(name)
      this.#metric(metric, { namespace, dimensions: good, place: `${place}.Metrics[${i}]` })
    }
  }

  /** The values of a set; none when the set breaks a rule. */
  #dimensions(set: unknown, place: string): readonly Readonly<Record<string, string>>[] {
    if (!Array.isArray(set)) return this.#none(`${place} is not an array`)
    if (set.length > DIMENSIONS_MAX) return this.#none(`${place} has ${set.length} dimensions, not at most ${DIMENSIONS_MAX}`)
    if (new Set(set).size < set.length) return this.#none(`${place} has a dimension twice`)
    const found: Record<string, string> = {}
    for (const key of (set as unknown[]).toSorted((a, b) => (String(a) < String(b) ? -1 : 1))) {
      if (typeof key !== 'string' || !isPrintable(key, 250) || key.startsWith(':')) return this.#none(`${place} has the key ${shown(key)}`)
      const value = Object.hasOwn(this.#root, key) ? this.#root[key] : undefined
      if (typeof value !== 'string') return this.#none(`${place}: ${key} is ${shown(value)}, not a text`)
      if (!isPrintable(value, 1024)) return this.#none(`${place}: ${key} is ${shown(value)}, not 1 to 1024 printable ASCII characters`)
      found[key] = value
    }
    return [found]
  }

  #metric(metric: unknown, at: { readonly namespace: string; readonly dimensions: readonly Readonly<Record<string, string>>[]; readonly place: string }): void {
    const { namespace, place } = at
    if (!isObject(metric)) return this.#problem(`${place} is not an object`)
    const { Name: name, Unit: unit = 'None', StorageResolution: resolution = 60 } = metric
    if (typeof name !== 'string' || !isPrintable(name, 255)) return this.#problem(`${place}.Name is ${shown(name)}, not 1 to 255 printable ASCII characters`)
    if (typeof unit !== 'string' || !CLOUDWATCH_UNITS.has(unit)) return this.#problem(`${place}.Unit is ${shown(unit)}`)
    if (resolution !== 1 && resolution !== 60) return this.#problem(`${place}.StorageResolution is ${shown(resolution)}`)
    const value = this.#values(Object.hasOwn(this.#root, name) ? this.#root[name] : undefined, `${place} ${shown(name)}`)
    if (value === undefined) return
    for (const dimensions of at.dimensions) {
      const key = JSON.stringify([namespace, name, dimensions])
      if (this.#seen.has(key)) this.#problem(`${place} ${shown(name)} is counted twice for ${JSON.stringify(dimensions)}`)
      this.#seen.add(key)
      this.data.push({ namespace, name, dimensions, timestampMs: this.#timestampMs, unit, resolution, ...value })
    }
  }

  #values(value: unknown, place: string): Values | undefined {
    if (isNumber(value)) return valuesOf([value])
    if (Array.isArray(value)) {
      if (value.length > 0 && value.length <= VALUES_MAX && value.every(isNumber)) return valuesOf(value)
      this.#problem(`${place}: an array of ${value.length}, not 1 to ${VALUES_MAX} numbers`)
      return undefined
    }
    if (isObject(value)) return 'Values' in value || 'Counts' in value ? this.#histogram(value, place) : this.#statisticSet(value, place)
    this.#problem(`${place} is ${shown(value)}, not a number`)
    return undefined
  }

  #statisticSet(value: Json, place: string): Values | undefined {
    const { Min: min, Max: max, Sum: sum, Count: count } = value
    if (!isNumber(min) || !isNumber(max) || !isNumber(sum) || !isNumber(count) || count <= 0 || min > max) {
      this.#problem(`${place}: ${JSON.stringify(value)} is not a set of Min, Max, Sum and Count`)
      return undefined
    }
    return { values: [], counts: [], sampleCount: count, sum, min, max, hasValues: false }
  }

  /** In the form that AWS's exporters send: all six members. `Count` is not read, yet has to agree. */
  #histogram(value: Json, place: string): Values | undefined {
    const { Values: values, Counts: counts, Min: min, Max: max, Sum: sum, Count: count } = value
    if (!Array.isArray(values) || !Array.isArray(counts) || values.length !== counts.length || values.length < 1 || values.length > VALUES_MAX) {
      this.#problem(`${place}: Values and Counts are not both of one length from 1 to ${VALUES_MAX}`)
      return undefined
    }
    if (!values.every(isNumber) || !counts.every((n) => isNumber(n) && n > 0) || !isNumber(min) || !isNumber(max) || !isNumber(sum)) {
      this.#problem(`${place}: Values, Counts, Min, Max or Sum are not all numbers, counts above 0`)
      return undefined
    }
    const sampleCount = counts.reduce((total: number, n: number) => total + n, 0)
    if (count !== sampleCount) this.#problem(`${place}: Count is ${shown(count)}, and Counts add up to ${sampleCount}`)
    if (values.some((v: number) => v < min || v > max)) this.#problem(`${place}: a value is not between Min ${min} and Max ${max}`)
    if (new Set(values).size < values.length) this.#problem(`${place}: a value is there twice`)
    return { values, counts, sampleCount, sum, min, max, hasValues: true }
  }

  #none(text: string): readonly never[] {
    this.#problem(text)
    return []
  }

  #problem(text: string): void {
    this.problems.push(text)
  }
}

type Values = Pick<EmfDatum, 'values' | 'counts' | 'sampleCount' | 'sum' | 'min' | 'max' | 'hasValues'>

function valuesOf(values: readonly number[]): Values {
  const sum = values.reduce((total, value) => total + value, 0)
  return { values, counts: values.map(() => 1), sampleCount: values.length, sum, min: Math.min(...values), max: Math.max(...values), hasValues: true }
}

/** The member names of the outermost object, also those that are there twice; the text is known to be JSON. */
function rootNames(text: string): readonly string[] {
  const names: string[] = []
  let depth = 0
  for (const token of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    const [part, colon] = token
    if (part === '{' || part === '[') depth++
    else if (part === '}' || part === ']') depth--
    else if (depth === 1 && colon !== undefined) names.push(JSON.parse(part.slice(0, -colon.length)) as string)
  }
  return names
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= NUMBER_MAX
}

function isNamespace(text: string): boolean {
  return /^[A-Za-z0-9.\-_/#: ]{1,255}$/.test(text) && text.trim() !== '' && !text.startsWith('AWS/') && !text.startsWith(':')
}

function isPrintable(text: string, lengthMax: number): boolean {
  return text.length <= lengthMax && /^[\x20-\x7e]+$/.test(text) && text.trim() !== ''
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 80)
}
