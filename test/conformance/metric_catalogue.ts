import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { InstrumentSpec } from '../../component/telemetry.ts'
import { SECTIONS } from '../../config/ids.ts'
import { config as meshMetricsConfig } from '../../connectors/mesh_metrics/config.ts'
import { planOf } from '../../connectors/mesh_metrics/plan.ts'
import { GRAPH_METRICS } from '../../pipeline/telemetry.ts'
import { PROCESS_METRICS } from '../../telemetry/process_metrics.ts'
import { checkedConfig } from '../fakes/checked_config.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** Names of metrics as Prometheus stores them, each with the labels that its series may have. */
export type Catalogue = ReadonlyMap<string, ReadonlySet<string>>

/** What the daemon says of itself: everything that is declared in the `telemetry.ts` of a component, the graph or the process. */
export async function ownMetrics(): Promise<Catalogue> {
  const folders = SECTIONS.flatMap((section) => readdirSync(join(REPOSITORY, section)).map((type) => join(REPOSITORY, section, type)))
  const declared = await Promise.all(folders.map((folder) => specsIn(join(folder, 'telemetry.ts'))))
  const catalogue = new Map<string, Set<string>>()
  for (const { name, labels } of [...PROCESS_METRICS, ...GRAPH_METRICS, ...declared.flat()]) {
    const known = catalogue.get(name) ?? new Set()
    for (const label of Object.keys(labels ?? {})) known.add(label.replaceAll(/\W/g, '_'))
    catalogue.set(name, known)
  }
  return catalogue
}

/** The metrics of `mesh_metrics` by Istio's names, with the series that a histogram is made of. */
export function meshMetrics(): Catalogue {
  const catalogue = new Map<string, ReadonlySet<string>>()
  for (const { layout } of planOf(checkedConfig(meshMetricsConfig, {})).groups) {
    const labels = new Set([...layout.labels, 'otel_metric_overflow'])
    for (const { name, type } of layout.families) {
      if (type !== 'histogram') catalogue.set(name, labels)
      else for (const suffix of ['_bucket', '_sum', '_count']) catalogue.set(`${name}${suffix}`, suffix === '_bucket' ? new Set([...labels, 'le']) : labels)
    }
  }
  return catalogue
}

async function specsIn(file: string): Promise<InstrumentSpec[]> {
  if (!existsSync(file)) return []
  const exported = Object.values((await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>)
  return exported.flatMap((value) => (isSpec(value) ? [value] : typeof value === 'object' && value !== null ? Object.values(value).filter(isSpec) : []))
}

function isSpec(value: unknown): value is InstrumentSpec {
  return typeof value === 'object' && value !== null && 'name' in value && 'unit' in value && 'description' in value
}
