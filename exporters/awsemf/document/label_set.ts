import type { AttributeSet, AttributeValue } from '../../../model/attributes.ts'
import { plainText } from '../../../model/plain_json.ts'
import type { AwsEmfConfig } from '../config.ts'
import { type DimensionLabels, OTEL_LIB } from './dimensions.ts'
import type { ChangeReason } from './document.ts'
import type { Group } from './groups.ts'
import type { LabelOrigin } from './label_catalog.ts'
import type { LogPair } from './log_targets.ts'
import { labelName, labelValue } from './names.ts'

/** Labels as documents have them, before anything is known of where they are. */
export interface Labels {
  /** All keys, sorted. Lists with the same keys mostly are the same object. */
  readonly keys: readonly string[]
  /** By key; undefined where JSON stands in the document, which can be no dimension. */
  readonly values: readonly (string | undefined)[]
  /** The members of a JSON object, without braces. */
  readonly json: string
}

/** The labels that documents of some series share, with what is derived from them once. */
export class LabelSet implements DimensionLabels {
  readonly dimensionKeys: readonly string[]
  readonly #keys: readonly string[]
  readonly #values: readonly (string | undefined)[]
  /** The members of a JSON object, without braces. */
  readonly json: string
  /** Of `json` in UTF-8. */
  readonly bytes: number
  readonly origin: LabelOrigin
  readonly logs: LogPair
  /** Documents of the batch that is being encoded, one group for each time; mostly there is one. */
  groups: Group[] | undefined
  /** When a batch last had it, on the monotonic clock. */
  heardAt = 0

  constructor({ keys, values, json }: Labels, origin: LabelOrigin, logs: LogPair) {
    this.#keys = keys
    this.#values = values
    const hasJson = values.includes(undefined)
    this.dimensionKeys = hasJson ? keys.filter((_, i) => values[i] !== undefined) : keys
    this.json = json
    // All else is ASCII.
    this.bytes = hasJson ? Buffer.byteLength(json) : json.length
    this.origin = origin
    this.logs = logs
  }

  /** The value of a label that may be a dimension; undefined when there is none. */
  valueOf(key: string): string | undefined {
    const at = this.#keys.indexOf(key)
    return at < 0 ? undefined : this.#values[at]
  }

  /** Those of the labels that are among the keys, in their order. */
  only(keys: ReadonlySet<string>): Labels {
    const left = this.#keys.filter((key) => keys.has(key))
    const values = left.map((key) => this.valueOf(key))
    return { keys: left, values, json: left.map((key, i) => `${JSON.stringify(key)}:${JSON.stringify(values[i])}`).join() }
  }

  /** True for the key of any label. */
  has(key: string): boolean {
    return this.#keys.includes(key)
  }
}

/** What labels are made of beyond the attributes of the series. */
export interface LabelSources {
  /** Attributes of the resource that become labels; those of points go before them. */
  readonly resource: AttributeSet
  /** The name of the instrumentation scope, where that becomes a label; else empty. */
  readonly scopeName: string
  /** Names that labels must not have, since a metric of the same document has them. */
  readonly taken: readonly string[]
}

/** What is kept of a name that a number is added to; labels have at most 250 characters. */
const NAME_KEPT = 240

/** A label of a plan: where its value is found. */
interface PlannedLabel {
  readonly key: string
  /** The key in a JSON object, with the colon. */
  readonly jsonKey: string
  /** The place of its value among those of the series; -1 for `constant`. */
  readonly at: number
  readonly constant: AttributeValue
  readonly isJson: boolean
}

/** Makes labels of attributes with the same keys, in the form that CloudWatch takes. */
export class LabelPlan {
  readonly #labels: readonly PlannedLabel[]
  readonly #keys: readonly string[]
  readonly #keepsBlank: boolean
  readonly #onChanged: (reason: ChangeReason) => void

  constructor(keys: readonly string[], sources: LabelSources, maker: { readonly config: AwsEmfConfig; onChanged(reason: ChangeReason): void }) {
    this.#onChanged = (reason) => maker.onChanged(reason)
    this.#keepsBlank = maker.config.blank_label_values === 'dash'
    this.#labels = this.#planned(keys, sources, new Set(maker.config.parse_json_encoded_attr_values))
    this.#keys = this.#labels.map(({ key }) => key)
  }

  /** The labels of a series with these values, in the order of the plan's keys. */
  labels(values: readonly AttributeValue[]): Labels {
    const made: (string | undefined)[] = []
    // Joined at the end: a text that is added to piece by piece keeps all its pieces.
    const json: string[] = []
    let omitted: Set<string> | undefined
    for (const { key, jsonKey, at, constant, isJson } of this.#labels) {
      const given = plainText(at < 0 ? constant : (values[at] as AttributeValue))
      const parsed = isJson ? compactJson(given) : undefined
      const value = parsed === undefined ? this.#value(given) : undefined
      if (value === '') {
        omitted ??= new Set()
        omitted.add(key)
        continue
      }
      made.push(value)
      json.push(`${jsonKey}${parsed ?? JSON.stringify(value)}`)
    }
    return { keys: omitted === undefined ? this.#keys : this.#keys.filter((key) => !omitted.has(key)), values: made, json: json.join() }
  }

  /** Empty for a label that is left out. */
  #value(given: string): string {
    const value = labelValue(given)
    if (value !== given) this.#onChanged('label_value')
    return value === '' && this.#keepsBlank ? '-' : value
  }

  #planned(keys: readonly string[], { resource, scopeName, taken }: LabelSources, jsonKeys: ReadonlySet<string>): PlannedLabel[] {
    const given = new Map<string, { readonly at: number; readonly constant: AttributeValue }>()
    for (const [i, key] of resource.keys.entries()) given.set(key, { at: -1, constant: resource.values[i] as AttributeValue })
    if (scopeName !== '') given.set(OTEL_LIB, { at: -1, constant: scopeName })
    // Of keys that are there twice, the first has the value.
    for (const [at, key] of keys.entries()) if (keys.indexOf(key) === at) given.set(key, { at, constant: null })
    const planned = new Map<string, PlannedLabel>()
    for (const name of [...given.keys()].sort()) {
      const key = freeName(labelName(name), (one) => planned.has(one) || taken.includes(one))
      if (key !== name) this.#onChanged('label_name')
      const source = given.get(name) as { readonly at: number; readonly constant: AttributeValue }
      planned.set(key, { key, jsonKey: `${JSON.stringify(key)}:`, ...source, isJson: jsonKeys.has(name) })
    }
    return [...planned.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  }
}

/** The name, or one like it that is not taken, of at most as many characters. */
function freeName(name: string, isTaken: (name: string) => boolean): string {
  let free = name
  for (let n = 1; isTaken(free); n++) free = `${name.slice(0, NAME_KEPT)}_${n === 1 ? '' : n}`
  return free
}

/** The text as JSON without blanks; undefined when it is none. */
function compactJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return undefined
  }
}
