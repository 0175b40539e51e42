import type { Resource, Scope } from '../../../model/attributes.ts'
import type { MetricFamily } from '../../../model/metrics.ts'
import type { Touches } from './compile.ts'
import type { Touch } from './fields.ts'
import type { MetricHeader } from './item.ts'

/**
 * What of a metric is there for series in columns, the outermost first. What statements make of these depends on nothing but the objects
 * that hold them, which producers keep as long as a series lives; so it need be found out once per series and not at each scrape.
 */
const LASTING: ReadonlySet<Touch> = new Set<Touch>(['resource', 'scope', 'metric', 'attributes', 'cache'])

/** True when statements and conditions need nothing but what lasts as long as a series. */
export function needsOnlyLasting(parts: Iterable<Touches>): boolean {
  for (const { reads, writes } of parts) {
    for (const touch of reads) if (!LASTING.has(touch)) return false
    for (const touch of writes) if (!LASTING.has(touch)) return false
  }
  return true
}

/** Remembers something for each resource, scope and family that occur together, as long as all three live. */
export class SeriesMemo<V> {
  readonly #known = new WeakMap<Resource, WeakMap<Scope, WeakMap<MetricFamily, V>>>()

  /** What is remembered, or what `make` gives for the first time. What throws is not remembered. */
  of(resource: Resource, scope: Scope, family: MetricFamily, make: () => V): V {
    const scopes = this.#known.get(resource) ?? new WeakMap<Scope, WeakMap<MetricFamily, V>>()
    this.#known.set(resource, scopes)
    const families = scopes.get(scope) ?? new WeakMap<MetricFamily, V>()
    scopes.set(scope, families)
    let value = families.get(family)
    if (value === undefined) {
      value = make()
      families.set(family, value)
    }
    return value
  }
}

/** The header of a family as statements see it; it may be changed. */
export function headerOf({ name, description, unit, type, temporality, isMonotonic }: MetricFamily): MetricHeader {
  return { name, description, unit, type, temporality, isMonotonic }
}

/** A family with a header that statements have worked on; the same one when they changed nothing. */
export function familyWith(family: MetricFamily, header: MetricHeader): MetricFamily {
  const { temporality = family.temporality, isMonotonic = false, name, description, unit, type } = header
  const changed = {
    name,
    description,
    unit,
    type: type === 'none' ? family.type : type,
    // Series in columns are never of an unspecified temporality.
    temporality: temporality === 'unspecified' ? family.temporality : temporality,
    isMonotonic,
  }
  const isSame = Object.entries(changed).every(([key, value]) => family[key as keyof typeof changed] === value)
  return isSame ? family : { ...family, ...changed }
}
