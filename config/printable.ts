import { SECTIONS, sectionOf } from './ids.ts'
import type { CheckedConfig } from './load.ts'
import { redact } from './redact.ts'

/**
 * A checked config as plain data in the shape of a config file: substituted, merged, with every default written out.
 *
 * Secrets are replaced by `[REDACTED]` unless `isUnredacted`. Every `$` that a loader would act on is doubled, so that the
 * result can be loaded again. Sections without components are left out.
 */
export function printableConfig(config: CheckedConfig, { isUnredacted = false }: { readonly isUnredacted?: boolean } = {}): Record<string, unknown> {
  const printable: Record<string, unknown> = {}
  for (const section of SECTIONS) {
    const components = config.components.filter(({ id, factory }) => sectionOf(id.kind) === section && factory !== undefined)
    if (components.length === 0) continue
    printable[section] = Object.fromEntries(
      components.map(({ id, factory, config: value }) => [id.text, isUnredacted || factory === undefined ? value : redact(factory.config.schema, value)]),
    )
  }
  const pipelines = config.pipelines.map(({ id, receivers, processors, exporters }) => [id, { receivers, processors, exporters }])
  printable['service'] = { extensions: config.extensions, pipelines: Object.fromEntries(pipelines), ...config.service }
  return escapeDollars(printable) as Record<string, unknown>
}

function escapeDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\$+(?=\{)|\$\$+/g, (run) => run + run)
  if (Array.isArray(value)) return value.map(escapeDollars)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escapeDollars(item)]))
}
