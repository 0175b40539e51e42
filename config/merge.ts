import type { ConfigNode, MapEntry } from './node.ts'

/**
 * Lays `over` on `base`, as the Collector merges several `--config`: maps merge key by key, everything else (lists and
 * nulls included) replaces what was there. Each value keeps the origin it was written at.
 */
export function mergeNodes(base: ConfigNode, over: ConfigNode): ConfigNode {
  if (base.kind !== 'map' || over.kind !== 'map') return over
  const entries = new Map<string, MapEntry>(base.entries)
  for (const [name, entry] of over.entries) {
    const there = entries.get(name)
    // A section belongs to the source that opened it; a setting to the one that had the last word.
    const isSection = there?.value.kind === 'map' && entry.value.kind === 'map'
    entries.set(name, there === undefined ? entry : { key: isSection ? there.key : entry.key, value: mergeNodes(there.value, entry.value) })
  }
  return { kind: 'map', entries, origin: base.origin }
}
