import type { Distribution } from './distribution.ts'
import { type EmfDocument, METRICS_MAX, NUMBER_MAX, VALUES_MAX } from './document.ts'
import type { Group, ListedEntry, Reading } from './groups.ts'
import type { MetricName } from './metric_name.ts'

/** Told of points that fit into no document. */
export type OnOversize = (points: number) => void

/**
 * Writes documents of CloudWatch's embedded metric format ("Specification: Embedded metric format"). What does not fit into one
 * document goes into several with the same labels and time, which CloudWatch adds up: at most 100 metrics in each, each metric
 * once, at most 100 values of a metric, and a limit for the size.
 */
export class DocumentWriter {
  readonly #bytesMax: number
  readonly #onOversize: OnOversize

  constructor(bytesMax: number, onOversize: OnOversize) {
    this.#bytesMax = bytesMax
    this.#onOversize = onOversize
  }

  /** Appends the documents of a group to `into`. */
  write(group: Group, into: EmfDocument[]): void {
    const drafts: Draft[] = []
    // What stands before it takes no more metrics.
    let open = 0
    for (let entry = group.first; entry !== undefined; entry = entry.next) {
      let at = open
      let points = entry.points
      for (const value of this.#values(group, entry)) {
        for (;;) {
          const draft = drafts[at] ?? new Draft(group)
          const isNew = drafts[at] === undefined
          if (draft.add(entry, value, points, this.#bytesMax)) {
            if (isNew) drafts.push(draft)
            break
          }
          if (isNew) {
            this.#onOversize(points)
            break
          }
          at++
        }
        points = 0
        at++
      }
      while (drafts[open]?.isFull === true) open++
    }
    for (const draft of drafts) into.push(draft.finish())
  }

  /** The JSON of a reading; several parts when one document cannot hold it. */
  #values(group: Group, { metric, dimensions, reading }: ListedEntry): readonly string[] {
    if (typeof reading === 'number') return [numberJson(reading)]
    const room = this.#bytesMax - Draft.bytesOf(group, metric, dimensions)
    return distributionParts(reading, room)
  }
}

/** What stands in every document beside labels, namespace, directives and values. */
const FRAME = '{"_aws":{"Timestamp":0000000000000,"CloudWatchMetrics":[]},}'.length
/** The same of a directive. */
const DIRECTIVE = '{"Namespace":,"Dimensions":,"Metrics":[]},'.length

/** A document that is being filled. */
class Draft {
  readonly #group: Group
  readonly #names: string[] = []
  /** The directives by their dimensions: most documents have one. */
  readonly #dimensions: string[] = []
  readonly #definitions: string[] = []
  #fields = ''
  #bytes: number
  #points = 0

  constructor(group: Group) {
    this.#group = group
    this.#bytes = FRAME + group.labels.bytes
  }

  /** The size of a document with one metric, without its value. */
  static bytesOf(group: Group, metric: MetricName, dimensions: string): number {
    return (
      FRAME +
      group.labels.bytes +
      DIRECTIVE +
      group.labels.origin.namespaceJson.length +
      dimensions.length +
      metric.definition.length +
      metric.jsonKey.length +
      2
    )
  }

  get isFull(): boolean {
    return this.#names.length >= METRICS_MAX
  }

  /** False when there is no room for the metric, or it is in the document already. */
  add({ metric, dimensions }: ListedEntry, value: string, points: number, bytesMax: number): boolean {
    if (this.isFull || this.#names.includes(metric.name)) return false
    const directive = dimensions === '' ? -1 : this.#dimensions.indexOf(dimensions)
    const isNew = dimensions !== '' && directive < 0
    // Two commas, or the comma and the label's.
    const added = metric.jsonKey.length + value.length + 2 + (dimensions === '' ? 0 : metric.definition.length)
    const bytes = this.#bytes + added + (isNew ? DIRECTIVE + this.#group.labels.origin.namespaceJson.length + dimensions.length : 0)
    if (bytes > bytesMax) return false
    this.#bytes = bytes
    this.#names.push(metric.name)
    if (isNew) {
      this.#dimensions.push(dimensions)
      this.#definitions.push(metric.definition)
    } else if (directive >= 0) this.#definitions[directive] = `${this.#definitions[directive]},${metric.definition}`
    this.#fields += `${this.#fields === '' ? '' : ','}${metric.jsonKey}${value}`
    this.#points += points
    return true
  }

  finish(): EmfDocument {
    const { labels, timestampMs, target } = this.#group
    let directives = ''
    for (let i = 0; i < this.#dimensions.length; i++)
      directives += `${i === 0 ? '' : ','}{"Namespace":${labels.origin.namespaceJson},"Dimensions":${this.#dimensions[i]},"Metrics":[${this.#definitions[i]}]}`
    const comma = labels.json === '' ? '' : ','
    // Labels before values, so that they can be read where a console shows the beginning of a line only.
    const json = `{"_aws":{"Timestamp":${timestampMs},"CloudWatchMetrics":[${directives}]}${comma}${labels.json},${this.#fields}}`
    return { json, timestampMs, logGroup: target.logGroup, logStream: target.logStream, points: this.#points }
  }
}

function numberJson(value: number): string {
  return `${value}`
}

/** Objects with `Values` and `Counts`, each within the limits; one with totals only when no values are known. */
function distributionParts(distribution: Distribution, bytesMax: number): readonly string[] {
  const { values, counts, count, sum, min, max } = distribution
  if (values.length === 0) return [`{"Max":${max},"Min":${min},"Count":${count},"Sum":${sum}}`]
  const parts: string[] = []
  for (let from = 0; from < values.length; ) {
    const to = partEnd(distribution, from, bytesMax)
    let inPart = 0
    for (let i = from; i < to; i++) inPart += counts[i] as number
    const least = from === 0 ? min : (values[from] as number)
    const most = to === values.length ? max : (values[to - 1] as number)
    // CloudWatch adds the sums of all parts up.
    const partSum = from === 0 ? sum : 0
    parts.push(
      `{"Values":[${values.slice(from, to).join(',')}],"Counts":[${counts.slice(from, to).join(',')}],"Max":${most},"Min":${least},"Count":${inPart},"Sum":${partSum}}`,
    )
    from = to
  }
  return parts
}

/** The numbers and names of a part beside its values: four numbers of at most 25 characters. */
const PART_FRAME = 160
/** A value, its count and their commas at their longest. */
const PAIR_BYTES_MAX = 52

/** Where a part ends that begins with value `from`: after at least one. */
function partEnd({ values, counts }: Distribution, from: number, bytesMax: number): number {
  const end = Math.min(values.length, from + VALUES_MAX)
  if (PART_FRAME + (end - from) * PAIR_BYTES_MAX <= bytesMax) return end
  let bytes = PART_FRAME
  for (let i = from; i < end; i++) {
    bytes += `${values[i]},${counts[i]},`.length
    if (bytes > bytesMax && i > from) return i
  }
  return end
}

/** Why CloudWatch would refuse a reading; undefined when it takes it. */
export function readingFault(reading: Reading): 'not_finite' | 'out_of_range' | undefined {
  if (typeof reading === 'number') return numberFault(reading)
  const { sum, min, max, count } = reading
  return numberFault(sum) ?? numberFault(min) ?? numberFault(max) ?? numberFault(count)
}

function numberFault(value: number): 'not_finite' | 'out_of_range' | undefined {
  if (!Number.isFinite(value)) return 'not_finite'
  return Math.abs(value) > NUMBER_MAX ? 'out_of_range' : undefined
}
