import type { Dashboard } from '@grafana/schema'
import { describe, expect, test } from 'vitest'
import { allDashboards } from './boards/all.ts'
import { dashboard, drillDown, UIDS } from './dashboard.ts'
import { lint } from './lint.ts'
import { timeseries } from './panels.ts'
import { datasource, jobAndInstance } from './variables.ts'

const all = Object.values(allDashboards())

describe('every dashboard', () => {
  test.for(Object.entries(allDashboards()))('%s keeps the rules', ([, board]) => {
    expect(lint(board, all)).toEqual([])
  })

  test('has a uid of its own', () => {
    expect(new Set(all.map(({ uid }) => uid))).toEqual(new Set(Object.values(UIDS)))
  })
})

const GOOD = 'sum by (receiver) (rate(meshscope_statsd_packets{job=~"$job",instance=~"$instance"}[$__rate_interval]))'

function withQuery(expr: string, legend = '{{receiver}}'): Dashboard {
  return dashboard({
    name: 'health',
    title: 'Test',
    description: 'A dashboard with one panel.',
    variables: [datasource(), ...jobAndInstance('up')],
    related: [],
    rows: [{ title: 'Row', panels: [timeseries({ title: 'Panel', description: 'Packets by receiver.', unit: 'cps', queries: [{ expr, legend }] })] }],
  })
}

describe('the rules', () => {
  test('take a good panel', () => {
    expect(lint(withQuery(GOOD), all)).toEqual([])
  })

  test.for([
    { fault: 'an expression that does not parse', expr: `${GOOD} +`, says: /at \d+/ },
    { fault: 'a fixed range', expr: GOOD.replace('$__rate_interval', '5m'), says: /a range of 5m instead of \$__rate_interval/ },
    { fault: 'no job', expr: GOOD.replace('job=~"$job",', ''), says: /meshscope_statsd_packets without job=~"\$job"/ },
    { fault: 'an unknown variable', expr: GOOD.replace('job=~"$job"', 'job=~"$job",receiver=~"$receiver"'), says: /\$receiver is no variable/ },
    {
      fault: 'a counter without rate',
      expr: `${GOOD} + on () sum (istio_requests_total{reporter="source"})`,
      says: /the counter istio_requests_total is not within rate/,
    },
    { fault: 'both reporters', expr: `${GOOD} + on () sum (rate(istio_requests_total[$__rate_interval]))`, says: /istio_requests_total without a reporter/ },
    { fault: 'a legend of a lost label', expr: GOOD, legend: '{{transport}}', says: /the legend has \{\{transport\}\}/ },
  ])('find $fault', ({ expr, legend, says }) => {
    expect(lint(withQuery(expr, legend), all).join('\n')).toMatch(says)
  })

  const broken = (change: (board: Dashboard) => void): string => {
    const board = withQuery(GOOD)
    change(board)
    return lint(board, all).join('\n')
  }

  test.for<{ fault: string; change: (board: Dashboard) => void; says: RegExp }>([
    { fault: 'a long uid', change: (board) => Object.assign(board, { uid: 'x'.repeat(41) }), says: /longer than 40/ },
    { fault: 'the same id twice', change: (board) => Object.assign(board.panels?.[1] ?? {}, { id: 1 }), says: /panel ids are not unique/ },
    {
      fault: 'panels on top of each other',
      change: (board) => Object.assign(board.panels?.[1] ?? {}, { gridPos: { x: 0, y: 0, w: 24, h: 9 } }),
      says: /overlap/,
    },
    { fault: 'no description', change: (board) => Object.assign(board.panels?.[1] ?? {}, { description: '' }), says: /Panel: no description/ },
    { fault: 'another data source', change: (board) => Object.assign(board.panels?.[1] ?? {}, { datasource: { uid: 'prom' } }), says: /does not ask/ },
    { fault: 'a link to nowhere', change: (board) => board.links?.push({ url: '/d/gone' } as never), says: /leads to \/d\/gone/ },
    {
      fault: 'a link that sets a variable of nobody',
      change: (board) => board.links?.push({ url: '/d/meshscope-tcp?var-service=x' } as never),
      says: /sets service/,
    },
    {
      fault: 'a link that passes on a data source of another kind',
      change: (board) => board.links?.push({ url: '/d/meshscope-cloudwatch', includeVars: true } as never),
      says: /gives meshscope-cloudwatch a data source of another kind/,
    },
    {
      fault: 'a variable whose query does not parse',
      change: (board) => Object.assign(board.templating?.list?.[1] ?? {}, { query: { query: 'label_values(up{job=}, job)' } }),
      says: /variable job at \d+/,
    },
    {
      fault: 'a link that takes a column of no query',
      change: (board) => {
        const link = drillDown('tcp', 'TCP', { namespace: 'gone' })
        const overrides = [{ matcher: { id: 'byName' }, properties: [{ id: 'links', value: [link] }] }]
        Object.assign(board.panels?.[1] ?? {}, { fieldConfig: { defaults: { unit: 'cps' }, overrides } })
      },
      says: /Panel: a link takes the column gone/,
    },
    {
      fault: 'a missing unit',
      change: (board) => Object.assign(board.panels?.[1] ?? {}, { fieldConfig: { defaults: {}, overrides: [] } }),
      says: /unit undefined/,
    },
  ])('find $fault', ({ change, says }) => {
    expect(broken(change)).toMatch(says)
  })
})
