import type { ExtensionUse } from '../component/factory.ts'
import { canonicalJson } from '../lib/canonical_json.ts'

/** What is wanted of one extension: every different need once, in an order that does not depend on who wants it first. */
export function distinctNeeds(uses: readonly ExtensionUse[]): readonly unknown[] {
  const byText = new Map(uses.map(({ needs }) => [canonicalJson(needs), needs]))
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, needs]) => needs)
}
