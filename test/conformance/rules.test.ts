import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Catalogue, meshMetrics, ownMetrics } from './metric_catalogue.ts'
import { analyse, PROMETHEUS, type Rule, readExpressionTests, readRules } from './rule_files.ts'
import { anchorsOf } from './user_docs.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** What Prometheus adds to every series by itself or as the chart's monitors tell it. */
const TARGET_LABELS = ['job', 'instance', 'pod', 'namespace', 'node']

/** Metrics of others that rules may use, as the files say. */
const FOREIGN: Catalogue = new Map([
  ['up', new Set()],
  ['kube_daemonset_status_number_unavailable', new Set(['daemonset', 'namespace'])],
])

const rules = readRules()
const tests = readExpressionTests()
const alerts = rules.filter((rule): rule is Rule & { readonly alert: string } => rule.alert !== undefined)
const own = await ownMetrics()
const recorded = new Set(rules.flatMap(({ record }) => record ?? []))

function labelsOf(metric: string): ReadonlySet<string> | undefined {
  return own.get(metric) ?? meshMetrics().get(metric) ?? FOREIGN.get(metric)
}

describe('the rules of deploy/prometheus', () => {
  test.for(rules.map((rule) => [rule.alert ?? rule.record ?? '', rule] as const))('%s asks for metrics and labels that exist', ([, { expr }]) => {
    const { isGood, selectors } = analyse(expr)
    expect(isGood).toBe(true)
    for (const { metric, labels } of selectors) {
      if (recorded.has(metric)) continue
      const known = labelsOf(metric)
      expect(known, `metric ${metric}`).toBeDefined()
      for (const label of labels) expect([...(known ?? []), ...TARGET_LABELS], `label of ${metric}`).toContain(label)
    }
    expect(selectors.length + Number(expr.startsWith('vector('))).toBeGreaterThan(0)
  })

  test('every label by which is grouped or joined exists somewhere', () => {
    const known = new Set([...TARGET_LABELS, 'client', 'client_service_namespace', 'server', 'server_service_namespace'])
    for (const labels of [...own.values(), ...meshMetrics().values()]) for (const label of labels) known.add(label)
    const unknown = rules.flatMap(({ expr }) => analyse(expr).groupingLabels).filter((label) => !known.has(label))
    expect(unknown).toEqual([])
  })

  test('the Collector names of our own metrics are asked for with our job only, so that a Collector beside it is left alone', () => {
    const selectors = alerts.flatMap(({ expr }) => analyse(expr).selectors).filter(({ metric }) => metric.startsWith('otelcol_') || metric === 'up')
    expect(selectors.filter(({ labels }) => !labels.includes('job'))).toEqual([])
    expect(selectors.length).toBeGreaterThan(10)
  })

  test('the README lists every alert, and no other', () => {
    const readme = readFileSync(join(PROMETHEUS, 'README.md'), 'utf8')
    const listed = [...readme.matchAll(/^\| (`Mesh.*?) \| (?:critical|warning) \|/gm)].flatMap(([, names]) => (names ?? '').replaceAll('`', '').split(', '))
    expect(listed.sort()).toEqual(alerts.map(({ alert }) => alert).sort())
  })

  test('names of alerts are not used twice', () => {
    const names = alerts.map(({ alert }) => alert)
    expect(names).toEqual([...new Set(names)])
  })
})

describe.for(alerts.map((rule) => [rule.alert, rule] as const))('alert %s', ([alert, { labels, annotations = {} }]) => {
  const cases = tests.filter(({ expr }) => expr.includes(`alertname="${alert}"`))

  test('has a severity, says what is wrong, and leads to a section of the documentation', () => {
    expect(labels?.['severity']).toMatch(/^(?:critical|warning)$/)
    expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook', 'summary'])
    const [file = '', anchor] = (annotations['runbook'] ?? '').split('#')
    expect(existsSync(join(REPOSITORY, file)), file).toBe(true)
    expect(anchorsOf(file)).toContain(anchor)
  })

  test('has a test in which it fires, and one in which it does not', () => {
    expect(cases.filter(({ expr, samples }) => expr.includes('alertstate="firing"') && samples.length > 0).length).toBeGreaterThan(0)
    expect(cases.filter(({ expr, samples }) => !expr.includes('alertstate=') && samples.length === 0).length).toBeGreaterThan(0)
  })

  test('shows only labels that it has when it fires', () => {
    const firing = cases.flatMap(({ samples }) => samples.map(({ labels: text }) => text))
    const shown = [
      ...Object.values(annotations)
        .join(' ')
        .matchAll(/\$labels\.(\w+)/g),
    ].map(([, label]) => label as string)
    // A target label that a daemon outside of Kubernetes lacks.
    for (const label of shown.filter((name) => name !== 'pod')) for (const text of firing) expect(text).toContain(`${label}="`)
    expect(firing.length).toBeGreaterThan(0)
  })
})
