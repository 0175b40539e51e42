import { TimeSlices } from '../../lib/time_slices.ts'
import { ExponentialPoint } from '../../model/metrics.ts'
import { addPoint, emptyPoint } from '../../model/point_sums.ts'
import type { Served, ServedFamily, ServedSource } from './catalog.ts'
import { type ChunkPool, ChunkWriter, NUMBER_BYTES_MAX } from './chunk_writer.ts'
import { EXPONENTIAL_LINES_MAX, exponentialLines } from './exponential_lines.ts'
import { type Format, heading, type Line, type Pieces, pieces } from './pieces.ts'
import { type Source, Verdict } from './source.ts'

export interface RenderOptions {
  readonly format: Format
  readonly sendsTimestamps: boolean
  /** Whether OpenMetrics gets `_created` lines. */
  readonly sendsCreated: boolean
  /** Name of the `target_info` metric, namespace included. */
  readonly targetName: string
}

/** What a rendering came to. */
export interface RenderResult {
  series: number
  bytes: number
}

/** Room for a value and a time on every line. */
const LINE_BYTES = 2 * NUMBER_BYTES_MAX + 2
/** Room for ` # {trace_id="…",span_id="…"} value time`. */
const EXEMPLAR_BYTES = 96 + 2 * NUMBER_BYTES_MAX
const OVERFLOW_LABELS = Buffer.from('otel_metric_overflow="true"')
/** Families that have so many series at most are made their fixed text for each rendering. */
const FEW_SERIES = 4
const [SPACE, NEWLINE] = [32, 10]

/**
 * Renders everything that is served, in chunks, and gives way to the event loop every few milliseconds. A series is
 * read and written in one go, so its lines agree with each other even when values change meanwhile. Chunks come from
 * `pool`; the caller may give them back.
 */
export async function* render(served: Served, options: RenderOptions, result: RenderResult, pool: ChunkPool): AsyncGenerator<Buffer, void, void> {
  const slices = new TimeSlices()
  const writer = new ChunkWriter(pool)
  const families = withTargets(served, options)
  for (const family of families) {
    const rows = renderFamily(writer, family, served.cutoffMs, options, result)
    // The inner generator stops when a chunk is full, and now and then to let us look at the clock.
    for (const isFull of rows) {
      if (isFull) yield take(writer, result)
      if (slices.isOver) await slices.next()
    }
  }
  const last = Buffer.from(options.format === 'openmetrics' ? '# EOF\n' : '')
  if (!writer.hasRoom(last.length)) yield take(writer, result)
  writer.copy(last)
  if (writer.used > 0) yield take(writer, result)
  pool.give(writer.bytes)
}

function take(writer: ChunkWriter, result: RenderResult): Buffer {
  result.bytes += writer.used
  return writer.take()
}

type Rows = Generator<boolean, void, void>
type Renderable = ServedFamily | { readonly targets: readonly string[]; readonly name: string }

/** The families with `target_info` in its place among them. */
function withTargets(served: Served, options: RenderOptions): readonly Renderable[] {
  const name = options.targetName
  const isTaken = served.families.some((family) => family.exposed.name === name)
  if (served.targets.length === 0 || isTaken) return served.families
  const at = served.families.findIndex((family) => family.exposed.name > name)
  const info = { targets: served.targets, name }
  return at < 0 ? [...served.families, info] : [...served.families.slice(0, at), info, ...served.families.slice(at)]
}

function* renderFamily(writer: ChunkWriter, family: Renderable, cutoffMs: number, options: RenderOptions, result: RenderResult): Rows {
  if ('targets' in family) {
    yield* renderTargets(writer, family, options)
    return
  }
  const head = heading(family.exposed, family.help, { format: options.format, isBaseFree: family.isBaseFree })
  let needsHead = true
  for (const served of family.sources) {
    const fixed = piecesOf(served.source, options, { isTyped: head.isTyped, created: options.sendsCreated && family.isCreatedFree })
    const row = new Row(writer, served, fixed, options)
    for (let i = 0; i < served.count; i++) {
      if ((i & 255) === 255) yield false
      const verdict = served.verdicts.of(i)
      if (verdict === Verdict.overflow || (verdict === Verdict.shown && isOverflow(served, i))) {
        row.addToOverflow(i)
        continue
      }
      if (verdict !== Verdict.shown || (served.points.updatedMs[i] as number) < cutoffMs) continue
      const needed = row.bytesMax(i) + (needsHead ? head.text.length : 0)
      if (!writer.hasRoom(needed)) {
        yield true
        writer.hasRoom(needed)
      }
      if (needsHead) writer.copy(head.text)
      needsHead = false
      row.write(i)
      result.series++
    }
    if (row.overflowUpdatedMs < cutoffMs || !row.hasOverflow) continue
    const needed = row.bytesMax(-1) + head.text.length
    if (!writer.hasRoom(needed)) {
      yield true
      writer.hasRoom(needed)
    }
    if (needsHead) writer.copy(head.text)
    needsHead = false
    row.writeOverflow()
    result.series++
  }
}

