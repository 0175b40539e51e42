import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEvent, type StatsdEvent } from '../../receivers/statsd/parse/event.ts'
import { LineParser } from '../../receivers/statsd/parse/line_parser.ts'
import { rawSeries } from '../../receivers/statsd/parse/raw_series.ts'
import { parseServiceCheck, type ServiceCheck } from '../../receivers/statsd/parse/service_check.ts'
import { type Dialect, type Sample, SampleType } from '../../receivers/statsd/sample.ts'

const FILE = join(import.meta.dirname, '../../../shared/data/statsd-cases.json')

/** What a peer's parser made of a line: a tag list, or a map where the peer keeps one value per key. */
interface RecordedEvent {
  readonly kind?: 'event' | 'service_check' | 'dictionary'
  readonly name: string
  readonly type: string
  readonly value?: number | string
  readonly values?: readonly (number | string)[]
  readonly set?: string
  readonly delta?: boolean
  readonly rate?: number
  readonly count?: number
  readonly tags?: readonly string[] | Readonly<Record<string, string>>
  readonly ts?: number
  readonly localData?: { readonly containerId?: string; readonly inode?: number }
  readonly externalData?: { readonly init?: boolean; readonly containerName?: string; readonly podUid?: string }
  readonly cardinality?: string
  readonly [field: string]: unknown
}

interface RecordedCase {
  readonly line: string
  readonly lineHex?: string
  readonly source: string
  readonly expect: 'reject' | { readonly events: readonly RecordedEvent[] }
}

/** One line of the corpus with what each peer makes of it. */
export interface StatsdCase {
  /** As text; bytes that are not UTF-8 show as U+FFFD. */
  readonly line: string
  readonly bytes: Uint8Array
  readonly bySource: ReadonlyMap<string, RecordedCase['expect']>
}

/** The peer whose recorded results a dialect answers for; the others answer for what most peers say. */
export const PEERS: Readonly<Partial<Record<Dialect, string>>> = {
  etsy: 'statsd',
  dogstatsd: 'datadog',
  statsd_exporter: 'statsd_exporter',
  telegraf: 'telegraf',
}

/** All dialects, in the order of the documentation. */
export const DIALECTS: readonly Dialect[] = ['lenient', 'strict', 'dogstatsd', 'etsy', 'statsd_exporter', 'telegraf']

/** False where the recorded cases are not there. */
export function hasCases(): boolean {
  return existsSync(FILE)
}

/** The corpus, one entry per line. */
export function readCases(): readonly StatsdCase[] {
  const byLine = new Map<string, { line: string; bytes: Uint8Array; bySource: Map<string, RecordedCase['expect']> }>()
  for (const record of JSON.parse(readFileSync(FILE, 'utf8')) as RecordedCase[]) {
    const bytes = record.lineHex === undefined ? Buffer.from(record.line) : Buffer.from(record.lineHex, 'hex')
    const one = byLine.get(record.line) ?? { line: record.line, bytes, bySource: new Map() }
    one.bySource.set(record.source, record.expect)
    byLine.set(record.line, one)
  }
  return [...byLine.values()]
}

const REJECTED = 'rejected'

/** What of a result is compared with a peer: what the peer does not record is left out of both sides. */
interface View {
  /** `_` for `.` in names, as Telegraf and the CloudWatch agent write them. */
  readonly flatNames: boolean
  /** Label names as Prometheus wants them. */
  readonly plainKeys: boolean
  readonly origin: 'none' | 'container' | 'all'
}

const VIEWS: Readonly<Record<string, View>> = {
  statsd: { flatNames: false, plainKeys: false, origin: 'none' },
  datadog: { flatNames: false, plainKeys: false, origin: 'all' },
  statsd_exporter: { flatNames: false, plainKeys: true, origin: 'container' },
  telegraf: { flatNames: true, plainKeys: false, origin: 'container' },
}
const MAJORITY: View = { flatNames: true, plainKeys: true, origin: 'none' }

/** One sample in a form that all peers and we share; see DIALECTS.md for what is taken as equal. */
interface Plain {
  readonly name: string
  readonly kind: string
  readonly value: string
  readonly tags: readonly (readonly [string, string])[]
  readonly container?: string
  readonly more?: readonly string[]
}

/** The results that count as right for `dialect`: its peer's, or those that most peers share; undefined: not recorded. */
export function expectedResults(one: StatsdCase, dialect: Dialect): ReadonlySet<string> | undefined {
  const peer = PEERS[dialect]
  if (peer === undefined) return majority(one)
  const recorded = one.bySource.get(peer)
  return recorded === undefined ? undefined : new Set([resultOf(recorded, peer, one.line, VIEWS[peer] as View)])
}

