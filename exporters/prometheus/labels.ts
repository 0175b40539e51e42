import type { AttributeSet, AttributeValue, Resource, Scope } from '../../model/attributes.ts'
import { escapeQuoted, exactLabelName, labelName } from './names.ts'

/** Which of a resource's attributes become labels of its series. */
export interface ResourceLabelOptions {
  readonly constLabels: Readonly<Record<string, string>>
  readonly hasScopeInfo: boolean
  /** True for a resource attribute that becomes a label; its key is given. */
  readonly isResourceLabel: (key: string) => boolean
}

/** Labels that all series of one resource and scope share. */
export interface BaseLabels {
  /** `a="1",b="2"`, sorted by name; empty when there is none. */
  readonly text: string
  readonly pairs: readonly string[]
  readonly names: ReadonlySet<string>
  /** The labels of the resource's `target_info`; undefined when it has none. */
  readonly target: string | undefined
  /** Tells the target from others: its job and instance. */
  readonly targetKey: string
}

/** The labels that come from configuration, resource and scope, by the Collector's rules (`job`, `instance`, `otel_scope_*`). */
export function baseLabels(resource: Resource, scope: Scope, options: ResourceLabelOptions): BaseLabels {
  const labels = new Map<string, string>()
  const target = new Map<string, string>()
  const put = (into: Map<string, string>, name: string, value: string): void => {
    if (value !== '' && !into.has(name)) into.set(name, value)
  }
  for (const [key, value] of Object.entries(options.constLabels)) for (const into of [labels, target]) put(into, labelName(key), value)
  const { job, instance } = jobAndInstance(resource)
  for (const into of [labels, target]) {
    put(into, 'job', job)
    put(into, 'instance', instance)
  }
  let targetAttributes = 0
  for (const [i, key] of resource.attributes.keys.entries()) {
    const value = valueText(resource.attributes.values[i])
    if (!IDENTITY.has(key)) {
      targetAttributes++
      put(target, labelName(key), value)
    }
    if (options.isResourceLabel(key)) put(labels, labelName(key), value)
  }
  if (options.hasScopeInfo) {
    put(labels, 'otel_scope_name', scope.name)
    put(labels, 'otel_scope_version', scope.version)
    for (const [i, key] of (scope.attributes?.keys ?? []).entries()) put(labels, labelName(`otel_scope_${key}`), valueText(scope.attributes?.values[i]))
  }
  const pairs = pairsOf(labels)
  const hasTarget = targetAttributes > 0 && (job !== '' || instance !== '')
  return {
    text: pairs.join(','),
    pairs,
    names: new Set(labels.keys()),
    target: hasTarget ? pairsOf(target).join(',') : undefined,
    targetKey: JSON.stringify([job, instance]),
  }
}

/** Resource attributes that `job` and `instance` are made of. */
export const IDENTITY: ReadonlySet<string> = new Set(['service.namespace', 'service.name', 'service.instance.id'])

function jobAndInstance(resource: Resource): { readonly job: string; readonly instance: string } {
  const of = (key: string): string => valueText(resource.attributes.get(key))
  const name = of('service.name')
  const namespace = of('service.namespace')
  return { job: name === '' ? '' : namespace === '' ? name : `${namespace}/${name}`, instance: of('service.instance.id') }
}

