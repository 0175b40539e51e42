import type { Dialect } from '../sample.ts'
import { SampleType } from '../sample.ts'

/** How a line is taken apart once it is not of the plain form all dialects agree on. */
export type Grammar = 'dogstatsd' | 'etsy' | 'statsd_exporter' | 'telegraf'

/** What a dialect takes; DIALECTS.md says it in words. */
export interface DialectRules {
  readonly dialect: Dialect
  readonly grammar: Grammar
  /** Blanks around lines, names, values, types, sections and tags are not part of them. */
  readonly trims: boolean
  /** Anything out of the ordinary ends the line. */
  readonly isStrict: boolean
  /** `_e{…}` and `_sc|…` are events and service checks. */
  readonly hasEvents: boolean
  /** A name may hold `|`. */
  readonly hasPipesInNames: boolean
  /** A tag value may hold `|`: what follows it is taken for a section only when it looks like one. */
  readonly rejoinsTags: boolean
  /** Several samples behind one name, each with its type: `name:1|c:2|ms`. */
  readonly hasSeveralSamples: boolean
  /** What a sign makes of a gauge; `by_sections`: a change, unless the line has a section only DogStatsD clients send. */
  readonly signedGauge: 'absolute' | 'delta' | 'by_sections'
  /** Timers, histograms and distributions below zero are taken. */
  readonly hasNegativeTimes: boolean
  /** Any other type is a counter. */
  readonly takesUnknownTypes: boolean
  /** A second tag section adds to the first; otherwise it replaces it. */
  readonly mergesTags: boolean
  /** `#` in front of a single tag is not part of its key. */
  readonly stripsHashes: boolean
  /** Tags without a value or with an empty one are kept. */
  readonly keepsValueless: boolean
  /** Sections may follow the tags. */
  readonly hasSectionsAfterTags: boolean
  /** The sections of DogStatsD 1.2 and later mean something. */
  readonly hasOrigin: boolean
  /** Bytes that, inside a name, may separate tags. */
  readonly nameTagBytes: string
  /** By byte: the type of one letter. */
  readonly types: Int8Array
}

/** No type has this letter. */
export const NO_TYPE = -1

const PLAIN = { c: SampleType.counter, g: SampleType.gauge } as const
const TIMES = { ...PLAIN, h: SampleType.histogram, d: SampleType.distribution } as const
const ALL = { ...TIMES, s: SampleType.set } as const

const DOGSTATSD: DialectRules = {
  dialect: 'dogstatsd',
  grammar: 'dogstatsd',
  trims: false,
  isStrict: false,
  hasEvents: true,
  hasPipesInNames: false,
  rejoinsTags: false,
  hasSeveralSamples: false,
  signedGauge: 'absolute',
  hasNegativeTimes: true,
  takesUnknownTypes: false,
  mergesTags: false,
  stripsHashes: false,
  keepsValueless: true,
  hasSectionsAfterTags: true,
  hasOrigin: true,
  nameTagBytes: '',
  types: typeTable(ALL),
}

/** The rules of every dialect. */
export const DIALECT_RULES: Readonly<Record<Dialect, DialectRules>> = {
  dogstatsd: DOGSTATSD,
  lenient: {
    ...DOGSTATSD,
    dialect: 'lenient',
    trims: true,
    hasPipesInNames: true,
    rejoinsTags: true,
    hasSeveralSamples: true,
    signedGauge: 'by_sections',
    mergesTags: true,
    stripsHashes: true,
    nameTagBytes: '=',
  },
  strict: { ...DOGSTATSD, dialect: 'strict', isStrict: true, signedGauge: 'by_sections', mergesTags: true, nameTagBytes: '#,;=[]{}' },
  etsy: {
    ...DOGSTATSD,
    dialect: 'etsy',
    grammar: 'etsy',
    hasEvents: false,
    hasPipesInNames: true,
    hasSeveralSamples: true,
    signedGauge: 'delta',
    hasNegativeTimes: false,
    takesUnknownTypes: true,
    hasSectionsAfterTags: false,
    hasOrigin: false,
    nameTagBytes: ';',
    types: typeTable({ ...PLAIN, h: SampleType.counter, d: SampleType.counter, s: SampleType.set }),
  },
  statsd_exporter: {
    ...DOGSTATSD,
    dialect: 'statsd_exporter',
    grammar: 'statsd_exporter',
    hasEvents: false,
    hasPipesInNames: true,
    hasSeveralSamples: true,
    signedGauge: 'delta',
    mergesTags: true,
    stripsHashes: true,
    keepsValueless: false,
    hasOrigin: false,
    nameTagBytes: '[]#,',
    types: typeTable(TIMES),
  },
  telegraf: {
    ...DOGSTATSD,
    dialect: 'telegraf',
    grammar: 'telegraf',
    hasPipesInNames: true,
    hasSeveralSamples: true,
    signedGauge: 'delta',
    hasNegativeTimes: false,
    mergesTags: true,
    hasOrigin: false,
    nameTagBytes: ',',
  },
}

function typeTable(letters: Readonly<Record<string, SampleType>>): Int8Array {
  const table = new Int8Array(256).fill(NO_TYPE)
  for (const [letter, type] of Object.entries(letters)) table[letter.charCodeAt(0)] = type
  return table
}

/** The type `bytes[start, end)` names, or `NO_TYPE`. */
export function typeAt(bytes: Uint8Array, start: number, end: number, rules: DialectRules): number {
  const length = end - start
  if (length === 1) {
    const type = rules.types[bytes[start] as number] as number
    if (type !== NO_TYPE) return type
  } else if (length === 2 && bytes[start] === 0x6d && bytes[start + 1] === 0x73) {
    return SampleType.timer
  }
  return rules.takesUnknownTypes ? SampleType.counter : NO_TYPE
}

/** Whether a sign in front of a gauge's value makes it a change. */
export function isDelta(rules: DialectRules, hasDogSections: boolean): boolean {
  return rules.signedGauge === 'delta' || (rules.signedGauge === 'by_sections' && !hasDogSections)
}
