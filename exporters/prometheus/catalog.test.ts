import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import type { FamilyPoints, MetricFamily } from '../../model/metrics.ts'
import { metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import type { Catalog } from './catalog.ts'
import { Verdict, Verdicts } from './source.ts'
import { newCatalog, textOf } from './testing.ts'

const RESOURCE = { attributes: AttributeSet.of({ 'service.name': 'cart' }) }
const SCOPE = { name: 'test', version: '' }

/** Nothing clashes here. */
function quietCatalog(): Catalog {
  return newCatalog({
    seriesMax: 10_000,
    rejected: (reason, _, family) => expect.fail(`${family} ${reason}`),
    dropped: (reason) => expect.fail(reason),
    helpConflict: (family) => expect.fail(family),
  })
}

/** A producer that appends series to the lists of its metrics in place, and makes a list anew to remove some, as hubs do. */
class Producer {
  readonly #lists = new Map<string, { readonly family: MetricFamily; series: AttributeSet[] }>()
  readonly #families = new Map<string, MetricFamily>()
  readonly #producer = {}
  #series = 0

  /** `key` is that of the only label of the list's series; '' for none. */
  add(name: string, key: string, count: number): void {
    const id = `${name} ${key}`
    const family = this.#families.get(name) ?? metricFamily(name.slice(2), name.startsWith('g ') ? { type: 'gauge', isMonotonic: false } : {})
    this.#families.set(name, family)
    const list = this.#lists.get(id) ?? { family, series: [] }
    this.#lists.set(id, list)
    if (key === '') list.series[0] ??= AttributeSet.empty
    else for (let i = 0; i < count; i++) list.series.push(AttributeSet.of({ [key]: i % 3 === 2 ? `é${this.#series++}` : String(this.#series++) }))
  }

  remove(name: string, key: string, modulus: number): void {
    const list = this.#lists.get(`${name} ${key}`)
    if (list === undefined) return
    list.series = list.series.filter((_, i) => i % modulus !== 0)
  }

  batch(): FamilyPoints[] {
    const points = [...this.#lists.values()].map(({ family, series }): FamilyPoints => {
      const values = Float64Array.from(series, (attributes, i) => i + attributes.size)
      const times = new Float64Array(series.length).fill(1000)
      const columns = { values, offset: 0, stride: 1, startTimesMs: times, updatedMs: times }
      return { producer: this.#producer, resource: RESOURCE, scope: SCOPE, family, series, ...columns }
    })
    for (const [id, { series }] of this.#lists) if (series.length === 0) this.#lists.delete(id)
    return points
  }
}

describe('Catalog', () => {
  // Counters `a` and `b` are called `a_total` and `b_total`, unless the gauges have these names: then OpenMetrics does not know them as counters.
  const name = fc.constantFrom('c a', 'g a', 'c b', 'g b_created', 'c hits')
  const key = fc.constantFrom('', 'x', 'y')
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), name, key, number: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), name, key, number: fc.integer({ min: 1, max: 3 }) }) },
  )

  it('serves after any history what it would serve if it had known nothing before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 4 }), { minLength: 1, maxLength: 12 }), async (batches) => {
        const producer = new Producer()
        const catalog = quietCatalog()
        for (const steps of batches) {
          for (const { kind, name: of, key: label, number } of steps) producer[kind](of, label, number)
          const families = producer.batch()
          catalog.consume(metricsOf(...families))
          const fresh = quietCatalog()
          fresh.consume(metricsOf(...families))
          expect(sorted(await textOf(catalog, { format: 'openmetrics' }))).toEqual(sorted(await textOf(fresh, { format: 'openmetrics' })))
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a metric whose series have labels by the thousand', () => {
  it('goes on with every list, and ends each by itself', async () => {
    const producer = new Producer()
    const catalog = quietCatalog()
    const labels = Array.from({ length: 4000 }, (_, i) => `k${i}`)
    for (const label of labels) producer.add('c hits', label, 1)
    const shown = async (): Promise<number> => (await textOf(catalog)).split('\n').filter((line) => line.startsWith('hits_total{')).length
    for (let round = 0; round < 3; round++) catalog.consume(metricsOf(...producer.batch()))
    expect(await shown()).toBe(4000)
    for (const label of labels.slice(0, 1500)) producer.remove('c hits', label, 1)
    catalog.consume(metricsOf(...producer.batch()))
    expect(await shown()).toBe(2500)
    catalog.consume(metricsOf(...producer.batch()))
    expect(await shown()).toBe(2500)
  })
})

/** The lines of lists of one metric may come in the order of their first sight. */
function sorted(text: string): string[] {
  return text.split('\n').sort()
}

describe('Verdicts', () => {
  it('says of every index what was last decided', () => {
    const verdict = fc.integer({ min: 0, max: Verdict.overflow })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(150), fc.oneof(fc.constant(Verdict.shown), verdict)), { maxLength: 200 }), (decisions) => {
        const verdicts = new Verdicts()
        const expected = new Map<number, number>()
        for (const [index, decided] of decisions) {
          const frozen = verdicts.copy()
          verdicts.set(index, decided)
          expect(frozen.of(index)).toBe(expected.get(index) ?? Verdict.open)
          expected.set(index, decided)
        }
        for (let i = 0; i < 160; i++) expect(verdicts.of(i)).toBe(expected.get(i) ?? Verdict.open)
      }),
    )
  })
})