function pairsOf(labels: ReadonlyMap<string, string>): string[] {
  return [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}="${escapeQuoted(value)}"`)
}

/** The text of an attribute value as it stands in a label. */
export function valueText(value: AttributeValue | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  return typeof value === 'object' ? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) : String(value)
}

/** How the attributes of one list of keys become labels. */
export interface KeyPlan {
  /** By label name, sorted. `values` are the places of the attributes whose values it takes. */
  readonly labels: readonly { readonly open: string; readonly values: readonly number[] }[]
  /** True when a label has the name `__name__`, which belongs to the metric itself. */
  readonly hasMetricName: boolean
  /** True when a label has the name `le`, which belongs to histograms. */
  readonly hasBound: boolean
  /** True when a label has the name `quantile`, which belongs to summaries. */
  readonly hasQuantile: boolean
}

/** How the attribute keys of a series become label names. */
export interface LabelNaming {
  /** Names that the labels must leave to others. */
  readonly taken: ReadonlySet<string>
  /** The keys are names already, as those of a family with an exact name are; only what no label may hold is replaced. */
  readonly isExact: boolean
}

/**
 * Plans the labels for a list of attribute keys. Keys that become the same name are joined (values with `;`, in the
 * order of the keys); a name that the resource or the configuration already gives gets the prefix `exported_`, as
 * Prometheus does it.
 */
export function keyPlan(keys: readonly string[], { taken, isExact }: LabelNaming): KeyPlan {
  const byName = new Map<string, number[]>()
  const order = keys.map((_, i) => i).sort((a, b) => ((keys[a] as string) < (keys[b] as string) ? -1 : 1))
  for (const i of order) {
    let name = isExact ? exactLabelName(keys[i] as string) : labelName(keys[i] as string)
    while (taken.has(name)) name = `exported_${name}`
    byName.set(name, [...(byName.get(name) ?? []), i])
  }
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    labels: sorted.map(([name, values]) => ({ open: `${name}="`, values })),
    hasMetricName: byName.has('__name__'),
    hasBound: byName.has('le'),
    hasQuantile: byName.has('quantile'),
  }
}

/** The labels of one series, `a="1",b="2"`. Labels without a value are left out: to Prometheus they are the same. */
export function labelText(plan: KeyPlan, attributes: AttributeSet): string {
  let text = ''
  for (const { open, values } of plan.labels) {
    const value = labelValue(attributes, values)
    if (value !== '') text += `${text === '' ? '' : ','}${open}${escapeQuoted(value)}"`
  }
  return text
}

/** The labels of one series together with those of its source, in an order of their own: equal for equal labels. */
export function comparableLabels(plan: KeyPlan, attributes: AttributeSet, base: BaseLabels): string {
  const pairs = [...base.pairs]
  for (const { open, values } of plan.labels) {
    const value = labelValue(attributes, values)
    if (value !== '') pairs.push(`${open}${escapeQuoted(value)}"`)
  }
  return pairs.sort().join('\n')
}

function labelValue(attributes: AttributeSet, values: readonly number[]): string {
  if (values.length > 1) return joined(attributes, values)
  const value = attributes.values[values[0] as number]
  return typeof value === 'string' ? value : valueText(value)
}

function joined(attributes: AttributeSet, values: readonly number[]): string {
  return values
    .map((i) => valueText(attributes.values[i]))
    .filter((value) => value !== '')
    .join(';')
}

const CHUNK_BYTES = 1 << 20
/** The first chunk begins so small and is doubled: there are families with one series, by the thousand. */
const FIRST_BYTES = 256

/**
 * The label bytes of a growing list of series, rendered once and copied into every scrape. Bytes lie in chunks of one
 * MiB at most; labels never cross a chunk.
 */
export class LabelArena implements LabelNaming {
  readonly series: readonly AttributeSet[]
  readonly taken: ReadonlySet<string>
  readonly isExact: boolean
  /** Series rendered so far, from the first on. */
  count = 0
  at: Int32Array
  /** Bytes of a series' labels; -1 when they cannot be rendered. */
  length: Int32Array
  readonly #chunks: Buffer[] = []
  #used = CHUNK_BYTES
  readonly #plans = new Map<readonly string[], KeyPlan>()
  #keys: readonly string[] | undefined
  #hasSeveralKeys = false
  #hasEmptyValues = false
  #isAmbiguous = false
  /** Label name → the attribute key it stands for. */
  readonly #keyOfName = new Map<string, string>()
  #before: LabelArena | undefined
  #cursor = 0

  /** `before` is the arena of a list of which `series` is what was left when some of its series ended. */
  constructor(series: readonly AttributeSet[], { taken, isExact }: LabelNaming, before?: LabelArena) {
    this.series = series
    this.taken = taken
    this.isExact = isExact
    this.#before = before
    this.at = new Int32Array(Math.max(16, series.length))
    this.length = new Int32Array(Math.max(16, series.length))
  }

  /** True when equal labels mean equal attributes, so that a producer's series cannot have the labels of another one of its. */
  get isUniform(): boolean {
    return !this.#isAmbiguous && !(this.#hasEmptyValues && this.#hasSeveralKeys)
  }