function* renderTargets(writer: ChunkWriter, info: { readonly targets: readonly string[]; readonly name: string }, options: RenderOptions): Rows {
  const isOpen = options.format === 'openmetrics'
  const family = isOpen ? info.name.slice(0, -'_info'.length) : info.name
  const lines = [
    `# HELP ${family} Target metadata\n# TYPE ${family} ${isOpen ? 'info' : 'gauge'}\n`,
    ...info.targets.map((labels) => `${info.name}{${labels}} 1\n`),
  ]
  for (const line of lines) {
    const bytes = Buffer.from(line)
    if (!writer.hasRoom(bytes.length)) {
      yield true
      writer.hasRoom(bytes.length)
    }
    writer.copy(bytes)
  }
}

/** The producer's own overflow series; what we have no room for is added to it, as there can be only one. */
function isOverflow(served: ServedSource, i: number): boolean {
  const attributes = served.points.series[i]
  return attributes?.size === 1 && attributes.keys[0] === 'otel_metric_overflow'
}

function piecesOf(source: Source, options: RenderOptions, of: { readonly isTyped: boolean; readonly created: boolean }): Pieces {
  const key = `${options.format} ${of.isTyped} ${of.created}`
  const known = source.pieces?.get(key)
  if (known !== undefined) return known
  const made = pieces(source.exposed, source.points.family, source.base.text, { format: options.format, ...of })
  // With thousands of families of a series or two they would take more memory than the series themselves.
  if (source.count > FEW_SERIES) (source.pieces ??= new Map()).set(key, made)
  return made
}

/** Writes the lines of one source's series. */
class Row {
  readonly #writer: ChunkWriter
  readonly #served: ServedSource
  readonly #fixed: Pieces
  readonly #options: RenderOptions
  readonly #bounds: readonly number[]
  #overflow: Float64Array | undefined
  #overflowStartMs = Number.POSITIVE_INFINITY
  /** When anything in the overflow series has last changed. */
  overflowUpdatedMs = Number.NEGATIVE_INFINITY

  constructor(writer: ChunkWriter, served: ServedSource, fixed: Pieces, options: RenderOptions) {
    this.#writer = writer
    this.#served = served
    this.#fixed = fixed
    this.#options = options
    this.#bounds = served.points.family.bounds
  }

  get hasOverflow(): boolean {
    return this.#overflow !== undefined
  }

  /** Most bytes that series `i` takes; -1 is the overflow series. */
  bytesMax(i: number): number {
    const labels = i < 0 ? OVERFLOW_LABELS.length : this.#served.labels.lengthOf(i)
    const lines = this.#fixed.lines.length + 1 + (this.#fixed.bucket === undefined ? 0 : EXPONENTIAL_LINES_MAX)
    return this.#fixed.bytesMax + lines * (labels + LINE_BYTES) + EXEMPLAR_BYTES
  }

