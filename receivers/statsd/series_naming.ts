import { durationMs } from '../../lib/duration.ts'
import type { StatsdConfig } from './config.ts'
import type { SampleNaming } from './intake.ts'
import { EnvoyNaming } from './naming/envoy_naming.ts'
import type { Mapping } from './naming/mapping.ts'
import { MappingNaming } from './naming/mapping_naming.ts'
import type { Naming, RawSeries } from './naming/naming.ts'
import { PlainNaming } from './naming/plain_naming.ts'
import { SampleType } from './sample.ts'

/**
 * Names series as a config says: by the mapping when there is one, else as they are sent; with profile `envoy` what an Envoy
 * sends is named as its own page has it, and the rest in that way.
 */
export function namingOf(config: StatsdConfig, mapping: Mapping | undefined): SampleNaming {
  const ttlMs = durationMs(config.series_ttl)
  const plain = mapping === undefined ? plainNaming(config, ttlMs) : withTtl(new MappingNaming(mapping), ttlMs)
  if (config.profile !== 'envoy') return plain
  const { envoy_prefixes: prefixes, envoy_dotted_names: dottedNames, envoy_scaled_microseconds: areMicrosScaled } = config
  const envoy = new EnvoyNaming(plain, { ttlMs, prefixes, dottedNames, areMicrosScaled })
  return {
    resolve: (raw) => envoy.resolve(raw),
    repeatsZeros: (name) => envoy.stat({ name, type: SampleType.counter, tags: [] }) !== undefined,
  }
}

function plainNaming(config: StatsdConfig, ttlMs: number): Naming {
  return new PlainNaming({
    areCountersMonotonic: config.is_monotonic_counter,
    hasTypeLabel: config.enable_metric_type,
    timers: config.timer_histogram_mapping,
    valuelessTags: config.enable_simple_tags ? 'true' : 'empty',
    ttlMs,
  })
}

/** Rules without a time to live of their own get the receiver's. */
function withTtl(naming: Naming, ttlMs: number): Naming {
  return {
    resolve(raw: RawSeries) {
      const series = naming.resolve(raw)
      return 'dropped' in series || series.ttlMs !== 0 ? series : { ...series, ttlMs }
    },
  }
}
