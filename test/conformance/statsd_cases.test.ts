import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../receivers/statsd/sample.ts'
import { DIALECTS, expectedResults, hasCases, ourResult, PEERS, readCases, type StatsdCase } from './statsd_cases.ts'
import { DOCUMENT, withDifferences } from './statsd_dialects_doc.ts'
import { DIFFERENCES } from './statsd_differences.ts'

const cases = hasCases() ? readCases() : []

function isListed(line: string, dialect: Dialect): boolean {
  return DIFFERENCES.some(({ dialects, lines }) => dialects.includes(dialect) && lines.includes(line))
}

function isRight(one: StatsdCase, dialect: Dialect): boolean {
  return expectedResults(one, dialect)?.has(ourResult(one, dialect)) ?? true
}

describe.skipIf(!hasCases())('the recorded cases of other statsD servers', () => {
  test('are all there', () => {
    expect(cases.reduce((sum, { bySource }) => sum + bySource.size, 0)).toBe(1389)
    for (const [dialect, peer] of Object.entries(PEERS)) {
      expect(cases.filter(({ bySource }) => bySource.has(peer)).length, dialect).toBeGreaterThan(140)
    }
  })

  test.for(DIALECTS)('come out as %s says, or differ for a reason', (dialect) => {
    const wrong = cases
      .filter((one) => !isRight(one, dialect) && !isListed(one.line, dialect))
      .map((one) => ({ line: one.line, ours: ourResult(one, dialect), theirs: [...(expectedResults(one, dialect) ?? [])] }))
    expect(wrong).toEqual([])
  })

  test.for(DIALECTS)('that are said to differ in %s do', (dialect) => {
    const byLine = new Map(cases.map((one) => [one.line, one]))
    const listed = DIFFERENCES.flatMap(({ dialects, lines }) => (dialects.includes(dialect) ? lines : []))
    expect(new Set(listed).size).toBe(listed.length)
    const stale = listed.filter((line) => {
      const one = byLine.get(line)
      return one === undefined || isRight(one, dialect)
    })
    expect(stale).toEqual([])
  })
})

test('the documentation has every difference', () => {
  const text = readFileSync(join(import.meta.dirname, '../..', DOCUMENT), 'utf8')
  expect(text, 'run node test/conformance/statsd_dialects_doc.ts').toBe(withDifferences(text))
})
