import { configSchema } from '../../../component/config_schema.ts'
import type { Consumer } from '../../../component/consumer.ts'
import { defineReceiver, type ExporterFactory, type Factory, type ReceiverFactory } from '../../../component/factory.ts'
import type { ComponentSpec, GraphSpec, PipelineSpec, Registry } from '../../../component/spec.ts'
import type { Metrics } from '../../../model/metrics.ts'

/** A part of a config that can run by itself for a moment. */
export interface TrialGraph {
  readonly spec: GraphSpec
  /** Sentences about what was left out. */
  readonly notes: readonly string[]
}

/** Receivers that get a sample. */
const SAMPLED = ['envoyals', 'statsd']
const INPUT = 'explain_input'

/** The exporters of a type, as a config has them. */
export function exportersOf(spec: GraphSpec, type: string): readonly ComponentSpec[] {
  return Object.values(spec.exporters).filter(({ id }) => id.type === type)
}

/** The pipelines that end in these exporters, fed by one receiver `explain_input`. */
export function inputGraph(spec: GraphSpec, exporters: readonly string[], registry: Registry): TrialGraph {
  const pipelines = spec.pipelines.filter((pipeline) => pipeline.exporters.some((id) => exporters.includes(id)))
  const source: ComponentSpec = { id: { kind: 'receiver', type: INPUT, name: '', text: INPUT }, address: `receivers.${INPUT}`, config: {} }
  const fed = pipelines.map((pipeline) => ({ ...pipeline, receivers: [INPUT] }))
  return trial(spec, { receivers: { [INPUT]: source }, pipelines: fed, exporters, registry })
}

/** Everything that leads to these exporters from receivers that a sample can be sent to, listening on ports that the system chooses. */
export function sampleGraph(spec: GraphSpec, exporters: readonly string[], registry: Registry): TrialGraph {
  const wanted = new Set<PipelineSpec>()
  const targets = new Set(exporters)
  for (let before = -1; before !== wanted.size; ) {
    before = wanted.size
    for (const pipeline of spec.pipelines.filter((one) => one.exporters.some((id) => targets.has(id)))) {
      wanted.add(pipeline)
      for (const id of pipeline.receivers) if (Object.hasOwn(spec.connectors, id)) targets.add(id)
    }
  }
  const sources = Object.values(spec.receivers).filter(({ id }) => [...wanted].some(({ receivers }) => receivers.includes(id.text)))
  const sampled = sources.filter(({ id }) => SAMPLED.includes(id.type)).map(listeningAnywhere)
  const receivers = Object.fromEntries(sampled.map((source) => [source.id.text, source]))
  const silent = sources.filter(({ id }) => !SAMPLED.includes(id.type)).map(({ address }) => `${address}: there is no sample for it; give one with --input`)
  const graph = trial(spec, { receivers, pipelines: [...wanted], exporters: [...targets], registry })
  return { spec: graph.spec, notes: [...silent, ...graph.notes] }
}

/** Without certificates, authentication and the like, which a sender on this machine has no use for. */
function listeningAnywhere(source: ComponentSpec): ComponentSpec {
  const { tls: _tls, auth: _auth, ...config } = source.config as Readonly<Record<string, unknown>>
  const own = source.id.type === 'statsd' ? { transport: 'udp', sender: 'none', debug_endpoint: '', recv_buffer_bytes: 0 } : {}
  const known = Object.fromEntries(Object.entries(own).filter(([key]) => key in config))
  return { ...source, config: { ...config, endpoint: '127.0.0.1:0', ...known } }
}

interface TrialParts {
  readonly receivers: Readonly<Record<string, ComponentSpec>>
  readonly pipelines: readonly PipelineSpec[]
  readonly exporters: readonly string[]
  readonly registry: Registry
}

/** Without extensions, and without the processors that cannot be without one. */
function trial(spec: GraphSpec, { receivers, pipelines, exporters, registry }: TrialParts): TrialGraph {
  const needsExtension = (id: string): boolean => {
    const component = spec.processors[id]
    const factory = registry.factories.find((one) => one.kind === 'processor' && one.type === component?.id.type)
    return factory?.uses?.(component?.config).some(({ isOptional }) => !isOptional) ?? false
  }
  const left = [...new Set(pipelines.flatMap(({ processors }) => processors).filter(needsExtension))]
  const kept = pipelines
    .map((pipeline) => ({
      ...pipeline,
      receivers: pipeline.receivers.filter((id) => Object.hasOwn(receivers, id) || Object.hasOwn(spec.connectors, id)),
      processors: pipeline.processors.filter((id) => !left.includes(id)),
      exporters: pipeline.exporters.filter((id) => exporters.includes(id)),
    }))
    .filter((pipeline) => pipeline.receivers.length > 0)
  const used = (section: Readonly<Record<string, ComponentSpec>>, ids: (pipeline: PipelineSpec) => readonly string[]): Record<string, ComponentSpec> =>
    Object.fromEntries(Object.entries(section).filter(([id]) => kept.some((pipeline) => ids(pipeline).includes(id))))
  return {
    spec: {
      ...spec,
      receivers,
      processors: used(spec.processors, (pipeline) => pipeline.processors),
      connectors: used(spec.connectors, (pipeline) => [...pipeline.receivers, ...pipeline.exporters]),
      exporters: used(spec.exporters, (pipeline) => pipeline.exporters),
      extensions: [],
      pipelines: kept,
      service: { ...spec.service, workers: { ...spec.service.workers, threads: 0 } },
    },
    notes: left.map((id) => `processors.${id}: left out, because it needs an extension that is not started here`),
  }
}

/** A receiver that hands on what it is given, for `inputGraph`. */
export function inputReceiver(onConsumer: (next: Consumer<Metrics>) => void): ReceiverFactory {
  return defineReceiver({
    type: INPUT,
    description: 'Hands on what a file has.',
    stability: { metrics: 'development' },
    runs: 'main',
    config: configSchema({ type: 'object', additionalProperties: false, properties: {} }),
    create: (_settings, _config, next) => {
      if (next.metrics !== undefined) onConsumer(next.metrics)
      return {}
    },
  })
}

/** The registry with another exporter in place of the one of its type, which needs no extension. */
export function withExporter(registry: Registry, type: string, main: ExporterFactory['main'], more: readonly Factory[]): Registry {
  const exchanged = registry.factories.map((factory): Factory => {
    if (factory.kind !== 'exporter' || factory.type !== type) return factory
    const { uses: _uses, ingest: _ingest, ...rest } = factory
    return { ...rest, main }
  })
  return { factories: [...exchanged, ...more] }
}
