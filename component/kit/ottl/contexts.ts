import type { Signal } from '../../signal.ts'
import type { FieldTable } from './fields.ts'
import { LOG_FIELDS } from './log_fields.ts'
import { METRIC_FIELDS, POINT_FIELDS } from './metric_fields.ts'
import { RESOURCE_FIELDS, SCOPE_FIELDS } from './resource_fields.ts'
import { SPAN_EVENT_FIELDS, SPAN_FIELDS } from './span_fields.ts'

/** What statements may be about. */
export type ContextName = 'resource' | 'scope' | 'span' | 'spanevent' | 'metric' | 'datapoint' | 'log'

/** What statements of one context can name. */
export interface Context {
  readonly name: ContextName
  /** Itself and the contexts that it stands in, which it may read and change as well. */
  readonly reaches: readonly ContextName[]
  /** Fields below its own name. */
  readonly fields: FieldTable
  readonly enums: Readonly<Record<string, bigint>>
}

const SPAN_ENUMS = numbered(
  ['SPAN_KIND_UNSPECIFIED', 'SPAN_KIND_INTERNAL', 'SPAN_KIND_SERVER', 'SPAN_KIND_CLIENT', 'SPAN_KIND_PRODUCER', 'SPAN_KIND_CONSUMER'],
  ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'],
)
const METRIC_ENUMS = numbered(
  ['AGGREGATION_TEMPORALITY_UNSPECIFIED', 'AGGREGATION_TEMPORALITY_DELTA', 'AGGREGATION_TEMPORALITY_CUMULATIVE'],
  ['NONE', 'GAUGE', 'SUM', 'HISTOGRAM', 'EXPONENTIAL_HISTOGRAM', 'SUMMARY'].map((type) => `METRIC_DATA_TYPE_${type}`),
)
const LOG_ENUMS = numbered([
  'SEVERITY_NUMBER_UNSPECIFIED',
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((level) => ['', '2', '3', '4'].map((step) => `SEVERITY_NUMBER_${level}${step}`)),
])

function numbered(...lists: readonly (readonly string[])[]): Readonly<Record<string, bigint>> {
  return Object.fromEntries(lists.flatMap((names) => names.map((name, i) => [name, BigInt(i)] as const)))
}

/**
 * The contexts of OTTL that are supported, of
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts
 */
export const CONTEXTS: Readonly<Record<ContextName, Context>> = {
  resource: { name: 'resource', reaches: ['resource'], fields: RESOURCE_FIELDS, enums: {} },
  scope: { name: 'scope', reaches: ['scope', 'resource'], fields: SCOPE_FIELDS, enums: {} },
  log: { name: 'log', reaches: ['log', 'scope', 'resource'], fields: LOG_FIELDS, enums: LOG_ENUMS },
  span: { name: 'span', reaches: ['span', 'scope', 'resource'], fields: SPAN_FIELDS, enums: SPAN_ENUMS },
  spanevent: { name: 'spanevent', reaches: ['spanevent', 'span', 'scope', 'resource'], fields: SPAN_EVENT_FIELDS, enums: SPAN_ENUMS },
  metric: { name: 'metric', reaches: ['metric', 'scope', 'resource'], fields: METRIC_FIELDS, enums: METRIC_ENUMS },
  datapoint: { name: 'datapoint', reaches: ['datapoint', 'metric', 'scope', 'resource'], fields: POINT_FIELDS, enums: METRIC_ENUMS },
}

/** The contexts of a signal, the innermost first; when a statement names several, this order decides which one it is about. */
export const SIGNAL_CONTEXTS: Readonly<Record<Signal, readonly ContextName[]>> = {
  logs: ['log', 'scope', 'resource'],
  traces: ['spanevent', 'span', 'scope', 'resource'],
  metrics: ['datapoint', 'metric', 'scope', 'resource'],
}

/** What a context is called at the beginning of a path; undefined for other words. */
export function contextNamed(word: string): ContextName | undefined {
  if (word === 'instrumentation_scope') return 'scope'
  return Object.hasOwn(CONTEXTS, word) ? (word as ContextName) : undefined
}
