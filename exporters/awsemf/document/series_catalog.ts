import type { Clock } from '../../../component/component.ts'
import type { FirstSamples } from '../../../component/kit/deltas/first_samples.ts'
import { TimeSlices } from '../../../lib/time_slices.ts'
import type { AttributeSet, Resource, Scope } from '../../../model/attributes.ts'
import type { DataPoint } from '../../../model/data_points.ts'
import { attributesText } from './attributes_text.ts'
import type { LabelCatalog, LabelOrigin } from './label_catalog.ts'
import type { LabelSet } from './label_set.ts'
import type { MetricName, MetricNamer } from './metric_name.ts'
import { Route, type RouteChoice, type Router } from './routes.ts'

/** A series, with what the next sample of it is compared with. */
export class Series extends Route {
  readonly stream: Stream
  /** Of summaries in detail. */
  details: SummaryRoutes | undefined
  /** The next one with the same object as its attributes, which the batch has, too. */
  again: Series | undefined
  startMs = 0
  /** The last sample, of a cumulative series: a value, the values of a point in columns, or a point. */
  before: number | Float64Array | DataPoint | undefined
  /** The last batch that had it. */
  batch = -1
  /** When that was, on the monotonic clock. */
  heardAt = 0

  constructor(stream: Stream, labels: LabelSet, choice: RouteChoice) {
    super(stream.metric, labels, choice)
    this.stream = stream
  }
}

/** Where a summary in detail goes. */
export interface SummaryRoutes {
  readonly sum: Route
  readonly count: Route
  /** By the quantile. */
  readonly quantiles: Map<number, Route>
}

/** What a metric is, beside its points. */
export interface StreamHeader {
  readonly name: string
  readonly unit: string
  readonly type: 'sum' | 'gauge' | 'histogram' | 'exponential_histogram' | 'summary'
  /** `delta` for what is sent as it comes. */
  readonly temporality: 'cumulative' | 'delta'
  readonly isMonotonic: boolean
}

/** Where the points of a stream come from. */
export interface StreamSource {
  readonly resource: Resource
  readonly scope: Scope
  readonly inColumns: boolean
  /** Producers of columns may have series of the same name and attributes. */
  readonly producer?: object | undefined
}

/** All series of one metric with the same resource and scope. */
export class Stream {
  readonly header: StreamHeader
  readonly origin: LabelOrigin
  readonly metric: MetricName
  /** By the attributes: of series in columns by the object that their producer keeps, of points by their text. */
  readonly series = new Map<AttributeSet | string, Series>()
  /** The first batch that had all series of the stream's producer, perhaps in several lists; -1 = none. */
  listedSince = -1
  /** True when there was no room for one of its series, so that one that is not known may be an old one. */
  isIncomplete = false
  heardAt: number
  /** From one batch to the next, lately. */
  intervalMs = 0

  constructor(header: StreamHeader, origin: LabelOrigin, parts: { readonly metric: MetricName; readonly heardAt: number }) {
    this.header = header
    this.origin = origin
    this.metric = parts.metric
    this.heardAt = parts.heardAt
  }
}

/** All streams with the same resource and scope, from the same producer. */
interface Source {
  readonly origin: LabelOrigin
  readonly streams: Map<string, Stream>
}

export interface SeriesCatalogParts {
  readonly labels: LabelCatalog
  readonly namer: MetricNamer
  readonly router: Router
  readonly firstSamples: FirstSamples
  readonly clock: Clock
}

const MINUTE = 60_000
/** A series that its stream no longer has is forgotten after this, or three intervals of the stream. */
const IDLE_MS = 5 * MINUTE
/** Series of a stream that is not heard of at all are forgotten later: a sender that paused goes on where it was. */
const SILENT_MS = 60 * MINUTE
const SWEEP_MS = MINUTE
const SERIES_PER_LOOK = 64

/** Remembers series from batch to batch: a bounded number, and none much longer than it is heard of. */
export class SeriesCatalog {
  readonly #parts: SeriesCatalogParts
  readonly #seriesMax: number
  readonly #sources = new Map<string, Source>()
  #last: (StreamSource & { readonly source: Source }) | undefined
  #streams = 0
  readonly #producers = new WeakMap<object, number>()
  #nextProducer = 0
  #size = 0
  #batch = 0
  #sweptAt: number
  #isFull = false

  constructor(seriesMax: number, parts: SeriesCatalogParts) {
    this.#seriesMax = seriesMax
    this.#parts = parts
    this.#sweptAt = parts.clock.monotonic()
  }

  get size(): number {
    return this.#size
  }

  /** The number of the batch that is being encoded. */
  get batch(): number {
    return this.#batch
  }

  begin(): void {
    this.#batch++
    this.#last = undefined
  }

