import type { GoRegexp } from '../../../lib/go_regexp.ts'
import type { EventType } from './glob_tree.ts'
import type { Aggregation } from './naming.ts'

/** A statsd_exporter mapping that passed all checks: what `mapping_file` or `mapping` says, with defaults filled in. */
export interface Mapping {
  readonly rules: readonly MappingRule[]
  /** Globs fit by the order of the file (false: at each segment a literal goes before `*`, wherever its rule stands). */
  readonly isOrdered: boolean
  /** What timers, histograms and distributions without a rule become. */
  readonly observer: Aggregation
  /** For series without a rule; 0 = never. */
  readonly ttlMs: number
}

/** One rule of a mapping. */
export interface MappingRule {
  /** From 1, in the order of the file. */
  readonly number: number
  /** Line of the file where the rule begins; undefined for an inline mapping. */
  readonly line?: number
  readonly match: string
  /** Set when the rule is a regular expression. */
  readonly regexp: GoRegexp | undefined
  /** Undefined: samples of all types. */
  readonly type: EventType | undefined
  /** Template. */
  readonly name: string
  /** Keys and templates. */
  readonly labels: readonly (readonly [key: string, template: string])[]
  /** A tag of the sample wins over a label of the rule. */
  readonly honorsLabels: boolean
  /** Empty when not given. */
  readonly help: string
  readonly isDrop: boolean
  readonly scale: number
  readonly ttlMs: number
  /** What timers, histograms and distributions become. */
  readonly observer: Aggregation
}
