import { re2Pattern } from '../../../lib/re2.ts'
import type { AwsEmfConfig } from '../config.ts'
import { DIMENSIONS_MAX } from './document.ts'
import { labelName } from './names.ts'
import { DECLARATION_PRESETS, type MetricDeclaration } from './presets.ts'

/** The labels of a series that may be dimensions, sorted by key. */
export interface DimensionLabels {
  readonly dimensionKeys: readonly string[]
  /** The value of a label; undefined when there is none. */
  valueOf(key: string): string | undefined
}

/** Which dimension sets a metric gets; each becomes a metric that is billed. */
export interface DimensionSets {
  /** All different; empty for a metric that is not extracted. */
  readonly sets: readonly (readonly string[])[]
  /** True when the series has more labels than a set may have. */
  readonly isCut: boolean
}

const NOT_EXTRACTED: DimensionSets = { sets: [], isCut: false }
/** The label that the Collector makes of the instrumentation scope; it is a part of each rolled-up set. */
export const OTEL_LIB = 'OTelLib'

/**
 * Chooses dimension sets as the Collector's `awsemf` does: with declarations, the sets of all that match whose labels are all
 * there; without any, all labels in one set, cut at CloudWatch's limit. Roll-up sets come on top.
 */
export class DimensionChooser {
  readonly #declarations: readonly Declaration[]
  readonly #rollup: AwsEmfConfig['dimension_rollup_option']
  readonly #isDisabled: boolean
  /** What was chosen without looking at values, by the list of keys, which most series share. */
  #byKeys = new WeakMap<readonly string[], DimensionSets>()
  /** What declarations have chosen, by the list of keys and which declarations hold. */
  #byMatch = new WeakMap<readonly string[], Map<string, DimensionSets>>()

  constructor(config: AwsEmfConfig) {
    this.#declarations = [...config.metric_declarations, ...DECLARATION_PRESETS[config.metric_declaration_preset]].map(
      (declared, i) => new Declaration(declared, i),
    )
    this.#rollup = config.dimension_rollup_option
    this.#isDisabled = config.disable_metric_extraction
  }

  /** The declarations that select a metric by its name; to be asked once for all series of it. */
  declarationsOf(metricName: string): readonly Declaration[] {
    return this.#declarations.filter((declaration) => declaration.selects(metricName))
  }

  /** `declarations` is what `declarationsOf` gave for the metric. Equal choices mostly are the same object. */
  setsOf(declarations: readonly Declaration[], labels: DimensionLabels): DimensionSets {
    if (this.#isDisabled) return NOT_EXTRACTED
    const keys = labels.dimensionKeys
    if (this.#declarations.length > 0) return this.#declared(declarations, labels)
    let chosen = this.#byKeys.get(keys)
    if (chosen === undefined) {
      chosen = { sets: distinct([keys.slice(0, DIMENSIONS_MAX), ...this.#rolledUp(keys)]), isCut: keys.length > DIMENSIONS_MAX }
      this.#byKeys.set(keys, chosen)
    }
    return chosen
  }

  #declared(declarations: readonly Declaration[], labels: DimensionLabels): DimensionSets {
    const matching = declarations.filter((declaration) => declaration.matches(labels))
    if (matching.length === 0) return NOT_EXTRACTED
    const { dimensionKeys: keys } = labels
    const choices = this.#byMatch.get(keys) ?? new Map<string, DimensionSets>()
    this.#byMatch.set(keys, choices)
    const match = matching.map(({ index }) => index).join()
    let chosen = choices.get(match)
    if (chosen === undefined) {
      const present = matching.flatMap(({ dimensions }) => dimensions.filter((set) => set.every((key) => keys.includes(key))))
      chosen = { sets: distinct([...present, ...this.#rolledUp(keys)]), isCut: false }
      choices.set(match, chosen)
    }
    return chosen
  }

  #rolledUp(dimensionKeys: readonly string[]): string[][] {
    if (this.#rollup === 'NoDimensionRollup') return []
    const zero = dimensionKeys.includes(OTEL_LIB) ? [OTEL_LIB] : []
    const single = dimensionKeys.filter((key) => key !== OTEL_LIB).map((key) => [...zero, key])
    return this.#rollup === 'ZeroAndSingleDimensionRollup' && dimensionKeys.length > 0 ? [zero, ...single] : single
  }
}

interface Matcher {
  readonly names: readonly string[]
  readonly separator: string
  readonly pattern: RegExp
}

/** One of `metric_declarations`, ready to be asked. */
class Declaration {
  readonly index: number
  readonly dimensions: readonly (readonly string[])[]
  readonly #selectors: readonly RegExp[]
  readonly #matchers: readonly Matcher[]

  constructor({ dimensions, metric_name_selectors: selectors, label_matchers: matchers }: MetricDeclaration, index: number) {
    this.index = index
    this.dimensions = dimensions.map((set) => [...new Set(set.map(labelName))].sort())
    this.#selectors = selectors.map((pattern) => re2Pattern(pattern))
    this.#matchers = matchers.map(({ label_names, separator, regex }) => ({ names: label_names.map(labelName), separator, pattern: re2Pattern(regex) }))
  }

  selects(metricName: string): boolean {
    return this.#selectors.some((selector) => selector.test(metricName))
  }

  matches(labels: DimensionLabels): boolean {
    if (this.#matchers.length === 0) return true
    return this.#matchers.some(({ names, separator, pattern }) => pattern.test(names.map((name) => labels.valueOf(name) ?? '').join(separator)))
  }
}

function distinct(sets: readonly (readonly string[])[]): (readonly string[])[] {
  const byText = new Map(sets.map((set) => [JSON.stringify(set.toSorted()), set]))
  return [...byText.values()]
}

/** What is wrong with declarations beyond what the schema says, with its place; for the check of the config. */
export function declarationProblems({ metric_declarations: declarations }: Pick<AwsEmfConfig, 'metric_declarations'>) {
  return declarations.flatMap(({ dimensions, metric_name_selectors: selectors, label_matchers: matchers }, i) => [
    ...dimensions.flatMap((set, n) => dimensionProblem(set, ['metric_declarations', i, 'dimensions', n])),
    ...selectors.flatMap((pattern, n) => patternProblem(pattern, ['metric_declarations', i, 'metric_name_selectors', n])),
    ...matchers.flatMap(({ regex }, n) => patternProblem(regex, ['metric_declarations', i, 'label_matchers', n, 'regex'])),
  ])
}

function dimensionProblem(set: readonly string[], path: readonly (string | number)[]) {
  if (set.length <= DIMENSIONS_MAX) return []
  return [{ path, problem: 'too many dimensions', expected: `at most ${DIMENSIONS_MAX}, as CloudWatch takes them`, found: String(set.length) }]
}

function patternProblem(pattern: string, path: readonly (string | number)[]) {
  try {
    re2Pattern(pattern)
    return []
  } catch (error) {
    return [{ path, problem: (error as Error).message, expected: 'a regular expression (RE2)', found: pattern }]
  }
}
