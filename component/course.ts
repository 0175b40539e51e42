import type { ConnectorFactory, ExporterFactory, ProcessorFactory } from './factory.ts'
import type { Signal } from './signal.ts'

/** The factories of one pipeline, in its order. A component that is not known is taken for one that can run anywhere. */
export interface CourseInput {
  readonly signal: Signal
  readonly processors: readonly (ProcessorFactory | undefined)[]
  /** Exporters, and connectors in the role of exporters. */
  readonly exporters: readonly (ConnectorFactory | ExporterFactory | undefined)[]
  /** What may be inserted where access logs must become records; see `crossingOf`. */
  readonly crossing: ProcessorFactory | undefined
}

/** A processor on the way of the data. */
export interface Step {
  /** Its index among the pipeline's processors; undefined for an inserted one. */
  readonly processor?: number
  /** Index of the processor that an inserted one stands before; the number of processors when it stands before exporters. */
  readonly before: number
  /** In the ingest workers, on the main thread, or half here and half there. */
  readonly place: 'ingest' | 'crossing' | 'main'
}

/** The way of the data that enters a pipeline on one side. Pure description; the same for any number of workers. */
export interface Course {
  readonly steps: readonly Step[]
  /** Exporters, by index, that take the data in front of the last step, which is inserted for the others. */
  readonly early: readonly number[]
  /** Exporters, by index, that take the data after all steps. */
  readonly late: readonly number[]
  /** Where the data is in front of the last step when that is inserted for exporters, and after all steps. */
  readonly places: { readonly early: 'ingest' | 'main'; readonly late: 'ingest' | 'main' }
  /** Exporters, by index, that access logs may reach. */
  readonly reachedByAccessLogs: readonly number[]
  /** What would have to be on the main thread and cannot be reached there; the course ends before it. */
  readonly stuck: { readonly processors: readonly number[]; readonly exporters: readonly number[] }
}

/** The processor among `factories` that the graph inserts where a pipeline of access logs needs records. */
export function crossingOf(factories: Iterable<{ readonly kind: string }>): ProcessorFactory | undefined {
  for (const factory of factories) {
    if (factory.kind !== 'processor') continue
    const processor = factory as ProcessorFactory
    if (processor.turns === 'access_logs_into_records' && processor.ingest?.logs !== undefined) return processor
  }
  return undefined
}

/** True for what has a half that takes data of a signal where it is received. */
export function hasIngestHalf(factory: ConnectorFactory | ExporterFactory | undefined, signal: Signal): boolean {
  if (factory?.kind === 'connector') return factory.ingest !== undefined
  return factory?.ingest?.[signal] !== undefined
}

/**
 * Where the data goes that a pipeline gets in ingest workers (`from: 'ingest'`) or on the main thread.
 *
 * In the workers it goes up to the first processor that has two halves, or that runs on the main thread; in front of the latter
 * a crossing is inserted. When there is neither, exporters take it in the workers where they have a half for it, and the
 * others after a crossing. On the main thread a crossing is inserted where a processor may have made access logs and the next
 * component takes records.
 */
export function courseOf(input: CourseInput, from: 'ingest' | 'main'): Course {
  const { signal, processors, exporters } = input
  const canCross = signal === 'logs' && input.crossing !== undefined
  const way = new Way(from, signal)
  for (const [i, processor] of processors.entries()) {
    const isTwoHalved = processor?.ingest?.[signal] !== undefined
    if (processor?.runs === 'main' && !isTwoHalved && way.isHeldUp) {
      if (canCross) way.cross({ before: i })
      else if (way.place === 'ingest') return way.stuckAt(unreachable(input, i))
    }
    if (isTwoHalved) way.cross({ processor: i, before: i }, processor)
    else way.pass(i, processor)
  }
  const all = [...exporters.keys()]
  if (!way.isHeldUp) return way.end({ early: [], late: all })
  const early = all.filter((i) => takesHere(exporters[i], signal, way.place))
  const late = all.filter((i) => !early.includes(i))
  if (late.length === 0) return way.end({ early: [], late: all })
  if (!canCross) return way.place === 'main' ? way.end({ early: [], late: all }) : way.stuckAt({ processors: [], exporters: late })
  return way.endBehindCrossing({ early, late }, processors.length)
}

/** On the main thread exporters have one half only, which takes records. */
function takesHere(factory: CourseInput['exporters'][number], signal: Signal, place: 'ingest' | 'main'): boolean {
  if (factory === undefined) return true
  return hasIngestHalf(factory, signal) && (place === 'ingest' || factory.kind === 'connector')
}

/** What is on the main thread only, from a processor on. */
function unreachable({ processors, exporters, signal }: CourseInput, from: number): Course['stuck'] {
  const rest = [...processors.keys()].slice(from)
  const crossing = rest.find((i) => processors[i]?.ingest?.[signal] !== undefined)
  return {
    processors: rest.filter((i) => i < (crossing ?? processors.length) && processors[i]?.runs === 'main'),
    exporters: crossing === undefined ? [...exporters.keys()].filter((i) => !takesHere(exporters[i], signal, 'ingest')) : [],
  }
}

/** The way so far. */
class Way {
  place: 'ingest' | 'main'
  readonly #signal: Signal
  readonly #steps: Step[] = []
  #mayBeAccessLogs: boolean

  constructor(from: 'ingest' | 'main', signal: Signal) {
    this.place = from
    this.#signal = signal
    this.#mayBeAccessLogs = from === 'ingest' && signal === 'logs'
  }

  /** True when the data cannot go on to a component that is on the main thread and takes records. */
  get isHeldUp(): boolean {
    return this.place === 'ingest' || this.#mayBeAccessLogs
  }

  pass(processor: number, factory: ProcessorFactory | undefined): void {
    this.#steps.push({ processor, before: processor, place: this.place })
    this.#turn(factory?.turns)
  }

  /** Without a factory: an inserted crossing. */
  cross(step: Omit<Step, 'place'>, factory?: ProcessorFactory): void {
    this.#steps.push({ ...step, place: this.place === 'ingest' ? 'crossing' : 'main' })
    // Access logs stay in the memory of their worker: whatever crosses is something else.
    this.#turn(factory === undefined || this.place === 'ingest' ? 'access_logs_into_records' : factory.turns)
    this.place = 'main'
  }

  end(exporters: Pick<Course, 'early' | 'late'>): Course {
    return this.#course({ ...exporters, places: { early: this.place, late: this.place }, reachedByAccessLogs: this.#mayBeAccessLogs ? exporters.late : [] })
  }

  endBehindCrossing(exporters: Pick<Course, 'early' | 'late'>, before: number): Course {
    const early = this.place
    this.cross({ before })
    return this.#course({ ...exporters, places: { early, late: this.place }, reachedByAccessLogs: this.#signal === 'logs' ? exporters.early : [] })
  }

  stuckAt(stuck: Course['stuck']): Course {
    return { ...this.end({ early: [], late: [] }), stuck }
  }

  #turn(turns: ProcessorFactory['turns']): void {
    if (turns === 'access_logs_into_records') this.#mayBeAccessLogs = false
    if (turns === 'records_into_access_logs' && this.#signal === 'logs') this.#mayBeAccessLogs = true
  }

  #course(rest: Omit<Course, 'steps' | 'stuck'>): Course {
    return { steps: this.#steps, ...rest, stuck: { processors: [], exporters: [] } }
  }
}
