import { wholeRe2Pattern } from '../../../lib/re2.ts'
import type { KeyRule } from '../../../model/identity/index.ts'
import type { Texts } from '../../../model/identity/objects.ts'
import { fieldsOf } from './fields.ts'

const NO_TEXTS: Texts = Object.freeze({})

/**
 * Picks the labels or annotations that somebody wants. The rules are compiled once; throws a `SyntaxError` for a pattern
 * that is not a regular expression, which the check of the config that it came from should have found.
 */
export class WantedTexts {
  readonly #keys: readonly string[]
  readonly #patterns: readonly RegExp[]

  constructor(rules: readonly KeyRule[]) {
    this.#keys = [...new Set(rules.flatMap((rule) => ('key' in rule ? [rule.key] : [])))].sort()
    // Each by itself: what is wrong in one must not become right together with another.
    this.#patterns = rules.flatMap((rule) => ('pattern' in rule ? [wholeRe2Pattern(rule.pattern)] : []))
  }

  /** What is wanted of `metadata.labels` or `metadata.annotations`, by key in a fixed order. Never throws. */
  pick(value: unknown): Texts {
    if (this.#patterns.length === 0 && this.#keys.length === 0) return NO_TEXTS
    const all = fieldsOf(value)
    const picked: Record<string, string> = {}
    let count = 0
    for (const key of this.#patterns.length === 0 ? this.#keys : Object.keys(all).sort()) {
      const text = Object.hasOwn(all, key) ? all[key] : undefined
      if (typeof text !== 'string' || !this.#wants(key)) continue
      picked[key] = text
      count++
    }
    return count === 0 ? NO_TEXTS : picked
  }

  #wants(key: string): boolean {
    return this.#keys.includes(key) || this.#patterns.some((pattern) => pattern.test(key))
  }
}
