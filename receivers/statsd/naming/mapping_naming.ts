import { SampleType } from '../sample.ts'
import { escapeMetricName, seriesLabels } from './escape.ts'
import { type EventType, GlobTree } from './glob_tree.ts'
import type { Mapping, MappingRule } from './mapping.ts'
import { aggregationOf, type Naming, type NoSeries, type RawSeries, type SeriesSpec } from './naming.ts'
import { labelsOf, type ValuelessTags } from './tags.ts'
import { globTemplate, regexTemplate, type Template } from './template.ts'

export interface MappingNamingOptions {
  /** What becomes of tags without a value; statsd_exporter drops them. */
  readonly valuelessTags?: ValuelessTags
}

/** A rule that fits a name, and what it makes of it. */
export interface RuleHit {
  readonly rule: MappingRule
  /** The whole name (globs) or the whole match, then what the `*`s or groups hold. */
  readonly captures: readonly (string | undefined)[]
  /** As the template gives it, not yet escaped. */
  readonly name: string
  readonly labels: readonly (readonly [key: string, value: string])[]
}

/** Templates of a rule, ready to write. */
interface Compiled {
  readonly rule: MappingRule
  readonly name: Template
  readonly labels: readonly (readonly [key: string, template: Template])[]
}

/**
 * Names series as statsd_exporter does with a mapping file: the same rule wins, and name, labels, help, scale, kind and TTL
 * come out the same. What differs on purpose is listed in MAPPING.md. Never throws.
 */
export class MappingNaming implements Naming {
  readonly #mapping: Mapping
  readonly #globs: readonly Compiled[]
  readonly #regexps: readonly Compiled[]
  readonly #tree: GlobTree
  readonly #valueless: ValuelessTags

  constructor(mapping: Mapping, options: MappingNamingOptions = {}) {
    const compiled = mapping.rules.map(compile)
    this.#mapping = mapping
    this.#globs = compiled.filter(({ rule }) => rule.regexp === undefined)
    this.#regexps = compiled.filter(({ rule }) => rule.regexp !== undefined)
    this.#tree = new GlobTree(
      this.#globs.map(({ rule }) => ({ match: rule.match, type: rule.type })),
      { isOrdered: mapping.isOrdered },
    )
    this.#valueless = options.valuelessTags ?? 'drop'
  }

  resolve(raw: RawSeries): SeriesSpec | NoSeries {
    const hit = this.match(raw.name, eventTypeOf(raw.type))
    if (hit?.rule.isDrop === true) return { dropped: 'mapping_drop', rule: hit.rule.number }
    const name = escapeMetricName(hit?.name ?? raw.name)
    if (name === '') return hit === undefined ? { dropped: 'bad_name' } : { dropped: 'bad_name', rule: hit.rule.number }
    const labels = labelsOf(raw.tags, escapeMetricName, this.#valueless)
    for (const [key, value] of hit?.labels ?? []) if (!(hit?.rule.honorsLabels === true && labels.has(key))) labels.set(key, value)
    const aggregation = aggregationOf(raw.type, hit?.rule.observer ?? this.#mapping.observer)
    const ruleScale = hit?.rule.scale ?? 1
    const isSeconds = raw.type === SampleType.timer
    return {
      name,
      help: hit === undefined || hit.rule.help === '' ? DEFAULT_HELP : hit.rule.help,
      unit: isSeconds && ruleScale === 1 ? 's' : '',
      isExactName: true,
      aggregation,
      labels: seriesLabels(labels, aggregation),
      ttlMs: hit?.rule.ttlMs ?? this.#mapping.ttlMs,
      scale: isSeconds ? ruleScale * 0.001 : ruleScale,
      ...(hit === undefined ? {} : { rule: hit.rule.number }),
    }
  }

  /** The rule that wins for a name: globs first, then regular expressions in their order. */
  match(name: string, type: EventType): RuleHit | undefined {
    const found = this.#globs.length === 0 ? undefined : this.#tree.find(name, type)
    const glob = found === undefined ? undefined : this.#globs[found.glob]
    if (found !== undefined && glob !== undefined) return hitOf(glob, [name, ...found.captures])
    for (const compiled of this.#regexps) {
      const { rule } = compiled
      if (rule.type !== undefined && rule.type !== type) continue
      const captures = rule.regexp?.regexp.exec(name)
      if (captures) return hitOf(compiled, captures)
    }
    return undefined
  }
}

/** What statsd_exporter calls the sample; a set ends as a gauge. */
export function eventTypeOf(type: SampleType): EventType {
  if (type === SampleType.counter) return 'counter'
  return type === SampleType.gauge || type === SampleType.set ? 'gauge' : 'observer'
}

const DEFAULT_HELP = 'Received by StatsD.'

function compile(rule: MappingRule): Compiled {
  const { regexp } = rule
  const stars = rule.match.split('.').filter((field) => field === '*').length
  const template = (text: string): Template => (regexp === undefined ? globTemplate(text, stars) : regexTemplate(text, regexp.groups))
  return { rule, name: template(rule.name), labels: rule.labels.map(([key, text]) => [key, template(text)] as const) }
}

function hitOf({ rule, name, labels }: Compiled, captures: readonly (string | undefined)[]): RuleHit {
  return { rule, captures, name: name(captures), labels: labels.map(([key, template]) => [key, template(captures)] as const) }
}