  /** The stream of a metric whose series come in columns, or as points; undefined for a new one when there is no room for its series. */
  stream(header: StreamHeader, from: StreamSource): Stream | undefined {
    const { namer, clock } = this.#parts
    const now = clock.monotonic()
    const source = this.#source(from)
    const key = streamText(header)
    let stream = source.streams.get(key)
    if (stream === undefined) {
      // There are streams without series, too: those of points without values.
      if (!this.#hasRoom() || this.#streams >= this.#seriesMax) return undefined
      const metric = namer.name(header.name, header.unit, header.type !== 'gauge')
      stream = new Stream(header, source.origin, { metric, heardAt: now })
      source.streams.set(key, stream)
      this.#streams++
    }
    if (now > stream.heardAt) stream.intervalMs = Math.min(SILENT_MS, now - stream.heardAt)
    stream.heardAt = now
    return stream
  }

  /** The series with these attributes, new if need be; undefined when there is no room. The batch has it. */
  ofPoint(stream: Stream, attributes: AttributeSet): Series | undefined {
    const text = attributesText(attributes)
    const known = stream.series.get(text)
    return known === undefined ? this.#add(stream, text, attributes) : this.#heard(known)
  }

  /**
   * The series that is known by exactly this object; undefined when there is none. The batch has it. An object that comes again in
   * the same batch is another series each time: the component before this one has made their attributes the same.
   */
  ofColumn(stream: Stream, attributes: AttributeSet): Series | undefined {
    let known = stream.series.get(attributes)
    while (known !== undefined && known.batch === this.#batch) {
      if (known.again === undefined && this.#hasRoom()) {
        known.again = new Series(stream, known.labels, known)
        this.#size++
      }
      known = known.again
    }
    return known === undefined ? undefined : this.#heard(known)
  }

  /**
   * The series of columns whose attributes no series is known by. Each is one that the batch does not have and that has the same
   * attributes in another object, as a component before this one may have made it, or a new one; undefined when there is no room.
   * To be asked after `ofColumn` was for all series of the batch.
   */
  async ofNewColumns(stream: Stream, news: readonly AttributeSet[], slices: TimeSlices): Promise<(Series | undefined)[]> {
    const left = new Map<string, [AttributeSet, Series][]>()
    let seen = 0
    for (const [attributes, series] of stream.series) {
      if (series.batch !== this.#batch && typeof attributes !== 'string') pushTo(left, attributesText(attributes), [attributes, series])
      if (++seen % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    const found: (Series | undefined)[] = []
    for (const attributes of news) {
      const [before, series] = (left.size === 0 ? undefined : left.get(attributesText(attributes))?.shift()) ?? []
      if (before !== undefined && series !== undefined) {
        stream.series.delete(before)
        stream.series.set(attributes, series)
        found.push(this.#heard(series))
      } else found.push(this.ofColumn(stream, attributes) ?? this.#add(stream, attributes, attributes))
      if (++seen % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    return found
  }

  /** Forgets what was not heard of for long, if it is time to look; lets the event loop run in between. */
  async sweep(): Promise<void> {
    const { clock, firstSamples, labels } = this.#parts
    const now = clock.monotonic()
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    const slices = new TimeSlices()
    let seen = 0
    for (const [text, key, stream] of this.#allStreams()) {
      const idleMs = Math.max(IDLE_MS, 3 * stream.intervalMs)
      // Without room for new series, those of silent streams have to go earlier.
      const silentMs = this.#isFull ? idleMs : Math.max(SILENT_MS, idleMs)
      for (const [attributes, series] of stream.series) {
        if (++seen % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
        if (stream.heardAt - series.heardAt <= idleMs && now - series.heardAt <= silentMs) continue
        stream.series.delete(attributes)
        for (let one: Series | undefined = series; one !== undefined; one = one.again) this.#size--
        firstSamples.forgot(series.heardAt)
      }
      if (stream.series.size === 0 && now - stream.heardAt > idleMs) this.#forgetStream(text, key)
      if (++seen % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    this.#isFull = this.#size >= this.#seriesMax
    await labels.expire(now - SILENT_MS, slices)
  }

  *#allStreams(): Generator<readonly [string, string, Stream]> {
    for (const [text, { streams }] of this.#sources) for (const [key, stream] of streams) yield [text, key, stream]
  }

  #forgetStream(text: string, key: string): void {
    const source = this.#sources.get(text)
    if (source?.streams.delete(key) === true) this.#streams--
    if (source?.streams.size === 0) this.#sources.delete(text)
  }

  #heard(series: Series): Series {
    series.batch = this.#batch
    series.heardAt = series.stream.heardAt
    return series
  }

  /** The streams with this resource and scope. Metrics of one come one after the other. */
  #source(from: StreamSource): Source {
    const { resource, scope, inColumns, producer } = from
    const last = this.#last
    if (last?.resource === resource && last.scope === scope && last.inColumns === inColumns && last.producer === producer) return last.source
    const text = `${inColumns ? this.#producerText(producer) : 'points'}|${scopeText(scope)}|${attributesText(resource.attributes)}`
    const source = this.#sources.get(text) ?? { origin: this.#parts.labels.origin(resource, scope), streams: new Map<string, Stream>() }
    this.#sources.set(text, source)
    this.#last = { resource, scope, inColumns, producer, source }
    return source
  }

  #producerText(producer: object | undefined): string {
    if (producer === undefined) return 'columns'
    const number = this.#producers.get(producer) ?? this.#nextProducer++
    this.#producers.set(producer, number)
    return String(number)
  }

  #hasRoom(): boolean {
    this.#isFull ||= this.#size >= this.#seriesMax
    return this.#size < this.#seriesMax
  }

  #add(stream: Stream, key: AttributeSet | string, attributes: AttributeSet): Series | undefined {
    if (!this.#hasRoom()) return undefined
    const { router } = this.#parts
    const { origin, metric } = stream
    const { labels, choice } = router.choose(metric, origin, attributes)
    const series = new Series(stream, labels, choice)
    stream.series.set(key, series)
    this.#size++
    return this.#heard(series)
  }
}

function pushTo<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

function streamText({ name, unit, type, temporality, isMonotonic }: StreamHeader): string {
  return `${name.length}:${name}|${unit.length}:${unit}|${type}|${temporality}|${isMonotonic}`
}

function scopeText({ name, version, attributes }: Scope): string {
  return `${name.length}:${name}|${version.length}:${version}|${attributes === undefined ? '' : attributesText(attributes)}`
}
