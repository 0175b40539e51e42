import { expect, test } from 'vitest'
import { allDashboards } from '../boards/all.ts'
import { isRow, panelsOf, targetsOf } from '../model.ts'
import { type Answer, lastOf, lineOf } from './ask.ts'
import { thresholdColor } from './charts.ts'
import { layers } from './node_graph.ts'
import { renderPage } from './page.ts'
import { COLORS } from './svg.ts'
import { tableRows } from './tables.ts'

const span = { start: 1000, end: 1060, step: 10 }

test('samples stand on the grid of steps, and gaps stay gaps', () => {
  const line = lineOf(
    {
      metric: { __name__: 'm', a: 'x' },
      values: [
        [1000, '1'],
        [1020, '3'],
        [1030, 'NaN'],
      ],
    },
    'line {{a}}',
    span,
  )
  expect(line).toEqual({ name: 'line x', labels: { a: 'x' }, values: [1, undefined, 3, undefined, undefined, undefined, undefined] })
  expect(lastOf(line)).toBe(3)
})

test('callers stand left of what they call, also when calls go in circles', () => {
  const edges = [
    { source: 'gateway', target: 'shop' },
    { source: 'shop', target: 'db' },
    { source: 'gateway', target: 'db' },
  ]
  expect(Object.fromEntries(layers(['db', 'shop', 'gateway'], edges))).toEqual({ gateway: 0, shop: 1, db: 2 })
  const circle = [
    { source: 'a', target: 'b' },
    { source: 'b', target: 'a' },
  ]
  expect(Math.max(...layers(['a', 'b'], circle).values())).toBe(1)
})

test('a threshold colours what has reached it', () => {
  const steps = [
    { value: null, color: 'green' },
    { value: 0.01, color: 'yellow' },
    { value: 0.05, color: 'red' },
  ]
  expect([0, 0.01, 0.2].map((value) => thresholdColor(value, steps))).toEqual([COLORS['green'], COLORS['yellow'], COLORS['red']])
})

test('a table has a row for each set of labels, the largest first', () => {
  const panel = panelsOf(allDashboards()['tcp'] ?? { schemaVersion: 0 }).find(({ type }) => type === 'table')
  const answer = (refId: string, values: Readonly<Record<string, number>>): Answer => ({
    refId,
    lines: Object.entries(values).map(([source, value]) => ({ name: '', labels: { source_workload: source }, values: [value] })),
  })
  expect(tableRows(panel ?? { type: 'table' }, [answer('A', { small: 1, large: 5 }), answer('B', { small: 2 })])).toEqual([
    { labels: { source_workload: 'large' }, values: { Sent: 5 } },
    { labels: { source_workload: 'small' }, values: { Sent: 1, Received: 2 } },
  ])
})

test.for(Object.entries(allDashboards()))('%s is drawn with a picture for every panel, also without data', ([, dashboard]) => {
  const answers = new Map(panelsOf(dashboard).map((panel) => [panel.id ?? 0, targetsOf(panel).map(({ refId }) => ({ refId, lines: [] }))]))
  const { html, height } = renderPage({ dashboard, rows: [], answers, variables: {}, span })
  expect(html.match(/<svg /g)).toHaveLength(panelsOf(dashboard).length)
  expect(html.match(/class="row"/g)).toHaveLength((dashboard.panels ?? []).filter(isRow).length)
  expect(html).not.toMatch(/NaN|undefined|Infinity/)
  expect(height).toBeGreaterThan(200)
})

test('text of labels cannot be markup', () => {
  const dashboard = allDashboards()['mesh'] ?? { schemaVersion: 0 }
  const lines = [{ name: '<script>alert(1)</script>', labels: {}, values: [1, 2, 3, 4, 5, 6, 7] }]
  const answers = new Map(panelsOf(dashboard).map((panel) => [panel.id ?? 0, [{ refId: 'A', lines }]]))
  expect(renderPage({ dashboard, rows: [], answers, variables: {}, span }).html).not.toContain('<script>')
})
