import type { Factory } from '../component/factory.ts'
import { SIGNALS, type Signal } from '../component/signal.ts'
import type { Definition, Definitions } from './components.ts'
import { hintForUnused, type RunningExtension } from './extension_uses.ts'
import { SECTIONS } from './ids.ts'
import { formatPath } from './node.ts'
import type { Pipeline, Reference } from './pipelines.ts'
import type { ProblemList } from './problem.ts'
import { withArticle } from './wording.ts'

interface Input {
  readonly definitions: Definitions
  readonly pipelines: readonly Pipeline[]
  /** The components that pipelines name. */
  readonly users: readonly Definition[]
  readonly extensions: readonly RunningExtension[]
  /** True when ingest runs in worker threads, where some components cannot go. */
  readonly hasWorkers: boolean
}

/** Checks how components and pipelines fit together: signals, connectors, needs, placement, circles, and what is left over. */
export function checkGraph(input: Input, problems: ProblemList): void {
  for (const pipeline of input.pipelines) {
    checkSignals(pipeline, input.definitions, problems)
    checkNeeds(pipeline, input.definitions, problems)
    checkLogRecords(pipeline, input.definitions, problems)
    if (input.hasWorkers) checkPlacement(pipeline, input.definitions, problems)
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

function checkNeeds(pipeline: Pipeline, definitions: Definitions, problems: ProblemList): void {
  const factories = pipeline.processors.map(({ id }) => definitions.processors.get(id)?.factory)
  const provided = new Set(factories.map((factory) => (factory?.kind === 'processor' ? factory.provides : undefined)))
  for (const reference of pipeline.exporters) {
    const factory = definitions.connectors.get(reference.id)?.factory
    if (factory?.kind !== 'connector' || factory.needs === undefined || provided.has(factory.needs)) continue
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

/** Receivers with two halves produce log records; processors and connectors of logs take access logs, which are another thing. */
function checkLogRecords(pipeline: Pipeline, definitions: Definitions, problems: ProblemList): void {
  if (pipeline.signal !== 'logs') return
  const producer = pipeline.receivers.find(({ id }) => {
    const factory = definitions.receivers.get(id)?.factory
    return factory?.kind === 'receiver' && factory.ingest !== undefined
  })
  if (producer === undefined) return
  const takers = [...pipeline.processors, ...pipeline.exporters.filter(({ id }) => definitions.connectors.has(id))]
  for (const reference of takers) {
    problems.add({
      origin: reference.origin,
      path: formatPath(reference.path),
      problem: `${reference.id} takes access logs, which ${producer.id} does not produce`,
      expected: `exporters only, since the log records of ${producer.id} are no access logs`,
      hint: `give ${producer.id} a logs pipeline of its own`,
    })
  }
}

/** Pipelines that begin with an ingest receiver run in worker threads up to their exporters, so all in them must be able to. */
function checkPlacement(pipeline: Pipeline, definitions: Definitions, problems: ProblemList): void {
  const sources = pipeline.receivers.map(({ id }) => definitions.receivers.get(id)?.factory)
  if (!sources.some((factory) => factory?.kind === 'receiver' && factory.runs === 'ingest')) return
  for (const reference of [...pipeline.processors, ...pipeline.exporters]) {
    const factory = (definitions.processors.get(reference.id) ?? definitions.exporters.get(reference.id) ?? definitions.connectors.get(reference.id))?.factory
    if (factory === undefined || runsInWorkers(factory, pipeline.signal)) continue
    problems.add({
      origin: reference.origin,
      path: formatPath(reference.path),
      problem: `${reference.id} cannot run in ingest workers`,
      expected: `components that can, since ${pipeline.id} has a receiver that runs there`,
      hint: 'set service.workers.threads to 0 to run everything on the main thread',
    })
  }
}

function runsInWorkers(factory: Factory, signal: Signal): boolean {
  if (factory.kind === 'processor') return factory.runs === 'ingest'
  // What does not take the signal at all has been reported as that.
  if (factory.kind === 'exporter') return factory.ingest?.[signal] !== undefined || factory.stability[signal] === undefined
  return factory.kind !== 'connector' || factory.ingest !== undefined || factory.from !== signal
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
