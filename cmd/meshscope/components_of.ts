import type { Factory } from '../../component/factory.ts'
import type { ComponentSpec, GraphSpec, Registry } from '../../component/spec.ts'

/** The folders of components of a kind; in each, a component has a folder of its type's name. */
const FOLDERS: Readonly<Record<Factory['kind'], string>> = {
  receiver: 'receivers',
  processor: 'processors',
  connector: 'connectors',
  exporter: 'exporters',
  extension: 'extensions',
}
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** Folders of components that configs may also name in another way. */
const ALIASES: Readonly<Record<string, string>> = {
  'exporters/otlp': 'otlp_grpc',
  'exporters/otlphttp': 'otlp_http',
  'processors/k8sattributes': 'k8s_attributes',
  'processors/cumulative_to_delta': 'cumulativetodelta',
  'processors/delta_to_cumulative': 'deltatocumulative',
  'processors/resource_detection': 'resourcedetection',
}

/** What a graph may have although its config does not name it. */
const UNNAMED = [
  { kind: 'processor', type: 'access_log_records' },
  { kind: 'extension', type: 'k8s_metadata' },
] as const

/** The built-in components as far as they are loaded: what is not takes no memory. */
export class BuiltIn implements Registry {
  #factories = new Set<Factory>()

  get factories(): readonly Factory[] {
    return [...this.#factories]
  }

  /** Loads the components of these kinds and types, or aliases, and what comes with them; all there are when one of them is not found. */
  async loadNamed(names: readonly { readonly kind: Factory['kind']; readonly type: string }[]): Promise<void> {
    const found = await Promise.all([...names, ...UNNAMED].map(({ kind, type }) => load(kind, ALIASES[`${FOLDERS[kind]}/${type}`] ?? type)))
    if (found.includes(undefined)) await this.loadAll()
    else for (const factory of found) if (factory !== undefined) this.#factories.add(factory)
  }

  /** Loads all; from then on they are in the order in which they are told to users. */
  async loadAll(): Promise<void> {
    const { registry } = await import('./components.ts')
    this.#factories = new Set(registry.factories)
  }
}

/**
 * The built-in components that a graph is made of, and of the others as few as possible: what is not loaded takes no memory,
 * which counts in every worker thread. Rejects when a component cannot be loaded.
 */
export async function componentsOf(spec: GraphSpec): Promise<Registry> {
  const { receivers, processors, connectors, exporters, extensions, crossing } = spec
  const specs = [receivers, processors, connectors, exporters].flatMap((section): ComponentSpec[] => Object.values(section))
  const ids = [...specs, ...extensions, ...(crossing === undefined ? [] : [crossing])].map(({ id }) => id)
  const factories = await Promise.all(ids.map(({ kind, type }) => load(kind, type)))
  if (factories.every((factory) => factory !== undefined)) return { factories }
  const { registry } = await import('./components.ts')
  return registry
}

/** The factory of a component that has its own folder; undefined when there is no such folder. */
async function load(kind: Factory['kind'], type: string): Promise<Factory | undefined> {
  const module: unknown = await import(new URL(`../../${FOLDERS[kind]}/${type}/factory${EXTENSION}`, import.meta.url).href).catch((error: unknown) => {
    // It shares a folder with another one. That anything else is missing shows when everything is loaded.
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return {}
    throw error
  })
  return Object.values(module as Record<string, Factory>).find((factory) => factory.kind === kind && factory.type === type)
}
