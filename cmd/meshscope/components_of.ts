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
