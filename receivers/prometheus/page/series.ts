import { AttributeSet } from '../../../model/attributes.ts'
import { type DataPoint, type HistogramPoint, NO_RECORDED_VALUE, type NumberPoint, type PointExemplar, type SummaryPoint } from '../../../model/data_points.ts'
import type { ParsedExemplar, SampleLine } from './page_parser.ts'

/** When a page was scraped. */
export interface ScrapeTime {
  /** Counts the scrapes of one target. */
  readonly scrape: number
  readonly timeMs: number
}

/** Where the value of a line goes. */
export interface Slot {
  /** False when the slot has had its value in this scrape: the line says the same series again. */
  set(line: SampleLine, time: ScrapeTime): boolean
}

/** A series over the scrapes of one target: what it is now, and since when it counts. */
export abstract class Series {
  readonly attributes: AttributeSet
  /** The last scrape that had a line of it. */
  seen = 0
  /** True when the last batch had a value of it, so that its end is to be told. */
  isLive = false
  /** When the page says that it began, milliseconds since the epoch; 0 when it does not say. */
  createdMs = 0
  #startNs = 0n
  #last = 0

  constructor(attributes: AttributeSet) {
    this.attributes = attributes
  }

  /** The value of this scrape; undefined when too little of it was on the page. */
  abstract point(time: ScrapeTime): DataPoint | undefined

  /** Says that there is no value any more. */
  abstract ended(timeMs: number): DataPoint

