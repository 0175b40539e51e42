/**
 * Reads embedded metric format documents as CloudWatch does ("Specification: Embedded metric format" of the CloudWatch user
 * guide, and what AWS's own exporters send beyond it), and keeps the metrics that they make.
 */
import { type EmfDatum, readEmf } from './emf_document.ts'

/** Which metric, and optionally of what time. */
export interface MetricQuery {
  readonly namespace?: string
  readonly name: string
  /** Exactly these: a metric with more dimensions is another metric. */
  readonly dimensions?: Readonly<Record<string, string>>
  /** Inclusive. */
  readonly fromMs?: number
  /** Exclusive. */
  readonly untilMs?: number
}

export interface MetricStatistics {
  readonly sampleCount: number
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly average: number
  /** The value that `percent` of the samples are not above; undefined where CloudWatch has none. */
  percentile(percent: number): number | undefined
}

/** What CloudWatch has after a number of documents. */
export class CloudWatchMetrics {
  readonly data: EmfDatum[] = []
  /** What is wrong with the documents, each with its place. */
  readonly problems: string[] = []

  /** Reads one document; one that is wrong makes problems, and of it those metrics that are right. */
  add(text: string, from: { readonly place?: string; readonly eventTimestampMs?: number } = {}): void {
    const { data, problems } = readEmf(text)
    // Not `push(...data)`: a document in a loop of a million must not copy.
    for (const datum of data) this.data.push(datum)
    const place = from.place ?? `document ${JSON.stringify(text.slice(0, 60))}`
    for (const problem of problems) this.problems.push(`${place}: ${problem}`)
    const [first] = data
    if (first !== undefined && from.eventTimestampMs !== undefined && first.timestampMs !== from.eventTimestampMs)
      this.problems.push(`${place}: the event's time ${from.eventTimestampMs} is not that of its metrics, ${first.timestampMs}`)
  }

  /** One line per custom metric: what CloudWatch bills for. Sorted. */
  identities(): readonly string[] {
    return [...new Set(this.data.map(identityOf))].sort()
  }

  /** Statistics over all points of one metric; undefined when there are none. */
  statistics(query: MetricQuery): MetricStatistics | undefined {
    const dimensions = query.dimensions === undefined ? undefined : dimensionsText(query.dimensions)
    const found = this.data.filter(
      (datum) =>
        datum.name === query.name &&
        (query.namespace === undefined || datum.namespace === query.namespace) &&
        (dimensions === undefined || dimensionsText(datum.dimensions) === dimensions) &&
        datum.timestampMs >= (query.fromMs ?? Number.NEGATIVE_INFINITY) &&
        datum.timestampMs < (query.untilMs ?? Number.POSITIVE_INFINITY),
    )
    return found.length === 0 ? undefined : statisticsOf(found)
  }
}

/** Namespace, name and dimensions, such as `Mesh latency service=shop zone=a`. */
export function identityOf({ namespace, name, dimensions }: Pick<EmfDatum, 'namespace' | 'name' | 'dimensions'>): string {
  const pairs = Object.entries(dimensions).map(([key, value]) => `${key}=${value}`)
  return [namespace, name, ...pairs.sort()].join(' ')
}

function dimensionsText(dimensions: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function statisticsOf(data: readonly EmfDatum[]): MetricStatistics {
  const sampleCount = data.reduce((total, datum) => total + datum.sampleCount, 0)
  const sum = data.reduce((total, datum) => total + datum.sum, 0)
  const min = data.reduce((least, datum) => Math.min(least, datum.min), Number.POSITIVE_INFINITY)
  const max = data.reduce((most, datum) => Math.max(most, datum.max), Number.NEGATIVE_INFINITY)
  return { sampleCount, sum, min, max, average: sampleCount === 0 ? 0 : sum / sampleCount, percentile: (percent) => percentileOf(data, percent) }
}

/** Not available when there are statistic sets among the points, or values below 0. */
function percentileOf(data: readonly EmfDatum[], percent: number): number | undefined {
  if (data.some(({ hasValues, min }) => !hasValues || min < 0)) return undefined
  const samples = data.flatMap(({ values, counts }) => values.map((value, i) => ({ value, count: counts[i] as number })))
  samples.sort((a, b) => a.value - b.value)
  const total = samples.reduce((sum, { count }) => sum + count, 0)
  const rank = (percent / 100) * total
  let seen = 0
  for (const { value, count } of samples) {
    seen += count
    if (seen >= rank) return value
  }
  return samples.at(-1)?.value
}
