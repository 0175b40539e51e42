/**
 * Every query of every dashboard, asked of a real Prometheus that scrapes the daemon: Prometheus parses it, and it has data. What may
 * have none is listed with the reason.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Dashboard } from '@grafana/schema'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allDashboards } from '../../../deploy/grafana/boards/all.ts'
import { cloudwatchDashboard } from '../../../deploy/grafana/boards/cloudwatch.ts'
import { cloudWatchQuery } from '../../../deploy/grafana/cloudwatch_query.ts'
import { legendLabels, panelsOf, targetsOf } from '../../../deploy/grafana/model.ts'
import { INTERVALS, substitute } from '../../../deploy/grafana/substitute.ts'
import { REPOSITORY } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { exceptionsOf } from './may_be_empty.ts'
import type { Element, PrometheusServer } from './prometheus_server.ts'
import { PUBLISHED, type PublishedQuery, queryOf } from './published.ts'
import { type EmbeddedMetrics, type RunningStack, startStack } from './stack.ts'

/** So that rates have something to go by. */
const SCRAPES = 8
/** How long rare things, such as a response flag at one edge, may take to happen. */
const RARE_MS = 40_000
const RULES = join(REPOSITORY, 'deploy', 'prometheus', 'rules')
/** What variables are set to that have no pattern for all; a query has data when it has some with one of these. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  job: ['meshscope', 'meshscope-mesh'],
  reporter: ['source|waypoint'],
  service: ['reviews.bookinfo.svc.cluster.local'],
  workload: ['productpage-v1', 'ratings-v2', 'mongodb-v1'],
  source: ['productpage-v1'],
}

/** A query of a panel, and what Prometheus says to it. */
interface Asked {
  /** `title of the panel / refId`. */
  readonly name: string
  readonly legend: string
  readonly elements: readonly Element[]
}

suite('dashboards', ['prometheus', 'envoy'], (paths) => {
  let stack: RunningStack
  let prometheus: PrometheusServer
  let traffic: ReturnType<typeof keepUp>

  beforeAll(async () => {
    const rules = readdirSync(RULES).map((file) => join(RULES, file))
    stack = await startStack({ ...paths, rules, requestsPerSecond: 60, scrapeSeconds: 1 })
    prometheus = stack.prometheus
    traffic = keepUp(stack)
    await prometheus.scraped(SCRAPES)
  })

  afterAll(async () => {
    await traffic?.stop()
    await stack?.stop()
  })

  describe.for(Object.entries(allDashboards()))('%s', ([, dashboard]) => {
    test('offers what its variables are set to', async () => {
      for (const variable of dashboard.templating?.list ?? []) {
        if (variable.type !== 'query' || variable.multi === true) continue
        const wanted = CHOICES[variable.name] ?? []
        const read = (): Promise<readonly string[]> => offeredValues(prometheus, variable.query, variable.regex)
        const offered = await settled(read, (values) => wanted.every((value) => values.includes(value)), RARE_MS)
        expect(offered, variable.name).toEqual(expect.arrayContaining([...wanted]))
      }
    })

    test('has queries that Prometheus parses', async () => {
      for (const { expr } of panelsOf(dashboard).flatMap(targetsOf)) {
        const formatted = await prometheus.format(substitute(expr, valuesOf(dashboard)[0] ?? {}))
        expect(formatted).not.toBe('')
      }
    })

    test('has data in every panel, but where it is told why not', async () => {
      const exceptions = exceptionsOf(dashboard.uid ?? '')
      const read = async (): Promise<readonly string[]> => {
        const empty = emptyOnes(await askAll(prometheus, dashboard))
        return empty.filter((name) => !exceptions.byChance.includes(name))
      }
      expect(await settled(read, (empty) => empty.length <= exceptions.empty.length, RARE_MS)).toEqual(exceptions.empty)
    })

    test('has legends of labels that its series have', async () => {
      for (const { name, legend, elements } of await askAll(prometheus, dashboard)) {
        if (elements.length === 0) continue
        const known = new Set(elements.flatMap(({ labels }) => Object.keys(labels)))
        expect(
          legendLabels(legend).filter((label) => !known.has(label)),
          name,
        ).toEqual([])
      }
    })
  })

  test('what may be empty is a query that there is', async () => {
    for (const dashboard of Object.values(allDashboards())) {
      const { empty, byChance } = exceptionsOf(dashboard.uid ?? '')
      expect(namesOf(dashboard)).toEqual(expect.arrayContaining([...empty, ...byChance]))
    }
  })

  test('CloudWatch gets every metric that its dashboard asks for, with these dimensions', async () => {
    const wanted = panelsOf(cloudwatchDashboard()).map((panel) => {
      const { metric, dimensions } = cloudWatchQuery(panel.targets?.[0] ?? {})
      return metricName(metric, dimensions)
    })
    const missing = async (): Promise<string[]> => {
      const sent = new Set(stack.embeddedMetrics().flatMap(metricsOf))
      return wanted.filter((name) => !sent.has(name))
    }
    expect(await settled(missing, (names) => names.length === 0, RARE_MS)).toEqual([])
  })

  describe.for(Object.entries(PUBLISHED))('what %s ask for', ([, { queries }]) => {
    test.for(queries.map((query) => [queryOf(query), query] as const))('%s', async ([expression, query]) => {
      const isAbsent = query.absent !== undefined
      const elements = await settled(
        () => prometheus.query(expression),
        (found) => isAbsent || hasData(found),
        RARE_MS,
      )
      expect(hasData(elements) ? 'has data' : 'is empty').toBe(isAbsent ? 'is empty' : 'has data')
      if (!isAbsent) expectLabels(elements, query)
    })
  })
})

