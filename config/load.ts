import { readFileSync } from 'node:fs'
import type { ComponentKind } from '../component/component.ts'
import type { ComponentSpec, GraphSpec, PipelineSpec, Registry, ServiceSpec } from '../component/spec.ts'
import { checkComponents, type Definition, type Definitions } from './components.ts'
import { coursesOf, insertedCrossing } from './courses.ts'
import { addressOf, type RunningExtension, runningExtensions } from './extension_uses.ts'
import { checkGraph } from './graph_check.ts'
import { kindOf, parseId, SECTIONS } from './ids.ts'
import { checkListeners, listenersOf } from './listeners.ts'
import { type ConfigNode, formatPath, keyOrigin, nodeAt, toPlain, valueOrigin } from './node.ts'
import { type Pipeline, readExtensions, readPipelines } from './pipelines.ts'
import { type Problem, ProblemList } from './problem.ts'
import { checkSchema } from './schema_check.ts'
import { metricsAddressPath, serviceConfig, serviceSpec } from './service_schema.ts'
import { readSources } from './sources.ts'
import { substitute } from './substitute.ts'
import { describeFound, unknownName } from './wording.ts'

/** What to load and what it may refer to. */
export interface LoadRequest {
  /** The `--config` values, in order: a path, `file:path`, `env:NAME` or `yaml:text`. */
  readonly sources: readonly string[]
  /** The `--set` values, in order: `a.b.c=value`. */
  readonly overrides?: readonly string[]
  readonly registry: Registry
  /** The environment that `${env:NAME}` looks into. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a file as text and throws as `readFileSync` does; the default reads the disk. */
  readonly readFile?: (path: string) => string
}

/** The outcome of loading: a spec, or problems, never both. Problems and warnings are in file order. */
export interface LoadResult {
  readonly spec?: GraphSpec
  readonly config?: CheckedConfig
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** Every file that was read or looked for, as named; a change of one of them is worth a reload. */
  readonly files: readonly string[]
}

/** A whole checked config with defaults filled in, unused components and implicit extensions included; for printing. */
export interface CheckedConfig {
  /** Components by section, in the order of the config; at the end those that are created although nobody has configured them. */
  readonly components: readonly Definition[]
  /** The extensions that run, in start order. */
  readonly extensions: readonly string[]
  readonly pipelines: readonly PipelineSpec[]
  readonly service: ServiceSpec
}

/**
 * Reads, merges and checks a config. Finds all problems at once and never throws because of what it reads.
 *
 * Nothing is opened or started. The same request on the same files gives the same result.
 */
export function loadConfig(request: LoadRequest): LoadResult {
  const problems = new ProblemList()
  const { root, files } = readDocument(request, problems)
  const checked = root === undefined ? undefined : checkDocument(root, request.registry, problems)
  const result = { problems: problems.problems(), warnings: problems.warnings(), files }
  return checked === undefined || !problems.isEmpty ? result : { ...result, ...checked }
}

/** Kinds and types of the components that a config has, as it writes them; of a config with problems what can be read. */
export function namedComponents(request: Omit<LoadRequest, 'registry'>): readonly { readonly kind: ComponentKind; readonly type: string }[] {
  const { root } = readDocument(request, new ProblemList())
  if (root === undefined) return []
  return SECTIONS.flatMap((section) => {
    const node = nodeAt(root, [section])
    const keys = node?.kind === 'map' ? [...node.entries.keys()] : []
    return keys.flatMap((key) => {
      const type = parseId(key)?.type
      return type === undefined ? [] : [{ kind: kindOf(section), type }]
    })
  })
}

/** The sources as one document, references replaced; undefined when nothing could be read. */
function readDocument(
  request: Omit<LoadRequest, 'registry'>,
  problems: ProblemList,
): { readonly root: ConfigNode | undefined; readonly files: readonly string[] } {
  const orders = new Map<string, number>()
  const files = new Set<string>()
  const read = request.readFile ?? ((path: string) => readFileSync(path, 'utf8'))
  const outside = {
    env: request.env,
    readFile: (path: string) => {
      files.add(path)
      return read(path)
    },
    orderOf: (source: string) => {
      const order = orders.get(source) ?? orders.size
      orders.set(source, order)
      return order
    },
  }
  const merged = readSources({ sources: request.sources, overrides: request.overrides ?? [] }, outside, problems)
  const root = merged === undefined ? undefined : substitute(merged, outside, problems)
  return { root, files: [...files] }
}

