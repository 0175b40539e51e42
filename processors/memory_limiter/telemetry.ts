import type { Signal } from '../../component/signal.ts'
import type { InstrumentSpec } from '../../component/telemetry.ts'

const LABELS = { processor: 'id of the processor' }

const ITEMS = {
  logs: { name: 'log_records', unit: '{records}', text: 'Log records' },
  metrics: { name: 'metric_points', unit: '{datapoints}', text: 'Metric points' },
  traces: { name: 'spans', unit: '{spans}', text: 'Spans' },
} as const

function counter(outcome: 'accepted' | 'refused', signal: Signal): InstrumentSpec {
  const { name, unit, text } = ITEMS[signal]
  const what = outcome === 'accepted' ? 'that were let pass' : 'that were refused because memory is short'
  return { name: `otelcol_processor_memory_limiter_${outcome}_${name}`, description: `${text} ${what}.`, unit, type: 'counter', labels: LABELS }
}

export const ACCEPTED_LOG_RECORDS = counter('accepted', 'logs')
export const ACCEPTED_METRIC_POINTS = counter('accepted', 'metrics')
export const ACCEPTED_SPANS = counter('accepted', 'traces')
export const REFUSED_LOG_RECORDS = counter('refused', 'logs')
export const REFUSED_METRIC_POINTS = counter('refused', 'metrics')
export const REFUSED_SPANS = counter('refused', 'traces')

export const COLLECTIONS: InstrumentSpec = {
  name: 'meshscope_processor_memory_limiter_collections',
  description: 'Collections of garbage that were forced because memory is short.',
  unit: '{collections}',
  type: 'counter',
  labels: { ...LABELS, limit: '`soft` or `hard`' },
}
