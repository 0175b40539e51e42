import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { CHART, configOf, documentsOf, exampleNames, firstOf, type Manifest, renderedOf, valuesOf } from './chart.ts'
import { rightsOf } from './rights.ts'

/** What the downward API and Secrets would put into the environment. */
const ENV = { K8S_NODE_NAME: 'node-1', K8S_POD_NAME: 'meshscope-abcde', K8S_NAMESPACE: 'observability', OTLP_TOKEN: 'secret' }

async function meshscope(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: ENV, hasColour: false }
  return { code: await runCli(args, { registry, io }), out, err }
}

function objectsOf(example: string): readonly Manifest[] {
  return documentsOf(readFileSync(renderedOf(example), 'utf8')).map(({ object }) => object)
}

function podOf(objects: readonly Manifest[]): { readonly serviceAccountName: string; readonly automountServiceAccountToken: boolean } {
  const { template } = firstOf(objects, 'DaemonSet', 'Deployment')['spec'] as { readonly template: { readonly spec: ReturnType<typeof podOf> } }
  return template.spec
}

describe.for(exampleNames())('the example %s', (example) => {
  const objects = objectsOf(example)
  const config = configOf(objects) ?? ''

  test('has a config without problems and without warnings', async () => {
    expect(await meshscope('validate', '--config', `yaml:${config}`)).toMatchObject({ code: 0, err: '' })
  })

  test('gets the rights that its config needs, no more, and a token only for them', async () => {
    const { serviceAccountName, automountServiceAccountToken } = podOf(objects)
    const { code, out } = await meshscope('rbac', '--config', `yaml:${config}`, '--namespace=observability', `--service-account=${serviceAccountName}`)
    const needed = parseAllDocuments(out).flatMap((document) => (document.toJS() === null ? [] : [document.toJS() as Manifest]))
    expect(code).toBe(0)
    expect(rightsOf(objects)).toEqual(rightsOf(needed))
    expect(automountServiceAccountToken).toBe(needed.length > 0)
  })

  test('says what it is for', () => {
    expect(readFileSync(valuesOf(example), 'utf8')).toMatch(/^# [A-Z]/)
  })
})

test('the chart has the version of the program', () => {
  const { version } = JSON.parse(readFileSync(join(CHART, '..', '..', '..', 'package.json'), 'utf8')) as { readonly version: string }
  expect(parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'))).toMatchObject({ version, appVersion: version })
})
