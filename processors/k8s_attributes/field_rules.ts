import { expandTemplate, wholeRe2Pattern } from '../../lib/re2.ts'
import type { AttributeValue } from '../../model/attributes.ts'
import type { KeyRule } from '../../model/identity/index.ts'
import type { Texts } from '../../model/identity/objects.ts'
import type { K8sAttributesConfig } from './schema.ts'

type FieldRuleConfig = K8sAttributesConfig['extract']['labels'][number]
type FieldList = 'labels' | 'annotations'
type Owner = FieldRuleConfig['from']

/** The name of the attribute for a key without a pattern, or for one whose pattern names nothing by itself. */
export function attributeName(rule: Pick<FieldRuleConfig, 'from' | 'tag_name'>, list: FieldList, key: string): string {
  return rule.tag_name ?? `k8s.${rule.from}.${list}.${key}`
}

/** Keys beginning with this are attributes by themselves: `resource.opentelemetry.io/service.name`. */
const OTEL_ANNOTATION = 'resource\\.opentelemetry\\.io/(.+)'

interface Rule {
  readonly key: string
  /** Undefined for a rule for one key. */
  readonly pattern: RegExp | undefined
  readonly wanted: KeyRule
  readonly nameOf: (key: string, match: RegExpExecArray | undefined) => string
}

/** Turns labels or annotations of one kind of object into attributes. */
export class FieldRules {
  readonly #rules: readonly Rule[]

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  /** The rules of a config that was checked, for one list and one kind of object. */
  static of({ extract }: Pick<K8sAttributesConfig, 'extract'>, list: FieldList, from: Owner): FieldRules {
    const rules = extract[list].filter((rule) => rule.from === from).map((rule) => compile(rule, list))
    const isOtel = list === 'annotations' && from === 'pod' && extract.otel_annotations
    return new FieldRules(isOtel ? [...rules, compile({ key_regex: OTEL_ANNOTATION, tag_name: '$1', from }, list)] : rules)
  }

  /** The keys that must be kept for these rules. */
  get keys(): readonly KeyRule[] {
    return this.#rules.map(({ wanted }) => wanted)
  }

  /** Adds the attributes to `attributes`; of several for one name the last rule and, within a rule, the last key counts. */
  apply(texts: Texts, attributes: Map<string, AttributeValue>): void {
    for (const { key, pattern, nameOf } of this.#rules) {
      if (pattern === undefined) {
        const text = Object.hasOwn(texts, key) ? texts[key] : undefined
        if (text !== undefined) attributes.set(nameOf(key, undefined), text)
        continue
      }
      for (const candidate of Object.keys(texts).sort()) {
        const text = texts[candidate] ?? ''
        const match = text === '' ? null : pattern.exec(candidate)
        const name = match === null ? '' : nameOf(candidate, match)
        if (name !== '') attributes.set(name, text)
      }
    }
  }
}

function compile(rule: FieldRuleConfig, list: FieldList): Rule {
  const { key = '', key_regex: source, tag_name: tag } = rule
  if (source === undefined) return { key, pattern: undefined, wanted: { key }, nameOf: () => attributeName(rule, list, key) }
  const pattern = wholeRe2Pattern(source)
  // Without groups the name could not tell the keys apart: it is then made from the key, as the Collector does.
  const isTemplate = tag !== undefined && groupsOf(pattern) > 0
  return {
    key,
    pattern,
    wanted: { pattern: source },
    nameOf: (found, match) => (isTemplate && match !== undefined ? expandTemplate(tag, match, match.groups) : attributeName({ from: rule.from }, list, found)),
  }
}

function groupsOf(pattern: RegExp): number {
  // With an empty alternative it matches anything, and the result has a place for each group.
  return (new RegExp(`${pattern.source}|`, 'u').exec('')?.length ?? 1) - 1
}
