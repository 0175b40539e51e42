import type { ConnectorFactory, Factory } from '../component/factory.ts'
import { SIGNALS, type Signal } from '../component/signal.ts'
import type { Definition, Definitions } from './components.ts'
import type { PipelineCourses } from './courses.ts'
import { hintForUnused, type RunningExtension } from './extension_uses.ts'
import { SECTIONS } from './ids.ts'
import { formatPath } from './node.ts'
import type { Pipeline, Reference } from './pipelines.ts'
import type { Problem, ProblemList } from './problem.ts'
import { withArticle } from './wording.ts'

interface Input {
  readonly definitions: Definitions
  readonly factories: readonly Factory[]
  readonly pipelines: readonly Pipeline[]
  /** The ways of the data through these pipelines. */
  readonly courses: readonly PipelineCourses[]
  /** The components that pipelines name or that are inserted into them. */
  readonly users: readonly Definition[]
  readonly extensions: readonly RunningExtension[]
}

/** Checks how components and pipelines fit together: signals, connectors, needs, placement, circles, and what is left over. */
export function checkGraph(input: Input, problems: ProblemList): void {
  for (const pipeline of input.pipelines) {
    checkSignals(pipeline, input.definitions, problems)
    checkNeeds(pipeline, input.definitions, problems)
  }
  for (const courses of input.courses) {
    checkPlacement(courses, problems)
    checkAccessLogs(courses, input, problems)
  }
  checkConnectors(input, problems)
  checkUnused(input, problems)
  checkCircles(input, problems)
}

function checkSignals(pipeline: Pipeline, definitions: Definitions, problems: ProblemList): void {
  for (const role of ['receivers', 'processors', 'exporters'] as const) {
    for (const reference of pipeline[role]) {
      const factory = (definitions[role].get(reference.id) ?? definitions.connectors.get(reference.id))?.factory
      const supported = factory === undefined ? undefined : signalsOf(factory, role)
      if (factory === undefined || supported === undefined || supported.includes(pipeline.signal)) continue
      const verb = role === 'receivers' ? 'give' : 'take'
      problems.add({
        origin: reference.origin,
        path: formatPath(reference.path),
        problem: `${reference.id} does not ${verb} ${pipeline.signal}`,
        expected: `${withArticle(factory.kind)} that ${verb}s ${pipeline.signal}`,
        found: `${factory.kind} ${factory.type}, which ${verb}s ${supported.join(' and ')}`,
        hint: `move it to a ${supported[0]} pipeline`,
      })
    }
  }
}

/** The signals a component handles in a role of a pipeline; undefined for extensions, which have none. */
function signalsOf(factory: Factory, role: 'receivers' | 'processors' | 'exporters'): readonly Signal[] | undefined {
  if (factory.kind === 'extension') return undefined
  if (factory.kind === 'connector') return [role === 'receivers' ? factory.to : factory.from]
  if (factory.kind === 'processor') return SIGNALS.filter((signal) => factory.create[signal] !== undefined)
  return SIGNALS.filter((signal) => factory.stability[signal] !== undefined)
}

/** True when what a connector needs stands before it. */
function isProvided({ needs }: ConnectorFactory, { processors }: Pipeline, definitions: Definitions): boolean {
  const factories = processors.map(({ id }) => definitions.processors.get(id)?.factory)
  return needs === undefined || factories.some((factory) => factory?.kind === 'processor' && factory.provides === needs)
}

function checkNeeds(pipeline: Pipeline, definitions: Definitions, problems: ProblemList): void {
  for (const reference of pipeline.exporters) {
    const factory = definitions.connectors.get(reference.id)?.factory
    if (factory?.kind !== 'connector' || isProvided(factory, pipeline, definitions)) continue
    problems.add({
      origin: reference.origin,
      path: formatPath(reference.path),
      problem: `${reference.id} needs the ${factory.needs} processor before it`,
      expected: `${factory.needs} among the processors of ${pipeline.id}`,
      found: pipeline.processors.length === 0 ? 'no processors' : pipeline.processors.map(({ id }) => id).join(', '),
      hint: `add ${factory.needs} to ${formatPath([...pipeline.path, 'processors'])}`,
    })
  }
}

/** Finds components that the data of ingest workers cannot reach, because nothing takes its signal to the main thread. */
function checkPlacement({ pipeline, ingest }: PipelineCourses, problems: ProblemList): void {
  if (ingest === undefined) return
  const { processors, exporters } = ingest.stuck
  const stuck = [...processors.map((i) => pipeline.processors[i] as Reference), ...exporters.map((i) => pipeline.exporters[i] as Reference)]
  for (const reference of stuck) {
    problems.add({
      origin: reference.origin,
      path: formatPath(reference.path),
      problem: `${reference.id} cannot run in ingest workers`,
      expected: `components that can, since ${pipeline.id} has a receiver that runs there`,
      hint: `take it out of that pipeline; nothing built in takes ${pipeline.signal} from there to the main thread`,
    })
  }
}

