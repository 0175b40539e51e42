import { EvaluationError } from '../errors.ts'
import { expectDuration, expectText, expectTime } from '../expect.ts'
import { Duration, floorDivide, Time } from '../values.ts'
import type { Arguments } from './arguments.ts'
import { type Converter, converter, type Evaluate } from './function.ts'
import { strptimeReader } from './strptime.ts'

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** A duration as Go writes it, such as `1h15m30.918s`; throws `EvaluationError` for other text. */
export function parseGoDuration(text: string): Duration {
  if (text === '0' || text === '-0' || text === '+0') return new Duration(0n)
  const found = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text)
  if (found === null) throw new EvaluationError(`expected a duration such as 1m30s, found ${text}`)
  let ns = 0n
  for (const [, whole = '', fraction = '', unit = ''] of (found[2] ?? '').matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = UNITS[unit] ?? 0n
    ns += BigInt(whole || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length)
  }
  if (ns >= 2n ** 63n) throw new EvaluationError('the duration is too long')
  return new Duration(found[1] === '-' ? -ns : ns)
}

/** A duration in a unit: whole ones as an int, others as a double. */
function durationIn(name: string, unit: bigint, isWhole: boolean): Converter {
  return converter(name, ['duration'], (args) => {
    const duration = args.typed('duration', expectDuration)
    return (item) => {
      const { ns } = duration(item)
      return isWhole ? ns / unit : Number(ns / unit) + Number(ns % unit) / Number(unit)
    }
  })
}

/** A time as whole units since the epoch. */
function timeIn(name: string, unit: bigint): Converter {
  return converter(name, ['time'], (args) => {
    const time = args.typed('time', expectTime)
    return (item) => BigInt.asIntN(64, floorDivide(time(item).ns, unit))
  })
}

function createTime(args: Arguments): Evaluate {
  const text = args.text('time')
  const location = args.literalText('location', '')
  if (location !== '' && location !== 'UTC') throw args.fault('location', `"${location}"`, 'UTC, or none for local time')
  const read = args.compiled('format', (format) => strptimeReader(format, location === 'UTC'), 'a format of strptime')
  return (item) => read(item)(text(item))
}

/** Converters of times and durations. */
export const TIMES: readonly Converter[] = [
  converter('Duration', ['duration'], (args) => args.typed('duration', (value) => parseGoDuration(expectText(value)))),
  converter('Time', ['time', 'format', 'location?'], createTime),
  converter('Now', [], () => () => new Time(BigInt(Date.now()) * 1_000_000n), { reads: 'clock' }),
  converter('Unix', ['seconds', 'nanoseconds?'], (args) => {
    const seconds = args.int('seconds')
    const nanoseconds = args.has('nanoseconds') ? args.int('nanoseconds') : undefined
    return (item) => new Time(seconds(item) * 1_000_000_000n + (nanoseconds?.(item) ?? 0n))
  }),
  timeIn('UnixNano', 1n),
  timeIn('UnixMicro', 1_000n),
  timeIn('UnixMilli', 1_000_000n),
  timeIn('UnixSeconds', 1_000_000_000n),
  durationIn('Nanoseconds', 1n, true),
  durationIn('Microseconds', 1_000n, true),
  durationIn('Milliseconds', 1_000_000n, true),
  durationIn('Seconds', 1_000_000_000n, false),
  durationIn('Minutes', 60_000_000_000n, false),
  durationIn('Hours', 3_600_000_000_000n, false),
]