  /** When the series began: as the page says, else when it was first seen or last fell back. */
  protected start(total: number, timeNs: bigint): bigint {
    if (this.createdMs > 0) return nanoseconds(this.createdMs)
    if (this.#startNs === 0n || total < this.#last) this.#startNs = timeNs
    this.#last = total
    return this.#startNs
  }

  protected base(times: { readonly startNs: bigint; readonly timeNs: bigint }, exemplars: PointExemplar[]): Omit<NumberPoint, 'value'> {
    return { attributes: this.attributes, startTimeNs: times.startNs, timeNs: times.timeNs, flags: 0, exemplars }
  }

  protected marker(timeMs: number): Omit<NumberPoint, 'value'> {
    return { attributes: this.attributes, startTimeNs: this.#startNs, timeNs: nanoseconds(timeMs), flags: NO_RECORDED_VALUE, exemplars: [] }
  }
}

/** A series of one line: a counter, a gauge, or one of unknown type. */
export class NumberSeries extends Series implements Slot {
  readonly #isMonotonic: boolean
  #value = 0
  #timeMs = 0
  #exemplar: ParsedExemplar | undefined
  #valueSeen = 0

  constructor(attributes: AttributeSet, isMonotonic: boolean) {
    super(attributes)
    this.#isMonotonic = isMonotonic
  }

  set(line: SampleLine, { scrape, timeMs }: ScrapeTime): boolean {
    if (this.#valueSeen === scrape) return false
    this.seen = this.#valueSeen = scrape
    this.#value = line.value
    this.#timeMs = Number.isNaN(line.timeMs) ? timeMs : line.timeMs
    this.#exemplar = line.exemplar
    return true
  }

  point({ scrape }: ScrapeTime): NumberPoint | undefined {
    if (this.#valueSeen !== scrape) return undefined
    const timeNs = nanoseconds(this.#timeMs)
    const startNs = this.#isMonotonic ? this.start(this.#value, timeNs) : 0n
    const exemplars = this.#exemplar === undefined ? [] : [pointExemplar(this.#exemplar, timeNs)]
    return { ...this.base({ startNs, timeNs }, exemplars), value: this.#value }
  }

  ended(timeMs: number): NumberPoint {
    return { ...this.marker(timeMs), value: null }
  }
}

/** One line of a histogram or summary. */
class Cell implements Slot {
  readonly series: Series
  /** Upper bound of a bucket, or a quantile. */
  readonly at: number
  seen = 0
  value = 0
  timeMs = 0
  exemplar: ParsedExemplar | undefined

  constructor(series: Series, at = Number.NaN) {
    this.series = series
    this.at = at
  }

  set(line: SampleLine, { scrape, timeMs }: ScrapeTime): boolean {
    if (this.seen === scrape) return false
    this.seen = this.series.seen = scrape
    this.value = line.value
    this.timeMs = Number.isNaN(line.timeMs) ? timeMs : line.timeMs
    this.exemplar = line.exemplar
    return true
  }
}

/** Sets when a series began (`_created` of OpenMetrics, in seconds). */
export class CreatedSlot implements Slot {
  readonly #series: Series
  #seen = 0

  constructor(series: Series) {
    this.#series = series
  }

  set({ value }: SampleLine, { scrape }: ScrapeTime): boolean {
    if (this.#seen === scrape) return false
    this.#series.seen = this.#seen = scrape
    this.#series.createdMs = value > 0 && Number.isFinite(value) ? value * 1000 : 0
    return true
  }
}

/** What histograms and summaries have in common: a count, a sum and lines at bounds or quantiles. */
abstract class CellSeries extends Series {
  readonly count = new Cell(this)
  readonly sum = new Cell(this)
  /** Ascending. */
  #cells: Cell[] = []

  /** The slot of the line at a bound or quantile. */
  cell(at: number): Slot {
    const known = this.#cells.find((cell) => cell.at === at)
    if (known !== undefined) return known
    const cell = new Cell(this, at)
    const next = this.#cells.findIndex((other) => other.at > at)
    if (next < 0) this.#cells.push(cell)
    else this.#cells.splice(next, 0, cell)
    return cell
  }

  /** The lines of this scrape; others are forgotten. */
  protected seenCells({ scrape }: ScrapeTime): readonly Cell[] {
    if (this.#cells.some(({ seen }) => seen !== scrape)) this.#cells = this.#cells.filter(({ seen }) => seen === scrape)
    return this.#cells
  }
}

/** The lines of one histogram: `_bucket` by `le`, `_sum` and `_count`. */
export class HistogramSeries extends CellSeries {
  #bounds: readonly number[] = []

  point(time: ScrapeTime): HistogramPoint | undefined {
    const cells = this.seenCells(time)
    const last = cells.at(-1)
    const total = this.count.seen === time.scrape ? this.count : last?.at === Number.POSITIVE_INFINITY ? last : undefined
    if (total === undefined || !isCount(total.value)) return undefined
    const count = BigInt(Math.round(total.value))
    const bucketCounts = countsOf(cells, count)
    if (bucketCounts === undefined) return undefined
    const timeNs = nanoseconds(total.timeMs)
    const exemplars = cells.flatMap(({ exemplar }) => (exemplar === undefined ? [] : [pointExemplar(exemplar, timeNs)]))
    return {
      ...this.base({ startNs: this.start(total.value, timeNs), timeNs }, exemplars),
      count,
      sum: this.sum.seen === time.scrape ? this.sum.value : undefined,
      min: undefined,
      max: undefined,
      bounds: this.#boundsOf(cells),
      bucketCounts,
    }
  }

  ended(timeMs: number): HistogramPoint {
    return { ...this.marker(timeMs), count: 0n, sum: undefined, min: undefined, max: undefined, bounds: [], bucketCounts: [] }
  }

  /** The same array as long as the bounds are the same. */
  #boundsOf(cells: readonly Cell[]): readonly number[] {
    const finite = cells.length > 0 && cells.at(-1)?.at === Number.POSITIVE_INFINITY ? cells.length - 1 : cells.length
    const bounds = this.#bounds
    if (bounds.length === finite && bounds.every((bound, i) => bound === cells[i]?.at)) return bounds
    this.#bounds = cells.slice(0, finite).map(({ at }) => at)
    return this.#bounds
  }
}

/** The counts between the bounds; undefined when the cumulative ones fall somewhere. */
function countsOf(cells: readonly Cell[], count: bigint): bigint[] | undefined {
  if (cells.length === 0) return []
  const counts: bigint[] = []
  let before = 0n
  for (const { at, value } of cells) {
    if (!isCount(value)) return undefined
    const upTo = at === Number.POSITIVE_INFINITY ? count : BigInt(Math.round(value))
    if (upTo < before) return undefined
    counts.push(upTo - before)
    before = upTo
  }
  if (cells.at(-1)?.at === Number.POSITIVE_INFINITY) return counts
  return count < before ? undefined : [...counts, count - before]
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0
}

/** The lines of one summary: quantiles, `_sum` and `_count`. */
export class SummarySeries extends CellSeries {
  point(time: ScrapeTime): SummaryPoint | undefined {
    const cells = this.seenCells(time)
    const of = (cell: Cell): number => (cell.seen === time.scrape ? cell.value : 0)
    if (cells.length === 0 && this.count.seen !== time.scrape && this.sum.seen !== time.scrape) return undefined
    const total = of(this.count)
    if (!isCount(total)) return undefined
    const timeNs = nanoseconds(this.count.seen === time.scrape ? this.count.timeMs : (cells[0] ?? this.sum).timeMs)
    return {
      ...this.base({ startNs: this.start(total, timeNs), timeNs }, []),
      count: BigInt(Math.round(total)),
      sum: of(this.sum),
      quantiles: cells.map(({ at, value }) => ({ quantile: at, value })),
    }
  }

  ended(timeMs: number): SummaryPoint {
    return { ...this.marker(timeMs), count: 0n, sum: 0, quantiles: [] }
  }
}

function pointExemplar({ labels, value, timeMs }: ParsedExemplar, timeNs: bigint): PointExemplar {
  const rest = new Map(labels)
  const [traceId, spanId] = [hexOf(rest, 'trace_id', 32), hexOf(rest, 'span_id', 16)]
  const filteredAttributes = rest.size === 0 ? AttributeSet.empty : new AttributeSet([...rest.keys()], [...rest.values()])
  return { timeNs: timeMs === undefined ? timeNs : nanoseconds(timeMs), value, traceId, spanId, filteredAttributes }
}

/** Takes an id out of the labels; what is no id stays there. */
function hexOf(labels: Map<string, string>, name: string, digits: number): string {
  const value = labels.get(name)
  if (value === undefined || value.length !== digits || !/^[0-9a-f]+$/i.test(value)) return ''
  labels.delete(name)
  return value.toLowerCase()
}

let lastMs = 0
let lastNs = 0n

/** Nanoseconds of milliseconds. Nearly all samples of a page have one time. */
export function nanoseconds(ms: number): bigint {
  if (ms === lastMs) return lastNs
  lastMs = ms
  lastNs = ms > 0 ? BigInt(Math.round(ms * 1000)) * 1000n : 0n
  return lastNs
}
