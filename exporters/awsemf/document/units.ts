/** A unit of CloudWatch, and what values in the given unit are multiplied by. */
export interface CloudWatchUnit {
  /** One of `CLOUDWATCH_UNITS`. */
  readonly unit: string
  readonly scale: number
}

const SIZES = ['Bytes', 'Kilobytes', 'Megabytes', 'Gigabytes', 'Terabytes', 'Bits', 'Kilobits', 'Megabits', 'Gigabits', 'Terabits']

/** The units that CloudWatch knows: `MetricDatum` of its API. */
export const CLOUDWATCH_UNITS: ReadonlySet<string> = new Set([
  'Seconds',
  'Microseconds',
  'Milliseconds',
  ...SIZES,
  'Percent',
  'Count',
  ...[...SIZES, 'Count'].map((unit) => `${unit}/Second`),
  'None',
])

/** Units of UCUM (https://ucum.org/ucum) by what CloudWatch calls them; those that it lacks are brought to the next smaller one. */
const UNITS: ReadonlyMap<string, CloudWatchUnit> = new Map(
  Object.entries({
    s: ['Seconds', 1],
    ms: ['Milliseconds', 1],
    us: ['Microseconds', 1],
    ns: ['Microseconds', 1e-3],
    min: ['Seconds', 60],
    h: ['Seconds', 3600],
    d: ['Seconds', 86_400],
    By: ['Bytes', 1],
    KBy: ['Kilobytes', 1],
    kBy: ['Kilobytes', 1],
    MBy: ['Megabytes', 1],
    GBy: ['Gigabytes', 1],
    TBy: ['Terabytes', 1],
    KiBy: ['Bytes', 2 ** 10],
    MiBy: ['Bytes', 2 ** 20],
    GiBy: ['Bytes', 2 ** 30],
    TiBy: ['Bytes', 2 ** 40],
    bit: ['Bits', 1],
    Bi: ['Bits', 1],
    kbit: ['Kilobits', 1],
    Mbit: ['Megabits', 1],
    Gbit: ['Gigabits', 1],
    Tbit: ['Terabits', 1],
    '%': ['Percent', 1],
  }).map(([name, [unit, scale]]) => [name, { unit: unit as string, scale: scale as number }]),
)

const NONE: CloudWatchUnit = { unit: 'None', scale: 1 }

/**
 * The unit of CloudWatch for one of UCUM, or for one that is CloudWatch's already. Annotations such as `{request}` are `Count`;
 * `1`, and what CloudWatch has nothing for, is `None`.
 */
export function cloudWatchUnit(unit: string): CloudWatchUnit {
  if (CLOUDWATCH_UNITS.has(unit)) return { unit, scale: 1 }
  if (unit.endsWith('/s')) return perSecond(unit.slice(0, -2))
  if (/^\{[^{}]*\}$/.test(unit)) return { unit: 'Count', scale: 1 }
  return UNITS.get(unit.replace(/\{[^{}]*\}$/, '')) ?? NONE
}

function perSecond(counted: string): CloudWatchUnit {
  const { unit, scale } = counted === '1' ? { unit: 'Count', scale: 1 } : cloudWatchUnit(counted)
  return CLOUDWATCH_UNITS.has(`${unit}/Second`) ? { unit: `${unit}/Second`, scale } : NONE
}
