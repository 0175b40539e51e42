import type { Metadata } from './page_parser.ts'

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'info' | 'unknown'

/** What a page says about a metric family. */
export interface Family {
  readonly name: string
  type: FamilyType
  /** The type in the words of the page. */
  typeText: string
  help: string
  /** UCUM, or the word of the page when it has no unit of UCUM. */
  unit: string
  /** True once a line was taken as one of it. */
  isUsed: boolean
}

/** What a line is of its family. */
export type LineRole = 'value' | 'bucket' | 'sum' | 'count' | 'quantile' | 'created'

export interface RoleOfLine {
  readonly family: Family | undefined
  readonly role: LineRole
  /** What the name of the line has behind the family's. */
  readonly suffix: string
}

const TYPES: Readonly<Record<string, FamilyType>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
  info: 'info',
  stateset: 'gauge',
}

const TYPE_TEXTS: ReadonlySet<string> = new Set([...Object.keys(TYPES), 'gaugehistogram'])

/** Units of UCUM by the words that Prometheus has for them, as the Collector translates them. */
const UNITS: ReadonlyMap<string, string> = new Map(
  [
    'days=d hours=h minutes=min seconds=s milliseconds=ms microseconds=us nanoseconds=ns',
    'bytes=By kibibytes=KiBy mebibytes=MiBy gibibytes=GiBy tebibytes=TiBy kilobytes=KBy megabytes=MBy gigabytes=GBy terabytes=TBy',
    'meters=m volts=V amperes=A joules=J watts=W grams=g celsius=Cel hertz=Hz ratio=1 percent=%',
  ].flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string])),
)

/** The roles of lines by the type of the family and their suffix. */
const SUFFIXES: Readonly<Record<FamilyType, Readonly<Record<string, LineRole>>>> = {
  counter: { _total: 'value', _created: 'created' },
  histogram: { _bucket: 'bucket', _sum: 'sum', _count: 'count', _created: 'created' },
  summary: { _sum: 'sum', _count: 'count', _created: 'created' },
  info: { _info: 'value' },
  gauge: {},
  unknown: {},
}

/** The families of a target's pages. Metadata stands before the samples it is about. */
export class Families {
  readonly #byName = new Map<string, Family>()

  /** Takes a line of metadata; true when it changes what lines of the family mean. */
  set(keyword: Metadata, name: string, text: string): boolean {
    let family = this.#byName.get(name)
    if (family === undefined) {
      family = { name, type: 'unknown', typeText: 'unknown', help: '', unit: '', isUsed: false }
      this.#byName.set(name, family)
    }
    if (keyword === 'HELP') family.help = text
    else if (keyword === 'UNIT') family.unit = UNITS.get(text) ?? text
    else {
      const type = Object.hasOwn(TYPES, text) ? (TYPES[text] as FamilyType) : 'unknown'
      const isChanged = family.type !== type
      family.type = type
      family.typeText = TYPE_TEXTS.has(text) ? text : 'unknown'
      return isChanged && family.isUsed
    }
    return false
  }

  /** What a line with this name is. */
  roleOf(name: string, labels: ReadonlyMap<string, string>): RoleOfLine {
    const own = this.#byName.get(name)
    if (own !== undefined) own.isUsed = true
    if (own !== undefined && own.type !== 'unknown') {
      return { family: own, role: own.type === 'summary' && labels.has('quantile') ? 'quantile' : 'value', suffix: '' }
    }
    const underscore = name.lastIndexOf('_')
    const suffix = underscore < 0 ? '' : name.slice(underscore)
    const base = underscore < 0 ? undefined : this.#byName.get(name.slice(0, underscore))
    const role = base === undefined ? undefined : SUFFIXES[base.type][suffix]
    if (base === undefined || role === undefined || (role === 'bucket' && !labels.has('le'))) return { family: own, role: 'value', suffix: '' }
    base.isUsed = true
    return { family: base, role, suffix }
  }

  /** Forgets families that are not in `used`, which a page cannot make grow without end then. */
  keepOnly(used: ReadonlySet<Family>): void {
    for (const [name, family] of this.#byName) if (!used.has(family)) this.#byName.delete(name)
  }

  get size(): number {
    return this.#byName.size
  }
}
