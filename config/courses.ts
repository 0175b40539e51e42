import { type Course, courseOf, crossingOf } from '../component/course.ts'
import type { Factory } from '../component/factory.ts'
import { checkImplicit, type Definition, type Definitions } from './components.ts'
import type { ConfigNode } from './node.ts'
import type { Pipeline } from './pipelines.ts'
import type { ProblemList } from './problem.ts'

/** The ways of a pipeline's data, by where it enters; there is none where nothing does. */
export interface PipelineCourses {
  readonly pipeline: Pipeline
  readonly ingest: Course | undefined
  readonly main: Course | undefined
}

/** The ways of the data of one pipeline; see `courseOf`. */
export function coursesOf(pipeline: Pipeline, definitions: Definitions, factories: readonly Factory[]): PipelineCourses {
  const { signal, receivers } = pipeline
  const input = {
    signal,
    // What does not take the signal at all is told as that.
    processors: pipeline.processors.map(({ id }) => {
      const factory = definitions.processors.get(id)?.factory
      return factory?.kind === 'processor' && factory.create[signal] !== undefined ? factory : undefined
    }),
    exporters: pipeline.exporters.map(({ id }) => {
      const factory = (definitions.exporters.get(id) ?? definitions.connectors.get(id))?.factory
      if (factory?.kind === 'connector') return factory.from === signal ? factory : undefined
      return factory?.kind === 'exporter' && factory.stability[signal] !== undefined ? factory : undefined
    }),
    crossing: crossingOf(factories),
  }
  const sources = receivers.map(({ id }) => (definitions.receivers.get(id) ?? definitions.connectors.get(id))?.factory)
  const isIngest = (factory: Factory | undefined): boolean => factory?.kind === 'receiver' && factory.runs === 'ingest'
  return {
    pipeline,
    ingest: sources.some(isIngest) ? courseOf(input, 'ingest') : undefined,
    main: sources.some((factory) => factory !== undefined && !isIngest(factory)) ? courseOf(input, 'main') : undefined,
  }
}

/**
 * The processor that the graph inserts where access logs must become records and a pipeline names none: the one of its type
 * without a name when there is one, else one with all defaults. Undefined when no pipeline needs it.
 */
export function insertedCrossing({ root, factories, definitions, courses }: CrossingInput, problems: ProblemList): Definition | undefined {
  const factory = crossingOf(factories)
  const needing = courses.find(({ ingest, main }) => [ingest, main].some((course) => course?.steps.some(({ processor }) => processor === undefined) === true))
  if (factory === undefined || needing === undefined) return undefined
  return definitions.processors.get(factory.type) ?? checkImplicit({ root, factory, by: needing.pipeline }, problems)
}

interface CrossingInput {
  readonly root: ConfigNode
  readonly factories: readonly Factory[]
  readonly definitions: Definitions
  readonly courses: readonly PipelineCourses[]
}