/** Finds connectors that take access logs where none arrive: they were turned into records before, or there were none. */
function checkAccessLogs(courses: PipelineCourses, input: Input, problems: ProblemList): void {
  const { pipeline, ingest, main } = courses
  if (pipeline.signal !== 'logs' || (ingest?.stuck.processors.length ?? 0) > 0) return
  for (const [i, reference] of pipeline.exporters.entries()) {
    const factory = input.definitions.connectors.get(reference.id)?.factory
    if (factory?.kind !== 'connector' || factory.from !== 'logs' || factory.ingest === undefined) continue
    if (!isProvided(factory, pipeline, input.definitions)) continue
    if ([ingest, main].some((course) => course?.reachedByAccessLogs.includes(i) === true)) continue
    problems.add({
      origin: reference.origin,
      path: formatPath(reference.path),
      problem: `${reference.id} takes access logs, and gets log records`,
      expected: 'access logs up to the exporters of the pipeline',
      ...(whatTurns(courses, reference) ?? whatNeverWas(pipeline, input)),
    })
  }
}

/** The processor before which, or by which, access logs became records. */
function whatTurns({ pipeline, ingest, main }: PipelineCourses, { id }: Reference): Pick<Problem, 'found' | 'hint'> | undefined {
  const steps = [ingest, main].flatMap((course) => course?.steps ?? [])
  const turning = steps.findLast(({ place, processor }) => place === 'crossing' || processor === undefined)
  const because = turning === undefined ? undefined : pipeline.processors[turning.processor ?? turning.before]?.id
  if (because === undefined) return undefined
  const found = turning?.processor === undefined ? `log records, because ${because} takes those` : `log records, which ${because} makes`
  return { found, hint: `give ${id} a logs pipeline of its own, without ${because}` }
}

function whatNeverWas({ path, receivers }: Pipeline, { factories }: Input): Pick<Problem, 'found' | 'hint'> {
  const reader = factories.find((factory) => factory.kind === 'processor' && factory.turns === 'records_into_access_logs')
  const found = `log records of ${receivers.map(({ id }) => id).join(', ')}`
  return { found, hint: reader && `add ${reader.type} to ${formatPath([...path, 'processors'])}, which reads access logs from such records` }
}

function checkConnectors({ definitions, pipelines }: Input, problems: ProblemList): void {
  for (const [id, connector] of definitions.connectors) {
    const isFed = pipelines.some(({ exporters }) => exporters.some((reference) => reference.id === id))
    const isRead = pipelines.some(({ receivers }) => receivers.some((reference) => reference.id === id))
    if (isFed === isRead) continue
    const factory = connector.factory?.kind === 'connector' ? connector.factory : undefined
    const missing = isFed ? 'receivers' : 'exporters'
    const signal = factory === undefined ? 'another' : `a ${isFed ? factory.to : factory.from}`
    problems.add({
      origin: connector.origin,
      path: formatPath(connector.path),
      problem: `connector is used only as ${isFed ? 'an exporter' : 'a receiver'}`,
      expected: `${id} among the ${missing} of ${signal} pipeline too`,
      hint: isFed ? 'what it produces would go nowhere' : 'it would never get any data',
    })
  }
}

function checkUnused({ definitions, users, extensions }: Input, problems: ProblemList): void {
  const used = new Set([...users, ...extensions.map(({ definition }) => definition)])
  for (const section of SECTIONS) {
    for (const definition of definitions[section].values()) {
      if (definition.factory === undefined || used.has(definition)) continue
      const isExtension = section === 'extensions'
      problems.warn({
        origin: definition.origin,
        path: formatPath(definition.path),
        problem: `not used in ${isExtension ? 'service.extensions' : 'any pipeline'}; it will not run`,
        hint: isExtension ? hintForUnused(definition, { users, extensions }) : undefined,
      })
    }
  }
}

/** Finds pipelines that feed themselves through connectors. Each circle is reported once, where it closes. */
function checkCircles({ definitions, pipelines }: Input, problems: ProblemList): void {
  const done = new Set<Pipeline>()
  const visit = (pipeline: Pipeline, trail: readonly Step[]): void => {
    const start = trail.findIndex((step) => step.pipeline === pipeline)
    if (start >= 0) {
      const circle = trail.slice(start)
      const closing = circle.at(-1)?.through
      const path = [...circle.flatMap((step) => [step.pipeline.id, step.through.id]), pipeline.id].join(' → ')
      if (closing !== undefined) problems.add({ origin: closing.origin, path: formatPath(closing.path), problem: 'pipelines form a circle', found: path })
      return
    }
    if (done.has(pipeline)) return
    for (const through of pipeline.exporters.filter(({ id }) => isConnector(definitions, id))) {
      for (const next of pipelines.filter(({ receivers }) => receivers.some(({ id }) => id === through.id))) visit(next, [...trail, { pipeline, through }])
    }
    done.add(pipeline)
  }
  for (const pipeline of pipelines) visit(pipeline, [])
}

interface Step {
  readonly pipeline: Pipeline
  readonly through: Reference
}

function isConnector(definitions: Definitions, id: string): boolean {
  return definitions.connectors.has(id)
}