  addToOverflow(i: number): void {
    const { points } = this.#served
    this.#overflow ??= emptyPoint(points.family)
    this.#overflowStartMs = Math.min(this.#overflowStartMs, points.startTimesMs[i] as number)
    this.overflowUpdatedMs = Math.max(this.overflowUpdatedMs, points.updatedMs[i] as number)
    addPoint(points.family, { values: this.#overflow, at: 0 }, { values: points.values, at: points.offset + i * points.stride })
  }

  writeOverflow(): void {
    this.#lines(this.#overflow as Float64Array, 0, -1)
  }

  write(i: number): void {
    const { points } = this.#served
    this.#lines(points.values, points.offset + i * points.stride, i)
  }

  #lines(values: Float64Array, at: number, i: number): void {
    const { lines, created } = this.#fixed
    const writer = this.#writer
    const { family } = this.#served.points
    if (family.type === 'histogram') this.#histogram(values, at, i)
    else if (family.type === 'exponential_histogram') this.#exponential(values, at, i, family.bucketsMax ?? 0)
    else if (family.type === 'summary') this.#summary(values, at, i)
    else {
      this.#start(lines[0] as Line, i)
      writer.number(values[at] as number)
      this.#end(i, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    }
    if (created === undefined) return
    const startMs = i < 0 ? this.#overflowStartMs : (this.#served.points.startTimesMs[i] as number)
    if (!(startMs > 0)) return
    this.#start(created, i)
    writer.seconds(startMs)
    this.#end(-1, 0, 0)
  }

  #histogram(values: Float64Array, at: number, i: number): void {
    const { lines } = this.#fixed
    const buckets = this.#bounds.length + 1
    let count = 0
    for (let n = 0; n < buckets; n++) {
      count += values[at + n] as number
      this.#start(lines[n] as Line, i)
      this.#writer.number(count)
      this.#end(i, n === 0 ? Number.NEGATIVE_INFINITY : (this.#bounds[n - 1] as number), this.#bounds[n] ?? Number.POSITIVE_INFINITY)
    }
    this.#start(lines[buckets] as Line, i)
    this.#writer.number(count)
    this.#end(-1, 0, 0)
    this.#start(lines[buckets + 1] as Line, i)
    this.#writer.number(values[at + buckets] as number)
    this.#end(-1, 0, 0)
  }

  #exponential(values: Float64Array, at: number, i: number, bucketsMax: number): void {
    const { lines, bucket } = this.#fixed
    let below = Number.NEGATIVE_INFINITY
    exponentialLines(values, at, bucketsMax, (bound, count) => {
      this.#start(bucket?.(bound) as Line, i)
      this.#writer.number(count)
      this.#end(i, below, bound)
      below = bound
    })
    const count = values[at + ExponentialPoint.count] as number
    this.#single(lines[0] as Line, i, count, below)
    this.#single(lines[1] as Line, i, count)
    this.#single(lines[2] as Line, i, values[at + ExponentialPoint.sum] as number)
  }

  #summary(values: Float64Array, at: number, i: number): void {
    const { lines } = this.#fixed
    const quantiles = lines.length - 2
    for (let n = 0; n < quantiles; n++) this.#single(lines[n] as Line, i, values[at + 2 + n] as number)
    this.#single(lines[quantiles] as Line, i, values[at + 1] as number)
    this.#single(lines[quantiles + 1] as Line, i, values[at] as number)
  }

  /** One line; with an exemplar only when its value must be above `exemplarAbove`. */
  #single(line: Line, i: number, value: number, exemplarAbove = Number.POSITIVE_INFINITY): void {
    this.#start(line, i)
    this.#writer.number(value)
    this.#end(i, exemplarAbove, Number.POSITIVE_INFINITY)
  }

  #start(line: Line, i: number): void {
    const writer = this.#writer
    const { labels } = this.#served
    const length = i < 0 ? OVERFLOW_LABELS.length : labels.lengthOf(i)
    if (length === 0) {
      writer.copy(line.bare)
      return
    }
    writer.copy(line.prefix)
    if (i < 0) writer.copy(OVERFLOW_LABELS)
    else writer.copyRange(labels.chunk(i), labels.start(i), length)
    writer.copy(line.suffix)
  }

  /** Ends a line; puts the exemplar of series `i` on it when its value lies in (`above`, `upTo`]. */
  #end(i: number, above: number, upTo: number): void {
    const writer = this.#writer
    if (this.#options.sendsTimestamps) {
      const timeMs = this.#served.timesMs?.[i] ?? this.#served.timeMs
      writer.byte(SPACE)
      if (this.#options.format === 'openmetrics') writer.seconds(timeMs)
      else writer.number(Math.round(timeMs))
    }
    if (i >= 0 && this.#fixed.hasExemplars) this.#exemplar(i, above, upTo)
    writer.byte(NEWLINE)
  }

  #exemplar(i: number, above: number, upTo: number): void {
    const exemplar = this.#served.points.exemplar?.(i)
    if (exemplar === undefined || !(exemplar.value > above && exemplar.value <= upTo) || !/^[0-9a-f]{1,32}$/.test(exemplar.traceId)) return
    const span = /^[0-9a-f]{1,16}$/.test(exemplar.spanId) ? `,span_id="${exemplar.spanId}"` : ''
    const writer = this.#writer
    writer.text(` # {trace_id="${exemplar.traceId}"${span}} `)
    writer.number(exemplar.value)
    writer.byte(SPACE)
    writer.seconds(exemplar.timeMs)
  }
}
