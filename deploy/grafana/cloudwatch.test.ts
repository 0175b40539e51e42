import { expect, test } from 'vitest'
import { DECLARATION_PRESETS } from '../../exporters/awsemf/document/presets.ts'
import { cloudwatchDashboard } from './boards/cloudwatch.ts'
import { cloudWatchQuery } from './cloudwatch_query.ts'
import { panelsOf } from './model.ts'

const panels = panelsOf(cloudwatchDashboard())
const declared = [...DECLARATION_PRESETS.mesh, ...DECLARATION_PRESETS.envoy_statsd]

test.for(panels.map((panel) => [panel.title, panel.targets?.[0] ?? {}] as const))(
  '%s asks for a metric and the dimensions that a preset of awsemf gives it',
  ([, target]) => {
    const { metric, dimensions } = cloudWatchQuery(target)
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
