import type { Consumer } from '../../../component/consumer.ts'
import type { Signal } from '../../../component/signal.ts'
import { checkComponents } from '../../../config/components.ts'
import { ProblemList } from '../../../config/problem.ts'
import { readSources } from '../../../config/sources.ts'
import { substitute } from '../../../config/substitute.ts'
import { logsJson, metricsJson, parseLogsJson, parseMetricsJson, parseTracesJson, tracesJson } from '../../../model/otlp/json.ts'
import { attributesProcessor } from '../../../processors/attributes/factory.ts'
import { filterProcessor } from '../../../processors/filter/factory.ts'
import { resourceProcessor } from '../../../processors/resource/factory.ts'
import { transformProcessor } from '../../../processors/transform/factory.ts'
import { CollectingConsumer } from '../../fakes/consumers.ts'
import { fakeSettings } from '../../fakes/settings.ts'
import type { OttlCase } from './cases.ts'

const FACTORIES = { filter: filterProcessor, transform: transformProcessor, attributes: attributesProcessor, resource: resourceProcessor }
const JSON_OF = {
  logs: { parse: parseLogsJson, print: logsJson },
  traces: { parse: parseTracesJson, print: tracesJson },
  metrics: { parse: parseMetricsJson, print: metricsJson },
} as const

/** What our processor makes of a batch in OTLP JSON: a text, or undefined when nothing is left. */
export async function ours({ signal, processor, settings }: OttlCase, data: string): Promise<string | undefined> {
  const problems = new ProblemList()
  const text = JSON.stringify({ processors: { [processor]: settings } })
  // `$` begins a variable in texts of a config, and is doubled in the cases as in those of the Collector.
  const outside = { env: {}, readFile: () => '', orderOf: () => 0 }
  const root = readSources({ sources: [`yaml:${text}`], overrides: [] }, outside, problems)
  const config =
    root === undefined ? undefined : checkComponents(substitute(root, outside, problems), [FACTORIES[processor]], problems).processors.get(processor)?.config
  const found = problems.problems().map(({ path, problem }) => `${path}: ${problem}`)
  if (config === undefined || found.length > 0) throw new Error(`settings refused: ${found.join('; ')}`)
  return await through(signal, (next) => create(processor, signal, config, next), data)
}

function create(processor: OttlCase['processor'], signal: Signal, config: unknown, next: CollectingConsumer<never>): Consumer<never> {
  const make = FACTORIES[processor].create[signal] as (settings: unknown, config: unknown, next: unknown) => Consumer<never>
  return make({ ...fakeSettings('processor', processor), signal }, config, next)
}

async function through(signal: Signal, make: (next: CollectingConsumer<never>) => Consumer<never>, data: string): Promise<string | undefined> {
  const { parse, print } = JSON_OF[signal]
  const next = new CollectingConsumer<never>()
  await make(next).consume(parse(data) as never)
  const [batch] = next.batches
  return batch === undefined ? undefined : print(batch)
}

/** OTLP JSON without what can be written in more than one way: fields with their defaults, the order of attributes. */
export function normal(json: string | undefined): unknown {
  return json === undefined ? undefined : simplified(JSON.parse(json))
}

function simplified(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(simplified)
    return items.every(isEntry) ? items.toSorted((a, b) => (a.key < b.key ? -1 : 1)) : items
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, member]) => [key, key === 'dataPoints' ? sortedPoints(member) : simplified(member)] as const)
  return Object.fromEntries(entries.filter(([key, member]) => /Value$|^as|^arrayValue$/.test(key) || !isDefault(member)).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Points of one metric have no order: the Collector's is that of a Go map where it has aggregated. */
function sortedPoints(points: unknown): unknown {
  return (simplified(points) as unknown[])
    .map((point) => [JSON.stringify(point), point] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, point]) => point)
}

function isEntry(item: unknown): item is { readonly key: string } {
  return typeof item === 'object' && item !== null && 'key' in item
}

function isDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === 0 || value === '0' || value === '' || value === false
}
