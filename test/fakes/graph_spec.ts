import type { ComponentKind } from '../../component/component.ts'
import { crossingOf } from '../../component/course.ts'
import type { ExtensionUse } from '../../component/factory.ts'
import type { ComponentSpec, GraphSpec, PipelineSpec, Registry, ServiceSpec } from '../../component/spec.ts'
import { distinctNeeds } from '../../config/extension_uses.ts'

/** A graph in few words: configs by section and id, pipelines as `[id, receivers, processors, exporters]`. */
export interface GraphSketch {
  readonly receivers?: Configs
  readonly processors?: Configs
  readonly connectors?: Configs
  readonly exporters?: Configs
  readonly extensions?: Configs
  readonly pipelines: readonly (readonly [string, readonly string[], readonly string[], readonly string[]])[]
  readonly threads?: number
  readonly heapMibMax?: number
  readonly drainTimeout?: string
}

type Configs = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/**
 * Makes a spec from a sketch, with the factories' defaults filled in at the top level of every config. Extensions are
 * those of the sketch, with what its components want of them.
 */
export function graphSpec(sketch: GraphSketch, registry: Registry): GraphSpec {
  const section = (kind: ComponentKind, configs: Configs = {}): Record<string, ComponentSpec> =>
    Object.fromEntries(Object.entries(configs).map(([id, config]) => [id, componentSpec(kind, { id, config, registry })]))
  const sections = {
    receivers: section('receiver', sketch.receivers),
    processors: section('processor', sketch.processors),
    connectors: section('connector', sketch.connectors),
    exporters: section('exporter', sketch.exporters),
  }
  const uses = Object.values(sections).flatMap((specs) => Object.values(specs).flatMap((spec) => usesOf(spec, registry)))
  const extensions = Object.values(section('extension', sketch.extensions))
  const isOf = ({ id }: ComponentSpec, { extension, named }: ExtensionUse): boolean => extension === (named === undefined ? id.type : id.text)
  const crossing = crossingOf(registry.factories)?.type
  return {
    ...sections,
    extensions: extensions.map((spec) => ({ ...spec, uses: distinctNeeds(uses.filter((use) => isOf(spec, use))) })),
    ...(crossing === undefined ? {} : { crossing: sections.processors[crossing] ?? componentSpec('processor', { id: crossing, config: {}, registry }) }),
    pipelines: sketch.pipelines.map(([id, receivers, processors, exporters]) => {
      const pipeline = { id, signal: id.split('/')[0], receivers, processors, exporters }
      return pipeline as PipelineSpec
    }),
    service: serviceSpec(sketch),
  }
}

function usesOf({ id, config }: ComponentSpec, registry: Registry): readonly ExtensionUse[] {
  return registry.factories.find(({ kind, type }) => kind === id.kind && type === id.type)?.uses?.(config) ?? []
}

function componentSpec(
  kind: ComponentKind,
  { id, config, registry }: { readonly id: string; readonly config: Readonly<Record<string, unknown>>; readonly registry: Registry },
): ComponentSpec {
  const [type = '', name = ''] = id.split('/')
  const factory = registry.factories.find((candidate) => candidate.kind === kind && candidate.type === type)
  const properties = Object.entries(factory?.config.schema.properties ?? {})
  const defaults = Object.fromEntries(properties.flatMap(([key, schema]) => (schema.default === undefined ? [] : [[key, schema.default]])))
  return { id: { kind, type, name, text: id }, address: `${kind}s.${id}`, config: { ...defaults, ...config } }
}

function serviceSpec({ threads = 0, heapMibMax = 0, drainTimeout = '2s' }: GraphSketch): ServiceSpec {
  return {
    telemetry: { logs: { level: 'info', encoding: 'console' }, metrics: { level: 'none', address: '127.0.0.1:0' }, resource: {} },
    workers: { threads, heap_mib_max: heapMibMax },
    drain_timeout: drainTimeout,
  }
}