/** The result that most peers share, or several when as many say this as that. A peer without tags votes with the others. */
function majority(one: StatsdCase): ReadonlySet<string> {
  const votes = new Map<string, number>()
  for (const [source, recorded] of one.bySource) {
    if (source === 'netdata' && recorded !== REJECT) continue
    const result = resultOf(recorded, source, one.line, MAJORITY)
    votes.set(result, (votes.get(result) ?? 0) + 1)
  }
  const netdata = one.bySource.get('netdata')
  if (netdata !== undefined && netdata !== REJECT) {
    const seen = resultOf(netdata, 'netdata', one.line, MAJORITY)
    const same = [...votes.keys()].filter((result) => result.replace(/\{[^}]*\}/g, '{}') === seen)
    for (const result of same) votes.set(result, (votes.get(result) ?? 0) + 1)
  }
  const most = Math.max(...votes.values())
  return new Set([...votes.keys()].filter((result) => votes.get(result) === most))
}

const REJECT = 'reject'

function resultOf(recorded: RecordedCase['expect'], source: string, line: string, view: View): string {
  if (recorded === REJECT) return REJECTED
  const isMetric = (event: RecordedEvent): boolean => event.title === undefined && event.status === undefined
  return recorded.events.flatMap((event) => (isMetric(event) ? plainOf(event, source, line).map((one) => show(one, view)) : [showEvent(event)])).join('; ')
}

function plainOf(event: RecordedEvent, source: string, line: string): Plain[] {
  const [name, tags] = nameAndTags(event, source)
  const kind = event.kind ?? kindOf(event.type)
  const rest = { name, tags: tags.filter(([key]) => !CONTAINER_KEYS.has(key)), container: containerOf(event, tags), more: moreOf(event) }
  if (event.set !== undefined) return [{ ...rest, kind, value: event.set }]
  const isSeconds = source === 'statsd_exporter' ? line.includes('|ms') && kind === 'obs' : source === 'vector' && event.type === 'ms'
  return (event.values ?? [event.value ?? '']).map((value) => ({
    ...rest,
    kind,
    value: valueText(kind, Number(String(value).replace('Inf', 'Infinity')) * (isSeconds ? 1000 : 1), weightOf(event), event.delta === true),
  }))
}

const CONTAINER_KEYS: ReadonlySet<string> = new Set(['container_id', 'container.id', 'container'])

function containerOf(event: RecordedEvent, tags: readonly (readonly [string, string])[]): string {
  if (event.localData?.inode !== undefined) return `in-${event.localData.inode}`
  return event.localData?.containerId ?? tags.find(([key]) => CONTAINER_KEYS.has(key))?.[1] ?? ''
}

function moreOf(event: RecordedEvent): string[] {
  const external = event.externalData
  return [
    event.ts === undefined ? '' : `at ${event.ts}`,
    external === undefined ? '' : `e:it-${external.init},cn-${external.containerName},pu-${external.podUid}`,
    event.cardinality === undefined ? '' : `card:${event.cardinality}`,
  ].filter((text) => text !== '')
}

function weightOf(event: RecordedEvent): number {
  return event.count ?? (event.rate === undefined ? 1 : 1 / event.rate)
}

function kindOf(type: string): string {
  return type === 'c' || type === 'g' || type === 's' || type === 'm' ? type : 'obs'
}

/** Tags as pairs; etsy's server has them in the name. */
function nameAndTags(event: RecordedEvent, source: string): [string, (readonly [string, string])[]] {
  if (source === 'statsd') {
    const [name = '', ...tags] = event.name.split(';')
    return [name, tags.map((tag) => pair(tag, '='))]
  }
  const tags = event.tags ?? []
  return [event.name, Array.isArray(tags) ? (tags as string[]).map((tag) => pair(tag, ':')) : Object.entries(tags as Record<string, string>)]
}

function pair(tag: string, separator: string): readonly [string, string] {
  const at = tag.indexOf(separator)
  return at <= 0 && separator === ':' ? [tag, ''] : at < 0 ? [tag, ''] : [tag.slice(0, at), tag.slice(at + 1)]
}

/** Counters by what they add, observations by what they stand for in whole samples, both to 12 digits. */
function valueText(kind: string, value: number, weight: number, isDelta: boolean): string {
  if (kind === 'c') return String(Number((value * weight).toPrecision(12)))
  const text = String(Number(value.toPrecision(12)))
  if (kind === 'g') return isDelta ? `Δ${text}` : text
  return `${text}×${Math.trunc(weight)}`
}