  plan(attributes: AttributeSet): KeyPlan {
    let plan = this.#plans.get(attributes.keys)
    if (plan === undefined) {
      // Producers that make a list of keys per series would fill the map; theirs are planned anew.
      if (this.#plans.size >= 1024) this.#plans.clear()
      plan = keyPlan(attributes.keys, this)
      this.#plans.set(attributes.keys, plan)
    }
    return plan
  }

  chunk(index: number): Buffer {
    return this.#chunks[(this.at[index] as number) >>> 20] as Buffer
  }

  start(index: number): number {
    return (this.at[index] as number) & (CHUNK_BYTES - 1)
  }

  /** Renders the labels of the next series, or takes them over from the arena before. */
  append(): void {
    const attributes = this.series[this.count] as AttributeSet
    this.#noteKeys(attributes)
    const index = this.#next()
    if (!this.#takeOver(index, attributes)) this.#render(index, attributes)
  }

  #render(index: number, attributes: AttributeSet): void {
    const text = labelText(this.plan(attributes), attributes)
    // Three bytes is the most that a UTF-16 unit can take.
    const room = (this.#chunks.at(-1)?.length ?? 0) - this.#used
    const chunk = this.#chunkFor(text.length * 3 <= room ? 0 : Buffer.byteLength(text))
    this.at[index] = this.#place
    this.length[index] = chunk === undefined ? -1 : chunk.write(text, this.#used, 'utf8')
    this.#used += Math.max(0, this.length[index])
  }

  #takeOver(index: number, attributes: AttributeSet): boolean {
    const before = this.#before
    if (before === undefined) return false
    // Series keep their order when some of them end, so one pass over both lists finds all that go on.
    while (this.#cursor < before.count && before.series[this.#cursor] !== attributes) this.#cursor++
    if (this.#cursor >= before.count) {
      this.#before = undefined
      return false
    }
    const length = before.length[this.#cursor] as number
    const chunk = this.#chunkFor(Math.max(0, length))
    this.at[index] = this.#place
    this.length[index] = length
    if (length > 0 && chunk !== undefined) {
      const start = before.start(this.#cursor)
      before.chunk(this.#cursor).copy(chunk, this.#used, start, start + length)
      this.#used += length
    }
    return true
  }

  #noteKeys(attributes: AttributeSet): void {
    if (attributes.values.includes('')) this.#hasEmptyValues = true
    if (attributes.keys === this.#keys || isOverflow(attributes)) return
    if (this.#keys !== undefined) this.#hasSeveralKeys = true
    this.#keys = attributes.keys
    for (const { open, values } of this.plan(attributes).labels) {
      const key = attributes.keys[values[0] as number] as string
      if (values.length > 1 || (this.#keyOfName.get(open) ?? key) !== key) this.#isAmbiguous = true
      this.#keyOfName.set(open, key)
    }
  }

  /** Position of the next byte over all chunks. */
  get #place(): number {
    return (Math.max(0, this.#chunks.length - 1) << 20) | (this.#used & (CHUNK_BYTES - 1))
  }

  /** A chunk with room for so many bytes; undefined when they do not fit into any. */
  #chunkFor(bytes: number): Buffer | undefined {
    if (bytes > CHUNK_BYTES) return undefined
    const last = this.#chunks.at(-1)
    if (last === undefined || bytes > CHUNK_BYTES - this.#used) {
      this.#chunks.push(Buffer.allocUnsafeSlow(last === undefined ? Math.max(FIRST_BYTES, bytes) : CHUNK_BYTES))
      this.#used = 0
    } else if (bytes > last.length - this.#used) {
      const grown = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(last.length * 2, this.#used + bytes)))
      last.copy(grown, 0, 0, this.#used)
      this.#chunks[this.#chunks.length - 1] = grown
    }
    return this.#chunks.at(-1)
  }

  #next(): number {
    if (this.count === this.at.length) {
      const [at, length] = [new Int32Array(this.count * 2), new Int32Array(this.count * 2)]
      at.set(this.at)
      length.set(this.length)
      this.at = at
      this.length = length
    }
    return this.count++
  }
}

function isOverflow(attributes: AttributeSet): boolean {
  return attributes.size === 1 && attributes.keys[0] === 'otel_metric_overflow'
}
