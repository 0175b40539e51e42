import { expect, test } from 'vitest'
import { DECLARATION_PRESETS } from '../../exporters/awsemf/document/presets.ts'
import { cloudwatchDashboard } from './boards/cloudwatch.ts'
import { panelsOf } from './model.ts'

/** What a query asks CloudWatch for. */
interface Asked {
  readonly metric: string
  readonly dimensions: readonly string[]
}

function askedBy(target: Readonly<Record<string, unknown>>): Asked {
  const text = [target['sqlExpression'], target['expression']].filter((part) => typeof part === 'string').join(' ')
  const [, , inSql] = /SCHEMA\(("[^"]*"), ([^)]*)\)/.exec(text) ?? []
  const [, inSearch] = /\{\$\{metric_namespace\},([^}]*)\}/.exec(text) ?? []
  const metric = /SUM\((\w+)\)/.exec(text)?.[1] ?? /MetricName="(\w+)"/.exec(text)?.[1] ?? ''
  return { metric, dimensions: (inSql ?? inSearch ?? '').split(/, ?/) }
}

const panels = panelsOf(cloudwatchDashboard())
const declared = [...DECLARATION_PRESETS.mesh, ...DECLARATION_PRESETS.envoy_statsd]

test.for(panels.map((panel) => [panel.title, panel.targets?.[0] ?? {}] as const))(
  '%s asks for a metric and the dimensions that a preset of awsemf gives it',
  ([, target]) => {
    const { metric, dimensions } = askedBy(target)
    const sets = declared
      .filter(({ metric_name_selectors: names }) => names.some((name) => new RegExp(name).test(metric)))
      .flatMap((declaration) => declaration.dimensions.map((set) => set.join(' ')))
    expect(sets).toContain(dimensions.join(' '))
  },
)

test('no panel sums over both reporters', () => {
  const ofMesh = panels.map((panel) => JSON.stringify(panel.targets)).filter((text) => text.includes('istio_'))
  expect(ofMesh.length).toBeGreaterThan(5)
  for (const text of ofMesh) expect(text).toContain('${reporter}')
})