function checkDocument(root: ConfigNode, { factories }: Registry, problems: ProblemList): Pick<LoadResult, 'spec' | 'config'> | undefined {
  checkTopLevel(root, problems)
  const definitions = checkComponents(root, factories, problems)
  // The rest is about how the parts fit together, and some of them are missing.
  if (problems.hasSyntaxErrors) return undefined
  const node = nodeAt(root, ['service'])
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) {
    problems.add({
      origin: keyOrigin(root, ['service']),
      path: 'service',
      problem: 'missing section',
      expected: 'service.pipelines with at least one pipeline',
    })
    return undefined
  }
  if (node.kind !== 'map') {
    problems.add({ origin: node.origin, path: 'service', problem: 'wrong type', expected: 'a map', found: describeFound(toPlain(node)) })
    return undefined
  }
  const service = checkSchema({ root, path: ['service'], config: serviceConfig }, problems)
  const pipelines = readPipelines({ root, definitions, factories }, problems)
  const listed = readExtensions({ root, definitions, factories }, problems)
  const courses = pipelines.map((pipeline) => coursesOf(pipeline, definitions, factories))
  const crossing = insertedCrossing({ root, factories, definitions, courses }, problems)
  const named = pipelineDefinitions(definitions, pipelines)
  const users = crossing === undefined || named.includes(crossing) ? named : [...named, crossing]
  const extensions = runningExtensions({ root, factories, definitions, listed, users }, problems)
  checkGraph({ definitions, factories, pipelines, courses, users, extensions }, problems)
  const used = [...users, ...extensions.map(({ definition }) => definition)]
  const own = service === undefined ? [] : ownListeners(root, service)
  checkListeners([...used.flatMap((definition) => listenersOf(definition, root)), ...own], problems)
  if (!problems.isEmpty) return undefined
  return built({ definitions, named, pipelines, crossing, extensions, service: serviceSpec(service) })
}

function checkTopLevel(root: ConfigNode, problems: ProblemList): void {
  if (root.kind !== 'map') return
  const known = [...SECTIONS, 'service']
  for (const [key, entry] of root.entries) {
    if (!known.includes(key)) problems.add({ origin: entry.key, path: formatPath([key]), ...unknownName('unknown section', key, [...known].sort()) })
  }
}

function ownListeners(root: ConfigNode, service: unknown) {
  const { metrics } = serviceSpec(service).telemetry
  if (metrics.level === 'none') return []
  const path = ['service', ...metricsAddressPath(service)]
  return [{ network: 'tcp' as const, address: metrics.address, path, origin: valueOrigin(root, path) }]
}

/** The components that pipelines name, each once. */
function pipelineDefinitions(definitions: Definitions, pipelines: readonly Pipeline[]): Definition[] {
  const used = new Set<Definition | undefined>()
  for (const pipeline of pipelines) {
    for (const role of ['receivers', 'processors', 'exporters'] as const) {
      for (const { id } of pipeline[role]) used.add(definitions[role].get(id) ?? definitions.connectors.get(id))
    }
  }
  return [...used].filter((definition) => definition !== undefined)
}

interface Checked {
  readonly definitions: Definitions
  /** The components that pipelines name. */
  readonly named: readonly Definition[]
  readonly pipelines: readonly Pipeline[]
  readonly crossing: Definition | undefined
  readonly extensions: readonly RunningExtension[]
  readonly service: ServiceSpec
}

function built({ definitions, named, pipelines, crossing, extensions, service }: Checked): { readonly spec: GraphSpec; readonly config: CheckedConfig } {
  const byKind = (kind: Definition['id']['kind']): Record<string, ComponentSpec> =>
    Object.fromEntries(named.filter(({ id }) => id.kind === kind).map((definition) => [definition.id.text, specOf(definition)]))
  const lines = pipelines.map(({ id, signal, receivers, processors, exporters }): PipelineSpec => {
    return { id, signal, receivers: receivers.map((r) => r.id), processors: processors.map((r) => r.id), exporters: exporters.map((r) => r.id) }
  })
  const running = [...(crossing === undefined ? [] : [crossing]), ...extensions.map(({ definition }) => definition)]
  const implicit = running.filter(({ section, id }) => !definitions[section].has(id.text))
  return {
    spec: {
      receivers: byKind('receiver'),
      processors: byKind('processor'),
      connectors: byKind('connector'),
      exporters: byKind('exporter'),
      extensions: extensions.map(({ definition, uses }) => ({ ...specOf(definition), uses })),
      pipelines: lines,
      ...(crossing === undefined ? {} : { crossing: specOf(crossing) }),
      service,
    },
    config: {
      components: [...SECTIONS.flatMap((section) => [...definitions[section].values()]), ...implicit],
      extensions: extensions.map(({ definition }) => definition.id.text),
      pipelines: lines,
      service,
    },
  }
}

function specOf(definition: Definition): ComponentSpec {
  return { id: definition.id, address: addressOf(definition), config: definition.config }
}
