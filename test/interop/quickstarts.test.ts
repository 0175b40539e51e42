/** The values that the quickstarts tell users to give to Helm make manifests, with a config that is good. */
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { configOf, renderChart } from '../../scripts/manifests/chart.ts'
import { blocksOf, kindOf, PAGES } from '../conformance/user_docs.ts'
import { suite } from './suite.ts'

const ENV = { K8S_NODE_NAME: 'node-1', K8S_POD_NAME: 'meshscope-x', K8S_NAMESPACE: 'observability', MY_POD_IP: '10.0.0.1' }

const values = PAGES.flatMap(blocksOf).filter(({ language, text }) => language === 'yaml' && kindOf(text) === 'values')

suite('values of the documentation', ['helm'], ({ helm }) => {
  test.for(values.map((block) => [`${block.page}:${block.line}`, block.text] as const))('%s', async ([, text]) => {
    const objects = renderChart({ helm, values: parse(text) as object }).map(({ object }) => object)
    const config = configOf(objects)
    expect(config).toBeDefined()
    let said = ''
    const io = { out: (some: string) => void (said += some), err: (some: string) => void (said += some), env: ENV, hasColour: false }
    expect({ code: await runCli(['validate', '--config', `yaml:${config}`], { registry, io }), said }).toMatchObject({ code: 0 })
  })

  test('there are some for Istio, Envoy Gateway and EKS', () => {
    expect(new Set(values.map(({ page }) => page)).size).toBeGreaterThanOrEqual(3)
  })
})
