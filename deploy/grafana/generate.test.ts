import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allDashboards } from './boards/all.ts'
import { fileText } from './file_text.ts'
import { panelsOf, targetsOf } from './model.ts'
import { selectors } from './promql_tree.ts'
import { INTERVALS, substitute } from './substitute.ts'

const folder = join(import.meta.dirname, 'dashboards')
const reference = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'metrics.md'), 'utf8')

test('the files are what the generator makes; else run node deploy/grafana/generate.ts', () => {
  const made = Object.entries(allDashboards())
  expect(readdirSync(folder).toSorted()).toEqual(made.map(([name]) => `${name}.json`).toSorted())
  for (const [name, dashboard] of made) expect(readFileSync(join(folder, `${name}.json`), 'utf8'), name).toBe(fileText(dashboard))
})

test('a dashboard fits into a ConfigMap', () => {
  for (const [name, dashboard] of Object.entries(allDashboards())) expect(fileText(dashboard).length, name).toBeLessThan(900_000)
})

test('every metric of the daemon itself is one that it has', () => {
  const asked = Object.values(allDashboards()).flatMap((dashboard) => panelsOf(dashboard).flatMap(targetsOf))
  const names = asked.flatMap(({ expr }) => selectors(substitute(expr, INTERVALS)).map(({ metric }) => metric))
  const own = [...new Set(names.filter((name) => /^(?:otelcol|meshscope)_/.test(name)))]
  expect(own.length).toBeGreaterThan(50)
  expect(own.filter((name) => !reference.includes(`\`${name}\``))).toEqual([])
})
