import { EvaluationError } from '../errors.ts'
import { Time } from '../values.ts'

/** Reads a text as a time; throws `EvaluationError` when it is none of its format. */
export type ReadTime = (text: string) => Time

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december']
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const short = (names: readonly string[]): string => names.map((name) => name.slice(0, 3)).join('|')

/** What each directive reads, as a pattern with a named group. Those that stand for several are in `COMPOSED`. */
const DIRECTIVES: Readonly<Record<string, string>> = {
  Y: '(?<year>\\d{4})',
  y: '(?<shortYear>\\d{2})',
  m: ' *(?<month>\\d{1,2})',
  q: ' *(?<month>\\d{1,2})',
  b: `(?<monthName>${short(MONTHS)})`,
  h: `(?<monthName>${short(MONTHS)})`,
  B: `(?<monthName>${MONTHS.join('|')})`,
  d: ' *(?<day>\\d{1,2})',
  e: ' *(?<day>\\d{1,2})',
  g: ' *(?<day>\\d{1,2})',
  a: `(?:${short(DAYS)})`,
  A: `(?:${DAYS.join('|')})`,
  H: ' *(?<hour>\\d{1,2})',
  I: ' *(?<hour12>\\d{1,2})',
  l: ' *(?<hour12>\\d{1,2})',
  p: '(?<half>AM|PM)',
  P: '(?<half>am|pm)',
  M: ' *(?<minute>\\d{1,2})',
  S: ' *(?<second>\\d{1,2})',
  z: '(?<zone>Z|[-+]\\d{2}(?::?\\d{2})?)',
  j: '(?<zone>[-+]\\d{2}:\\d{2})',
  i: '(?<zone>[-+]\\d{2})',
  Z: '(?<zone>UTC|GMT)',
  '%': '%',
}
const COMPOSED: Readonly<Record<string, string>> = { D: '%m/%d/%Y', x: '%m/%d/%Y', F: '%Y-%m-%d', T: '%H:%M:%S', X: '%H:%M:%S', R: '%H:%M', n: '\n', t: '\t' }

/**
 * A reader of times in a format of `strptime`, with the Collector's directives: fractions of a second are `%L`, `%f` or `%s` behind a point
 * or comma, and may be left out. Without a zone the time is of UTC when `isUtc` or the format ends in `Z`, else local.
 * Throws a `SyntaxError` for a format that is not supported.
 */
export function strptimeReader(format: string, isUtc: boolean): ReadTime {
  const expanded = format.replaceAll(/%([DxFTXRnt])/g, (all, directive: string) => COMPOSED[directive] ?? all)
  const source = expanded.replaceAll(/([.,])%[Lfs]|%(.?)| +|[\\^$.*+?()[\]{}|/]/gs, (all, point: string | undefined, directive: string | undefined) => {
    if (point !== undefined) return '(?:[.,](?<fraction>\\d{1,9}))?'
    if (directive === undefined) return all.startsWith(' ') ? ' +' : `\\${all}`
    const pattern = Object.hasOwn(DIRECTIVES, directive) ? DIRECTIVES[directive] : undefined
    if (pattern === undefined) throw new SyntaxError(`%${directive} is not supported`)
    return pattern
  })
  if (!/%[Yy]/.test(expanded)) throw new SyntaxError('a year (%Y) is missing')
  // As in Go, seconds may have a fraction that the format does not mention.
  const pattern = new RegExp(`^${source.replace(/(\(\?<second>\\d\{1,2\}\))(?!\(\?:\[\.,\])/, '$1(?:[.,](?<fraction>\\d{1,9}))?')}$`, 'i')
  const inUtc = isUtc || format.endsWith('Z')
  return (text) => {
    const groups = pattern.exec(text)?.groups
    if (groups === undefined) throw new EvaluationError(`${text} is no time such as ${format}`)
    return timeOf(groups, { text, isUtc: inUtc })
  }
}

function timeOf(groups: Readonly<Record<string, string | undefined>>, { text, isUtc }: { readonly text: string; readonly isUtc: boolean }): Time {
  const number = (name: string, fallback: number): number => (groups[name] === undefined ? fallback : Number(groups[name]))
  const shortYear = number('shortYear', 0)
  const year = number('year', shortYear + (shortYear >= 69 ? 1900 : 2000))
  const monthName = groups['monthName']?.toLowerCase().slice(0, 3)
  const month = monthName === undefined ? number('month', 1) : MONTHS.findIndex((name) => name.startsWith(monthName)) + 1
  const parts = [year, month, number('day', 1), hourOf(groups, number), number('minute', 0), number('second', 0)] as const
  const wall = Date.UTC(parts[0], parts[1] - 1, parts[2], parts[3], parts[4], parts[5])
  const date = new Date(wall)
  const isReal = date.getUTCMonth() === parts[1] - 1 && date.getUTCDate() === parts[2] && parts[3] < 24 && parts[4] < 60 && parts[5] < 60
  if (!isReal) throw new EvaluationError(`${text} is out of range`)
  const { zone } = groups
  const ms = zone === undefined && !isUtc ? new Date(parts[0], parts[1] - 1, parts[2], parts[3], parts[4], parts[5]).getTime() : wall - offsetMs(zone)
  return new Time(BigInt(ms) * 1_000_000n + BigInt((groups['fraction'] ?? '').padEnd(9, '0')))
}

function hourOf({ half }: Readonly<Record<string, string | undefined>>, number: (name: string, fallback: number) => number): number {
  const hour = number('hour', -1)
  if (hour >= 0) return hour
  const hour12 = number('hour12', 0)
  if (hour12 > 12) return 99
  return half?.toLowerCase() === 'pm' ? (hour12 % 12) + 12 : half === undefined ? hour12 : hour12 % 12
}

function offsetMs(zone: string | undefined): number {
  const found = /^([-+])(\d{2}):?(\d{2})?$/.exec(zone ?? '')
  if (found === null) return 0
  const minutes = Number(found[2]) * 60 + Number(found[3] ?? 0)
  return (found[1] === '-' ? -minutes : minutes) * 60_000
}
