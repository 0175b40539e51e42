import { expect, test } from 'vitest'
import { type StatsdConfig, statsdConfig } from './config.ts'
import { SampleType } from './sample.ts'
import { namingOf } from './series_naming.ts'

/** `name{labels}` of a counter by a config with these settings beside the defaults. */
function named(settings: Partial<StatsdConfig>, name: string): string {
  const defaults = Object.fromEntries(
    Object.entries(statsdConfig.schema.properties).flatMap(([key, schema]) => (schema.default === undefined ? [] : [[key, schema.default]])),
  )
  const series = namingOf({ ...defaults, ...settings } as StatsdConfig, undefined).resolve({ name, type: SampleType.counter, tags: [] })
  if ('dropped' in series) throw new Error(series.dropped)
  return `${series.name}{${series.labels.map(([key, value]) => `${key}=${value}`).join(',')}}`
}

test.for([
  { settings: {}, is: 'edge.cluster.a.dotted.name.upstream_rq_total{}' },
  { settings: { profile: 'envoy' }, is: 'edge.cluster.a.dotted.name.upstream_rq_total{}' },
  { settings: { profile: 'envoy', envoy_prefixes: ['edge'] }, is: 'envoy_cluster_dotted_name_upstream_rq_total{envoy_cluster_name=a}' },
  {
    settings: { profile: 'envoy', envoy_prefixes: ['edge'], envoy_dotted_names: 'all' },
    is: 'envoy_cluster_upstream_rq_total{envoy_cluster_name=a.dotted.name}',
  },
] as const)('a dotted name of a cluster is named as the config says: $settings', ({ settings, is }) => {
  expect(named(settings, 'edge.cluster.a.dotted.name.upstream_rq_total')).toBe(is)
})