/** Tags sorted, the last of a key, bare and empty ones and Telegraf's and CloudWatch's words for them alike, empty keys gone. */
function show(one: Plain, view: View): string {
  const tags = new Map<string, string>()
  for (const [key, value] of one.tags)
    if (key !== '')
      tags.set(view.plainKeys ? key.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_') : key, value === 'true' || value === '<empty>' ? '' : value)
  const name = view.flatNames ? one.name.replaceAll('.', '_') : one.name
  const sorted = [...tags].map(([key, value]) => `${key}:${value}`).sort()
  const container = view.origin === 'none' || (one.container ?? '') === '' ? [] : [`from ${one.container}`]
  return [JSON.stringify(name), one.kind, one.value, `{${sorted.join(',')}}`, ...container, ...(view.origin === 'all' ? (one.more ?? []) : [])].join(' ')
}

function showEvent(event: RecordedEvent): string {
  const { localData, ...fields } = event
  return JSON.stringify(
    { ...fields, ...(localData?.containerId === undefined ? {} : { container: localData.containerId }) },
    [...Object.keys(fields), 'container'].sort(),
  )
}

/** What our parser makes of the line in `dialect`, in the form `expectedResults` has. */
export function ourResult(one: StatsdCase, dialect: Dialect): string {
  const view = VIEWS[PEERS[dialect] ?? ''] ?? MAJORITY
  const seen: string[] = []
  let ends = 0
  const { bytes } = one
  new LineParser(dialect).parseLine(bytes, 0, bytes.length, {
    sample: (sample) => seen.push(show(ourPlain(sample, dialect), view)),
    event: (_, start, end) => seen.push(ownEvent(parseEvent(bytes, start, end))),
    serviceCheck: (_, start, end) => seen.push(ownCheck(parseServiceCheck(bytes, start, end))),
    accepted: () => ends++,
    rejected: () => {
      ends++
      if (seen.length > 0) throw new Error(`BUG: ${one.line} was rejected after ${seen.length} samples`)
      seen.push(REJECTED)
    },
  })
  if (ends !== 1) throw new Error(`BUG: ${one.line} ended ${ends} times`)
  return seen.join('; ')
}

const KINDS = ['c', 'g', 'obs', 'obs', 'obs', 's']

function ourPlain(sample: Sample, dialect: Dialect): Plain {
  const text = (start: number, end: number): string => Buffer.from(sample.bytes.subarray(start, end)).toString()
  const { name, tags } = rawSeries(sample, dialect)
  const kind = KINDS[sample.type] ?? ''
  const external = text(sample.externalStart, sample.externalEnd)
  const cardinality = text(sample.cardinalityStart, sample.cardinalityEnd)
  return {
    name,
    kind,
    value: sample.type === SampleType.set ? text(sample.valueStart, sample.valueEnd) : valueText(kind, sample.value, sample.weight, sample.isDelta),
    tags: tags.filter(([key]) => !CONTAINER_KEYS.has(key)).map(([key, value]) => [key, value ?? '']),
    container: tags.find(([key]) => CONTAINER_KEYS.has(key))?.[1] ?? (sample.isInode ? 'in-' : '') + text(sample.containerStart, sample.containerEnd),
    more: [
      sample.timestampS === 0 ? '' : `at ${sample.timestampS}`,
      external === '' ? '' : `e:${external}`,
      cardinality === '' ? '' : `card:${cardinality}`,
    ].filter((part) => part !== ''),
  }
}

function ownEvent(event: StatsdEvent | undefined): string {
  if (event === undefined) throw new Error('BUG: an event that is none')
  const { title, text, timestampS, host, aggregationKey, priority, source, alert, tags, origin } = event
  return own(
    {
      kind: 'event',
      title,
      text,
      alert,
      ts: timestampS,
      host,
      aggKey: aggregationKey,
      priority: priority === 'normal' ? '' : priority,
      source,
      tags: texts(tags),
      container: origin.containerId,
    },
    ['text'],
  )
}

function ownCheck(check: ServiceCheck | undefined): string {
  if (check === undefined) throw new Error('BUG: a service check that is none')
  const { name, status, timestampS, host, message, tags, origin } = check
  return own({ kind: 'service_check', name, status, ts: timestampS, host, message, tags: texts(tags), container: origin.containerId }, [])
}

function texts(tags: StatsdEvent['tags']): string[] {
  return tags.map(([key, value]) => (value === undefined ? key : `${key}:${value}`))
}

/** Fields that are empty are not recorded, but for those in `always`. */
function own(fields: Record<string, unknown>, always: readonly string[]): string {
  const kept = Object.entries(fields).filter(
    ([key, value]) => always.includes(key) || (value !== '' && value !== 0 && !(Array.isArray(value) && value.length === 0)),
  )
  return JSON.stringify(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))))
}