/** A metric and its dimensions, whose order means nothing to CloudWatch. */
function metricName(metric: string, dimensions: readonly string[]): string {
  return [metric, ...dimensions.toSorted((a, b) => a.localeCompare(b))].join(' ')
}

/** Every metric of a document. */
function metricsOf({ _aws }: EmbeddedMetrics): string[] {
  return _aws.CloudWatchMetrics.flatMap(({ Dimensions, Metrics }) => Metrics.flatMap(({ Name }) => Dimensions.map((set) => metricName(Name, set))))
}

function hasData(elements: readonly Element[]): boolean {
  return elements.some(({ value }) => !Number.isNaN(value))
}

function emptyOnes(asked: readonly Asked[]): string[] {
  return asked.filter(({ elements }) => !hasData(elements)).map(({ name }) => name)
}

/** The labels that a published panel groups by are there, but those which only a scrape of pods would add. */
function expectLabels(elements: readonly Element[], { by, lacks = [] }: PublishedQuery): void {
  const known = new Set(elements.flatMap(({ labels }) => Object.keys(labels)))
  expect(by.filter((label) => !known.has(label))).toEqual(lacks)
}

/** Sends rounds of traffic, one after another, until it is stopped. */
function keepUp(stack: RunningStack): { stop(): Promise<void> } {
  const stopped = new AbortController()
  const rounds = (async () => {
    while (!stopped.signal.aborted) await stack.traffic()
  })()
  return {
    stop: async () => {
      stopped.abort()
      await rounds
    },
  }
}

/** All settings of a dashboard's variables that are tried. */
function valuesOf(dashboard: Dashboard): Readonly<Record<string, string>>[] {
  let settings: Record<string, string>[] = [{ ...INTERVALS, __rate_interval: '20s', __interval: '1s', __range: '30s' }]
  for (const { name, allValue } of dashboard.templating?.list ?? []) {
    const choices = allValue === undefined ? (CHOICES[name] ?? ['']) : [allValue]
    settings = settings.flatMap((setting) => choices.map((choice) => ({ ...setting, [name]: choice })))
  }
  return settings
}

async function askAll(prometheus: PrometheusServer, dashboard: Dashboard): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const panel of panelsOf(dashboard)) {
    for (const { refId, expr, legendFormat } of targetsOf(panel)) {
      const results = await Promise.all(valuesOf(dashboard).map((values) => prometheus.query(substitute(expr, values))))
      asked.push({ name: `${panel.title} / ${refId}`, legend: legendFormat, elements: results.flat() })
    }
  }
  return asked
}

function namesOf(dashboard: Dashboard): string[] {
  return panelsOf(dashboard).flatMap((panel) => targetsOf(panel).map(({ refId }) => `${panel.title} / ${refId}`))
}

/** What Grafana would offer for a variable: `label_values(selector, label)`, or `query_result(…)` and a pattern. */
async function offeredValues(prometheus: PrometheusServer, definition: unknown, regex: string | undefined): Promise<readonly string[]> {
  const query = substitute((definition as { readonly query: string }).query, {
    cluster: '.*',
    namespace: '.*',
    source_namespace: '.*',
    source: CHOICES['source']?.[0] ?? '',
  })
  const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? []
  if (selector !== undefined && label !== undefined) return await prometheus.labelValues(label, selector)
  const elements = await prometheus.query(/^query_result\((.*)\)$/.exec(query)?.[1] ?? query)
  const pattern = new RegExp(regex?.slice(1, -1) ?? '')
  // As Grafana writes the elements of a result down before it looks for the pattern.
  const lines = elements.map(
    ({ labels }) =>
      `{${Object.entries(labels)
        .map(([name, value]) => `${name}="${value}"`)
        .join(', ')}} 1`,
  )
  return lines.flatMap((line) => pattern.exec(line)?.[1] ?? [])
}
